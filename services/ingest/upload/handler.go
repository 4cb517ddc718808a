package upload

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake"
	"larstrom/schemas/openapi"
)

// The paths of the protocol.
const (
	PathUploads = "/v1/uploads"
	PathFiles   = "/v1/files/"
	PathOpenAPI = "/v1/openapi/upload.yaml"
)

// Paths are those that the handler answers; those that end with a slash, with
// all below.
func (h *Handler) Paths() []string {
	return []string{PathUploads, PathUploads + "/", PathFiles, PathOpenAPI}
}

// tusVersion is the version of the protocol that is spoken.
const tusVersion = "1.0.0"

const partType = "application/offset+octet-stream"

// Limits of what is said about a file.
const (
	maxName     = 255
	maxManifest = 24 << 10
)

// answerTime is how long an answer may take to be written.
const answerTime = 30 * time.Second

// ServeHTTP answers what is under the paths of the protocol.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A body takes as long as it takes: what bounds it is the stall of a part.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(h.cfg.Limits.Stall))
	_ = c.SetWriteDeadline(time.Time{})
	h.mux.ServeHTTP(w, r)
}

// routes are what is answered.
func (h *Handler) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathOpenAPI, h.document)
	mux.HandleFunc("OPTIONS "+PathUploads, h.options)
	mux.HandleFunc("OPTIONS "+PathUploads+"/{id}", h.options)
	mux.HandleFunc("POST "+PathUploads, h.tus(h.create))
	mux.HandleFunc("HEAD "+PathUploads+"/{id}", h.tus(h.head))
	mux.HandleFunc("PATCH "+PathUploads+"/{id}", h.tus(h.patch))
	mux.HandleFunc("DELETE "+PathUploads+"/{id}", h.tus(h.terminate))
	mux.HandleFunc("GET "+PathUploads+"/{id}/receipt", h.guarded(h.receipt))
	mux.HandleFunc("GET "+PathUploads+"/{id}/rejected", h.guarded(h.rejected))
	mux.HandleFunc("PUT "+PathFiles+"{name}", h.guarded(h.put))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, problem(http.StatusNotFound, typeMissing, "There is no such page", "", "GET "+PathOpenAPI+" tells what there is"))
	})
	return mux
}

func (h *Handler) document(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openapi.Upload())
}

// answerer answers a request that comes with the token of the feed.
type answerer func(w http.ResponseWriter, r *http.Request, feed *catalog.Feed) *Problem

// guarded lets in who shows a feed's token, over a line that nobody reads.
func (h *Handler) guarded(answer answerer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		feed, p := h.feedOf(r)
		if p == nil {
			p = answer(w, r, feed)
		}
		if p == nil {
			return
		}
		if p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
		refuse(w, p)
	}
}

