package run_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// fact is one row of a file: an observation, a deletion or a row that was
// rejected.
type fact struct {
	kind event.Kind
	// key is the natural key, 0: none.
	key  int
	unit string
	day  int32
	// quarter says that its indicator is counted by quarters, else by months.
	quarter  bool
	num, den int64
}

func (f fact) period() catalog.Granularity {
	if f.quarter {
		return catalog.Quarter
	}
	return catalog.Month
}

func (f fact) cell() cell.Key {
	g := f.period()
	return cell.Key{Region: "nord", Registry: "reg", Indicator: "i" + string(g), Version: "1", Granularity: string(g), Unit: f.unit,
		PeriodStart: g.PeriodStart(catalog.DateOfDays(f.day)).Days()}
}

// add counts a fact in the cells that it belongs to.
func (f fact) add(cells map[cell.Key]cell.Content) {
	c := cells[f.cell()]
	if f.kind == event.Rejected {
		c.Rejected++
	} else {
		c.Rows++
		c.Numerator = c.Numerator.Add(cell.FixedOf(f.num))
		c.Denominator = c.Denominator.Add(cell.FixedOf(f.den))
	}
	cells[f.cell()] = c
}

// versionsOf are cells as sorted versions.
func versionsOf(cells map[cell.Key]cell.Content) []cell.Version {
	var out []cell.Version
	for k, c := range cells {
		out = append(out, cell.Version{Key: k, Content: c, Fingerprint: cell.FingerprintOf(k, c, false)})
	}
	slices.SortFunc(out, func(a, b cell.Version) int { return a.Key.Compare(b.Key) })
	return out
}

// export is one file.
type export struct {
	name    string
	order   string
	number  int64 // 0: the feed does not count
	asOf    catalog.Date
	accept  event.DeliveryAccepted // what it replaces, where it is a snapshot
	facts   []fact
	mistake bool // it is not to count
}

// station is a region in memory: a LEDGER, the fold of it, and what the
// services would do by it. A crash forgets everything but the LEDGER, the rows
// and the cells.
type station struct {
	t       fataler
	events  []event.Event
	state   run.State
	seq     uint64
	rows    map[string][]fact // by delivery
	files   map[string]export // by delivery
	current map[cell.Key]cell.Version
	again   int
	// crash and twice say at every event whether the process dies after it, and
	// whether it had been appended before.
	crash, twice func() bool
}

func newStation(t fataler) *station {
	never := func() bool { return false }
	return &station{t: t, rows: map[string][]fact{}, files: map[string]export{}, current: map[cell.Key]cell.Version{}, crash: never, twice: never}
}

func (s *station) append(subject string, body event.Body) {
	s.t.Helper()
	e, err := event.New(subject, fmt.Sprint(s.seq), body, time.Unix(0, 0))
	if err != nil {
		s.t.Fatal(err)
	}
	times := 1
	if s.twice() {
		times = 2
	}
	for range times {
		s.seq++
		e.Sequence = s.seq
		s.events = append(s.events, e)
		if err := s.state.Apply(e); err != nil {
			s.t.Fatalf("%T: %v", body, err)
		}
	}
	if s.crash() {
		s.state = run.State{}
		for _, e := range s.events {
			if err := s.state.Apply(e); err != nil {
				s.t.Fatalf("after a crash: %v", err)
			}
		}
	}
}

// bring hands a file in.
func (s *station) bring(x export, again bool) {
	s.t.Helper()
	place := ""
	if x.number > 0 {
		place = x.order
	}
	raw := fmt.Sprint(x.facts)
	if !x.accept.From.IsZero() || len(x.accept.Units) > 0 || x.accept.Kind == "snapshot" {
		raw += x.name // a snapshot says what it is of
	}
	if seen := s.state.SeenRaw(raw, "f", place); seen != nil && !again {
		s.append(event.DeliverySubject("nord", "reg", seen.Delivery), event.DeliveryRepeated{Delivery: seen.Delivery, Feed: "f", Raw: raw})
		return
	}
	id := "d-" + x.name
	if s.state.Delivery(id) != nil {
		s.again++
		id += "-again-" + strconv.Itoa(s.again)
	}
	s.rows[id], s.files[id] = x.facts, x
	s.append(event.DeliverySubject("nord", "reg", id), event.DeliveryReceived{Delivery: id, Feed: "f", Registry: "reg", Raw: raw, Name: x.name, Place: place})
	s.decide()
}

