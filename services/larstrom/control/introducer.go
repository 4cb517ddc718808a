package control

import (
	"context"
	"net/http"

	"larstrom/pipeline/event"
	"larstrom/services/validator"
)

// Introducer draws, signs and revokes introduction protocols. Sign and Revoke
// return when the released store shows what follows.
type Introducer interface {
	Draw(ctx context.Context, r DrawRequest) (validator.Drawn, error)
	Sign(ctx context.Context, r SignRequest) (Signed, error)
	Revoke(ctx context.Context, r RevokeRequest) (Decision, error)
}

// DrawRequest asks for the sample of a protocol.
type DrawRequest struct {
	Identity
	validator.Draw
}

// SignRequest signs a protocol; level, interval and who signs are filled in.
type SignRequest struct {
	Identity
	Protocol event.ProtocolSigned `json:"signed"`
}

// Signed is the protocol as it is in the LEDGER.
type Signed struct {
	Protocol    event.ProtocolSigned `json:"signed"`
	Publication int                  `json:"publication"`
}

// RevokeRequest sends an indicator version back to its pilot units.
type RevokeRequest struct {
	Identity
	Indicator string `json:"indicator"`
	Version   string `json:"indicator_version"`
	Note      string `json:"note"`
}

func (s *Server) introductions(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/protocols/draw", taking(maxDecision, func(h *http.Request, r DrawRequest) (validator.Drawn, error) {
		return s.cfg.Introducer.Draw(h.Context(), r)
	}))
	mux.HandleFunc("POST /v1/protocols/sign", taking(maxDecision, func(_ *http.Request, r SignRequest) (Signed, error) {
		return s.cfg.Introducer.Sign(s.base, r)
	}))
	mux.HandleFunc("POST /v1/protocols/revoke", taking(maxDecision, func(_ *http.Request, r RevokeRequest) (Decision, error) {
		return s.cfg.Introducer.Revoke(s.base, r)
	}))
}

// Draw asks for the sample of a protocol.
func (c *Client) Draw(ctx context.Context, r DrawRequest) (validator.Drawn, error) {
	return post[validator.Drawn](ctx, c, "/v1/protocols/draw", r)
}

// Sign hands in a signature.
func (c *Client) Sign(ctx context.Context, r SignRequest) (Signed, error) {
	return post[Signed](ctx, c, "/v1/protocols/sign", r)
}

// Revoke hands in a revocation.
func (c *Client) Revoke(ctx context.Context, r RevokeRequest) (Decision, error) {
	return post[Decision](ctx, c, "/v1/protocols/revoke", r)
}
