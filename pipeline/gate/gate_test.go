package gate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

var day = catalog.NewDate(2026, 3, 1)

// month is the first day of month m of 2026.
func month(m int) int32 { return catalog.NewDate(2026, time.Month(m), 1).Days() }

func key(unit string, m int) cell.Key {
	return cell.Key{Region: "nord", Registry: "hjarta", Indicator: "i1", Version: "1", Granularity: "month", Unit: unit, PeriodStart: month(m)}
}

// fp is the fingerprint of a content that a letter names; "-" is the absence.
func fp(k cell.Key, letter string) cell.Fingerprint {
	if letter == "-" {
		return cell.FingerprintOf(k, cell.Content{}, true)
	}
	return cell.FingerprintOf(k, content(letter).Cell(), false)
}

// content is the content that a letter names.
func content(letter string) event.Content { return event.Content{Rows: 1, Histogram: letter} }

// correction puts one letter in the place of another.
func correction(g event.Guard, letter string) event.Correction {
	return event.Correction{Cell: g, Old: content(letterOf(g.Key("nord", "i1"), g.Fingerprint)), New: content(letter)}
}

func letterOf(k cell.Key, f cell.Fingerprint) string {
	for _, l := range []string{"A", "B", "C", "D", "-"} {
		if fp(k, l) == f {
			return l
		}
	}
	return "?"
}

func guard(k cell.Key, letter string) event.Guard { return event.GuardOf(k, fp(k, letter)) }

// book is a log with the gate that follows it.
type book struct {
	t interface {
		Helper()
		Fatalf(string, ...any)
	}
	s        *gate.State
	versions []gate.Version
	events   []event.Event
	rev      uint64
	now      time.Time
}

func newBook(t *testing.T) *book {
	return &book{t: t, s: gate.New("nord", "i1"), now: time.Unix(0, 0)}
}

// cells takes versions "unit month letter" of a new revision.
func (b *book) cells(specs ...string) *book {
	b.t.Helper()
	b.rev++
	for _, spec := range specs {
		var unit, letter string
		var m int
		if _, err := fmt.Sscan(spec, &unit, &m, &letter); err != nil {
			b.t.Fatalf("%q: %v", spec, err)
		}
		b.take(gate.Version{Key: key(unit, m), Fingerprint: fp(key(unit, m), letter), Rev: b.rev, Tombstone: letter == "-"})
	}
	return b
}

func (b *book) take(v gate.Version) {
	b.t.Helper()
	if err := b.s.Cells([]gate.Version{v}); err != nil {
		b.t.Fatalf("%v", err)
	}
	b.versions = append(b.versions, v)
}

func (b *book) event(body event.Body) event.Event {
	b.t.Helper()
	e, err := event.New(event.GateSubject("nord", "i1"), fmt.Sprint(len(b.events)), body, b.now)
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	e.Sequence = uint64(len(b.events) + 1)
	return e
}

func (b *book) append(body event.Body) *book {
	b.t.Helper()
	e := b.event(body)
	if err := b.s.Apply(e); err != nil {
		b.t.Fatalf("%v", err)
	}
	b.events = append(b.events, e)
	return b
}

// refuses expects the error and an unchanged state.
func (b *book) refuses(body event.Body, want error) *book {
	b.t.Helper()
	before := dump(b.s)
	if err := b.s.Apply(b.event(body)); !errors.Is(err, want) {
		b.t.Fatalf("got error %v, want %v", err, want)
	}
	if after := dump(b.s); after != before {
		b.t.Fatalf("a refused event changed the state:\n%s\nwas\n%s", after, before)
	}
	return b
}

func (b *book) release() *book {
	b.t.Helper()
	return b.append(b.s.Release("run", b.rev, 1, b.rev))
}

func finding(id, check string, sev event.Severity, rev uint64, guards ...event.Guard) event.FlagRaised {
	f := event.FlagRaised{Flag: id, Check: check, CheckVersion: 1, Severity: sev, Indicator: "i1", Rev: rev,
		Observed: 90, Expected: 100, Low: 80, High: 100, Direction: "down", Guards: guards, AsOf: day, Run: "run"}
	if len(guards) > 0 {
		f.Unit, f.Stratum = guards[0].Unit, guards[0].Stratum
	}
	if len(guards) == 1 {
		f.Period = guards[0].Period
	}
	return f
}

// raise appends a flag about the cells "unit month letter".
func (b *book) raise(id, check string, sev event.Severity, specs ...string) *book {
	b.t.Helper()
	return b.append(finding(id, check, sev, b.rev, guards(b.t, specs...)...))
}

func guards(t interface{ Fatalf(string, ...any) }, specs ...string) []event.Guard {
	var all []event.Guard
	for _, spec := range specs {
		var unit, letter string
		var m int
		if _, err := fmt.Sscan(spec, &unit, &m, &letter); err != nil {
			t.Fatalf("%q: %v", spec, err)
		}
		all = append(all, guard(key(unit, m), letter))
	}
	return all
}

func (b *book) decide(cmd gate.Command, who gate.Actor) *book {
	b.t.Helper()
	bodies, err := b.s.Decide(cmd, who, day)
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	for _, body := range bodies {
		b.append(body)
	}
	return b
}

func (b *book) accept(flag string) *book {
	b.t.Helper()
	return b.decide(gate.Command{Flag: flag, Kind: event.Accept, Cause: gate.TrueChange}, steward)
}

func (b *book) reject(flag string) *book {
	b.t.Helper()
	f, _ := b.s.Flag(flag)
	return b.decide(gate.Command{Flag: flag, Kind: event.RejectIt, Cause: gate.ExportError, ExpectedVersion: f.Version}, steward)
}

func (b *book) resolve(want ...string) *book {
	b.t.Helper()
	var got []string
	for _, r := range b.s.Resolutions("run", b.rev) {
		got = append(got, r.Flag+" "+r.Reason)
		b.append(r)
	}
	if !slices.Equal(got, want) {
		b.t.Fatalf("resolved %q, want %q", got, want)
	}
	return b
}

// sees expects "unit month state shown-letter flags".
func (b *book) sees(wants ...string) *book {
	b.t.Helper()
	for _, want := range wants {
		var unit string
		var m int
		if _, err := fmt.Sscan(want, &unit, &m); err != nil {
			b.t.Fatalf("%q: %v", want, err)
		}
		if got := line(key(unit, m), b.s.View(key(unit, m))); got != want {
			b.t.Fatalf("sees %q, want %q", got, want)
		}
	}
	return b
}

func line(k cell.Key, v gate.View) string {
	s := fmt.Sprintf("%s %d %s", k.Unit, int(catalog.DateOfDays(k.PeriodStart).Time().Month()), v.State)
	if v.State == gate.Released || v.State == gate.HeldPrevious {
		s += " " + letterOf(k, v.Shown.Fingerprint)
		if v.Shown.Corrected {
			s += "!"
		}
	}
	for _, f := range v.Flags {
		s += " " + f
	}
	for _, f := range v.Footnotes {
		s += " (" + f.Flag + " " + f.Kind + ")"
	}
	return s
}

