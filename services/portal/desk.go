package portal

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
)

// Order is a person's command, with what the one cell of a correction should
// have held; nil stays as it was delivered.
type Order struct {
	gate.Command
	Numerator, Denominator, Expected *float64
}

// Desk takes decisions of people whom the portal has let in, under the rules of
// package gate, whose errors it gives.
type Desk interface {
	// Decide returns when the released store shows what follows; proposed says
	// that it awaits a second person.
	Decide(ctx context.Context, person string, o Order) (proposed bool, err error)
	// Preview tells what the command would change, and logs that it did.
	Preview(ctx context.Context, person string, o Order) (impact.Impact, error)
}

// Viewings put on record that a person was shown a flag, once for each version
// of it.
type Viewings interface {
	See(ctx context.Context, person, flag string) error
}

// maxForm is the size of a form.
const maxForm = 64 << 10

// forms are those by which people decide.
func (p *Portal) forms(loopback bool, d *door) []entry {
	if p.cfg.Pages.Desk == nil {
		return nil
	}
	out := []entry{
		{pattern: "POST /flags/{flag}/decisions", may: forFlag, do: p.form(p.decideForm)},
		{pattern: "POST /flags/{flag}/preview", may: forFlag, do: p.form(p.previewForm)},
	}
	if p.cfg.Pages.Several != nil {
		// Each flag is held against the person by the desk.
		out = append(out, entry{pattern: "POST /flags", may: forAll, do: p.form(p.severalForm)})
	}
	if p.cfg.Pages.Affirming != nil {
		out = append(out, entry{pattern: "POST /units/{unit}/affirmations", may: forUnit, do: p.form(p.affirmForm)})
	}
	if loopback && p.cfg.Pages.Sessions != nil && p.cfg.Pages.Login != nil {
		out = append(out,
			entry{pattern: "POST /flags/{flag}/session", may: forAll, open: true, do: p.form(func(w http.ResponseWriter, r *http.Request) { p.loginForm(w, r, d) })},
			entry{pattern: "POST /session/end", may: forAll, open: true, do: func(w http.ResponseWriter, r *http.Request) {
				p.cfg.Pages.Sessions.end(w, r)
				http.Redirect(w, r, "/flags", http.StatusSeeOther)
			}})
	}
	return out
}

// form reads a bounded form before h.
func (p *Portal) form(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the form cannot be read; go back and send less", http.StatusBadRequest)
			return
		}
		h(w, r)
	}
}

// person is who decides: she who has logged in to read, or on loopback she who
// has shown her token.
func (p *Portal) person(r *http.Request) (id string, ok bool) {
	if id, ok := r.Context().Value(personKey{}).(string); ok {
		return id, true
	}
	return p.cfg.Pages.Sessions.Person(r)
}

func (p *Portal) loginForm(w http.ResponseWriter, r *http.Request, d *door) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	outcome := panelOutcome{Status: http.StatusUnauthorized, Problem: "login"}
	switch id, token := strings.TrimSpace(r.PostForm.Get("id")), strings.TrimSpace(r.PostForm.Get("token")); {
	case d.wait(host) > 0:
		outcome = panelOutcome{Status: http.StatusTooManyRequests, Problem: "busy"}
	case !d.login.Login(r.Context(), id, token):
		d.failed(host)
	case !p.cfg.Pages.Sessions.begin(w, r, id):
		outcome = panelOutcome{Status: http.StatusTooManyRequests, Problem: "busy"}
	default:
		http.Redirect(w, r, flagPath(r.PathValue("flag")), http.StatusSeeOther)
		return
	}
	p.showOutcome(w, r, outcome)
}

func flagPath(flag string) string { return "/flags/" + url.PathEscape(flag) }

// Meanwhile is what has happened to the flag since it was read, as the history of
// the page says it.
func (b panel) Meanwhile() string {
	if b.Changed == nil {
		return ""
	}
	what := b.Changed.What
	for _, c := range [][2]string{{"proposal to ", "step.proposed."}, {"confirmed ", "step.confirmed."}, {"", "step."}} {
		if kind, ok := strings.CutPrefix(what, c[0]); ok && b.words.has(c[1]+kind) {
			return b.words.t(c[1] + kind)
		}
	}
	for prefix, key := range map[string]string{"refused": "step.refused", "resolved": "step.resolved", "withdrawal": "step.withdrawn", "opened again": "step.reopened", "correction retired": "step.retired"} {
		if strings.HasPrefix(what, prefix) {
			return b.words.t(key)
		}
	}
	return what
}

