package control

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/rawstore"
)

// ErrNoFeedToken says that the server knows no feed with the token, or takes no
// uploads.
var ErrNoFeedToken = errors.New("the token is of no feed")

// How a file is sent: in parts, each of which is checked by itself, and again
// after a pause when the line breaks.
const (
	partBytes    = 8 << 20
	mostTries    = 8 // in a row without a byte more
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
)

// Uploader hands in files over HTTPS with the token of a feed, in parts (tus
// 1.0.0; schemas/openapi/upload.yaml). It goes on where a broken line, the
// server or an earlier command has stopped.
type Uploader struct {
	base, token string
	// kept is where it notes what is under way; empty: nowhere.
	kept string
	http *http.Client
	// pause waits between two tries.
	pause func(ctx context.Context, d time.Duration) error
}

// NewUploader is an uploader to the server at that address. kept is a folder
// for notes that a later command goes on from; empty: none.
func NewUploader(address, token, kept string) (*Uploader, error) {
	remote, err := NewRemote(address, token)
	if err != nil {
		return nil, err
	}
	c, ok := remote.(*Client)
	if !ok {
		return nil, fmt.Errorf("server %q: cannot be asked", address)
	}
	return &Uploader{base: c.base, token: token, kept: kept, http: c.http, pause: func(ctx context.Context, d time.Duration) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}, nil
}