// dump is everything that can be seen of a state.
func dump(s *gate.State) string {
	var b strings.Builder
	for k, v := range s.Views {
		fmt.Fprintf(&b, "%s | shown %d current %d\n", line(k, v), v.Shown.Rev, v.Current.Rev)
	}
	for f := range s.Flags {
		fmt.Fprintf(&b, "%s %s %s v%d opened %d %q %d/%d/%d %s %s\n", f.Flag, f.Severity, f.Status, f.Version, f.Opened, f.Reason,
			len(f.Decisions), len(f.Proposals), len(f.Confirmations), f.Snoozed, f.WaivedUntil)
	}
	for _, m := range s.Memories() {
		fmt.Fprintf(&b, "memory %s %v..%v until %s rev %d\n", m.Flag, m.Low, m.High, m.Until, m.Rev)
	}
	for _, c := range s.Corrections() {
		fmt.Fprintf(&b, "correction %s of %s by %s, %s\n", c.Cell, letterOf(c.Cell, c.Base), c.Flags, letterOf(c.Cell, c.Fingerprint))
	}
	r, ok := s.LastRelease()
	fmt.Fprintf(&b, "%v %v %v %v\n", s.Counts(), ok, r.Rev, s.Release("x", r.Rev, 0, 0))
	return b.String()
}

func actor(id, role string, units ...string) gate.Actor {
	return gate.Actor{ID: id, Roles: []catalog.Role{{Role: role, Units: units}}}
}

var (
	steward = actor("p1", gate.RegionSteward)
	second  = actor("p2", gate.NationalSteward)
)

func TestCleanCellsRelease(t *testing.T) {
	newBook(t).cells("E 1 A", "E 2 A").sees("E 1 waiting").
		release().sees("E 1 released A", "E 2 released A").
		cells("E 1 B").sees("E 1 released A"). // not yet released
		release().sees("E 1 released B").
		cells("E 1 -").release().sees("E 1 missing", "E 3 missing")
}

func TestHold(t *testing.T) {
	newBook(t).cells("E 1 A", "E 2 A").raise("f1", "K09", event.Hold, "E 1 A").
		sees("E 1 held_empty f1", "E 2 waiting").release().
		sees("E 1 held_empty f1", "E 2 released A").
		cells("E 2 B").raise("f2", "C10", event.Block, "E 2 B").release().
		sees("E 2 held_previous A f2")
}

func TestNoteIsAFootnote(t *testing.T) {
	newBook(t).cells("E 1 A").raise("f1", "C11", event.Note, "E 1 A").raise("f2", "C05", event.Info, "E 1 A").
		release().sees("E 1 released A (f1 note)").
		cells("E 1 B").resolve("f1 resent", "f2 resent").release().sees("E 1 released B")
}

func TestTombstones(t *testing.T) {
	newBook(t).cells("E 1 A").release().cells("E 1 -").raise("f1", "K09", event.Hold, "E 1 -").
		release().sees("E 1 held_previous A f1").accept("f1").sees("E 1 released A").
		release().sees("E 1 missing (f1 accepted)")
}

// A cell that was never delivered can be under question too.
func TestGuardedAbsence(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K01", event.Hold, "E 2 -").release().
		sees("E 1 released A", "E 2 held_empty f1")
	if n := b.s.Counts(); n.Held != 1 || n.Open[event.Hold] != 1 {
		t.Errorf("counts %+v", n)
	}
	b.resolve().cells("E 2 A").resolve("f1 resent").release().sees("E 2 released A")
	newBook(t).raise("f1", "K01", event.Hold, "E 2 -").accept("f1").sees("E 2 missing (f1 accepted)")
	newBook(t).raise("f1", "K01", event.Hold, "E 2 -").reject("f1").sees("E 2 held_empty f1").
		cells("E 2 A").release().sees("E 2 released A")
}

func TestAcceptReleases(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").raise("f2", "T04", event.Hold, "E 1 A").release().
		accept("f1").release().sees("E 1 held_empty f2").
		accept("f2").release().sees("E 1 released A (f1 accepted) (f2 accepted)")
	if f, _ := b.s.Flag("f1"); f.Status != gate.Accepted || len(f.Decisions) != 1 || f.Decisions[0].Until != day.AddDays(90) {
		t.Errorf("flag %+v", f)
	}
}

func TestRejectWithdraws(t *testing.T) {
	// Not yet released: the earlier release stays, marked.
	newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").release().
		reject("f1").release().sees("E 1 held_previous A f1").
		// Whatever is delivered again.
		cells("E 1 C").release().sees("E 1 released C").
		cells("E 1 B").release().sees("E 1 held_previous C f1")

	// Released: nothing older resurfaces.
	newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "C11", event.Note, "E 1 B").release().sees("E 1 released B (f1 note)").
		reject("f1").sees("E 1 held_empty f1").release().sees("E 1 held_empty f1").
		cells("E 1 C").raise("f2", "K09", event.Hold, "E 1 C").release().sees("E 1 held_empty f2").
		cells("E 1 A").resolve("f2 resent").release().sees("E 1 released A").
		cells("E 1 B").release().sees("E 1 held_previous A f1")
}

func TestRejectOverrulesAnAcceptance(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").accept("f1").release().sees("E 1 released A (f1 accepted)")
	if _, err := b.s.Decide(gate.Command{Flag: "f1", Kind: event.RejectIt, Cause: gate.ExportError}, steward, day); !errors.Is(err, gate.ErrClosed) {
		t.Errorf("overruled without having read: %v", err)
	}
	b.reject("f1").release().sees("E 1 held_empty f1")
	if len(b.s.Memories()) != 0 {
		t.Error("the memory of a rejected value remains")
	}
}

// One wrong disappearance must not make every later one unreleasable.
func TestRejectedAbsence(t *testing.T) {
	newBook(t).cells("E 1 A").release().cells("E 1 -").raise("f1", "K09", event.Hold, "E 1 -").release().
		reject("f1").release().sees("E 1 held_previous A f1").
		cells("E 1 B").release().sees("E 1 released B").
		cells("E 1 -").raise("f1", "K09", event.Hold, "E 1 -").release().sees("E 1 held_previous B f1").
		accept("f1").release().sees("E 1 missing (f1 accepted)")
}

// A release that shows once more what is shown already does not make the
// rejected absence good.
func TestRejectedAbsenceOutlivesARelease(t *testing.T) {
	b := newBook(t).cells("E 1 A").release().cells("E 1 -").raise("f1", "K09", event.Hold, "E 1 -").reject("f1")
	b.append(b.s.Release("run", 1, 1, 1)).sees("E 1 held_previous A f1").release().sees("E 1 held_previous A f1")
}

// Nor does a rejection that comes when the cell is back already.
func TestAbsenceRejectedLate(t *testing.T) {
	newBook(t).cells("E 3 A").raise("f1", "K01", event.Hold, "E 1 -", "E 2 -").release().
		cells("E 1 A").release().sees("E 1 released A", "E 2 held_empty f1").reject("f1").release().
		cells("E 1 -", "E 2 -").release().sees("E 1 missing", "E 2 held_empty f1")
}