// decide accepts what was received: also what a crash left.
func (s *station) decide() {
	s.t.Helper()
	for _, d := range s.state.Undecided() {
		x := s.files[d.Delivery]
		a := x.accept
		a.Delivery, a.Feed, a.Registry, a.OrderKey, a.AsOf = d.Delivery, "f", "reg", x.order, x.asOf
		if x.number > 0 {
			a.Number, a.Step, a.First = x.number, 1, 1
		}
		s.append(event.DeliverySubject("nord", "reg", d.Delivery), a)
	}
}

// retract withdraws the delivery of a file.
func (s *station) retract(name string) {
	s.t.Helper()
	for _, d := range s.state.Deliveries() {
		if d.Name == name && d.Retracts == nil && d.Retracted == nil {
			s.append(event.DeliverySubject("nord", "reg", d.Delivery), event.DeliveryRetracted{Delivery: d.Delivery, Retraction: "x-" + d.Delivery, By: "p", On: jan(20)})
		}
	}
}

// work opens runs and takes every step until nothing is left to do.
func (s *station) work() {
	s.t.Helper()
	for !s.state.Idle() {
		for w := s.state.Waiting(); len(w) > 0; w = s.state.Waiting() {
			r := event.RunOpened{Ordinal: len(s.state.Runs()) + 1, AsOf: w[0].Accepted.AsOf}
			r.Run = "r" + strconv.Itoa(r.Ordinal)
			for _, d := range w {
				if d.Accepted.AsOf != r.AsOf {
					break
				}
				r.Deliveries = append(r.Deliveries, d.Delivery)
			}
			s.append(event.RunSubject("nord"), r)
		}
		r := s.state.NextRun()
		for d := s.state.NextCells(r); d != nil; d = s.state.NextCells(r) {
			s.cells(r, d)
		}
		s.append(event.RunSubject("nord"), event.RunChecked{Run: r.Run, Rev: s.state.Rev(r)})
		published := 0
		if p := s.state.Publication; p != nil {
			published = p.Publication
		}
		s.append(event.RunSubject("nord"), event.RunPublished{Publication: published + 1, Run: r.Run, Through: s.state.Seq})
	}
}

// cells recomputes after one delivery and keeps what changed.
func (s *station) cells(r *run.Run, d *run.Delivery) {
	s.t.Helper()
	now := versionsOf(s.effective(s.state.EffectiveOf("f", r, d.Delivery)))
	before := slices.SortedFunc(maps.Values(s.current), func(a, b cell.Version) int { return a.Key.Compare(b.Key) })
	changed, err := cell.Diff(nil, before, now, d.Rev)
	if err != nil {
		s.t.Fatal(err)
	}
	body := event.CellsAppended{Run: r.Run, Delivery: d.Delivery, Rev: d.Rev}
	for _, v := range changed {
		if old := s.current[v.Key]; old.Rev >= v.Rev {
			s.t.Fatalf("revision %d of %s comes after %d", v.Rev, v.Key, old.Rev)
		}
		s.current[v.Key] = v
	}
	s.append(event.RunSubject("nord"), body)
}

// effective folds the rows that hold: those of a snapshot where it is the base,
// those of deltas that are newer, each key once.
func (s *station) effective(e run.Effective) map[cell.Key]cell.Content {
	type placed struct {
		fact
		ord int
	}
	base := func(f fact) int {
		for _, g := range e.Of(f.period(), f.unit) {
			if catalog.DateOfDays(f.day).Within(g.From, g.To) {
				return g.Base
			}
		}
		s.t.Fatalf("no segment holds day %d", f.day)
		return 0
	}
	keyed := map[int]placed{}
	cells := map[cell.Key]cell.Content{}
	for i, d := range e.Deliveries {
		for _, f := range s.rows[d.ID] {
			switch {
			case d.Snapshot && base(f) != i+1:
			case f.key > 0:
				if have, ok := keyed[f.key]; !ok || have.ord < i+1 {
					keyed[f.key] = placed{f, i + 1}
				}
			case f.kind != event.Deleted && (d.Snapshot || base(f) < i+1):
				f.add(cells)
			}
		}
	}
	for _, p := range keyed {
		snapshot := e.Deliveries[p.ord-1].Snapshot
		if p.kind != event.Deleted && (snapshot || base(p.fact) < p.ord) {
			p.add(cells)
		}
	}
	return cells
}

