package review

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"sync"
	"time"

	"larstrom/pipeline/catalog"
)

// keyHeader names a command, so that it can be sent again when its answer was
// lost.
const keyHeader = "Idempotency-Key"

// Limits of remembered commands.
const (
	longestKey  = 255
	mostKeys    = 10_000
	keyLifetime = 24 * time.Hour
)

// remembered are the answers to commands that were given a key. They are in
// memory: after a restart a command that is sent again is carried out again,
// and has no second effect.
type remembered struct {
	clock func() time.Time

	mu    sync.Mutex
	of    map[named]*given
	order []named // oldest first
}

// named is a person's key.
type named struct{ person, key string }

// given is a command and its answer.
type given struct {
	sum  [sha256.Size]byte // of what was asked
	at   time.Time
	done chan struct{} // closed when there is an answer, or none will come
	// kept says that there is an answer; a fault of ours is none.
	kept   bool
	status int
	header http.Header
	body   []byte
}

// claim is the command of that key, and whether the caller is the one to carry
// it out. She who is calls settle in any case.
func (m *remembered) claim(k named, sum [sha256.Size]byte) (g *given, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	for len(m.order) > 0 {
		oldest := m.order[0]
		if o := m.of[oldest]; o != nil && len(m.order) < mostKeys && now.Before(o.at.Add(keyLifetime)) {
			break
		}
		delete(m.of, oldest)
		m.order = m.order[1:]
	}
	if g := m.of[k]; g != nil {
		return g, false
	}
	g = &given{sum: sum, at: now, done: make(chan struct{})}
	m.of[k], m.order = g, append(m.order, k)
	return g, true
}

// settle tells those who wait; without an answer the key is free again.
func (m *remembered) settle(k named, g *given) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !g.kept && m.of[k] == g {
		delete(m.of, k)
	}
	close(g.done)
}

// recorder keeps an answer while it is written.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

// Unwrap lets deadlines through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// once carries out a command of that key once. The same key with the same
// request gets the first answer again, also when it is still under way; with
// another request it is refused.
func (h *Handler) once(w http.ResponseWriter, r *http.Request, who catalog.Person, key string, do answerer) *Problem {
	if len(key) > longestKey {
		return badRequest("send a key of at most 255 characters, such as a UUID", "the "+keyHeader+" is too long")
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBodies+1))
	if err != nil {
		return badRequest("send it again", "the body ended early")
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(r.Method), []byte(r.URL.RequestURI()), []byte(r.Header.Get("If-Match")), text}, []byte{0}))
	k := named{who.ID, key}
	for {
		g, first := h.keys.claim(k, sum)
		if first {
			h.first(w, r, who, k, g, do)
			return nil
		}
		if g.sum != sum {
			return problem(http.StatusUnprocessableEntity, "key", "The key names another request", "a request with this "+keyHeader+" has said something else",
				"send a new key with a new request, and the same key only with the same request")
		}
		select {
		case <-g.done:
		case <-r.Context().Done():
			return problem(http.StatusInternalServerError, "failed", "The server could not do it", "", "send it again with the same key")
		}
		if g.kept {
			for name, values := range g.header {
				w.Header()[name] = values
			}
			w.Header().Set("Idempotent-Replayed", "true")
			w.WriteHeader(g.status)
			_, _ = w.Write(g.body)
			return nil
		}
	}
}

// first carries the command out and keeps its answer, unless the fault is ours:
// then the key may be used again.
func (h *Handler) first(w http.ResponseWriter, r *http.Request, who catalog.Person, k named, g *given, do answerer) {
	defer h.keys.settle(k, g)
	rec := &recorder{ResponseWriter: w}
	// Who has gone does not stop what has begun: the answer is kept for her.
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), workTime)
	defer stop()
	if p := do(rec, r.WithContext(ctx), who); p != nil {
		refuse(rec, p)
	}
	g.kept, g.status, g.header, g.body = rec.status > 0 && rec.status < http.StatusInternalServerError, rec.status, w.Header().Clone(), rec.body.Bytes()
}