func TestFlagOnWhatIsReleased(t *testing.T) {
	// What is questioned while it is visible is taken from view at once, and
	// comes back by a decision.
	newBook(t).cells("E 1 A").release().raise("f1", "K01", event.Hold, "E 1 A").sees("E 1 held_empty f1").
		release().sees("E 1 held_empty f1").accept("f1").release().sees("E 1 released A (f1 accepted)")
	// It does not come back as an earlier release because its source replaced it.
	newBook(t).cells("E 1 A").release().raise("f1", "K01", event.Hold, "E 1 A").
		cells("E 1 B").raise("f2", "C10", event.Block, "E 1 B").resolve("f1 resent").release().sees("E 1 held_empty f2")
}

func TestResolution(t *testing.T) {
	b := newBook(t).cells("E 1 A", "E 2 A").raise("f1", "K09", event.Hold, "E 1 A", "E 2 A").release().resolve()
	b.refuses(event.FlagResolved{Flag: "f1", Reason: gate.Resent, Rev: b.rev}, gate.ErrGateViolation)
	b.cells("E 1 B").resolve().release().sees("E 1 released B", "E 2 held_empty f1") // one of two
	b.cells("E 2 B")
	b.refuses(event.FlagResolved{Flag: "f1", Reason: gate.Superseded, Rev: b.rev}, gate.ErrTransition)
	b.refuses(event.FlagResolved{Flag: "f1", Reason: gate.Resent, Rev: b.rev - 2}, gate.ErrOrder)
	b.resolve("f1 resent").release().sees("E 2 released B")
	b.refuses(event.FlagResolved{Flag: "f1", Reason: gate.Resent, Rev: b.rev}, gate.ErrTransition)
	b.refuses(event.FlagResolved{Flag: "no", Reason: gate.Resent, Rev: b.rev}, gate.ErrUnknownFlag)

	// The question goes on in a newer flag of the same check; another check's
	// flag is another question.
	newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").release().
		cells("E 1 B").raise("f2", "K09", event.Hold, "E 1 B").raise("f3", "T04", event.Hold, "E 1 B").
		resolve("f1 covered").release().sees("E 1 held_empty f2 f3").
		cells("E 1 C").raise("f4", "T04", event.Hold, "E 1 C").
		resolve("f2 resent", "f3 covered").release().sees("E 1 held_empty f4")

	// A later flag about the same version and more carries the question on.
	newBook(t).cells("E 1 -").raise("f1", "K01", event.Hold, "E 1 -").release().cells("E 2 -").
		raise("f2", "K01", event.Hold, "E 1 -", "E 2 -").resolve("f1 covered").release().sees("E 1 held_empty f2")
}

func TestComesBack(t *testing.T) {
	// The same finding about the same version, after it had been resolved.
	b := newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").
		decide(gate.Command{Flag: "f1", Kind: event.Snooze, Until: day.AddDays(3)}, steward).release().
		cells("E 1 A").resolve("f1 resent").release().sees("E 1 released A").
		cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").release().sees("E 1 held_previous A f1")
	f, _ := b.s.Flag("f1")
	if f.Opened != 2 || f.Status != gate.Open || !f.Snoozed.IsZero() || f.Reason != "" {
		t.Errorf("flag %+v", f)
	}
	// Raised again while open it never becomes milder, and may become graver.
	b.raise("f1", "K09", event.Note, "E 1 B").sees("E 1 held_previous A f1").raise("f1", "K09", event.Block, "E 1 B")
	if _, err := b.s.Decide(gate.Command{Flag: "f1", Kind: event.Accept, Cause: gate.TrueChange}, steward, day); !errors.Is(err, gate.ErrInvalid) {
		t.Errorf("accepted what has become a BLOCK: %v", err)
	}
}

func TestMemory(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").release().accept("f1").release().cells("E 1 B")
	at := func(change func(*event.FlagRaised)) event.FlagRaised {
		f := finding("f2", "K09", event.Hold, b.rev, guards(t, "E 1 B")...)
		change(&f)
		return f
	}
	last := day.AddDays(gate.MemoryDays)
	for name, c := range map[string]struct {
		on     catalog.Date
		want   gate.Verdict
		change func(*event.FlagRaised)
	}{
		"inside":            {day, gate.Remember, func(f *event.FlagRaised) {}},
		"last day":          {last, gate.Remember, func(f *event.FlagRaised) {}},
		"expired":           {last.AddDays(1), gate.Raise, func(f *event.FlagRaised) {}},
		"no date":           {catalog.Date{}, gate.Raise, func(f *event.FlagRaised) {}},
		"low end":           {day, gate.Remember, func(f *event.FlagRaised) { f.Observed = 80 }},
		"below":             {day, gate.Raise, func(f *event.FlagRaised) { f.Observed = 79.9 }},
		"high end":          {day, gate.Remember, func(f *event.FlagRaised) { f.Observed = 100 }},
		"above":             {day, gate.Raise, func(f *event.FlagRaised) { f.Observed = 100.1 }},
		"other check":       {day, gate.Raise, func(f *event.FlagRaised) { f.Check = "T04" }},
		"other direction":   {day, gate.Raise, func(f *event.FlagRaised) { f.Direction = "up" }},
		"block":             {day, gate.Raise, func(f *event.FlagRaised) { f.Severity = event.Block }},
		"other unit":        {day, gate.Raise, func(f *event.FlagRaised) { f.Unit = "F"; f.Guards = guards(t, "F 1 B") }},
		"other month":       {day, gate.Raise, func(f *event.FlagRaised) { f.Guards = guards(t, "E 2 B") }},
		"same revision":     {day, gate.Raise, func(f *event.FlagRaised) { f.Rev = 1 }},
		"accepted version":  {day, gate.Known, func(f *event.FlagRaised) { f.Guards = guards(t, "E 1 A") }},
		"accepted, graver":  {day, gate.Raise, func(f *event.FlagRaised) { f.Guards = guards(t, "E 1 A"); f.Severity = event.Block }},
		"its own and more":  {day, gate.Raise, func(f *event.FlagRaised) { f.Guards = guards(t, "E 1 B", "E 2 B") }},
		"different stratum": {day, gate.Raise, func(f *event.FlagRaised) { f.Stratum = "f" }},
	} {
		f, got := b.s.Admit(at(c.change), c.on)
		if got != c.want || (f.Memory == "f1") != (got == gate.Remember) || f.AsOf != c.on {
			t.Errorf("%s: verdict %d with memory %q, want %d", name, got, f.Memory, c.want)
		}
		if c.want == gate.Raise && !strings.HasPrefix(name, "accepted") {
			f.Memory = "f1"
			b.refuses(f, gate.ErrGateViolation)
		}
	}
	covered, _ := b.s.Admit(at(func(*event.FlagRaised) {}), day)
	b.refuses(at(func(f *event.FlagRaised) { f.Memory = "f9" }), gate.ErrGateViolation)
	b.append(covered).release().sees("E 1 released B (f2 covered)")
	// Leaving the band asks again, for its cell only.
	b.cells("E 1 C", "E 2 C")
	f := finding("f3", "K09", event.Hold, b.rev, guards(t, "E 1 C")...)
	f.Observed = 40
	f, v := b.s.Admit(f, day)
	if v != gate.Raise {
		t.Fatalf("verdict %d", v)
	}
	b.append(f).release().sees("E 1 held_previous B f3 (f2 covered)", "E 2 released C")
	// Rejecting what memory released withdraws it and ends the memory.
	b.reject("f2").sees("E 1 held_empty f3")
	if len(b.s.Memories()) != 0 {
		t.Error("the memory of a rejected value remains")
	}
}