// shown is the fingerprint of every cell that is there, with its content.
func (s *station) shown() string {
	var out []string
	for k, v := range s.current {
		if !v.Tombstone {
			out = append(out, fmt.Sprintf("%s %s %+v", k, v.Fingerprint, v.Content))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// said is what cells would show.
func said(cells map[cell.Key]cell.Content) string {
	s := station{current: map[cell.Key]cell.Version{}}
	for _, v := range versionsOf(cells) {
		s.current[v.Key] = v
	}
	return s.shown()
}

func drawFact(t *rapid.T, key int) fact {
	f := fact{key: key, unit: rapid.SampledFrom([]string{"u1", "u2", "u3"}).Draw(t, "unit"), day: jan(1).Days() + rapid.Int32Range(0, 300).Draw(t, "day"),
		quarter: rapid.Bool().Draw(t, "quarter"), num: rapid.Int64Range(0, 9).Draw(t, "numerator"), den: rapid.Int64Range(9, 20).Draw(t, "denominator")}
	if rapid.IntRange(0, 7).Draw(t, "kind") == 0 {
		f.kind = event.Rejected
	}
	return f
}

// history hands files in: in any order, some more than once, with the work done
// at any moment and the process dying at any event.
func history(t *rapid.T, s *station, files []export, any bool) {
	percent := func(n int, label string) func() bool {
		return func() bool { return rapid.IntRange(1, 100).Draw(t, label) <= n }
	}
	s.crash, s.twice = percent(10, "crash"), percent(5, "appended twice")
	if any {
		files = rapid.Permutation(files).Draw(t, "arrival")
	}
	var came []export
	var mistakes []string
	for _, x := range files {
		s.bring(x, false)
		came = append(came, x)
		if x.mistake {
			mistakes = append(mistakes, x.name)
		}
		if len(mistakes) > 0 && rapid.Bool().Draw(t, "seen to be wrong") {
			s.retract(mistakes[0])
			mistakes = mistakes[1:]
		}
		if rapid.IntRange(0, 2).Draw(t, "repeat") == 0 {
			o := rapid.SampledFrom(came).Draw(t, "which")
			// What was retracted must not be handed in on purpose.
			s.bring(o, any && !o.mistake && rapid.Bool().Draw(t, "on purpose"))
		}
		if rapid.Bool().Draw(t, "work") {
			s.work()
		}
	}
	for _, name := range mistakes {
		s.retract(name)
	}
	s.work()
}

// TestDeltasHaveNoHistory: any split of operations into deltas, any order of
// arrival, any repetition, mistakes that are withdrawn and crashes give the
// cells of the union delivered once, which are those of the last word on every
// key.
func TestDeltasHaveNoHistory(t *testing.T) {
	held, retracted := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		feed := rapid.SampledFrom([]string{"acceptance", "order", "numbers"}).Draw(t, "feed")
		n := rapid.IntRange(1, 12).Draw(t, "files")
		files := make([]export, 0, n)
		last := map[int]fact{}
		for i := range n {
			x := export{name: fmt.Sprint("f", i), accept: event.DeliveryAccepted{Kind: "delta"}, asOf: jan(1 + rapid.IntRange(0, 2).Draw(t, "as of"))}
			if feed != "acceptance" {
				x.order = fmt.Sprint(i + 1) // 10 comes after 9
			}
			if feed == "numbers" {
				x.number = int64(i + 1)
			}
			for _, key := range rapid.SliceOfNDistinct(rapid.IntRange(1, 15), 0, 8, rapid.ID).Draw(t, "keys") {
				f := drawFact(t, key)
				if _, there := last[key]; there && rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
					f.kind = event.Deleted
				}
				last[key] = f
				x.facts = append(x.facts, f)
			}
			files = append(files, x)
		}
		union := export{name: "union", order: "1", accept: event.DeliveryAccepted{Kind: "delta"}, asOf: jan(1)}
		want := map[cell.Key]cell.Content{}
		for _, key := range slices.Sorted(maps.Keys(last)) {
			union.facts = append(union.facts, last[key])
			if last[key].kind != event.Deleted {
				last[key].add(want)
			}
		}
		if feed == "numbers" { // some never come
			files = slices.DeleteFunc(files, func(x export) bool { return len(x.facts) == 0 && x.number > 1 })
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "mistakes") {
			// Of another place, or in that of another file.
			x := files[rapid.IntRange(0, len(files)-1).Draw(t, "in the place of")]
			x.name, x.mistake, x.facts = fmt.Sprint("wrong", i), true, []fact{drawFact(t, 1+i), drawFact(t, 20+i)}
			files = append(files, x)
		}
		once := newStation(t)
		once.bring(union, false)
		once.work()
		if got := once.shown(); got != said(want) {
			t.Fatalf("the union gives\n%s\nwant\n%s", got, said(want))
		}
		s := newStation(t)
		history(t, s, files, feed != "acceptance")
		for { // what will never come is skipped
			q, ok := s.state.Sequence("f")
			if !ok || len(q.Missing) == 0 {
				if len(q.Held) > 0 {
					t.Fatalf("%d deliveries are kept back for nothing: %+v", len(q.Held), q)
				}
				break
			}
			held += len(q.Held)
			s.append(event.FeedSubject("nord", "reg", "f"), event.SequenceSkipped{Feed: "f", From: q.Missing[0].From, Through: q.Missing[0].Through, By: "p"})
			s.work()
		}
		for _, d := range s.state.Deliveries() {
			if d.Retracts != nil {
				retracted++
			}
		}
		if got := s.shown(); got != said(want) {
			t.Fatalf("%s: the cells depend on how they were delivered:\n%s\nwant\n%s", feed, got, said(want))
		}
	})
	if held == 0 || retracted == 0 {
		t.Errorf("%d deliveries were kept back and %d retracted in all cases", held, retracted)
	}
}

