package control

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"larstrom/pipeline/event"
	"larstrom/pipeline/queue"
)

// Recorder says what a person is to decide first, takes affirmations, and gives
// out the audit trail.
type Recorder interface {
	Queue(ctx context.Context, id Identity) (queue.Queue, error)
	Affirm(ctx context.Context, r AffirmRequest) (event.UnitAffirmed, error)
	// Audit writes the signed trail: to the person, or without one to the
	// operator, who can read the data folder. What was written before an error
	// is no trail.
	Audit(ctx context.Context, id Identity, w io.Writer) error
}

// AffirmRequest stands by what is shown of a unit; who and when are filled in.
type AffirmRequest struct {
	Identity
	Affirmed event.UnitAffirmed `json:"affirmed"`
}

func (s *Server) recording(mux *http.ServeMux) {
	if s.cfg.Recorder == nil {
		return
	}
	mux.HandleFunc("POST /v1/queue", taking(maxDecision, func(h *http.Request, id Identity) (queue.Queue, error) {
		return s.cfg.Recorder.Queue(h.Context(), id)
	}))
	mux.HandleFunc("POST /v1/affirmations", taking(maxDecision, func(_ *http.Request, r AffirmRequest) (event.UnitAffirmed, error) {
		return s.cfg.Recorder.Affirm(s.base, r)
	}))
	mux.HandleFunc("POST /v1/audit", func(w http.ResponseWriter, h *http.Request) {
		id, ok := decode[Identity](w, h)
		if !ok {
			return
		}
		out := &begun{w: w}
		switch err := s.cfg.Recorder.Audit(h.Context(), id, out); {
		case err == nil:
		case !out.yes:
			refuse(w, errorOf(err))
		default:
			w.Header().Set(http.TrailerPrefix+errorTrailer, url.QueryEscape(err.Error()))
		}
	})
}

// Queue asks what the person is to decide first.
func (c *Client) Queue(ctx context.Context, id Identity) (queue.Queue, error) {
	return post[queue.Queue](ctx, c, "/v1/queue", id)
}

// Affirm hands in an affirmation.
func (c *Client) Affirm(ctx context.Context, r AffirmRequest) (event.UnitAffirmed, error) {
	return post[event.UnitAffirmed](ctx, c, "/v1/affirmations", r)
}

// Audit copies the trail as it comes.
func (c *Client) Audit(ctx context.Context, id Identity, w io.Writer) error {
	return c.copied(ctx, "/v1/audit", id, w)
}