// An acceptance about several periods reaches later ones of the same series,
// never earlier ones.
func TestMemoryOfSeveralPeriods(t *testing.T) {
	b := newBook(t).cells("E 2 -", "E 3 -").raise("f1", "K01", event.Hold, "E 2 -", "E 3 -").accept("f1").release().cells("E 1 -", "E 4 -")
	for spec, want := range map[string]gate.Verdict{"E 4 -": gate.Remember, "E 1 -": gate.Raise, "F 4 -": gate.Raise} {
		f := finding("f2", "K01", event.Hold, b.rev, guards(t, "E 4 -", spec)...)
		f.Unit, f.Period = "E", catalog.Date{}
		if _, got := b.s.Admit(f, day); got != want {
			t.Errorf("%s: verdict %d, want %d", spec, got, want)
		}
	}
}

func TestAdmitKnowsWhatWasAsked(t *testing.T) {
	b := newBook(t).cells("E 1 A", "E 2 A").raise("f1", "K01", event.Hold, "E 1 A", "E 2 A").release()
	verdict := func(f event.FlagRaised) gate.Verdict {
		_, v := b.s.Admit(f, day)
		return v
	}
	again := finding("f9", "K01", event.Hold, 2, guards(t, "E 1 A")...)
	graver := again
	graver.Severity = event.Block
	other := again
	other.Check = "K09"
	if verdict(again) != gate.Known || verdict(graver) != gate.Raise || verdict(other) != gate.Raise {
		t.Errorf("open: %d %d %d", verdict(again), verdict(graver), verdict(other))
	}
	b.reject("f1")
	if verdict(again) != gate.Known || verdict(graver) != gate.Known || verdict(other) != gate.Known {
		t.Error("a withdrawn version is asked about")
	}
	b.cells("E 1 B").release()
	if again.Guards = guards(t, "E 1 B"); verdict(again) != gate.Raise {
		t.Error("a new version is not asked about")
	}
}

// What a person is looking at does not close by itself.
func TestMemoryDoesNotCloseAnOpenFlag(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").accept("f1").release().
		cells("E 1 B").raise("f2", "K09", event.Note, "E 1 B")
	f, verdict := b.s.Admit(finding("f2", "K09", event.Hold, b.rev, guards(t, "E 1 B")...), day)
	if verdict != gate.Raise || f.Memory != "" {
		t.Fatalf("verdict %d with memory %q", verdict, f.Memory)
	}
	b.append(f).release().sees("E 1 held_previous A f2 (f1 accepted)")
}

func TestWaiver(t *testing.T) {
	waive := gate.Command{Flag: "f1", Kind: event.Waive, Cause: gate.FalseAlarm, Note: "checked against the records"}
	b := newBook(t).cells("E 1 A").raise("f1", "C10", event.Block, "E 1 A").release()
	b.decide(waive, steward).sees("E 1 held_empty f1")
	f, _ := b.s.Flag("f1")
	if len(f.Proposals) != 1 {
		t.Fatalf("proposals %+v", f.Proposals)
	}
	confirm := gate.Command{Flag: "f1", Kind: gate.Confirm}
	if _, err := b.s.Decide(confirm, steward, day); !errors.Is(err, gate.ErrFourEyes) {
		t.Errorf("confirmed by the proposer: %v", err)
	}
	b.refuses(event.DecisionConfirmed{Decision: f.Proposals[0].Decision, Flag: "f1", By: "p1", On: day}, gate.ErrFourEyes)
	b.refuses(event.DecisionConfirmed{Decision: "other", Flag: "f1", By: "p2", On: day}, gate.ErrTransition)
	if _, err := b.s.Decide(confirm, second, day.AddDays(gate.MemoryDays+1)); !errors.Is(err, gate.ErrInvalid) {
		t.Errorf("confirmed after its end: %v", err)
	}
	if got, err := b.s.Decide(waive, steward, day); err != nil || got != nil {
		t.Errorf("proposed twice: %v, %v", got, err)
	}
	b.decide(confirm, second).release().sees("E 1 released A (f1 waived)")
	if f, _ := b.s.Flag("f1"); len(f.Proposals) != 0 || len(f.Confirmations) != 1 || f.WaivedUntil != day.AddDays(gate.MemoryDays) {
		t.Errorf("flag %+v", f)
	}
	if got, err := b.s.Decide(confirm, second, day); err != nil || got != nil {
		t.Errorf("confirmed twice: %v, %v", got, err)
	}
	// It binds to this version only, and to its days.
	again := finding("f1", "C10", event.Block, b.rev, guards(t, "E 1 A")...)
	if _, v := b.s.Admit(again, day.AddDays(90)); v != gate.Known {
		t.Errorf("waived: %d", v)
	}
	if _, v := b.s.Admit(again, day.AddDays(91)); v != gate.Raise {
		t.Errorf("waiver ended: %d", v)
	}
	b.cells("E 1 B")
	if _, v := b.s.Admit(finding("f2", "C10", event.Block, b.rev, guards(t, "E 1 B")...), day); v != gate.Raise {
		t.Errorf("another version: %d", v)
	}

	// A flag that closes takes its proposals with it.
	b = newBook(t).cells("E 1 A").raise("f1", "C10", event.Block, "E 1 A").decide(waive, steward)
	f, _ = b.s.Flag("f1")
	b.cells("E 1 B").resolve("f1 resent").release().cells("E 1 A").raise("f1", "C10", event.Block, "E 1 A").release().
		refuses(event.DecisionConfirmed{Decision: f.Proposals[0].Decision, Flag: "f1", By: "p2", On: day}, gate.ErrTransition)
	// The same words about the question that came back are a new proposal.
	b.decide(waive, steward)
	if g, _ := b.s.Flag("f1"); len(g.Proposals) != 1 || g.Proposals[0].Decision == f.Proposals[0].Decision {
		t.Errorf("proposals %+v", g.Proposals)
	}
	// Two proposals must be told apart.
	b.decide(gate.Command{Flag: "f1", Kind: event.Waive, Cause: gate.Unknown, Note: "other"}, second)
	if _, err := b.s.Decide(confirm, actor("p3", gate.RegionSteward), day); !errors.Is(err, gate.ErrInvalid) {
		t.Errorf("confirmed either: %v", err)
	}
}