// panelOutcome is what became of a form.
type panelOutcome struct {
	Status  int
	Problem string // a word; empty: none
	Detail  string
	Changed *gate.ConflictError
	Kind    string
	Effect  *impact.Impact
	// Typed is what the person had written: a form that is refused keeps it.
	Typed url.Values
}

// Wrote is what stood in a field of the form of that kind, or what she has
// judged, else nothing.
func (b panel) Wrote(kind, field string) string {
	if b.Kind == kind && b.Typed != nil {
		return b.Typed.Get(field)
	}
	if j := b.Judged; j != nil {
		switch field {
		case "cause":
			return j.Cause
		case "evidence":
			return j.Evidence
		}
	}
	return ""
}

// showOutcome answers a form with the flag's page.
func (p *Portal) showOutcome(w http.ResponseWriter, r *http.Request, o panelOutcome) {
	if o.Kind == "" {
		o.Kind = r.PostForm.Get("kind")
	}
	o.Typed = r.PostForm
	p.show("flag", func(r *http.Request) (*view, error) {
		v, err := p.flag(r)
		if err != nil {
			return v, err
		}
		if b, ok := v.Body.(*flagBody); ok {
			b.Panel.panelOutcome = o
			v.Status = o.Status
		}
		return v, nil
	})(w, r)
}

// orderOf is the order that a form gives.
func orderOf(r *http.Request) (Order, string, error) {
	f := r.PostForm
	o := Order{Command: gate.Command{Flag: r.PathValue("flag"), Kind: f.Get("kind"), Cause: f.Get("cause"), Note: f.Get("note"),
		Evidence: f.Get("evidence"), Decision: f.Get("decision"), To: f.Get("to"), Link: f.Get("link"), SHA256: f.Get("sha256")}}
	var err error
	if o.Until, err = dateField(f.Get("until")); err != nil {
		return o, "until", err
	}
	if text := f.Get("version"); text != "" {
		if o.ExpectedVersion, err = strconv.Atoi(text); err != nil {
			return o, "version", err
		}
	}
	for name, to := range map[string]**float64{"numerator": &o.Numerator, "denominator": &o.Denominator, "expected": &o.Expected} {
		text := strings.Replace(strings.TrimSpace(f.Get(name)), ",", ".", 1)
		if text == "" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return o, name, err
		}
		*to = &v
	}
	return o, "", nil
}

func dateField(text string) (catalog.Date, error) {
	if text == "" {
		return catalog.Date{}, nil
	}
	return catalog.ParseDate(text)
}

// unread reports whether an order names neither the version of the flag that was
// read nor the decision that it is about: it could overrule what nobody has seen.
// What decides nothing need not.
func (o Order) unread() bool {
	switch o.Kind {
	case event.Comment, gate.Judge:
		return false
	case gate.Undo, gate.Confirm, gate.Refuse:
		if o.Decision != "" {
			return false
		}
	}
	return o.ExpectedVersion < 1
}

// ordered is the order of the form and who gives it.
func (p *Portal) ordered(w http.ResponseWriter, r *http.Request) (person string, o Order, ok bool) {
	if person, ok = p.person(r); !ok {
		p.showOutcome(w, r, panelOutcome{Status: http.StatusUnauthorized, Problem: "nobody"})
		return person, o, false
	}
	o, field, err := orderOf(r)
	if err != nil {
		p.showOutcome(w, r, panelOutcome{Status: http.StatusUnprocessableEntity, Problem: "invalid", Detail: field, Kind: o.Kind})
		return person, o, false
	}
	return person, o, true
}

// refused is what the page says of an error of the desk.
func (p *Portal) refused(kind string, err error) panelOutcome {
	o := panelOutcome{Kind: kind, Detail: err.Error()}
	if errors.As(err, &o.Changed) {
		o.Status, o.Problem, o.Detail = http.StatusPreconditionFailed, "conflict", ""
		return o
	}
	for _, c := range []struct {
		is     error
		status int
		word   string
	}{
		{gate.ErrFourEyes, http.StatusConflict, "four_eyes"},
		{gate.ErrForbidden, http.StatusForbidden, "forbidden"},
		{gate.ErrJudgeFirst, http.StatusConflict, "judge_first"},
		{gate.ErrClosed, http.StatusConflict, "closed"},
		{gate.ErrTooLate, http.StatusConflict, "too_late"},
		{gate.ErrCorrections, http.StatusUnprocessableEntity, "invalid"},
		{gate.ErrInvalid, http.StatusUnprocessableEntity, "invalid"},
	} {
		if errors.Is(err, c.is) {
			o.Status, o.Problem = c.status, c.word
			return o
		}
	}
	p.cfg.Logger.Error("a decision cannot be carried out", "error", err.Error())
	o.Status, o.Problem, o.Detail = http.StatusInternalServerError, "failed", ""
	return o
}

