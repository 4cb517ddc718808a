package control

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

	"larstrom/pipeline/intake/rawstore"
)

// Config of a Server.
type Config struct {
	// Incoming is a folder of the server's own for files on their way in; what
	// lies there at the start is what a crash left, and is removed. It should
	// be on the disk of the data folder. Required.
	Incoming string
	// Seal encrypts what lies there; nil: there are no keys.
	Seal *rawstore.Sealer
	// What the API gives. All required.
	Submitter  Submitter
	Reader     Reader
	Reviewer   Reviewer
	Custodian  Custodian
	Steward    Steward
	Scoped     Scoped
	Introducer Introducer
	// Learner may be nil: then there is no /v1/learning.
	Learner Learner
	// Recorder may be nil: then there are no queues, affirmations and trails.
	Recorder Recorder
	// Asker may be nil: then people ask the stores as the operator only.
	Asker  Asker
	Logger *slog.Logger // required
}

// Validate joins everything that is missing.
func (c Config) Validate() error {
	var errs []error
	if c.Incoming == "" {
		errs = append(errs, errors.New("control: incoming: no folder"))
	}
	if c.Submitter == nil || c.Reader == nil || c.Reviewer == nil || c.Custodian == nil || c.Steward == nil || c.Scoped == nil || c.Introducer == nil {
		errs = append(errs, errors.New("control: a submitter, a reader, a reviewer, a custodian, a steward, a scoped reader and an introducer are needed"))
	}
	if c.Logger == nil {
		errs = append(errs, errors.New("control: logger: is nil"))
	}
	return errors.Join(errs...)
}

// grace is how long requests under way may take when the server stops.
const grace = 3 * time.Second

// Limits of request bodies that are no files.
const (
	maxDecision = 64 << 10
	maxQuery    = 1 << 20
)

// Server is the control API on a port of its own.
type Server struct {
	cfg      Config
	listener net.Listener
	token    string
	tasks    conc.WaitGroup
	http     *http.Server
	// base is the context of all requests; cancel ends those that outlast the
	// grace.
	base   context.Context
	cancel context.CancelFunc
}

// Listen opens a free port on loopback and serves on it until Close.
func Listen(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := emptyFolder(cfg.Incoming); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("control: listen on loopback: %w", err)
	}
	s := &Server{cfg: cfg, listener: listener, token: rand.Text()}
	s.base, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.http = &http.Server{
		Handler:           s.handler(),
		BaseContext:       func(net.Listener) context.Context { return s.base },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	s.tasks.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cfg.Logger.Error("the control API has stopped", "error", err)
		}
	})
	return s, nil
}

// Run is what run.json says of this server.
func (s *Server) Run(started time.Time) Run {
	return Run{Version: runVersion, PID: os.Getpid(), Address: s.listener.Addr().String(), Token: s.token, Started: started.UTC()}
}

// Close takes no more requests, lets those under way end for a moment, and
// cancels the rest.
func (s *Server) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), grace)
	defer stop()
	err := s.http.Shutdown(ctx)
	s.cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		// They see their cancelled context and end; what they answer is lost.
		err = s.http.Close()
	}
	s.tasks.Wait()
	return errors.Join(err, os.RemoveAll(s.cfg.Incoming))
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/ping", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.Handle("POST /v1/submit", &inbox{s.cfg.Incoming, s.cfg.Seal, s.cfg.Submitter, s.base, func(*http.Request, []string) error { return nil }})
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		st, err := s.cfg.Reader.Status(r.Context())
		answer(w, st, err)
	})
	mux.HandleFunc("GET /v1/catalog", s.catalog)
	mux.HandleFunc("POST /v1/sql", s.sql)
	mux.HandleFunc("GET /v1/flags", func(w http.ResponseWriter, r *http.Request) {
		flags, err := s.cfg.Reviewer.Flags(r.Context())
		answer(w, flags, err)
	})
	mux.HandleFunc("GET /v1/flags/{id}", func(w http.ResponseWriter, r *http.Request) {
		flag, err := s.cfg.Reviewer.Flag(r.Context(), r.PathValue("id"))
		answer(w, flag, err)
	})
	mux.HandleFunc("POST /v1/flags/{id}/decisions", s.decide)
	s.custody(mux)
	s.stewardship(mux)
	s.introductions(mux)
	s.learning(mux)
	s.recording(mux)
	s.asking(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.Host) {
			refuse(w, &Error{http.StatusForbidden, codeForbidden, "the control API answers on loopback only"})
			return
		}
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		// Hashes have one length, so that not even the token's is told.
		want, got := sha256.Sum256([]byte(s.token)), sha256.Sum256([]byte(given))
		if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, &Error{http.StatusUnauthorized, codeUnauthorized, "the token of run.json is needed"})
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// loopback reports whether a Host header names this machine by a name that no
// one else can give.
func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if name == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return ip != nil && ip.IsLoopback()
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		refuse(w, errorOf(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A reader that has gone away is no fault of this side.
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(e)
}

func invalid(format string, args ...any) *Error {
	return &Error{http.StatusBadRequest, codeInvalid, fmt.Sprintf(format, args...)}
}

func (s *Server) catalog(w http.ResponseWriter, r *http.Request) {
	c, err := s.cfg.Reader.Catalog(r.Context())
	if err != nil {
		refuse(w, errorOf(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(c.Canonical())
}

func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	var d DecisionRequest
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxDecision))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		refuse(w, invalid("the decision cannot be read: %v", err))
		return
	}
	d.Flag = r.PathValue("id")
	done, err := s.cfg.Reviewer.Decide(s.base, d)
	answer(w, done, err)
}

// errorTrailer carries the error of a query that had begun to answer.
const errorTrailer = "Larstrom-Error"

func (s *Server) sql(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuery))
	if err != nil {
		refuse(w, invalid("the query cannot be read: %v", err))
		return
	}
	out := &begun{w: w}
	q := r.URL.Query()
	err = s.cfg.Reader.SQL(r.Context(), q.Get("store"), q.Get("format"), string(query), out)
	switch {
	case err == nil:
	case !out.yes:
		refuse(w, errorOf(err))
	default:
		w.Header().Set(http.TrailerPrefix+errorTrailer, url.QueryEscape(err.Error()))
	}
}

// begun remembers whether the answer has begun.
type begun struct {
	w   http.ResponseWriter
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	if !b.yes {
		b.w.Header().Set("Content-Type", "application/octet-stream")
		b.yes = true
		// A short answer would be sent with its length, and no trailer with it.
		if err := http.NewResponseController(b.w).Flush(); err != nil {
			return 0, err
		}
	}
	return b.w.Write(p)
}