func TestCommentAndSnoozeKeepTheHold(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").release().
		decide(gate.Command{Flag: "f1", Kind: event.Comment, Note: "asked the clinic"}, steward).
		decide(gate.Command{Flag: "f1", Kind: event.Snooze, Until: day.AddDays(30)}, steward).
		release().sees("E 1 held_empty f1")
	if f, _ := b.s.Flag("f1"); f.Snoozed != day.AddDays(30) || f.Version != 3 || len(f.Decisions) != 2 {
		t.Errorf("flag %+v", f)
	}
	b.accept("f1").decide(gate.Command{Flag: "f1", Kind: event.Comment, Note: "afterwards"}, steward).
		release().sees("E 1 released A (f1 accepted)")
}

func TestReleaseIsVerified(t *testing.T) {
	b := newBook(t).cells("E 1 A", "E 2 A").release().cells("E 1 B", "E 2 B").raise("f1", "K09", event.Hold, "E 1 B")
	honest := b.s.Release("run", b.rev, 1, 2)
	if len(honest.Except) != 1 || honest.Except[0] != guard(key("E", 1), "B") || len(honest.Withdrawn) != 0 || honest.Indicator != "i1" {
		t.Fatalf("release %+v", honest)
	}
	forged := honest
	forged.Except = nil
	b.refuses(forged, gate.ErrGateViolation)
	forged.Except = guards(t, "E 1 A")
	b.refuses(forged, gate.ErrGateViolation)
	forged.Except = guards(t, "E 1 A", "E 1 B")
	b.refuses(forged, gate.ErrTransition)
	forged = honest
	forged.Withdrawn = guards(t, "E 2 B")
	b.refuses(forged, gate.ErrGateViolation)
	forged = honest
	forged.Indicator = "i2"
	b.refuses(forged, gate.ErrForeign)
	// Holding back more than the gate does is its maker's right.
	careful := honest
	careful.Except = guards(t, "E 1 B", "E 2 B")
	b.append(careful).sees("E 1 held_previous A f1", "E 2 released A").release().sees("E 2 released B")
	b.reject("f1")
	honest = b.s.Release("run", b.rev, 1, 2)
	if len(honest.Except) != 1 || len(honest.Withdrawn) != 1 {
		t.Fatalf("release %+v", honest)
	}
	forged = honest
	forged.Except = nil
	b.refuses(forged, gate.ErrGateViolation)
	forged = honest
	forged.Withdrawn = nil
	b.refuses(forged, gate.ErrGateViolation)
	forged = honest
	forged.Rev--
	b.refuses(forged, gate.ErrOrder)
	b.append(honest)
}

// A release of revision r sees versions up to r, whatever has been given.
func TestReleaseSeesItsRevision(t *testing.T) {
	b := newBook(t).cells("E 1 A").cells("E 1 B").cells("E 1 C")
	b.append(b.s.Release("run", 2, 1, 2)).sees("E 1 released B")
	if v := b.s.View(key("E", 1)); v.Shown.Rev != 2 || v.Current.Rev != 3 {
		t.Errorf("view %+v", v)
	}
	late := gate.Version{Key: key("E", 2), Fingerprint: fp(key("E", 2), "A"), Rev: 2}
	if err := b.s.Cells([]gate.Version{late}); !errors.Is(err, gate.ErrOrder) {
		t.Errorf("late version: %v", err)
	}
	// Versions that were seen, or that an applied release passed over, may
	// be given again.
	if err := b.s.Cells(b.versions); err != nil {
		t.Error(err)
	}
	b.release().sees("E 1 released C", "E 2 missing")
	if err := b.s.Cells([]gate.Version{{Key: key("E", 1), Fingerprint: fp(key("E", 1), "D"), Rev: 3}}); !errors.Is(err, gate.ErrVersion) {
		t.Errorf("two versions in one revision: %v", err)
	}
	foreign := gate.Version{Key: key("E", 1), Rev: 9}
	foreign.Key.Indicator = "i2"
	if err := b.s.Cells([]gate.Version{foreign}); !errors.Is(err, gate.ErrForeign) {
		t.Errorf("foreign version: %v", err)
	}
}

func TestImpossibleEvents(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("hold", "K09", event.Hold, "E 1 A").raise("block", "C10", event.Block, "E 1 A").
		raise("info", "C05", event.Info, "E 1 A").raise("done", "T04", event.Hold, "E 1 A").accept("done")
	made := func(flag, kind string) event.DecisionMade {
		return event.DecisionMade{Decision: "x" + flag + kind, Flag: flag, Kind: kind, By: "p1", On: day, Low: 80, High: 100}
	}
	b.refuses(made("none", event.Accept), gate.ErrUnknownFlag)
	b.refuses(made("block", event.Accept), gate.ErrGateViolation)
	b.refuses(made("block", event.Waive), gate.ErrGateViolation)
	b.refuses(made("hold", event.Correct), gate.ErrGateViolation)
	b.refuses(made("hold", "bless"), gate.ErrGateViolation)
	b.refuses(made("info", event.Accept), gate.ErrTransition)
	b.refuses(made("info", event.RejectIt), gate.ErrTransition)
	b.refuses(made("done", event.Accept), gate.ErrTransition)
	b.refuses(made("done", event.Snooze), gate.ErrTransition)
	bad := made("hold", event.Accept)
	bad.Low, bad.High = 3, 2
	b.refuses(bad, gate.ErrTransition)
	bad = made("hold", event.Accept)
	bad.By = ""
	b.refuses(bad, gate.ErrTransition)
	b.refuses(event.DecisionProposed{Decision: "y", Flag: "hold", Kind: event.Waive, By: "p1", On: day}, gate.ErrTransition)
	b.refuses(event.DecisionProposed{Decision: "y", Flag: "block", Kind: event.Correct, By: "p1", On: day}, gate.ErrTransition)
	b.refuses(event.DecisionProposed{Decision: "y", Flag: "none", Kind: event.Waive, By: "p1", On: day}, gate.ErrUnknownFlag)
	b.refuses(event.DecisionConfirmed{Decision: "y", Flag: "none", By: "p1", On: day}, gate.ErrUnknownFlag)
	b.refuses(finding("hold", "K09", event.Hold, 1, guards(t, "E 2 A")...), gate.ErrTransition)
	b.refuses(finding("hold", "T04", event.Hold, 1, guards(t, "E 1 A")...), gate.ErrTransition)
	b.refuses(finding("new", "T04", "GRAVE", 1), gate.ErrTransition)
	b.refuses(finding("", "T04", event.Hold, 1), gate.ErrTransition)
	foreign := finding("new", "T04", event.Hold, 1)
	foreign.Indicator = "i2"
	b.refuses(foreign, gate.ErrForeign)
	open := finding("hold", "K09", event.Hold, 9, guards(t, "E 1 A")...)
	open.Memory = "done"
	b.refuses(open, gate.ErrTransition)
	b.refuses(event.RunChecked{Run: "run"}, gate.ErrForeign)

	e := b.event(finding("new", "T04", event.Hold, 1))
	e.Subject = event.GateSubject("nord", "i2")
	if err := b.s.Apply(e); !errors.Is(err, gate.ErrForeign) {
		t.Errorf("another gate's event: %v", err)
	}
	e = b.event(finding("new", "T04", event.Hold, 1))
	e.Sequence = 2
	if err := b.s.Apply(e); !errors.Is(err, gate.ErrOrder) {
		t.Errorf("an event from the past: %v", err)
	}
	e.ID = ""
	if err := b.s.Apply(e); err == nil {
		t.Error("an event without id was taken")
	}
	e = b.event(finding("new", "T04", event.Hold, 1))
	e.Data = []byte(`{"flag":`)
	if err := b.s.Apply(e); !errors.Is(err, gate.ErrTransition) {
		t.Errorf("broken body: %v", err)
	}
}