func (p *Portal) decideForm(w http.ResponseWriter, r *http.Request) {
	person, o, ok := p.ordered(w, r)
	if !ok {
		return
	}
	if o.unread() {
		p.showOutcome(w, r, panelOutcome{Status: http.StatusPreconditionRequired, Problem: "version", Kind: o.Kind})
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), requestTime)
	defer stop()
	// The next one is looked up before the flag leaves the list.
	next := p.after(ctx, o.Flag)
	proposed, err := p.cfg.Pages.Desk.Decide(ctx, person, o)
	if err != nil {
		p.showOutcome(w, r, p.refused(o.Kind, err))
		return
	}
	to := flagPath(o.Flag)
	if !proposed && next != "" && slices.Contains([]string{event.Accept, event.RejectIt, gate.Confirm, event.Snooze}, o.Kind) {
		to = flagPath(next)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (p *Portal) previewForm(w http.ResponseWriter, r *http.Request) {
	person, o, ok := p.ordered(w, r)
	if !ok {
		return
	}
	seen, err := p.cfg.Pages.Desk.Preview(r.Context(), person, o)
	if err != nil {
		p.showOutcome(w, r, p.refused(o.Kind, err))
		return
	}
	p.showOutcome(w, r, panelOutcome{Status: http.StatusOK, Kind: o.Kind, Effect: &seen})
}

// queue are the open flags in the order of the list.
func (p *Portal) queue(ctx context.Context) []string {
	var out []string
	_, err := p.consistent(ctx, func(rd *reading) error {
		c, err := rd.names(ctx)
		if err != nil {
			return err
		}
		out, err = p.queueOf(ctx, c)
		return err
	})
	if err != nil {
		return nil // the page is shown without its neighbours
	}
	return out
}

// queueOf is queue within a reading.
func (p *Portal) queueOf(ctx context.Context, c *called) ([]string, error) {
	keys, err := p.openFlagKeys(ctx)
	if err != nil {
		return nil, err
	}
	keys = p.readable(ctx, keys)
	sortFlags(keys, c)
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.Flag
	}
	return out, nil
}

