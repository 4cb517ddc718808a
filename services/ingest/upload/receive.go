package upload

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/rawstore"
)

// Sizes of the pieces in which a body is read. A window must come within the
// stall; what is between two checkpoints is lost when the process is killed in
// the middle of a part.
const (
	window     = 64 << 10
	checkpoint = 16 << 20
)

// checksum reads Upload-Checksum: the SHA-256 of the body, nil where the sender
// gives none.
func checksum(r *http.Request) ([]byte, *Problem) {
	text := r.Header.Get("Upload-Checksum")
	if text == "" {
		return nil, nil
	}
	method, value, _ := strings.Cut(text, " ")
	b, err := base64.StdEncoding.DecodeString(value)
	if method != "sha256" || err != nil || len(b) != sha256.Size {
		return nil, badRequest("write Upload-Checksum: sha256 BASE64 of the 32 bytes", "Upload-Checksum is of another form")
	}
	return b, nil
}

func mismatch(what string) *Problem {
	return problem(StatusChecksum, typeChecksum, "The bytes are not those that were sent", "the SHA-256 of "+what+" is another than the one announced",
		"send it again; if it comes like this again, look at what is between here and there")
}

func (h *Handler) patch(w http.ResponseWriter, r *http.Request, feed *catalog.Feed) *Problem {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != partType {
		return problem(http.StatusUnsupportedMediaType, typeRequest, "The body is of another type", "", "send Content-Type: "+partType)
	}
	from, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || from < 0 {
		return badRequest("say at which byte of the file the part begins", "Upload-Offset is %q", shorten(r.Header.Get("Upload-Offset")))
	}
	want, p := checksum(r)
	if p != nil {
		return p
	}
	if u, p := h.mine(r, feed); p == nil && u.State != receiving && from == u.Length && r.ContentLength == 0 {
		tell(w, u) // the answer to the last part was lost
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	free, p := h.slot(feed.ID)
	if p != nil {
		return p
	}
	defer free()
	u, unlock, p := h.locked(r, feed)
	if p != nil {
		return p
	}
	defer h.release(u, unlock)
	tell(w, u)
	switch {
	case from != u.Offset:
		return problem(http.StatusConflict, typeOffset, "The part begins at another place than the upload has come to",
			fmt.Sprintf("the part begins at byte %d, the upload has come to %d", from, u.Offset), "go on from Upload-Offset")
	case r.ContentLength > u.Length-from:
		return tooLong(u.Length)
	}
	if u.State == receiving {
		if p := h.body(w, r, u, want); p != nil {
			tell(w, u)
			return p
		}
	}
	if u.State == receiving && u.Offset == u.Length {
		if p := h.complete(u); p != nil {
			return p
		}
	}
	tell(w, u)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func tooLong(length int64) *Problem {
	return problem(http.StatusRequestEntityTooLarge, typeLarge, "The body goes beyond the end of the file",
		fmt.Sprintf("the file has %d bytes", length), "send no more than was announced, or begin again with the right Upload-Length")
}

// body appends the body of the request to the upload. With a checksum it is
// taken whole or not at all; without, what has come stays when the rest does
// not.
func (h *Handler) body(w http.ResponseWriter, r *http.Request, u *info, want []byte) (p *Problem) {
	f, err := os.OpenFile(h.store.bytesOf(u.ID), os.O_RDWR, 0)
	if err != nil {
		return h.failed("open an upload", err)
	}
	defer func() {
		if err := f.Close(); err != nil && p == nil {
			p = h.failed("close an upload", err)
		}
	}()
	// What was written and never acknowledged is not the beginning of anything.
	end := u.Offset
	if u.Sealed {
		end = u.Disk
	}
	if err := f.Truncate(end); err != nil {
		return h.failed("cut an upload", err)
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		return h.failed("seek in an upload", err)
	}
	var out io.Writer = f
	var hidden *rawstore.Appender
	if u.Sealed {
		if hidden, err = h.cfg.Seal.Append(f, u.Offset, u.Disk); err != nil {
			return h.failed("go on with a sealed upload", err)
		}
		out = hidden
	}
	var digest hash.Hash
	if want != nil {
		digest = sha256.New()
	}
	in := &bodyReader{r: r.Body, deadline: http.NewResponseController(w).SetReadDeadline, stall: h.cfg.Limits.Stall}
	buf, most := make([]byte, window), u.Length
	if most == unknownLength {
		most = h.cfg.Limits.FileBytes
	}
	written := u.Offset // in the file; u.Offset is on disk
	save := func() *Problem {
		if written == u.Offset {
			return nil
		}
		err := f.Sync()
		if err == nil {
			h.cfg.Metrics.received(u.Feed, written-u.Offset)
			u.Offset, u.Expires = written, h.cfg.Clock().Add(h.cfg.Limits.Unsent).UTC()
			if hidden != nil {
				u.Disk = hidden.Disk()
			}
			err = h.store.save(u)
		}
		if err != nil {
			return h.stored(err)
		}
		return nil
	}
	for {
		n, err := in.window(buf)
		if written+int64(n) > most {
			return tooLong(most)
		}
		if n > 0 {
			if _, err := out.Write(buf[:n]); err != nil {
				return h.stored(err)
			}
			written += int64(n)
			if digest != nil {
				digest.Write(buf[:n])
			}
		}
		switch {
		case err == io.EOF:
			if digest != nil && !bytes.Equal(digest.Sum(nil), want) {
				return mismatch("the body")
			}
			return save()
		case err != nil:
			if digest == nil {
				if p := save(); p != nil {
					return p
				}
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return problem(http.StatusRequestTimeout, typeStalled, "The body stalled",
					fmt.Sprintf("%d bytes did not come within %v", window, h.cfg.Limits.Stall), "ask for the offset with HEAD, and go on from there")
			}
			return badRequest("ask for the offset with HEAD, and go on from there", "the body ended before its end")
		case digest == nil && written-u.Offset >= checkpoint:
			if p := save(); p != nil {
				return p
			}
		}
	}
}

// stored is a fault of the disk.
func (h *Handler) stored(err error) *Problem {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		h.cfg.Logger.Error("upload: the disk is full", "error", err.Error())
		return problem(http.StatusInsufficientStorage, typeStorage, "There is no room for the file now", "",
			"try again later from the acknowledged offset; the operator looks at the disk")
	}
	return h.failed("store a part", err)
}

// bodyReader reads a body in windows, each of which must come in time.
type bodyReader struct {
	r        io.Reader
	deadline func(time.Time) error
	stall    time.Duration
}

// window fills buf as far as the body goes; io.EOF comes with the last of it.
func (b *bodyReader) window(buf []byte) (int, error) {
	// Where no deadline can be set (in a test without a network) nothing stalls.
	_ = b.deadline(time.Now().Add(b.stall))
	// Not io.ReadFull, which says the same of a body that ended and of one that
	// was cut.
	n := 0
	for n < len(buf) {
		more, err := b.r.Read(buf[n:])
		if n += more; err != nil {
			return n, err
		}
	}
	return n, nil
}

// complete makes the file one that is to be handed in, when its bytes are the
// promised ones. The caller has the lock, and every byte is on disk.
func (h *Handler) complete(u *info) *Problem {
	ok, err := h.store.has(u)
	if err != nil {
		return h.failed("read an upload again", err)
	}
	if !ok {
		h.cfg.Metrics.ended(u.Feed, "damaged")
		if err := h.store.remove(u.ID); err != nil {
			return h.failed("remove an upload", err)
		}
		return mismatch("the whole file")
	}
	if err := h.store.finish(u); err != nil {
		return h.stored(err)
	}
	return nil
}

// release lets others have the upload, and hands it in when it is whole.
func (h *Handler) release(u *info, unlock func()) {
	unlock()
	if u.State != whole {
		return
	}
	select {
	case h.wake <- struct{}{}:
	default: // it is awake
	}
}

// put takes a whole file in one request and answers with its receipt.
func (h *Handler) put(w http.ResponseWriter, r *http.Request, feed *catalog.Feed) *Problem {
	want, p := checksum(r)
	if p != nil {
		return p
	}
	free, p := h.slot(feed.ID)
	if p != nil {
		return p
	}
	defer func() {
		if free != nil {
			free()
		}
	}()
	u, p := h.described(r, feed, r.PathValue("name"), r.ContentLength)
	if p != nil {
		return p
	}
	if want != nil {
		u.SHA256 = hex.EncodeToString(want)
	}
	if p := h.room(u); p != nil {
		return p
	}
	h.cfg.Metrics.created(feed.ID)
	if p := h.whole(w, r, u); p != nil {
		// Nobody knows its name, so nobody can go on with it.
		if err := h.store.remove(u.ID); err != nil {
			return h.failed("remove an upload", err)
		}
		return p
	}
	free()
	free = nil
	w.Header().Set("Location", PathUploads+"/"+u.ID+"/receipt")
	return h.await(w, r, u, h.cfg.Limits.Wait)
}

// whole reads the only body of an upload.
func (h *Handler) whole(w http.ResponseWriter, r *http.Request, u *info) *Problem {
	unlock, err := h.store.lock(u.ID)
	if err != nil {
		return h.failed("lock an upload", err)
	}
	defer h.release(u, unlock)
	if p := h.body(w, r, u, nil); p != nil {
		return p
	}
	if u.Length == unknownLength {
		u.Length = u.Offset
	}
	if u.Offset != u.Length {
		return badRequest("send the file again", "the body ended before its end")
	}
	return h.complete(u)
}