func TestDecideRefuses(t *testing.T) {
	b := newBook(t).cells("E 1 A", "E 2 A").raise("hold", "K09", event.Hold, "E 1 A").raise("block", "C10", event.Block, "E 2 A").
		raise("info", "C05", event.Info, "E 1 A").raise("gone", "T04", event.Hold, "E 1 A").accept("gone").
		raise("note", "C11", event.Note, "E 1 A")
	low, high, far := 81.0, 99.0, 101.0
	right := []event.Correction{correction(guard(key("E", 1), "A"), "B")}
	for name, c := range map[string]struct {
		cmd  gate.Command
		who  gate.Actor
		want error
	}{
		"unknown flag":          {gate.Command{Flag: "x", Kind: event.Accept, Cause: gate.Unknown}, steward, gate.ErrUnknownFlag},
		"unknown kind":          {gate.Command{Flag: "hold", Kind: "bless"}, steward, gate.ErrInvalid},
		"correction":            {gate.Command{Flag: "hold", Kind: event.Correct, Cause: gate.Unknown, Evidence: "record", Corrections: right}, steward, nil},
		"correct, no content":   {gate.Command{Flag: "hold", Kind: event.Correct, Cause: gate.Unknown, Evidence: "record"}, steward, gate.ErrCorrections},
		"correct, no evidence":  {gate.Command{Flag: "hold", Kind: event.Correct, Cause: gate.Unknown, Corrections: right}, steward, gate.ErrInvalid},
		"correct, no cause":     {gate.Command{Flag: "hold", Kind: event.Correct, Evidence: "record", Corrections: right}, steward, gate.ErrInvalid},
		"correct to the same":   {gate.Command{Flag: "hold", Kind: event.Correct, Cause: gate.Unknown, Evidence: "record", Corrections: []event.Correction{correction(guard(key("E", 1), "A"), "A")}}, steward, gate.ErrCorrections},
		"correct another cell":  {gate.Command{Flag: "hold", Kind: event.Correct, Cause: gate.Unknown, Evidence: "record", Corrections: []event.Correction{correction(guard(key("E", 2), "A"), "B")}}, steward, gate.ErrCorrections},
		"correct it twice":      {gate.Command{Flag: "hold", Kind: event.Correct, Cause: gate.Unknown, Evidence: "record", Corrections: append(right, right...)}, steward, gate.ErrCorrections},
		"correct to nothing":    {gate.Command{Flag: "hold", Kind: event.Correct, Cause: gate.Unknown, Evidence: "record", Corrections: []event.Correction{{Cell: guard(key("E", 1), "A")}}}, steward, gate.ErrCorrections},
		"correct info":          {gate.Command{Flag: "info", Kind: event.Correct, Cause: gate.Unknown, Evidence: "record", Corrections: right}, steward, gate.ErrInvalid},
		"correct as super-user": {gate.Command{Flag: "hold", Kind: event.Correct, Cause: gate.Unknown, Evidence: "record", Corrections: right}, actor("p5", gate.SuperUser, "E"), nil},
		"content of acceptance": {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, Corrections: right}, steward, gate.ErrInvalid},
		"answer":                {gate.Command{Flag: "hold", Kind: event.Answer, Note: "n"}, actor("p5", gate.SourceOperator), nil},
		"empty answer":          {gate.Command{Flag: "hold", Kind: event.Answer}, actor("p5", gate.SourceOperator), gate.ErrInvalid},
		"source accepts":        {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown}, actor("p5", gate.SourceOperator), gate.ErrForbidden},
		"refuse nothing":        {gate.Command{Flag: "block", Kind: gate.Refuse, Note: "n"}, steward, gate.ErrInvalid},
		"judge":                 {gate.Command{Flag: "hold", Kind: gate.Judge, Cause: gate.Unknown, Evidence: "e"}, actor("p5", gate.SuperUser, "E"), nil},
		"judge without cause":   {gate.Command{Flag: "hold", Kind: gate.Judge, Evidence: "e"}, steward, gate.ErrInvalid},
		"judge without looking": {gate.Command{Flag: "hold", Kind: gate.Judge, Cause: gate.Unknown}, steward, gate.ErrInvalid},
		"judge what is closed":  {gate.Command{Flag: "gone", Kind: gate.Judge, Cause: gate.Unknown, Evidence: "e"}, steward, gate.ErrClosed},
		"undo nothing":          {gate.Command{Flag: "hold", Kind: gate.Undo, At: time.Unix(0, 0)}, steward, gate.ErrInvalid},
		"undo at no time":       {gate.Command{Flag: "gone", Kind: gate.Undo}, steward, gate.ErrInvalid},
		"undo":                  {gate.Command{Flag: "gone", Kind: gate.Undo, At: time.Unix(0, 0)}, steward, nil},
		"undo another's":        {gate.Command{Flag: "gone", Kind: gate.Undo, At: time.Unix(0, 0)}, actor("p5", gate.SuperUser, "E"), gate.ErrForbidden},
		"undo too late":         {gate.Command{Flag: "gone", Kind: gate.Undo, At: time.Unix(0, 0).Add(24*time.Hour + 1)}, steward, gate.ErrTooLate},
		"accept":                {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown}, steward, nil},
		"accept without cause":  {gate.Command{Flag: "hold", Kind: event.Accept}, steward, gate.ErrInvalid},
		"accept for any cause":  {gate.Command{Flag: "hold", Kind: event.Accept, Cause: "bad luck"}, steward, gate.ErrInvalid},
		"accept a note":         {gate.Command{Flag: "note", Kind: event.Accept, Cause: gate.Unknown}, steward, nil},
		"accept info":           {gate.Command{Flag: "info", Kind: event.Accept, Cause: gate.Unknown}, steward, gate.ErrInvalid},
		"accept block":          {gate.Command{Flag: "block", Kind: event.Accept, Cause: gate.Unknown}, steward, gate.ErrInvalid},
		"accept closed":         {gate.Command{Flag: "gone", Kind: event.Accept, Cause: gate.Unknown}, steward, gate.ErrClosed},
		"narrow band":           {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, Low: &low, High: &high}, steward, nil},
		"wide band":             {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, High: &far}, steward, gate.ErrInvalid},
		"band without observed": {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, Low: &high}, steward, gate.ErrInvalid},
		"band of a rejection":   {gate.Command{Flag: "hold", Kind: event.RejectIt, Cause: gate.Unknown, Low: &low}, steward, gate.ErrInvalid},
		"accept for a year":     {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, Until: day.AddDays(366)}, steward, nil},
		"accept for longer":     {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, Until: day.AddDays(367)}, steward, gate.ErrInvalid},
		"accept until before":   {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, Until: day.AddDays(-1)}, steward, gate.ErrInvalid},
		"reject":                {gate.Command{Flag: "block", Kind: event.RejectIt, Cause: gate.ExportError}, steward, nil},
		"reject without cause":  {gate.Command{Flag: "block", Kind: event.RejectIt}, steward, gate.ErrInvalid},
		"reject info":           {gate.Command{Flag: "info", Kind: event.RejectIt, Cause: gate.Unknown}, steward, gate.ErrInvalid},
		"reject until":          {gate.Command{Flag: "hold", Kind: event.RejectIt, Cause: gate.Unknown, Until: day.AddDays(1)}, steward, gate.ErrInvalid},
		"comment":               {gate.Command{Flag: "gone", Kind: event.Comment, Note: "n"}, steward, nil},
		"empty comment":         {gate.Command{Flag: "hold", Kind: event.Comment, Note: " "}, steward, gate.ErrInvalid},
		"comment, odd cause":    {gate.Command{Flag: "hold", Kind: event.Comment, Note: "n", Cause: "odd"}, steward, gate.ErrInvalid},
		"snooze":                {gate.Command{Flag: "block", Kind: event.Snooze, Until: day.AddDays(30)}, steward, nil},
		"snooze too long":       {gate.Command{Flag: "hold", Kind: event.Snooze, Until: day.AddDays(31)}, steward, gate.ErrInvalid},
		"snooze until today":    {gate.Command{Flag: "hold", Kind: event.Snooze, Until: day}, steward, gate.ErrInvalid},
		"snooze for ever":       {gate.Command{Flag: "hold", Kind: event.Snooze}, steward, gate.ErrInvalid},
		"snooze closed":         {gate.Command{Flag: "gone", Kind: event.Snooze, Until: day.AddDays(3)}, steward, gate.ErrClosed},
		"waive":                 {gate.Command{Flag: "block", Kind: event.Waive, Cause: gate.FalseAlarm, Note: "n"}, steward, nil},
		"waive without note":    {gate.Command{Flag: "block", Kind: event.Waive, Cause: gate.FalseAlarm}, steward, gate.ErrInvalid},
		"waive without cause":   {gate.Command{Flag: "block", Kind: event.Waive, Note: "n"}, steward, gate.ErrInvalid},
		"waive hold":            {gate.Command{Flag: "hold", Kind: event.Waive, Cause: gate.FalseAlarm, Note: "n"}, steward, gate.ErrInvalid},
		"waive as super-user":   {gate.Command{Flag: "block", Kind: event.Waive, Cause: gate.FalseAlarm, Note: "n"}, actor("p5", gate.SuperUser), gate.ErrForbidden},
		"confirm nothing":       {gate.Command{Flag: "block", Kind: gate.Confirm}, steward, gate.ErrInvalid},
		"confirm closed":        {gate.Command{Flag: "gone", Kind: gate.Confirm}, steward, gate.ErrClosed},
		"read":                  {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, ExpectedVersion: 1}, steward, nil},
		"read something else":   {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, ExpectedVersion: 2}, steward, gate.ErrConflict},
		"decided meanwhile":     {gate.Command{Flag: "gone", Kind: event.RejectIt, Cause: gate.Unknown, ExpectedVersion: 1}, steward, gate.ErrConflict},
		"nobody":                {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown}, gate.Actor{}, gate.ErrInvalid},
		"other's unit":          {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown}, actor("p5", gate.SuperUser, "F"), gate.ErrForbidden},
		"own unit":              {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown}, actor("p5", gate.SuperUser, "E"), nil},
	} {
		before := dump(b.s)
		bodies, err := b.s.Decide(c.cmd, c.who, day)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (len(bodies) == 1) != (c.want == nil) {
			t.Errorf("%s: %v, %v; want %v", name, bodies, err, c.want)
		}
		if dump(b.s) != before {
			t.Errorf("%s changed the state", name)
		}
	}
	_, err := b.s.Decide(gate.Command{Flag: "gone", Kind: event.RejectIt, Cause: gate.Unknown, ExpectedVersion: 1}, steward, day)
	var conflict *gate.ConflictError
	if !errors.As(err, &conflict) || conflict.By != "p1" || conflict.What != event.Accept || conflict.On != day || conflict.Actual != 2 {
		t.Errorf("conflict %+v", conflict)
	}
	if _, err := b.s.Decide(gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown}, steward, catalog.Date{}); !errors.Is(err, gate.ErrInvalid) {
		t.Errorf("without a date: %v", err)
	}
}

