package control

import (
	"context"
	"net/http"

	"larstrom/pipeline/learning"
)

// Learner says what decisions teach about the checks.
type Learner interface {
	Learned(ctx context.Context) (Learned, error)
}

// Learned are the counts by check and what they suggest.
type Learned struct {
	Checks    []learning.Stat     `json:"checks"`
	Proposals []learning.Proposal `json:"proposals"`
}

func (s *Server) learning(mux *http.ServeMux) {
	if s.cfg.Learner == nil {
		return
	}
	mux.HandleFunc("GET /v1/learning", func(w http.ResponseWriter, r *http.Request) {
		l, err := s.cfg.Learner.Learned(r.Context())
		answer(w, l, err)
	})
}

// Learned asks what decisions teach about the checks.
func (c *Client) Learned(ctx context.Context) (Learned, error) {
	return ask[Learned](ctx, c, http.MethodGet, "/v1/learning", nil, "", nil)
}
