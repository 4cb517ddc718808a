package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// Custodian says what a delivery changed, and takes back what should not have
// come or is not to be awaited. Retract and SkipNumbers return when a publication
// shows what follows.
type Custodian interface {
	// Diff is what a delivery changed; all: also in periods that were open.
	Diff(ctx context.Context, delivery string, all bool) (Diff, error)
	Retract(ctx context.Context, r RetractRequest) (event.DeliveryRetracted, error)
	SkipNumbers(ctx context.Context, r SkipRequest) (event.SequenceSkipped, error)
}

// RetractRequest is the wish that a delivery count no more.
type RetractRequest struct {
	// As is the id of the person, Token the secret that shows that it is her.
	As       string `json:"as"`
	Token    string `json:"token"`
	Delivery string `json:"delivery"`
	Note     string `json:"note"`
}

// SkipRequest is the wish that numbers of a feed be awaited no more; From and
// Through 0: the first gap.
type SkipRequest struct {
	As      string `json:"as"`
	Token   string `json:"token"`
	Feed    string `json:"feed"`
	From    int64  `json:"from,omitempty"`
	Through int64  `json:"through,omitempty"`
	Note    string `json:"note"`
}

// Diff is what a delivery changed. Closed periods are those that had been
// mature before it came.
type Diff struct {
	Delivery string `json:"delivery"`
	// Changed cells, and Restated ones: those of closed periods.
	Changed  int `json:"changed"`
	Restated int `json:"restated"`
	// Cells are the restated ones, or all where all were asked for.
	Cells []DiffCell `json:"cells"`
}

// DiffCell is one cell before and after; an absent side: no cell.
type DiffCell struct {
	Indicator   string       `json:"indicator"`
	Version     string       `json:"version"`
	Unit        string       `json:"unit"`
	Stratum     string       `json:"stratum,omitempty"`
	Granularity string       `json:"granularity"`
	Period      catalog.Date `json:"period"`
	Closed      bool         `json:"closed"`
	Before      *DiffSide    `json:"before"`
	After       *DiffSide    `json:"after"`
}

// DiffSide is what a version of a cell holds.
type DiffSide struct {
	Fingerprint string  `json:"fingerprint"`
	Rows        int64   `json:"rows"`
	Numerator   float64 `json:"numerator"`
	Denominator float64 `json:"denominator"`
	Cases       int64   `json:"cases"` // rows with a value
	Sum         float64 `json:"sum"`   // of the values
	Expected    float64 `json:"expected"`
	Missing     int64   `json:"missing"`
	Rejected    int64   `json:"rejected"`
}

// Add counts a changed cell and keeps it where it is wanted.
func (d *Diff) Add(c cell.Change, closed, all bool) {
	d.Changed++
	if closed {
		d.Restated++
	}
	if !closed && !all {
		return
	}
	d.Cells = append(d.Cells, DiffCell{Indicator: c.Key.Indicator, Version: c.Key.Version, Unit: c.Key.Unit, Stratum: c.Key.Stratum,
		Granularity: c.Key.Granularity, Period: catalog.DateOfDays(c.Key.PeriodStart), Closed: closed, Before: sideOf(c.Before), After: sideOf(c.After)})
}

func sideOf(v *cell.Version) *DiffSide {
	if v == nil {
		return nil
	}
	c := v.Content
	return &DiffSide{Fingerprint: v.Fingerprint.String(), Rows: c.Rows, Numerator: c.Numerator.Float(cell.Micro), Denominator: c.Denominator.Float(cell.Micro),
		Cases: c.ValueCount, Sum: c.Values.Float(cell.Micro), Expected: c.Expected.Float(cell.Micro), Missing: c.Missing, Rejected: c.Rejected}
}

// Sequence is a numbered feed of which something is kept back (check L03).
type Sequence struct {
	Feed string `json:"feed"`
	// Next is the number that is awaited, or in dispute.
	Next int64 `json:"next"`
	// Missing are the numbers that are awaited, as [first, last].
	Missing [][2]int64 `json:"missing"`
	// Disputed are deliveries whose number another one has, with other content.
	Disputed []string `json:"disputed,omitempty"`
	// Held are the deliveries that wait.
	Held []string `json:"held"`
}

func sequencesOf(s *run.State) []Sequence {
	var out []Sequence
	for _, q := range s.Sequences() {
		x := Sequence{Feed: q.Feed, Next: q.Next, Missing: [][2]int64{}}
		for _, g := range q.Missing {
			x.Missing = append(x.Missing, [2]int64{g.From, g.Through})
		}
		for _, d := range q.Disputed {
			x.Disputed = append(x.Disputed, d.Delivery)
		}
		for _, d := range q.Held {
			x.Held = append(x.Held, d.Delivery)
		}
		out = append(out, x)
	}
	return out
}

func (s *Server) custody(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/deliveries/{id}/diff", func(w http.ResponseWriter, r *http.Request) {
		all, err := strconv.ParseBool(r.URL.Query().Get("all"))
		if err != nil {
			refuse(w, invalid("all=%q: write true or false", r.URL.Query().Get("all")))
			return
		}
		d, err := s.cfg.Custodian.Diff(r.Context(), r.PathValue("id"), all)
		answer(w, d, err)
	})
	mux.HandleFunc("POST /v1/deliveries/{id}/retraction", func(w http.ResponseWriter, r *http.Request) {
		if q, ok := decode[RetractRequest](w, r); ok {
			q.Delivery = r.PathValue("id")
			done, err := s.cfg.Custodian.Retract(s.base, q)
			answer(w, done, err)
		}
	})
	mux.HandleFunc("POST /v1/feeds/{id}/skips", func(w http.ResponseWriter, r *http.Request) {
		if q, ok := decode[SkipRequest](w, r); ok {
			q.Feed = r.PathValue("id")
			done, err := s.cfg.Custodian.SkipNumbers(s.base, q)
			answer(w, done, err)
		}
	})
}

// decode reads a request, or refuses it.
func decode[T any](w http.ResponseWriter, r *http.Request) (v T, ok bool) {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxDecision))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		refuse(w, invalid("the request cannot be read: %v", err))
		return v, false
	}
	return v, true
}

// Diff asks what a delivery changed.
func (c *Client) Diff(ctx context.Context, delivery string, all bool) (Diff, error) {
	return ask[Diff](ctx, c, http.MethodGet, "/v1/deliveries/"+url.PathEscape(delivery)+"/diff", url.Values{"all": {strconv.FormatBool(all)}}, "", nil)
}

// Retract asks that a delivery count no more.
func (c *Client) Retract(ctx context.Context, r RetractRequest) (event.DeliveryRetracted, error) {
	return send[event.DeliveryRetracted](ctx, c, "/v1/deliveries/"+url.PathEscape(r.Delivery)+"/retraction", r)
}

// SkipNumbers asks that numbers of a feed be awaited no more.
func (c *Client) SkipNumbers(ctx context.Context, r SkipRequest) (event.SequenceSkipped, error) {
	return send[event.SequenceSkipped](ctx, c, "/v1/feeds/"+url.PathEscape(r.Feed)+"/skips", r)
}

func send[T any](ctx context.Context, c *Client, path string, request any) (v T, err error) {
	b, err := json.Marshal(request)
	if err != nil {
		return v, err
	}
	return ask[T](ctx, c, http.MethodPost, path, nil, "application/json", strings.NewReader(string(b)))
}