func TestDecisionIsItsContent(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A")
	id := func(cmd gate.Command, who gate.Actor, on catalog.Date) string {
		bodies, err := b.s.Decide(cmd, who, on)
		if err != nil {
			t.Fatal(err)
		}
		return bodies[0].(event.DecisionMade).Decision
	}
	cmd := gate.Command{Flag: "f1", Kind: event.Comment, Note: "n", Cause: gate.Unknown}
	seen := map[string]string{id(cmd, steward, day): "itself"}
	if _, same := seen[id(cmd, steward, day)]; !same {
		t.Error("one command has two ids")
	}
	note, cause, kind := cmd, cmd, cmd
	note.Note, cause.Cause, kind.Kind = "m", gate.FalseAlarm, event.Accept
	band, low := kind, 85.0
	band.Low = &low
	for name, got := range map[string]string{"note": id(note, steward, day), "cause": id(cause, steward, day), "kind": id(kind, steward, day),
		"band": id(band, steward, day), "person": id(cmd, second, day), "day": id(cmd, steward, day.AddDays(1))} {
		if other, ok := seen[got]; ok {
			t.Errorf("another %s is the decision of another %s", name, other)
		}
		seen[got] = name
	}
	// The same command twice is one decision, also after the first.
	b.decide(cmd, steward)
	if got, err := b.s.Decide(cmd, steward, day); got != nil || err != nil {
		t.Errorf("repeated: %v, %v", got, err)
	}
	accept := gate.Command{Flag: "f1", Kind: event.Accept, Cause: gate.TrueChange, ExpectedVersion: 2}
	b.decide(accept, steward)
	if got, err := b.s.Decide(accept, steward, day); got != nil || err != nil {
		t.Errorf("repeated acceptance: %v, %v", got, err)
	}
	// Appended twice under two causes it counts once.
	f, _ := b.s.Flag("f1")
	b.append(f.Decisions[1])
	if g, _ := b.s.Flag("f1"); g.Version != f.Version || len(g.Decisions) != 2 {
		t.Errorf("counted twice: %+v", g)
	}
}

