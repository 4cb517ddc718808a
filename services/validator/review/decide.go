package review

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/validator"
)

// Decision is what a person wants done to a flag.
type Decision struct {
	Kind      string               `json:"kind"`
	Cause     string               `json:"cause,omitempty"`
	Note      string               `json:"note,omitempty"`
	Evidence  string               `json:"evidence,omitempty"`
	Until     catalog.Date         `json:"until"`
	Low       *float64             `json:"low,omitempty"`
	High      *float64             `json:"high,omitempty"`
	Revisions []validator.Revision `json:"revisions,omitempty"`
	// Decision is what is confirmed, refused or taken back.
	Decision string `json:"decision,omitempty"`
	// To is to whom the flag is given; Link and SHA256 are where attached evidence
	// is, and its hash.
	To     string `json:"to,omitempty"`
	Link   string `json:"link,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

func (d Decision) order(flag string, version int, client string) validator.Order {
	return validator.Order{Command: gate.Command{Flag: flag, Kind: d.Kind, Cause: d.Cause, Note: d.Note, Evidence: d.Evidence, Until: d.Until,
		Low: d.Low, High: d.High, Decision: d.Decision, ExpectedVersion: version, To: d.To, Link: d.Link, SHA256: d.SHA256, Client: client}, Revisions: d.Revisions}
}

// named holds that a decision says what it is about: the version of the flag
// that the person has read, or of what takes back, confirms or refuses the
// decision. What decides nothing, a comment, a judgement, an assignment or
// evidence, need not.
func (d Decision) named(version int) *Problem {
	switch d.Kind {
	case event.Comment, gate.Judge, gate.Assign, gate.Attach:
		return nil
	case gate.Undo, gate.Confirm, gate.Refuse:
		if d.Decision != "" {
			return nil
		}
	}
	if version > 0 {
		return nil
	}
	return problem(http.StatusPreconditionRequired, "version", "It is not said what was read", "the decision names no version of the flag",
		"read the flag and send its ETag in If-Match (its flag_version in bulk); what undoes, confirms or refuses may name the decision instead")
}

// ListedDecision is a decision among several.
type ListedDecision struct {
	Flag        string `json:"flag"`
	FlagVersion int    `json:"flag_version,omitempty"`
	Decision
}

// Bulk are decisions that are taken at once.
type Bulk struct {
	Decisions []ListedDecision `json:"decisions"`
}

// Taken is what became of a decision.
type Taken struct {
	// Events were appended to the LEDGER; none: it had been decided before.
	Events   []TakenEvent `json:"events"`
	Repeated bool         `json:"repeated"`
	// Proposed says that it awaits a second person.
	Proposed bool `json:"proposed"`
	// Publication is the first that shows what follows; 0: none yet.
	Publication int `json:"publication"`
}

// TakenEvent is an event at its place in the LEDGER.
type TakenEvent struct {
	Type     event.Type `json:"type"`
	Sequence uint64     `json:"sequence"`
}

func taken(events []event.Event, publication int) Taken {
	t := Taken{Events: []TakenEvent{}, Repeated: len(events) == 0, Publication: publication}
	for _, e := range events {
		t.Events = append(t.Events, TakenEvent{e.Type, e.Sequence})
		t.Proposed = t.Proposed || e.Type == event.TypeDecisionProposed
	}
	return t
}

// Outcome is what became of one decision of several.
type Outcome struct {
	Flag    string   `json:"flag"`
	Taken   *Taken   `json:"taken,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// Outcomes are in the order of the request.
type Outcomes struct {
	Outcomes    []Outcome `json:"outcomes"`
	Refused     int       `json:"refused"`
	Publication int       `json:"publication"`
}

// hidden reports whether the error says that somebody may not read something,
// or that it is not there.
func hidden(err error) bool {
	return errors.Is(err, gate.ErrForbidden) || errors.Is(err, gate.ErrUnknownFlag)
}

// expected is the version of the flag that If-Match names; 0: none.
func expected(r *http.Request) (int, *Problem) {
	text := r.Header.Get("If-Match")
	if text == "" || text == "*" {
		return 0, nil
	}
	s, err := strconv.Unquote(text)
	n, wrong := strconv.Atoi(s)
	if err != nil || wrong != nil || n < 1 || !strings.HasPrefix(text, `"`) {
		return 0, badRequest(`send the ETag of the flag as it was read, as "3"`, "If-Match is no version of a flag")
	}
	return n, nil
}

func (h *Handler) decide(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	var d Decision
	if p := body(w, r, maxBody, &d); p != nil {
		return p
	}
	return h.carryOut(w, r, who, d)
}

// Withdrawal takes a decision back.
type Withdrawal struct {
	Decision string `json:"decision,omitempty"`
	Note     string `json:"note,omitempty"`
}

func (h *Handler) undo(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	var d Withdrawal
	if p := body(w, r, maxBody, &d); p != nil {
		return p
	}
	return h.carryOut(w, r, who, Decision{Kind: gate.Undo, Decision: d.Decision, Note: d.Note})
}

func (h *Handler) carryOut(w http.ResponseWriter, r *http.Request, who catalog.Person, d Decision) *Problem {
	version, p := expected(r)
	if p != nil {
		return p
	}
	f, p := h.mine(r, who)
	if p != nil {
		return p
	}
	if p := d.named(version); p != nil {
		return p
	}
	ctx, stop := working(r)
	defer stop()
	done, err := h.cfg.Decider.Order(ctx, who, d.order(f.Flag, version, clientOf(r)))
	if err != nil {
		p := h.problemOf("decide about a flag", err)
		if p.Changed != nil {
			w.Header().Set("ETag", strconv.Quote(strconv.Itoa(p.Changed.FlagVersion)))
		}
		return p
	}
	return answer(w, taken(done.Events, done.Publication))
}

// readable are the ids of the flags that the person may read.
func (h *Handler) readable(ctx context.Context, who catalog.Person) (map[string]bool, *Problem) {
	all, err := h.cfg.Reader.FlagsFor(ctx, who)
	if err != nil {
		return nil, h.problemOf("list flags", err)
	}
	out := make(map[string]bool, len(all))
	for _, f := range all {
		out[f.Flag] = true
	}
	return out, nil
}

// several reads the decisions of a bulk.
func several(w http.ResponseWriter, r *http.Request) ([]ListedDecision, *Problem) {
	var b Bulk
	if p := body(w, r, maxBodies, &b); p != nil {
		return nil, p
	}
	if n := len(b.Decisions); n == 0 || n > validator.MostAtOnce {
		return nil, problem(http.StatusUnprocessableEntity, "decision", "So many cannot be decided at once", "there are "+strconv.Itoa(n)+" decisions",
			"send between 1 and "+strconv.Itoa(validator.MostAtOnce))
	}
	return b.Decisions, nil
}

func (h *Handler) decideAll(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	decisions, p := several(w, r)
	if p != nil {
		return p
	}
	readable, p := h.readable(r.Context(), who)
	if p != nil {
		return p
	}
	out := Outcomes{Outcomes: make([]Outcome, len(decisions))}
	var orders []validator.Order
	var places []int
	for i, d := range decisions {
		out.Outcomes[i].Flag = d.Flag
		if !readable[d.Flag] {
			out.Outcomes[i].Problem = noSuchFlag()
		} else if p := d.named(d.FlagVersion); p != nil {
			out.Outcomes[i].Problem = p
		} else {
			orders, places = append(orders, d.order(d.Flag, d.FlagVersion, clientOf(r))), append(places, i)
		}
	}
	if len(orders) > 0 {
		ctx, stop := working(r)
		defer stop()
		done, publication, err := h.cfg.Decider.DecideAll(ctx, who, orders)
		if err != nil {
			return h.problemOf("decide about flags", err)
		}
		out.Publication = publication
		for n, o := range done {
			if o.Err != nil {
				out.Outcomes[places[n]].Problem = h.problemOf("decide about a flag", o.Err)
				continue
			}
			t := taken(o.Events, publication)
			out.Outcomes[places[n]].Taken = &t
		}
	}
	for _, o := range out.Outcomes {
		if o.Problem != nil {
			out.Refused++
		}
	}
	return answer(w, out)
}

func (h *Handler) preview(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	var d Decision
	if p := body(w, r, maxBody, &d); p != nil {
		return p
	}
	f, p := h.mine(r, who)
	if p != nil {
		return p
	}
	return h.shown(w, r, who, []validator.Order{d.order(f.Flag, 0, clientOf(r))})
}

func (h *Handler) previewAll(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	decisions, p := several(w, r)
	if p != nil {
		return p
	}
	readable, p := h.readable(r.Context(), who)
	if p != nil {
		return p
	}
	var orders []validator.Order
	for _, d := range decisions {
		if !readable[d.Flag] {
			return noSuchFlag()
		}
		orders = append(orders, d.order(d.Flag, d.FlagVersion, clientOf(r)))
	}
	return h.shown(w, r, who, orders)
}

func (h *Handler) shown(w http.ResponseWriter, r *http.Request, who catalog.Person, orders []validator.Order) *Problem {
	seen, err := h.cfg.Decider.Preview(r.Context(), who, orders)
	if err != nil {
		return h.problemOf("show what decisions would change", err)
	}
	return answer(w, seen)
}