// Submit hands in the files one after the other and returns their receipts.
// The rejected rows of a file are put beside it, and its receipt says where.
// step is told how far it is.
func (u *Uploader) Submit(ctx context.Context, paths []string, again bool, step func(string)) ([]intake.Receipt, error) {
	var out []intake.Receipt
	for _, path := range paths {
		r, err := u.file(ctx, path, again, step)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// sending is one file on its way.
type sending struct {
	path, name string
	f          *os.File
	size       int64
	sum        string
	at         string // path of the upload on the server
	note       string // file of the note; empty: none
	again      bool
}

func (u *Uploader) file(ctx context.Context, path string, again bool, step func(string)) (r intake.Receipt, err error) {
	f, err := os.Open(path)
	if err != nil {
		return r, err
	}
	defer func() { _ = f.Close() }()
	s := &sending{path: path, name: filepath.Base(path), f: f, again: again}
	h := sha256.New()
	if s.size, err = io.Copy(h, f); err != nil {
		return r, err
	}
	s.sum = hex.EncodeToString(h.Sum(nil))
	if u.kept != "" {
		key := sha256.Sum256([]byte(u.base + "\n" + s.name + "\n" + s.sum + "\n" + u.token))
		s.note = filepath.Join(u.kept, hex.EncodeToString(key[:16]))
		if b, err := os.ReadFile(s.note); err == nil {
			s.at = string(b)
		}
	}
	if err := u.send(ctx, s, step); err != nil {
		return r, err
	}
	step(s.name + ": sent, waiting for its receipt")
	if r, err = u.receipt(ctx, s); err != nil {
		return r, err
	}
	if r.RejectedRows != "" {
		if r.RejectedRows, err = u.rejected(ctx, s, r.RejectedRows); err != nil {
			return r, err
		}
	}
	s.forget()
	return r, nil
}

// forget removes the note; one that stays is found out of date.
func (s *sending) forget() {
	if s.note != "" {
		_ = os.Remove(s.note)
	}
}

// awayError is an answer that may be another one later.
type awayError struct {
	err error
	// elsewhere says that the upload has come to another offset.
	elsewhere bool
}

func (e *awayError) Error() string { return e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

// send brings every byte of the file to the server.
func (u *Uploader) send(ctx context.Context, s *sending, step func(string)) error {
	offset, tries := int64(-1), 0 // -1: to be asked for
	furthest, begun := int64(-1), 0
	for {
		var err error
		switch {
		case s.at == "":
			if begun++; begun > 3 {
				return errors.New("the server forgets the upload again and again; ask its operator to look at the log lines")
			}
			if err = u.create(ctx, s); err == nil {
				offset = 0
			}
		case offset < 0:
			offset, err = u.offset(ctx, s)
		case offset >= s.size:
			return nil
		default:
			offset, err = u.part(ctx, s, offset)
		}
		if errors.Is(err, fs.ErrNotExist) { // expired, or of another server's life
			s.at, offset = "", -1
			s.forget()
			continue
		}
		if err == nil {
			step(fmt.Sprintf("%s: %d of %d bytes", s.name, max(offset, 0), s.size))
			if offset > furthest {
				furthest, tries = offset, 0
			}
			continue
		}
		var away *awayError
		if !errors.As(err, &away) || ctx.Err() != nil {
			return err
		}
		offset = -1
		if tries++; tries > mostTries {
			return fmt.Errorf("%w; tried %d times, submit the file again to go on from byte %d", err, tries, max(furthest, 0))
		}
		if s.at == "" {
			begun--
		}
		if away.elsewhere {
			continue
		}
		step(fmt.Sprintf("%s: %d of %d bytes; %v; trying again", s.name, max(furthest, 0), s.size, err))
		if err := u.pause(ctx, min(firstPause<<(tries-1), longestPause)); err != nil {
			return err
		}
	}
}

// ask sends a request; the answer has the status that is wanted.
func (u *Uploader) ask(ctx context.Context, method, path string, body io.Reader, want int, headers map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	req.Header.Set("Tus-Resumable", "1.0.0")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	res, err := u.http.Do(req)
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return nil, fmt.Errorf("ask the server: %w; name the file with its authority in SSL_CERT_FILE if it is one of your own", err)
	}
	if err != nil {
		return nil, &awayError{err: fmt.Errorf("ask the server: %w", err)}
	}
	if res.StatusCode == want {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	return res, refusal(res)
}

// refusal is what an answer of another status means.
func refusal(res *http.Response) error {
	var p struct{ Title, Detail, Hint string }
	err := fmt.Errorf("the server answered %s", res.Status)
	if json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&p) == nil && p.Title != "" {
		text := p.Title
		for _, more := range []string{p.Detail, p.Hint} {
			if more != "" {
				text += "; " + more
			}
		}
		err = errors.New(text)
	}
	switch code := res.StatusCode; {
	case code == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", ErrNoFeedToken, err)
	case code == http.StatusNotFound || code == http.StatusGone:
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case code == http.StatusConflict:
		return &awayError{err: err, elsewhere: true}
	case code == http.StatusLocked || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code == 460 || code >= 500:
		return &awayError{err: err}
	}
	return err
}

func (u *Uploader) create(ctx context.Context, s *sending) error {
	said := "filename " + base64.StdEncoding.EncodeToString([]byte(s.name)) + ",sha256 " + base64.StdEncoding.EncodeToString([]byte(s.sum))
	manifest, err := os.ReadFile(intake.ManifestName(s.path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(manifest) > 0 {
		said += ",manifest " + base64.StdEncoding.EncodeToString(manifest)
	}
	if s.again {
		said += ",again " + base64.StdEncoding.EncodeToString([]byte("true"))
	}
	res, err := u.ask(ctx, http.MethodPost, "/v1/uploads", nil, http.StatusCreated,
		map[string]string{"Upload-Length": strconv.FormatInt(s.size, 10), "Upload-Metadata": said})
	if errors.Is(err, fs.ErrNotExist) || res != nil && res.StatusCode == http.StatusMethodNotAllowed {
		return fmt.Errorf("%w: the server takes no uploads", ErrNoFeedToken)
	}
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	at, err := url.Parse(res.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(at.Path, "/") {
		return errors.New("the server does not say where the upload is")
	}
	s.at = at.Path
	if s.note != "" {
		// Without the note a later command begins anew, and nothing else.
		_ = rawstore.WriteFile(s.note, []byte(s.at), 0o600)
	}
	return nil
}

func offsetOf(res *http.Response) (int64, error) {
	n, err := strconv.ParseInt(res.Header.Get("Upload-Offset"), 10, 64)
	if err != nil {
		return -1, errors.New("the server does not say how far the upload has come")
	}
	return n, nil
}

func (u *Uploader) offset(ctx context.Context, s *sending) (int64, error) {
	res, err := u.ask(ctx, http.MethodHead, s.at, nil, http.StatusOK, nil)
	if err != nil {
		return -1, err
	}
	_ = res.Body.Close()
	return offsetOf(res)
}

func (u *Uploader) part(ctx context.Context, s *sending, offset int64) (int64, error) {
	part := make([]byte, min(partBytes, s.size-offset))
	if _, err := s.f.ReadAt(part, offset); err != nil {
		return -1, fmt.Errorf("the file has changed while it was sent: %w", err)
	}
	sum := sha256.Sum256(part)
	res, err := u.ask(ctx, http.MethodPatch, s.at, bytes.NewReader(part), http.StatusNoContent, map[string]string{
		"Content-Type": "application/offset+octet-stream", "Upload-Offset": strconv.FormatInt(offset, 10),
		"Upload-Checksum": "sha256 " + base64.StdEncoding.EncodeToString(sum[:])})
	if err != nil {
		return -1, err
	}
	_ = res.Body.Close()
	return offsetOf(res)
}

// receipt waits for the receipt.
func (u *Uploader) receipt(ctx context.Context, s *sending) (r intake.Receipt, err error) {
	for tries := 0; ; {
		res, err := u.ask(ctx, http.MethodGet, s.at+"/receipt", nil, http.StatusOK, map[string]string{"Prefer": "wait=30", "Accept": "application/json"})
		var away *awayError
		switch {
		case err == nil:
			err = json.NewDecoder(res.Body).Decode(&r)
			return r, errors.Join(err, res.Body.Close())
		case res != nil && res.StatusCode == http.StatusAccepted:
			// It has waited there.
			if err := u.pause(ctx, firstPause); err != nil {
				return r, err
			}
			continue
		case !errors.As(err, &away) || ctx.Err() != nil:
			return r, err
		}
		if tries++; tries > mostTries {
			return r, fmt.Errorf("%w; the file has come whole, submit it again to get its receipt", err)
		}
		if err := u.pause(ctx, min(firstPause<<(tries-1), longestPause)); err != nil {
			return r, err
		}
	}
}

// rejected puts the rejected rows beside the file, under a name that hardly a
// feed takes for an export.
func (u *Uploader) rejected(ctx context.Context, s *sending, at string) (string, error) {
	res, err := u.ask(ctx, http.MethodGet, at, nil, http.StatusOK, nil)
	if err != nil {
		return "", fmt.Errorf("the rejected rows: %w", err)
	}
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", fmt.Errorf("the rejected rows: %w", err)
	}
	path := s.path + ".rejected.txt"
	// What is no text is opened by its name.
	_, disposition, err := mime.ParseMediaType(res.Header.Get("Content-Disposition"))
	for _, name := range intake.RejectedNames() {
		if err == nil && !strings.HasPrefix(res.Header.Get("Content-Type"), "text/") && strings.HasSuffix(disposition["filename"], "."+name) {
			path = s.path + "." + name
		}
	}
	return path, rawstore.WriteFile(path, b, 0o600)
}
