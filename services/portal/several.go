package portal

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
	"larstrom/pipeline/run"
)

// Several takes decisions about many flags at once, each as an event of its own.
type Several interface {
	// DecideAll gives what became of each order, in their order.
	DecideAll(ctx context.Context, person string, orders []Order) ([]Result, error)
	// PreviewAll tells what the orders together would change, by indicator, and why
	// some would be refused, by flag; it logs that it did.
	PreviewAll(ctx context.Context, person string, orders []Order) (map[string]impact.Impact, map[string]string, error)
}

// Result is what became of one order of many.
type Result struct {
	Flag     string
	Proposed bool // it awaits a second person
	Err      error
}

// mostAtOnce is how many flags one form decides.
const mostAtOnce = 500

// several is the form of the list: who may use it, what was written, and what
// became of it.
type several struct {
	*speech
	Person string // empty: nobody has shown a token
	Typed  url.Values
	// Chosen are the marked flags.
	Chosen  map[string]bool
	Problem string // a word; empty: none
	Detail  string
	// Seen and the counts are of a preview.
	Seen                                     bool
	Flags, Cells, Charts, Signals, Centrings int
	Refused                                  []severalRefused
	// Done and Results are of decisions.
	Done    bool
	Taken   int
	Results []severalRefused
	Most    int
}

// severalRefused is one flag with what became of it.
type severalRefused struct{ Flag, Said, Detail string }

// Wrote is what stood in a field.
func (b several) Wrote(field string) string { return b.Typed.Get(field) }

// Causes are the causes that a decision may name.
func (several) Causes() []string { return gate.Causes() }

// Kinds are the decisions that many flags can get at once.
func (several) Kinds() []string {
	return []string{event.Accept, event.RejectIt, event.Snooze, event.Comment}
}

func (p *Portal) severalOf(r *http.Request) several {
	b := several{speech: p.speak(), Typed: r.PostForm, Chosen: map[string]bool{}, Most: mostAtOnce}
	if p.cfg.Pages.Several != nil {
		b.Person, _ = p.person(r)
	}
	for _, text := range r.PostForm["flag"] {
		flag, _, _ := strings.Cut(text, "@")
		b.Chosen[flag] = true
	}
	return b
}

// versionsOf are the versions of flags as the LEDGER has them now.
func (p *Portal) versionsOf(ctx context.Context, keys []flagKey) (map[string]int, error) {
	wanted := map[string][]string{} // by indicator
	for _, k := range keys {
		wanted[k.Indicator] = append(wanted[k.Indicator], k.Flag)
	}
	events := map[string][]event.Event{}
	if err := p.ledger(ctx, func(s *run.State) error {
		for id := range wanted {
			events[id] = s.GateEvents(id)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out := map[string]int{}
	for id, flags := range wanted {
		all, err := storiesOf(events[id], func(finding []byte) bool {
			return slices.ContainsFunc(flags, func(f string) bool { return bytes.Contains(finding, []byte(f)) })
		})
		if err != nil {
			return nil, err
		}
		for _, f := range all {
			out[f.Flag] = f.Version
		}
	}
	return out, nil
}

// severalOrders are the orders of the form, with the versions that were read.
func (p *Portal) severalOrders(r *http.Request, kind string) ([]Order, string) {
	f := r.PostForm
	until, err := dateField(f.Get("until"))
	if err != nil {
		return nil, "until"
	}
	var out []Order
	for _, text := range f["flag"] {
		flag, version, _ := strings.Cut(text, "@")
		n, err := strconv.Atoi(version)
		if err != nil || n < 1 || flag == "" {
			return nil, "flag" // without the version that was read nothing is decided
		}
		o := Order{Command: gate.Command{Flag: flag, Kind: kind, Cause: f.Get("cause"), Note: f.Get("note"), ExpectedVersion: n}}
		switch kind {
		case gate.Judge:
			o.Evidence, o.Note = f.Get("note"), ""
		case event.Accept, event.Snooze:
			o.Until = until
		}
		out = append(out, o)
	}
	if len(out) == 0 || len(out) > mostAtOnce {
		return nil, "count"
	}
	return out, ""
}

// severalForm records judgements, shows what decisions would change, or takes
// them, and answers with the list.
func (p *Portal) severalForm(w http.ResponseWriter, r *http.Request) {
	b, status := p.severalOf(r), http.StatusOK
	kind := r.PostForm.Get("kind")
	if r.PostForm.Get("do") == gate.Judge {
		kind = gate.Judge
	}
	orders, wrong := p.severalOrders(r, kind)
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), requestTime)
	defer stop()
	var err error
	switch {
	case b.Person == "":
		b.Problem, status = "nobody", http.StatusUnauthorized
	case wrong != "" || kind != gate.Judge && !slices.Contains(b.Kinds(), kind):
		b.Problem, b.Detail, status = "several", wrong, http.StatusUnprocessableEntity
	case r.PostForm.Get("do") == "preview":
		err = p.severalSeen(ctx, &b, orders)
	default:
		err = p.severalDone(ctx, &b, orders)
	}
	if err != nil {
		o := p.refused(kind, err)
		b.Problem, b.Detail, status = o.Problem, o.Detail, o.Status
	}
	p.show("flags", func(r *http.Request) (*view, error) {
		v, err := p.flags(r)
		if err != nil {
			return v, err
		}
		if body, ok := v.Body.(*flagsBody); ok {
			body.Several = b
			v.Status = status
		}
		return v, nil
	})(w, r)
}

func (p *Portal) severalSeen(ctx context.Context, b *several, orders []Order) error {
	seen, refused, err := p.cfg.Pages.Several.PreviewAll(ctx, b.Person, orders)
	if err != nil {
		return err
	}
	b.Seen, b.Flags = true, len(orders)-len(refused)
	for _, i := range seen {
		b.Cells, b.Charts, b.Signals, b.Centrings = b.Cells+len(i.Cells), b.Charts+len(i.Charts), b.Signals+len(i.Signals), b.Centrings+len(i.Centres)
	}
	for _, o := range orders {
		if why, ok := refused[o.Flag]; ok {
			b.Refused = append(b.Refused, severalRefused{Flag: o.Flag, Said: b.S("problem"), Detail: why})
		}
	}
	return nil
}

func (p *Portal) severalDone(ctx context.Context, b *several, orders []Order) error {
	results, err := p.cfg.Pages.Several.DecideAll(ctx, b.Person, orders)
	if err != nil {
		return err
	}
	b.Done = true
	for _, x := range results {
		one := severalRefused{Flag: x.Flag, Said: b.S("several.taken")}
		switch {
		case x.Err != nil:
			o := p.refused("", x.Err)
			one.Said, one.Detail = b.S("p."+o.Problem), o.Detail
			if o.Changed != nil {
				one.Detail = o.Changed.What + " " + o.Changed.By + " " + o.Changed.On.String()
			}
		case x.Proposed:
			one.Said = b.S("several.proposed")
			fallthrough
		default:
			b.Taken++
			delete(b.Chosen, x.Flag)
		}
		b.Results = append(b.Results, one)
	}
	return nil
}
