package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/sentence"
	"larstrom/schemas/openapi"
)

// The paths.
const (
	pathRoot      = "/v1/review/"
	pathFlags     = pathRoot + "flags"
	pathProtocols = pathRoot + "protocols"
	PathOpenAPI   = "/v1/openapi/review.yaml"
)

// Limits of a request: its body, of one decision and of many, and its time.
const (
	maxBody   = 64 << 10
	maxBodies = 1 << 20
	readTime  = 30 * time.Second
	workTime  = 2 * time.Minute
)

// Handler answers people.
type Handler struct {
	cfg        Config
	index      *catalog.Index
	zone       *time.Location
	door       *door
	sameOrigin *http.CrossOriginProtection
	keys       *remembered
	findings   *sentence.Book
	mux        *http.ServeMux
}

// New is a handler that is ready to answer.
func New(cfg Config) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(cfg.Catalog.Region.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("review: time zone of the region: %w", err)
	}
	h := &Handler{cfg: cfg, index: cfg.Catalog.Index(), zone: zone, door: &door{clock: cfg.Clock, failures: map[string]failures{}},
		sameOrigin: http.NewCrossOriginProtection(), keys: &remembered{clock: cfg.Clock, of: map[named]*given{}}}
	if h.findings, err = sentence.Findings(); err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	if h.mux, err = h.serve(h.routes()); err != nil {
		return nil, err
	}
	return h, nil
}

// Paths are those that the handler answers; those that end with a slash, with
// all below.
func (h *Handler) Paths() []string { return []string{pathRoot, PathOpenAPI} }

// ServeHTTP answers what is under the paths.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(readTime))
	_ = c.SetWriteDeadline(time.Now().Add(workTime + readTime))
	w.Header().Set("Cache-Control", "no-store")
	h.mux.ServeHTTP(w, r)
}

// access says who may ask something, and where that is held.
type access int

const (
	// ofAnyone is for what is public. The zero value is no rule: such a route is
	// not served.
	ofAnyone access = iota + 1
	// ofReaders answers every person with what she may read, which the handler
	// chooses.
	ofReaders
	// ofFlag is about the flag in the path: to whom it is hidden it is not there.
	ofFlag
	// ofService is refused by the validator, which knows the rule.
	ofService
)

// route is something that can be asked.
type route struct {
	pattern string
	access  access
	do      answerer
}

func (h *Handler) routes() []route {
	return []route{
		{"GET " + pathFlags, ofReaders, h.list},
		{"GET " + pathFlags + "/{flag}", ofFlag, h.show},
		{"POST " + pathFlags + "/{flag}/decisions", ofFlag, h.decide},
		{"POST " + pathFlags + "/{flag}/undo", ofFlag, h.undo},
		{"POST " + pathFlags + "/{flag}/preview", ofFlag, h.preview},
		{"POST " + pathRoot + "decisions", ofReaders, h.decideAll},
		{"POST " + pathRoot + "preview", ofReaders, h.previewAll},
		{"GET " + pathRoot + "queue", ofService, h.queue},
		{"POST " + pathRoot + "affirmations", ofService, h.affirm},
		{"GET " + pathRoot + "learning", ofService, h.learned},
		{"GET " + pathRoot + "audit", ofService, h.audit},
		{"GET " + pathRoot + "why", ofService, h.why},
		{"POST " + pathProtocols, ofService, h.draw},
		{"POST " + pathProtocols + "/{protocol}/signatures", ofService, h.sign},
		{"POST " + pathRoot + "revocations", ofService, h.revoke},
		{"GET " + PathOpenAPI, ofAnyone, document},
	}
}

func document(w http.ResponseWriter, _ *http.Request, _ catalog.Person) *Problem {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openapi.Review())
	return nil
}

// serve puts the routes behind their rules.
func (h *Handler) serve(routes []route) (*http.ServeMux, error) {
	mux := http.NewServeMux()
	for _, r := range routes {
		do := r.do
		switch r.access {
		case ofAnyone:
			mux.HandleFunc(r.pattern, func(w http.ResponseWriter, q *http.Request) { _ = do(w, q, catalog.Person{}) })
			continue
		case ofFlag:
			do = h.hers(do)
		case ofReaders, ofService:
		default:
			return nil, fmt.Errorf("review: %s has no rule of access", r.pattern)
		}
		mux.HandleFunc(r.pattern, h.known(do))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, problem(http.StatusNotFound, "not-found", "There is no such page", "", "GET "+PathOpenAPI+" tells what there is"))
	})
	return mux, nil
}

// answerer answers a person.
type answerer func(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem

// hers lets through who may read the flag of the path.
func (h *Handler) hers(do answerer) answerer {
	return func(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
		if _, p := h.mine(r, who); p != nil {
			return p
		}
		return do(w, r, who)
	}
}

// known lets in who shows who she is.
func (h *Handler) known(do answerer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, p := h.person(w, r)
		if p == nil {
			if key := r.Header.Get(keyHeader); key != "" && r.Method == http.MethodPost {
				p = h.once(w, r, who, key, do)
			} else {
				p = do(w, r, who)
			}
		}
		if p != nil {
			refuse(w, p)
		}
	}
}

// working is the context of what is finished although who asked has gone: a
// decision that is taken is also shown.
func working(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), workTime)
}

func answer(w http.ResponseWriter, v any) *Problem {
	w.Header().Set("Content-Type", "application/json")
	// A reader that has gone away is no fault of this side.
	_ = json.NewEncoder(w).Encode(v)
	return nil
}

// body reads the JSON body into v.
func body(w http.ResponseWriter, r *http.Request, size int64, v any) *Problem {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return problem(http.StatusUnsupportedMediaType, "request", "The body is no JSON", "", "send Content-Type: application/json")
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, size))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.Join(errors.New("something follows the JSON value"), more)
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return problem(http.StatusRequestEntityTooLarge, "too-large", "The body is too large", fmt.Sprintf("at most %d bytes are read", size), "send less at a time")
	case err != nil:
		return badRequest("compare it with GET "+PathOpenAPI, "the body: %v", err)
	}
	return nil
}