// after is the open flag after this one, or the first; empty: there is none.
func (p *Portal) after(ctx context.Context, flag string) string {
	all := p.queue(ctx)
	at := slices.Index(all, flag)
	if at >= 0 {
		all = slices.Concat(all[at+1:], all[:at])
	}
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// panel is what the flag's page offers to decide.
type panel struct {
	panelOutcome
	*speech
	words   *words
	On      bool   // decisions are taken here
	Person  string // who decides; empty: nobody has shown a token
	Flag    string
	Version int
	// Actions are what the flag's state and severity permit; whether the person
	// may, the gate says.
	Actions        []panelAction
	Before, After  string // neighbours in the queue
	Proposals      []event.DecisionProposed
	Judged         *event.FlagJudged // by the person; nil: not yet
	CanLogIn       bool
	LatestSnooze   catalog.Date
	MayPreviewKind []string
	// PersonName is what she is called, seconds those who may confirm, by id and name.
	PersonName string
	seconds    []crumb
	// Assigned is who has the flag, by name; empty: nobody. Assignees are those to
	// whom it can be given, by name, Attached the evidence that was added.
	Assigned, AssignedID string
	Assignees            []crumb
	Attached             []event.EvidenceAttached
}

// panelForm is the form of one kind of decision.
type panelForm struct {
	Panel panel
	Kind  string
}

// panelAction is one decision with its key and fields.
type panelAction struct {
	Kind, Key                           string
	Cause, Evidence, Note, Until, Value bool
	// To offers those to whom a flag is given, Document what evidence is.
	To, Document bool
}

// panelOf is the panel of a flag; all are the open flags in the order of the list.
func (p *Portal) panelOf(r *http.Request, f *story, all []string) panel {
	s := p.speak()
	b := panel{words: p.words, speech: s, Flag: f.Flag, Version: f.Version, Proposals: f.Proposals, On: p.cfg.Pages.Desk != nil, CanLogIn: p.cfg.Pages.Sessions != nil}
	if !b.On {
		return b
	}
	b.Person, _ = p.person(r)
	if name := p.personName(b.Person); name != b.Person {
		b.PersonName = name
	}
	if len(f.Proposals) > 0 {
		b.seconds = p.who(f, gate.Confirm)
	}
	for _, j := range slices.Backward(f.Judgements) {
		if j.By == b.Person && b.Person != "" {
			b.Judged = &j
			break
		}
	}
	b.LatestSnooze = catalog.DateOf(p.cfg.Pages.Clock()).AddDays(gate.MaxSnoozeDays)
	if at := slices.Index(all, f.Flag); at >= 0 {
		if at > 0 {
			b.Before = all[at-1]
		}
		if at+1 < len(all) {
			b.After = all[at+1]
		}
	}
	add := func(a panelAction) { b.Actions = append(b.Actions, a) }
	if f.Open() {
		if f.Severity == event.Hold || f.Severity == event.Note {
			add(panelAction{Kind: event.Accept, Key: "a", Cause: true, Note: true, Evidence: true, Until: true})
		}
		if f.Severity == event.Block {
			add(panelAction{Kind: event.Waive, Key: "w", Cause: true, Note: true, Until: true})
		}
		if f.Severity != event.Info && f.Severity != event.Reject {
			add(panelAction{Kind: event.RejectIt, Key: "x", Cause: true, Note: true, Evidence: true})
			add(panelAction{Kind: event.Correct, Key: "e", Cause: true, Evidence: true, Value: true})
		}
		add(panelAction{Kind: event.Snooze, Key: "s", Until: true, Note: true})
	}
	add(panelAction{Kind: event.Comment, Key: "c", Note: true})
	if f.Open() {
		add(panelAction{Kind: event.Answer, Key: "r", Note: true})
	}
	add(panelAction{Kind: gate.Attach, Key: "f", Note: true, Document: true})
	b.Attached = f.Attached
	b.Assignees = p.who(f, event.Comment)
	b.AssignedID, b.Assigned = f.Assigned, p.personName(f.Assigned)
	if f.Open() {
		add(panelAction{Kind: gate.Assign, Key: "p", To: true, Note: true})
	}
	if !f.Open() || len(f.Proposals) > 0 {
		add(panelAction{Kind: gate.Undo, Key: "u", Note: true})
	}
	if f.Open() && (f.Severity == event.Hold || f.Severity == event.Note || f.Severity == event.Block) {
		b.MayPreviewKind = []string{event.Accept, event.RejectIt}
		if f.Severity == event.Block {
			b.MayPreviewKind = []string{event.Waive, event.RejectIt}
		}
	}
	return b
}

// May reports whether the person may be the second one of a proposal: she has not
// made it, and her roles reach it.
func (b panel) May(d event.DecisionProposed) bool {
	return d.By != b.Person && slices.ContainsFunc(b.seconds, func(c crumb) bool { return c.Path == b.Person })
}

// mostSeconds is how many people a page names who may confirm.
const mostSeconds = 5

// Seconds are the names of those who may confirm or refuse the proposal.
func (b panel) Seconds(d event.DecisionProposed) string {
	var names []string
	for _, c := range b.seconds {
		if c.Path != d.By && len(names) < mostSeconds {
			names = append(names, c.Title)
		}
	}
	return strings.Join(names, ", ")
}

// who are the people who may do that kind to the flag, by name.
func (p *Portal) who(f *story, kind string) []crumb {
	c := p.cfg.Pages.Catalog
	below := gate.NewActor(catalog.Person{}, c.Units, p.today()).Below
	registries, units := []string{p.registryOf(f.Indicator)}, unitsOf(f)
	var out []crumb
	for _, who := range c.People {
		if gate.Allowed(gate.Actor{ID: who.ID, Roles: who.Roles, Below: below}, kind, registries, units) == nil {
			out = append(out, crumb{who.ID, p.personName(who.ID)})
		}
	}
	byName(p.words, out, func(c crumb) (string, string) { return c.Title, c.Path })
	return out
}

// personName is what the catalog calls a person, else her id.
func (p *Portal) personName(id string) string {
	if who, ok := p.cfg.Pages.Catalog.Index().Person(id); ok {
		return cmp.Or(who.Name, id)
	}
	return id
}

// Causes are the causes that a decision may name.
func (panel) Causes() []string { return gate.Causes() }