func TestRoles(t *testing.T) {
	units := []catalog.Unit{
		{ID: "R"}, {ID: "H", Parents: []catalog.Parent{{Unit: "R"}}},
		{ID: "E", Parents: []catalog.Parent{{Unit: "H", To: catalog.NewDate(2026, 1, 1)}, {Unit: "G", From: catalog.NewDate(2026, 1, 1)}}},
		{ID: "G", Parents: []catalog.Parent{{Unit: "E"}}}, // a circle must not hang
	}
	as := func(on catalog.Date, roles ...catalog.Role) gate.Actor {
		return gate.NewActor(catalog.Person{ID: "p", Roles: roles}, units, on)
	}
	role := func(r string, units ...string) catalog.Role { return catalog.Role{Role: r, Units: units} }
	then := catalog.NewDate(2025, 6, 1)
	for name, c := range map[string]struct {
		who   gate.Actor
		kind  string
		units []string
		want  bool
	}{
		"super-user accepts in her unit":   {as(day, role("super_user", "E")), event.Accept, []string{"E"}, true},
		"and rejects":                      {as(day, role("super_user", "E")), event.RejectIt, []string{"E"}, true},
		"and comments":                     {as(day, role("super_user", "E")), event.Comment, []string{"E"}, true},
		"and snoozes":                      {as(day, role("super_user", "E")), event.Snooze, []string{"E"}, true},
		"but does not waive":               {as(day, role("super_user", "E")), event.Waive, []string{"E"}, false},
		"nor confirm":                      {as(day, role("super_user", "E")), gate.Confirm, []string{"E"}, false},
		"nor elsewhere":                    {as(day, role("super_user", "E")), event.Accept, []string{"H"}, false},
		"nor in part elsewhere":            {as(day, role("super_user", "E")), event.Accept, []string{"E", "H"}, false},
		"nor for all units":                {as(day, role("super_user", "E")), event.Accept, []string{""}, false},
		"her unit lay below then":          {as(then, role("super_user", "R")), event.Accept, []string{"E"}, true},
		"and does not now":                 {as(day, role("super_user", "R")), event.Accept, []string{"E"}, false},
		"two units by two roles":           {as(day, role("super_user", "E"), role("super_user", "H")), event.Accept, []string{"H"}, true},
		"region steward waives":            {as(day, role("region_steward")), event.Waive, []string{"E"}, true},
		"region steward of a part":         {as(day, role("region_steward", "H")), event.Waive, []string{"E"}, false},
		"region steward for all units":     {as(day, role("region_steward")), event.Accept, []string{""}, true},
		"national steward confirms":        {as(day, role("national_steward")), gate.Confirm, []string{"E"}, true},
		"national steward of the registry": {as(day, catalog.Role{Role: "national_steward", Registries: []string{"hjarta"}}), gate.Confirm, []string{"E"}, true},
		"national steward of another":      {as(day, catalog.Role{Role: "national_steward", Registries: []string{"hofte"}}), gate.Confirm, []string{"E"}, false},
		"viewer":                           {as(day, role("viewer")), event.Comment, []string{"E"}, false},
		"auditor":                          {as(day, role("auditor")), event.Accept, []string{"E"}, false},
		"source operator":                  {as(day, role("source_operator")), event.Accept, []string{"E"}, false},
		"administrator":                    {as(day, role("administrator")), event.Accept, []string{"E"}, false},
		"administrator with a second role": {as(day, role("region_steward"), role("administrator")), event.Accept, []string{"E"}, false},
		"nobody":                           {as(day), event.Accept, []string{"E"}, false},
		"an invented kind":                 {as(day, role("region_steward")), "bless", []string{"E"}, false},
		"super-user proposes corrections":  {as(day, role("super_user", "E")), event.Correct, []string{"E"}, true},
		"and does not refuse":              {as(day, role("super_user", "E")), gate.Refuse, []string{"E"}, false},
		"nor decides in bulk":              {as(day, role("super_user", "E")), gate.Bulk, []string{"E"}, false},
		"region steward decides in bulk":   {as(day, role("region_steward")), gate.Bulk, []string{"E"}, true},
		"and introduces":                   {as(day, role("region_steward")), gate.Introduce, []string{""}, true},
		"source operator answers":          {as(day, role("source_operator")), event.Answer, []string{"E"}, true},
		"and corrects nothing":             {as(day, role("source_operator")), event.Correct, []string{"E"}, false},
		"auditor judges nothing":           {as(day, role("auditor")), gate.Judge, []string{"E"}, false},
	} {
		err := gate.Allowed(c.who, c.kind, []string{"hjarta"}, c.units)
		if (err == nil) != c.want || err != nil && !errors.Is(err, gate.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	who := as(day, catalog.Role{Role: "region_steward", Registries: []string{"hjarta"}})
	if gate.Allowed(who, event.Accept, nil, []string{"E"}) == nil {
		t.Error("a role for one registry reaches what has none")
	}
	if gate.Allowed(who, event.Accept, []string{"hjarta", "hofte"}, []string{"E"}) == nil {
		t.Error("a role for one registry reaches two")
	}
	if gate.Allowed(as(day, role("super_user", "E")), event.Accept, []string{"hjarta"}, nil) == nil {
		t.Error("a role for one unit reaches what has none")
	}
	// A flag reaches as far as what it guards.
	b := newBook(t).cells("E 1 A", "F 1 A")
	f := finding("f1", "K09", event.Hold, 1, guards(t, "E 1 A", "F 1 A")...)
	b.append(f)
	if _, err := b.s.Decide(gate.Command{Flag: "f1", Kind: event.Accept, Cause: gate.Unknown}, actor("p", gate.SuperUser, "E"), day); !errors.Is(err, gate.ErrForbidden) {
		t.Errorf("accepted for another unit: %v", err)
	}
	// One that guards nothing belongs to the registry of its indicator.
	b.append(finding("f2", "K02", event.Note, 1))
	if _, err := b.s.Decide(gate.Command{Flag: "f2", Kind: event.Comment, Note: "n"}, who, day); err != nil {
		t.Errorf("comment on a flag without guards: %v", err)
	}
}

func TestFlagsInOrderAndNames(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("z", "K09", event.Hold, "E 1 A").raise("a", "T04", event.Hold, "E 1 A")
	var ids []string
	for f := range b.s.Flags {
		ids = append(ids, f.Flag)
		if len(ids) == 2 {
			break
		}
	}
	if !slices.Equal(ids, []string{"z", "a"}) {
		t.Errorf("flags %v", ids)
	}
	if _, ok := b.s.Flag("none"); ok {
		t.Error("a flag that was never raised")
	}
	n := 0
	for range newBook(t).cells("E 1 A", "E 2 A").s.Views {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d views", n)
	}
	for _, s := range []fmt.Stringer{gate.Open, gate.Covered, gate.Accepted, gate.Rejected, gate.Waived, gate.Resolved,
		gate.Missing, gate.Released, gate.HeldPrevious, gate.HeldEmpty, gate.Waiting} {
		if s.String() == "unknown" {
			t.Errorf("%#v has no name", s)
		}
	}
	if gate.Status(0).String() != "unknown" || gate.ViewState(99).String() != "unknown" {
		t.Error("a state that is none has a name")
	}
}