// TestSnapshotsHaveNoHistory: snapshots of windows, units and lengths of
// periods, in any order of arrival, give the cells of one snapshot of
// everything: of every stretch what the newest over it says, and of what it
// leaves out nothing.
func TestSnapshotsHaveNoHistory(t *testing.T) {
	apart := 0
	rapid.Check(t, func(t *rapid.T) {
		month := func(n int) catalog.Date { return catalog.NewDate(2024, time.January, 1).AddMonths(n) }
		quarters := func(from, to catalog.Date) (a, b catalog.Date) {
			return catalog.Quarter.PeriodStart(from), catalog.Quarter.PeriodEnd(catalog.Quarter.PeriodStart(to.AddDays(-1)))
		}
		n := rapid.IntRange(1, 8).Draw(t, "files")
		files := make([]export, 0, n)
		for i := range n {
			a := event.DeliveryAccepted{Kind: "snapshot"}
			if rapid.IntRange(0, 3).Draw(t, "window") > 0 {
				lo := rapid.IntRange(0, 9).Draw(t, "from")
				a.From, a.To = month(lo), month(rapid.IntRange(lo+1, 10).Draw(t, "to"))
				if rapid.Bool().Draw(t, "by length") {
					from, to := quarters(a.From, a.To)
					a.Windows = []event.Window{{Period: catalog.Month, From: a.From, To: a.To}}
					if rapid.Bool().Draw(t, "quarters too") {
						a.Windows = append(a.Windows, event.Window{Period: catalog.Quarter, From: from, To: to})
						a.From, a.To = from, to
					}
					apart++
				}
			}
			if rapid.IntRange(0, 2).Draw(t, "units") == 0 {
				a.Units = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"u1", "u2", "u3"}), 1, 2, rapid.ID).Draw(t, "of")
				apart++
			}
			files = append(files, export{name: fmt.Sprint("f", i), order: fmt.Sprint(i + 1), asOf: jan(1 + rapid.IntRange(0, 2).Draw(t, "as of")), accept: a})
		}
		covers := func(x export, f fact) bool {
			a, day := x.accept, catalog.DateOfDays(f.day)
			if a.Units != nil && !slices.Contains(a.Units, f.unit) {
				return false
			}
			if a.Windows == nil {
				return day.Within(a.From, a.To)
			}
			return slices.ContainsFunc(a.Windows, func(w event.Window) bool { return w.Period == f.period() && day.Within(w.From, w.To) })
		}
		// Every file has rows of its own where it replaces anything; the newest
		// over a place is the truth about it.
		want := map[cell.Key]cell.Content{}
		union := export{name: "union", order: "1", asOf: jan(1), accept: event.DeliveryAccepted{Kind: "snapshot"}}
		for i := range files {
			for range rapid.IntRange(0, 6).Draw(t, "rows") {
				f := drawFact(t, 0)
				if !covers(files[i], f) {
					continue
				}
				files[i].facts = append(files[i].facts, f)
				if !slices.ContainsFunc(files[i+1:], func(x export) bool { return covers(x, f) }) {
					f.add(want)
					union.facts = append(union.facts, f)
				}
			}
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "mistakes") {
			x := files[rapid.IntRange(0, len(files)-1).Draw(t, "after")]
			x.name, x.mistake, x.facts = fmt.Sprint("wrong", i), true, nil
			x.accept = event.DeliveryAccepted{Kind: "snapshot"} // it empties everything
			files = append(files, x)
		}
		once := newStation(t)
		once.bring(union, false)
		once.work()
		s := newStation(t)
		history(t, s, files, true)
		for who, got := range map[string]string{"the union": once.shown(), "the files": s.shown()} {
			if got != said(want) {
				t.Fatalf("%s give\n%s\nwant\n%s\nof %+v", who, got, said(want), files)
			}
		}
	})
	if apart == 0 {
		t.Error("no snapshot named what it replaces")
	}
}

