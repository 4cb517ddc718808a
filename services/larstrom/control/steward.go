package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/services/validator"
)

// Steward decides about several flags at once, and says what decisions would
// change and why a point looks as it does.
type Steward interface {
	// DecideAll takes each decision by itself: what is refused is said for its
	// flag. It returns when the released store shows what follows.
	DecideAll(ctx context.Context, r OrdersRequest) (Outcomes, error)
	Preview(ctx context.Context, r OrdersRequest) (validator.Preview, error)
	Why(ctx context.Context, r WhyRequest) ([]validator.Answer, error)
}

// Scoped shows a person the flags that she may read.
type Scoped interface {
	FlagsFor(ctx context.Context, id Identity) ([]Flag, error)
	FlagFor(ctx context.Context, id Identity, flag string) (Flag, error)
}

// Identity is a person's id and the secret that shows that it is her.
type Identity struct {
	As    string `json:"as"`
	Token string `json:"token"`
}

// OrdersRequest are a person's decisions about several flags; who is named in
// them is not read.
type OrdersRequest struct {
	Identity
	Orders []DecisionRequest `json:"orders"`
}

// Commands are the validator's form of the orders.
func (r OrdersRequest) Commands() []validator.Order {
	out := make([]validator.Order, len(r.Orders))
	for i, o := range r.Orders {
		out[i] = o.Order()
	}
	return out
}

// Outcome is what became of one decision of several.
type Outcome struct {
	Flag   string          `json:"flag"`
	Events []DecisionEvent `json:"events"`
	// Error says why it was refused; nil: it was taken.
	Error *Error `json:"error,omitempty"`
}

// Outcomes are in the order of the request.
type Outcomes struct {
	Of          []Outcome `json:"outcomes"`
	Publication int       `json:"publication"`
}

// OutcomesOf is that form of what the validator did.
func OutcomesOf(all []validator.Outcome, publication int) Outcomes {
	out := Outcomes{Of: make([]Outcome, len(all)), Publication: publication}
	for i, o := range all {
		out.Of[i] = Outcome{Flag: o.Flag, Events: DecisionOf(o.Events, 0).Events}
		if o.Err != nil {
			out.Of[i].Error = errorOf(o.Err)
		}
	}
	return out
}

// WhyRequest asks what was visible of a point at an instant; a zero At is now.
type WhyRequest struct {
	Identity
	Indicator string       `json:"indicator"`
	Unit      string       `json:"unit"`
	Version   string       `json:"indicator_version,omitempty"`
	Stratum   *string      `json:"stratum,omitempty"`
	Period    catalog.Date `json:"period"`
	At        time.Time    `json:"at"`
}

// Question is the validator's form of it.
func (r WhyRequest) Question() validator.Question {
	return validator.Question{Indicator: r.Indicator, Unit: r.Unit, Version: r.Version, Stratum: r.Stratum, Period: r.Period, At: r.At}
}

// Order is the validator's form of a decision.
func (d DecisionRequest) Order() validator.Order {
	return validator.Order{Command: d.Command(), Revisions: d.Revisions}
}

// maxOrders of a body: 500 flags with their words.
const maxOrders = 1 << 20

func (s *Server) stewardship(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/decisions", taking(maxOrders, func(_ *http.Request, r OrdersRequest) (Outcomes, error) {
		return s.cfg.Steward.DecideAll(s.base, r)
	}))
	mux.HandleFunc("POST /v1/preview", taking(maxOrders, func(h *http.Request, r OrdersRequest) (validator.Preview, error) {
		return s.cfg.Steward.Preview(h.Context(), r)
	}))
	mux.HandleFunc("POST /v1/why", taking(maxDecision, func(h *http.Request, r WhyRequest) ([]validator.Answer, error) {
		return s.cfg.Steward.Why(h.Context(), r)
	}))
	mux.HandleFunc("POST /v1/my/flags", taking(maxDecision, func(h *http.Request, r Identity) ([]Flag, error) {
		return s.cfg.Scoped.FlagsFor(h.Context(), r)
	}))
	mux.HandleFunc("POST /v1/my/flags/{id}", taking(maxDecision, func(h *http.Request, r Identity) (Flag, error) {
		return s.cfg.Scoped.FlagFor(h.Context(), r, h.PathValue("id"))
	}))
}

// taking answers requests with a JSON body of at most size bytes.
func taking[R, A any](size int64, do func(*http.Request, R) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, h *http.Request) {
		var r R
		dec := json.NewDecoder(http.MaxBytesReader(w, h.Body, size))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&r); err != nil {
			refuse(w, invalid("the request cannot be read: %v", err))
			return
		}
		a, err := do(h, r)
		answer(w, a, err)
	}
}

func post[A any](ctx context.Context, c *Client, path string, body any) (a A, err error) {
	b, err := json.Marshal(body)
	if err != nil {
		return a, err
	}
	return ask[A](ctx, c, http.MethodPost, path, nil, "application/json", strings.NewReader(string(b)))
}

// DecideAll hands in decisions about several flags.
func (c *Client) DecideAll(ctx context.Context, r OrdersRequest) (Outcomes, error) {
	return post[Outcomes](ctx, c, "/v1/decisions", r)
}

// Preview asks what decisions would change.
func (c *Client) Preview(ctx context.Context, r OrdersRequest) (validator.Preview, error) {
	return post[validator.Preview](ctx, c, "/v1/preview", r)
}

// Why asks what was visible of a point.
func (c *Client) Why(ctx context.Context, r WhyRequest) ([]validator.Answer, error) {
	return post[[]validator.Answer](ctx, c, "/v1/why", r)
}

// FlagsFor asks for the flags that a person may read.
func (c *Client) FlagsFor(ctx context.Context, id Identity) ([]Flag, error) {
	return post[[]Flag](ctx, c, "/v1/my/flags", id)
}

// FlagFor asks for a flag, as a person.
func (c *Client) FlagFor(ctx context.Context, id Identity, flag string) (Flag, error) {
	return post[Flag](ctx, c, "/v1/my/flags/"+url.PathEscape(flag), id)
}