func (h *Handler) feedOf(r *http.Request) (*catalog.Feed, *Problem) {
	if !h.private(r) {
		return nil, problem(http.StatusForbidden, typeClear, "The connection is not encrypted",
			"a token and a file would go through the network in clear text",
			"use https://; the operator gives the process a certificate (--tls-cert, --tls-key), or says that a proxy encrypts (--behind-proxy)")
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	feed, known := h.index.FeedByToken(token)
	if !ok || token == "" || !known {
		return nil, problem(http.StatusUnauthorized, typeToken, "No feed has this token", "",
			"send Authorization: Bearer TOKEN with the feed's token; the operator makes one with larstrom token and writes its SHA-256 under upload_tokens of the feed")
	}
	return feed, nil
}

// private reports whether nobody on the way could read the request: it is
// encrypted, does not leave this machine, or a proxy has seen to it.
func (h *Handler) private(r *http.Request) bool {
	if r.TLS != nil || h.cfg.BehindProxy {
		return true
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	tcp, ok := local.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// tus is guarded, for the requests of the protocol.
func (h *Handler) tus(answer answerer) http.HandlerFunc {
	guarded := h.guarded(func(w http.ResponseWriter, r *http.Request, feed *catalog.Feed) *Problem {
		if v := r.Header.Get("Tus-Resumable"); v != tusVersion {
			w.Header().Set("Tus-Version", tusVersion)
			return problem(http.StatusPreconditionFailed, typeVersion, "The version of the protocol is another",
				fmt.Sprintf("Tus-Resumable is %q", v), "send Tus-Resumable: "+tusVersion+", or PUT the whole file to "+PathFiles+"NAME")
		}
		return answer(w, r, feed)
	})
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Tus-Resumable", tusVersion)
		guarded(w, r)
	}
}

func (h *Handler) options(w http.ResponseWriter, _ *http.Request) {
	head := w.Header()
	head.Set("Tus-Resumable", tusVersion)
	head.Set("Tus-Version", tusVersion)
	head.Set("Tus-Extension", "creation,checksum,expiration,termination")
	head.Set("Tus-Checksum-Algorithm", "sha256")
	head.Set("Tus-Max-Size", strconv.FormatInt(h.cfg.Limits.FileBytes, 10))
	w.WriteHeader(http.StatusNoContent)
}

// name holds that the name is that of a plain file of the feed.
func (h *Handler) name(ctx context.Context, name string, feed *catalog.Feed) *Problem {
	bad := func(detail, hint string) *Problem {
		return problem(http.StatusUnprocessableEntity, typeName, "The name of the file cannot be taken", detail, hint)
	}
	plain := "send the base name of the export, as " + strings.Join(feed.Files, " or ")
	switch {
	case name == "":
		return bad("it is empty", plain)
	case len(name) > maxName || !utf8.ValidString(name):
		return bad(fmt.Sprintf("it is longer than %d bytes, or no UTF-8", maxName), plain)
	case name[0] == '.' || strings.ContainsAny(name, `/\:`) || strings.ContainsFunc(name, unicode.IsControl):
		return bad("it begins with a dot, or holds a slash, a colon or a control character", plain)
	}
	if file, ok := intake.IsManifest(name); ok {
		return bad("it is that of a manifest", "send the manifest with its file "+file+", in Upload-Metadata: manifest BASE64")
	}
	if shown, wrong := intake.CheckName(name, catalog.DateOf(h.cfg.Clock())); wrong != nil {
		if wrong.Rule == intake.RuleIdentity && h.cfg.RefusedName != nil {
			if err := h.cfg.RefusedName(ctx, feed.ID, shown); err != nil {
				return h.failed("tell of a refused name", err)
			}
		}
		return bad(wrong.Text, wrong.Hint)
	}
	of, err := h.index.FeedFor(name)
	switch {
	case errors.Is(err, catalog.ErrAmbiguousFeed):
		return bad("the patterns of several feeds take it", "the operator makes the files patterns of the feeds disjoint")
	case err != nil:
		return bad("feed "+feed.ID+" takes "+strings.Join(feed.Files, ", "), "name the file as the feed says, or let the operator add a pattern to it")
	case of.ID != feed.ID:
		return problem(http.StatusForbidden, typeFeed, "The token is of another feed", "it lets in files of feed "+feed.ID+": "+strings.Join(feed.Files, ", "),
			"use the token of the file's own feed")
	}
	return nil
}

// metadata reads Upload-Metadata: words and their values in base64.
func metadata(r *http.Request) (map[string]string, *Problem) {
	out := map[string]string{}
	for _, line := range r.Header.Values("Upload-Metadata") {
		for pair := range strings.SplitSeq(line, ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
			if key == "" {
				continue
			}
			b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
			if _, twice := out[key]; err != nil || twice {
				return nil, badRequest("write it as filename BASE64,sha256 BASE64, each word once", "Upload-Metadata: the value of %q is no base64, or comes twice", key)
			}
			out[key] = string(b)
		}
	}
	return out, nil
}

// described is an upload as the request tells it, before anything is stored.
func (h *Handler) described(r *http.Request, feed *catalog.Feed, name string, length int64) (*info, *Problem) {
	said, p := metadata(r)
	if p != nil {
		return nil, p
	}
	if name == "" {
		name = said["filename"]
	}
	if p := h.name(r.Context(), name, feed); p != nil {
		return nil, p
	}
	u := &info{Feed: feed.ID, Name: name, Length: length, SHA256: strings.ToLower(said["sha256"]), Manifest: []byte(said["manifest"]),
		Expires: h.cfg.Clock().Add(h.cfg.Limits.Unsent).UTC()}
	if b, err := hex.DecodeString(u.SHA256); err != nil || len(b) != 0 && len(b) != 32 {
		return nil, badRequest("write the 64 hexadecimal digits in base64", "Upload-Metadata: sha256 is none")
	}
	if len(u.Manifest) > maxManifest {
		return nil, badRequest("a manifest holds sha256, rows and dates", "Upload-Metadata: the manifest has more than %d bytes", maxManifest)
	}
	if v, ok := said["again"]; ok {
		var err error
		if u.Again, err = strconv.ParseBool(v); err != nil {
			return nil, badRequest("write true or false, in base64", "Upload-Metadata: again is neither true nor false")
		}
	}
	return u, h.fits(feed, length)
}

// fits holds that a file of that length is taken at all.
func (h *Handler) fits(feed *catalog.Feed, length int64) *Problem {
	most := h.cfg.Limits.FileBytes
	if feed.Compression == "" && feed.Limits.Bytes > 0 {
		most = min(most, feed.Limits.Bytes)
	}
	if length <= most {
		return nil
	}
	return problem(http.StatusRequestEntityTooLarge, typeLarge, "The file is too large",
		fmt.Sprintf("it has %d bytes, and at most %d are taken", length, most), "split it, or let the operator raise limits.bytes of the feed")
}

// room makes the upload, unless its feed has too many or the disk is spoken for.
func (h *Handler) room(u *info) *Problem {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, err := h.store.all()
	if err != nil {
		return h.failed("look at the uploads under way", err)
	}
	now, mine, stored := h.cfg.Clock(), 0, max(u.Length, 0)
	for _, o := range all {
		if o.State != receiving || o.Expires.Before(now) {
			continue
		}
		stored += max(o.Length, o.Offset)
		if o.Feed == u.Feed {
			mine++
		}
	}
	switch {
	case mine >= h.cfg.Limits.Unfinished:
		return problem(http.StatusTooManyRequests, typeBusy, "Too many uploads of this feed are unfinished",
			fmt.Sprintf("there are %d", mine), "finish or DELETE some of them; they expire by themselves")
	case stored > h.cfg.Limits.StoredBytes:
		return problem(http.StatusInsufficientStorage, typeStorage, "There is no room for the file now", "",
			"try again later; the operator looks at the disk and at unfinished uploads")
	}
	if err := h.store.create(u); err != nil {
		return h.failed("make an upload", err)
	}
	return nil
}

// failed is a fault of this side: the operator reads why, the sender that it is
// not hers.
func (h *Handler) failed(what string, err error) *Problem {
	h.cfg.Logger.Error("upload: a fault of this side", "what", "cannot "+what, "error", err.Error())
	return problem(http.StatusInternalServerError, typeFailed, "The server could not do it", "",
		"try again; what was acknowledged is kept. If it lasts, ask the operator to look at the log lines")
}

func (h *Handler) create(w http.ResponseWriter, r *http.Request, feed *catalog.Feed) *Problem {
	text := r.Header.Get("Upload-Length")
	length, err := strconv.ParseInt(text, 10, 64)
	if err != nil || length < 0 {
		return badRequest("say how many bytes the file has", "Upload-Length is %q", shorten(text))
	}
	u, p := h.described(r, feed, "", length)
	if p == nil {
		p = h.room(u)
	}
	if p != nil {
		return p
	}
	h.cfg.Metrics.created(feed.ID)
	w.Header().Set("Location", PathUploads+"/"+u.ID)
	w.Header().Set("Upload-Expires", u.Expires.Format(http.TimeFormat))
	if length == 0 {
		unlock, err := h.store.lock(u.ID)
		if err != nil {
			return h.failed("lock an upload", err)
		}
		defer h.release(u, unlock)
		if p := h.complete(u); p != nil {
			return p
		}
	}
	w.WriteHeader(http.StatusCreated)
	return nil
}

// mine is the upload of the request, if the token's feed has it.
func (h *Handler) mine(r *http.Request, feed *catalog.Feed) (*info, *Problem) {
	u, err := h.store.load(r.PathValue("id"))
	switch {
	case errors.Is(err, errNone):
		return nil, problem(http.StatusNotFound, typeMissing, "There is no such upload", "it was never made, was taken back, or has expired",
			"begin again with POST "+PathUploads)
	case err != nil:
		return nil, h.failed("read an upload", err)
	case u.Feed != feed.ID:
		return nil, problem(http.StatusForbidden, typeFeed, "The token is of another feed", "", "use the token with which the upload was made")
	}
	return u, nil
}

// tell writes what is known of the upload into the headers.
func tell(w http.ResponseWriter, u *info) {
	w.Header().Set("Upload-Offset", strconv.FormatInt(u.Offset, 10))
	w.Header().Set("Upload-Expires", u.Expires.UTC().Format(http.TimeFormat))
}

func (h *Handler) head(w http.ResponseWriter, r *http.Request, feed *catalog.Feed) *Problem {
	u, p := h.mine(r, feed)
	if p != nil {
		return p
	}
	tell(w, u)
	w.Header().Set("Upload-Length", strconv.FormatInt(u.Length, 10))
	w.WriteHeader(http.StatusOK)
	return nil
}

func (h *Handler) terminate(w http.ResponseWriter, r *http.Request, feed *catalog.Feed) *Problem {
	u, unlock, p := h.locked(r, feed)
	if p != nil {
		return p
	}
	defer unlock()
	if u.State == whole {
		return problem(http.StatusConflict, typeOffset, "The file has come whole", "it is being handed in, and what was handed in is not taken back", "GET its receipt")
	}
	if err := h.store.remove(u.ID); err != nil {
		return h.failed("remove an upload", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// locked is mine, with everybody else kept off.
func (h *Handler) locked(r *http.Request, feed *catalog.Feed) (*info, func(), *Problem) {
	u, p := h.mine(r, feed)
	if p != nil {
		return nil, nil, p
	}
	unlock, err := h.store.lock(u.ID)
	switch {
	case errors.Is(err, errLocked):
		return nil, nil, problem(http.StatusLocked, typeLocked, "Another request is writing to this upload", "",
			"wait until it has ended, ask for the offset with HEAD, and go on from there")
	case err != nil && !errors.Is(err, errNone):
		return nil, nil, h.failed("lock an upload", err)
	case err == nil:
		if u, p = h.mine(r, feed); p == nil { // as it is under the lock
			err = h.store.mend(u)
		}
	default:
		_, p = h.mine(r, feed)
	}
	if err != nil && p == nil {
		p = h.failed("read an upload", err)
	}
	if p != nil {
		if unlock != nil {
			unlock()
		}
		return nil, nil, p
	}
	return u, unlock, nil
}

// slot is leave to read a body, or the problem that too many are being read.
func (h *Handler) slot(feed string) (free func(), p *Problem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.feeds[feed] < h.cfg.Limits.FeedRequests {
		select {
		case h.slots <- struct{}{}:
			h.feeds[feed]++
			return func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				if h.feeds[feed]--; h.feeds[feed] == 0 {
					delete(h.feeds, feed)
				}
				<-h.slots
			}, nil
		default:
		}
	}
	return nil, problem(http.StatusTooManyRequests, typeBusy, "Too many files are being sent at this moment", "", "try again in a few seconds, with fewer at a time")
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// wantsText reports whether the sender would rather read text than JSON.
func wantsText(r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	kinds := strings.Split(accept, ",")
	at := func(kind string) int {
		return slices.IndexFunc(kinds, func(k string) bool {
			k, _, _ = strings.Cut(k, ";")
			return strings.TrimSpace(k) == kind
		})
	}
	text, json := at("text/plain"), at("application/json")
	return text >= 0 && (json < 0 || text < json)
}