// A fold of the LEDGER from its beginning is the fold that went along with it,
// whatever is asked of it.
func TestFoldsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStation(t)
		var files []export
		for i := range rapid.IntRange(1, 8).Draw(t, "files") {
			files = append(files, export{name: fmt.Sprint("f", i), order: fmt.Sprint(i + 1), number: int64(i + 1), asOf: jan(1 + i%3),
				accept: event.DeliveryAccepted{Kind: "delta"}, facts: []fact{drawFact(t, 1+i%4)}, mistake: i > 1 && rapid.IntRange(0, 3).Draw(t, "mistake") == 0})
		}
		history(t, s, rapid.Permutation(files).Draw(t, "arrival")[:rapid.IntRange(1, len(files)).Draw(t, "came")], false)
		var fresh run.State
		for _, e := range s.events {
			if err := fresh.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		ids := func(ds []*run.Delivery) (out string) {
			for _, d := range ds {
				out += fmt.Sprintf("%s rev %d run %s, ", d.Delivery, d.Rev, d.Run)
			}
			return out
		}
		tell := func(s *run.State) string {
			q, ok := s.Sequence("f")
			return fmt.Sprintln(ids(s.Deliveries()), ids(s.Waiting()), ids(s.Undecided()), q.Next, q.Missing, ids(q.Held), ids(q.Disputed), ok, s.Idle(), s.Seq)
		}
		if a, b := tell(&s.state), tell(&fresh); a != b {
			t.Fatalf("the fold that went along says\n%s\nthe fresh one\n%s", a, b)
		}
	})
}

// An oracle of the numbers alone: what is kept back are the deliveries behind
// the first number that neither came nor was skipped.
func TestSequenceByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStation(t)
		step := rapid.Int64Range(1, 3).Draw(t, "step")
		first := rapid.SampledFrom([]int64{0, 3}).Draw(t, "first")
		came := map[int64]bool{}
		var begin int64
		for i, k := range rapid.SliceOfNDistinct(rapid.Int64Range(0, 9), 1, 8, rapid.ID).Draw(t, "numbers") {
			n := 3 + k*step
			if i == 0 {
				begin = cmp.Or(first, n)
			}
			came[n] = true
			id := fmt.Sprint("d", n)
			s.append(event.DeliverySubject("nord", "reg", id), event.DeliveryReceived{Delivery: id, Feed: "f", Raw: id})
			s.append(event.DeliverySubject("nord", "reg", id), event.DeliveryAccepted{Delivery: id, Feed: "f", Kind: "delta", Number: n, Step: step, First: first})
		}
		skipped := map[int64]bool{}
		for range rapid.IntRange(0, 3).Draw(t, "skips") {
			from := 3 + rapid.Int64Range(0, 9).Draw(t, "from")*step
			through := from + rapid.Int64Range(0, 3).Draw(t, "more")*step
			s.append(event.FeedSubject("nord", "reg", "f"), event.SequenceSkipped{Feed: "f", From: from, Through: through})
			for n := from; n <= through; n += step {
				skipped[n] = true
			}
		}
		next := begin
		for came[next] || skipped[next] {
			next += step
		}
		var held, missing []int64
		highest := slices.Max(slices.Collect(maps.Keys(came)))
		for n := next; n <= highest; n += step {
			if came[n] {
				held = append(held, n)
			} else if !skipped[n] {
				missing = append(missing, n)
			}
		}
		q, ok := s.state.Sequence("f")
		if !ok || q.Next != next || q.Step != step {
			t.Fatalf("%+v, want %d by %d", q, next, step)
		}
		var gotHeld, gotMissing []int64
		for _, d := range q.Held {
			gotHeld = append(gotHeld, d.Accepted.Number)
		}
		for i, g := range q.Missing {
			if i > 0 && q.Missing[i-1].Through+step >= g.From {
				t.Fatalf("the gaps %v touch", q.Missing)
			}
			for n := g.From; n <= g.Through; n += step {
				gotMissing = append(gotMissing, n)
			}
		}
		if !slices.Equal(gotHeld, held) || !slices.Equal(gotMissing, missing) {
			t.Fatalf("held %v, want %v; missing %v, want %v", gotHeld, held, gotMissing, missing)
		}
		if w := len(s.state.Waiting()); w != len(came)-len(held) {
			t.Fatalf("%d wait for a run, %d came and %d are held", w, len(came), len(held))
		}
	})
}
