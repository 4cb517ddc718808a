package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
)

// Kind is a kind of fault.
type Kind string

// The kinds of faults.
const (
	UnitSilent     Kind = "unit_silent"     // one unit is not in the export
	VolumeDrop     Kind = "volume_drop"     // a part of a unit's rows is not
	Spike          Kind = "spike"           // a day has several times its volume
	DuplicatedDay  Kind = "duplicated_day"  // the rows of a day stand twice
	SwappedColumns Kind = "swapped_columns" // numerator and denominator change places
	UnitOfMeasure  Kind = "unit_of_measure" // values in another unit
	CodeSystem     Kind = "code_system"     // codes of another system, in all units
	MergedUnits    Kind = "merged_units"    // one unit writes under another's code
	StaleCopy      Kind = "stale_copy"      // last night's content, dated tonight
	RepeatedBytes  Kind = "repeated_bytes"  // last night's file under tonight's name
	NumeratorAbove Kind = "numerator_above" // a numerator above its denominator
	CutShort       Kind = "cut_short"       // the end of the file is missing
	WrongEncoding  Kind = "wrong_encoding"  // another encoding than the agreed one
	IdentityText   Kind = "identity_text"   // identity numbers in a free text
	IdentityCode   Kind = "identity_code"   // identity numbers where the unit should be
)

// Kinds are all kinds of faults.
func Kinds() []Kind {
	return []Kind{UnitSilent, VolumeDrop, Spike, DuplicatedDay, SwappedColumns, UnitOfMeasure, CodeSystem, MergedUnits,
		StaleCopy, RepeatedBytes, NumeratorAbove, CutShort, WrongEncoding, IdentityText, IdentityCode}
}

func kindNames() []string {
	var out []string
	for _, k := range Kinds() {
		out = append(out, string(k))
	}
	return out
}

// expect are the checks that ought to notice a kind, the catalogue's own first.
func (k Kind) expect() []Expectation {
	of := func(severity string, checks ...string) (out []Expectation) {
		for _, c := range checks {
			out = append(out, Expectation{Check: c, Severity: severity})
		}
		return out
	}
	switch k {
	case UnitSilent:
		return of("HOLD", "K01", "K09")
	case VolumeDrop:
		return of("HOLD", "T03", "K09")
	case Spike:
		return of("HOLD", "T02", "T03")
	case DuplicatedDay:
		return of("BLOCK", "C10")
	case SwappedColumns:
		return of("BLOCK", "C11", "C12")
	case UnitOfMeasure:
		return of("HOLD", "P03")
	case CodeSystem:
		return of("HOLD", "C09", "T06")
	case MergedUnits:
		return append(of("HOLD", "X06"), Expectation{Check: "K09", Severity: "HOLD", Also: true})
	case StaleCopy:
		return of("HOLD", "T08")
	case RepeatedBytes:
		return of("INFO", "C05")
	case NumeratorAbove:
		return of("BLOCK", "C11")
	case CutShort:
		// Where the cut falls decides what is seen of it: rows that are missing,
		// half a quoted field, half a letter. A cut between two rows of a file
		// without trailer shows only in its cells.
		return append(of("REJECT", "C04", "C02", "C01"), of("HOLD", "K09")...)
	case WrongEncoding:
		return of("REJECT", "C01")
	case IdentityText:
		return of("REJECT", "C15")
	default: // IdentityCode
		return of("REJECT", "C15", "C07")
	}
}

// tamper is a fault at work on the files of a feed.
type tamper struct {
	*Fault
	feed *feed
	// from and to are the nights that have it, both included.
	from, to int
	// row changes, drops or repeats a row; nil: rows stay.
	row func(r *record, emit func(*record) error) error
	// begin is called before a file's first row, end after its last.
	begin func()
	end   func(emit func(*record) error) error
	// enc is another encoding, back how many nights old the content is, cut the
	// share of the bytes that is left.
	enc  string
	back int
	cut  float64
}

// refused says that no row of the file can become a fact.
func (t *tamper) refused() bool { return t.enc != "" || t.cut > 0 || t.back > 0 }

// plan is where and when the faults are.
type plan []*tamper

func (p plan) of(f *feed, k int) (out []*tamper) {
	for _, t := range p {
		if t.feed == f && t.from <= k && k <= t.to {
			out = append(out, t)
		}
	}
	return out
}

// newPlan spreads the faults over nights and feeds: at most one begins in a
// file, and those that follow one another in one feed leave the night between
// them to the mending as long as there is room.
func (g *generator) newPlan() (plan, error) {
	kinds := g.o.Kinds
	if len(kinds) == 0 {
		kinds = Kinds()
	}
	want := g.o.Faults
	var list []Kind
	for _, k := range kinds {
		if len(g.candidates(k)) > 0 {
			list = append(list, k)
		} else if len(g.o.Kinds) > 0 {
			return nil, fmt.Errorf("simulate: no sender of this region can make the fault %s: it needs other indicators or more units", k)
		}
	}
	if want == EachKind {
		want = len(list)
	}
	if want == 0 {
		return nil, nil
	}
	d := g.s.at("faults")
	order := d.Perm(len(list))
	// Kinds that few feeds can have choose first.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(g.candidates(list[a])), len(g.candidates(list[b]))) })
	load := make([]int, g.o.Nights+1)
	var p plan
	for i := range want {
		kind := list[order[i%len(order)]]
		t, err := g.place(kind, i, p, load, d)
		switch {
		case err != nil:
			return nil, err
		case t != nil:
			load[t.from]++
			p = append(p, t)
		case g.o.Faults != EachKind: // else few nights hold few faults
			return nil, fmt.Errorf("simulate: no room for fault %d of %d (%s): a file takes one fault, and its senders have %d nights; give more nights or fewer faults", i+1, want, kind, g.o.Nights)
		}
	}
	slices.SortStableFunc(p, func(a, b *tamper) int {
		return cmp.Or(cmp.Compare(a.from, b.from), strings.Compare(a.feed.ID, b.feed.ID))
	})
	for i, t := range p {
		t.ID = fmt.Sprintf("F%02d", i+1)
	}
	return p, nil
}

// place gives a fault a feed and a night, the i-th in a plan, where its sender
// has rows enough to make the mistake in; nil: there is no room.
func (g *generator) place(kind Kind, i int, p plan, load []int, d stream) (*tamper, error) {
	type slot struct {
		f    *feed
		k    int
		cost int
	}
	unfit := map[slot]bool{}
	for {
		var best []slot
		for _, f := range g.candidates(kind) {
			for k := 1; k <= g.o.Nights; k++ {
				if unfit[slot{f: f, k: k}] || copies(kind) && k == 1 && g.o.Nights > 1 {
					continue // night 1 is the first that resembles the next
				}
				cost, taken := 10*load[k], false
				for _, t := range p {
					if t.feed == f {
						// What a file repeats must be a clean one.
						taken = taken || t.from == k || copies(kind) && t.from == k-1 || copies(t.Kind) && k == t.from-1
						if t.from == k-1 || t.from == k+1 {
							cost += 3
						}
						if t.from < k && k <= t.to {
							cost += 5
						}
					}
				}
				if taken {
					continue
				}
				if len(best) > 0 && cost < best[0].cost {
					best = best[:0]
				}
				if len(best) == 0 || cost == best[0].cost {
					best = append(best, slot{f, k, cost})
				}
			}
		}
		if len(best) == 0 {
			return nil, nil
		}
		s := best[d.IntN(len(best))]
		t, err := g.newTamper(kind, s.f, s.k, g.s.at("fault", string(kind), s.f.ID, fmt.Sprint(i)))
		if t != nil || err != nil {
			return t, err
		}
		unfit[slot{f: s.f, k: s.k}] = true
	}
}

// copies reports whether a fault sends a night's content again.
func copies(k Kind) bool { return k == StaleCopy || k == RepeatedBytes }

// candidates are the feeds whose sender can make the mistake.
func (g *generator) candidates(k Kind) []*feed {
	var out []*feed
	for _, f := range g.feeds {
		if g.can(k, f) {
			out = append(out, f)
		}
	}
	return out
}

func (g *generator) can(k Kind, f *feed) bool {
	open := len(g.openUnits(f))
	snapshot := f.Delivery == "snapshot"
	cases := f.Registry == infekt || f.Registry == slag
	switch k {
	case UnitSilent:
		return snapshot && open >= 2
	case VolumeDrop:
		return cases
	case Spike:
		return f.Registry == akut
	case DuplicatedDay, CodeSystem:
		return f.Registry == infekt
	case SwappedColumns, NumeratorAbove:
		return f.Registry == pvk && len(subsets(f)) > 0
	case UnitOfMeasure:
		return f.has("inf_crp_mean") || f.has("stroke_needle_median") || f.has("hip_stay_mean")
	case MergedUnits:
		return cases && open >= 2
	case StaleCopy:
		return f.Registry == slag
	case RepeatedBytes:
		return snapshot && f.Registry != slag
	case CutShort:
		return snapshot
	case WrongEncoding:
		return f.Registry == pvk || f.Registry == slag || f.Registry == infekt
	case IdentityText:
		return f.has(roleText)
	default: // IdentityCode
		return f.Registry == infekt || f.Registry == slag || f.Registry == akut
	}
}

// openUnits are those that report now and did a year ago.
func (g *generator) openUnits(f *feed) []*unit {
	var out []*unit
	for _, u := range g.region.byGroup[f.group] {
		if u.open(g.asOf[len(g.asOf)-1]) && u.open(g.start(max(0, g.o.Months-12))) {
			out = append(out, u)
		}
	}
	return out
}

// subsets are the indicators of an aggregated export of which the numerator is
// a part of the denominator.
func subsets(f *feed) []*indicator {
	var out []*indicator
	for _, i := range f.inds {
		if i.Subset {
			out = append(out, i)
		}
	}
	return out
}

func ids(units []*unit) []string {
	var out []string
	for _, u := range units {
		out = append(out, u.ID)
	}
	slices.Sort(out)
	return out
}

// smallVendor are the units of the smallest vendor of records systems, the ones
// whose part of an export goes wrong by itself.
func (g *generator) smallVendor(f *feed) (string, []*unit) {
	by := map[string][]*unit{}
	for _, u := range g.openUnits(f) {
		by[u.vendor] = append(by[u.vendor], u)
	}
	best := ""
	for v, units := range by {
		if best == "" || len(units) < len(by[best]) || len(units) == len(by[best]) && v < best {
			best = v
		}
	}
	return best, by[best]
}

// newTamper draws a fault of the kind in the feed from night k on; nil: no unit
// has rows enough in that night's file.
func (g *generator) newTamper(kind Kind, f *feed, k int, d stream) (*tamper, error) {
	asOf := catalog.DateOfDays(g.asOf[k])
	fault := &Fault{Kind: kind, Feed: f.ID, File: f.fileName(g.asOf[k]), Night: asOf, Until: asOf, Expect: kind.expect()}
	t := &tamper{Fault: fault, feed: f, from: k, to: k}
	open := g.openUnits(f)
	pick := func() *unit { return open[d.IntN(len(open))] }
	through := g.asOf[k] - 1
	switch kind {
	case UnitSilent:
		u := pick()
		fault.Units, fault.Size, fault.SizeOf = []string{u.ID}, 1, "share of the unit's rows"
		fault.Text = u.label + " is not in the export: its connection failed."
		t.row = func(r *record, emit func(*record) error) error {
			if r.unit == u {
				fault.Rows++
				return nil
			}
			return emit(r)
		}
	case VolumeDrop:
		u, share := pick(), d.uniform(g.o.DropShare)
		fault.Units, fault.Size, fault.SizeOf = []string{u.ID}, share, "share of the unit's rows"
		fault.Text = fmt.Sprintf("%.0f %% of the rows of %s are missing: one of its systems was not read.", 100*share, u.label)
		t.row = func(r *record, emit func(*record) error) error {
			if r.unit == u && d.Float64() < share {
				fault.Rows++
				return nil
			}
			return emit(r)
		}
	case Spike:
		u, factor := pick(), d.uniform(g.o.SpikeFactor)
		fault.Units, fault.Size, fault.SizeOf = []string{u.ID}, factor, "factor of the day's volume"
		fault.From, fault.To = catalog.DateOfDays(through), catalog.DateOfDays(through+1)
		fault.Text = fmt.Sprintf("The newest day of %s has %.1f times its volume: a join repeats visits.", u.label, factor)
		t.row = func(r *record, emit func(*record) error) error {
			if r.unit == u && r.day == through {
				fault.Rows++
				for i := range r.values {
					if r.values[i].kind == whole {
						r.values[i].n = int64(float64(r.values[i].n)*factor + 0.5)
					}
				}
			}
			return emit(r)
		}
	case DuplicatedDay:
		vendor, units := g.smallVendor(f)
		on := through - 2 - int32(d.IntN(10))
		for weekday := (on + 3) % 7; weekday > 4; weekday = (on + 3) % 7 {
			on-- // a day on which health centres are open
		}
		fault.Units, fault.Size, fault.SizeOf = ids(units), 2, "times that the day's rows stand in the file"
		// A small vendor may have had no visit on the day: then the job of the
		// day with the most is run again. The candidates are two weeks.
		var days map[int32][]record
		t.begin = func() { days = map[int32][]record{} }
		t.row = func(r *record, emit func(*record) error) error {
			if through-14 <= r.day && r.day <= through-2 && slices.Contains(units, r.unit) {
				c := *r
				c.values = slices.Clone(r.values)
				days[r.day] = append(days[r.day], c)
			}
			return emit(r)
		}
		t.end = func(emit func(*record) error) error {
			day := on
			for d := through - 14; d <= through-2 && len(days[on]) == 0; d++ {
				if len(days[d]) > len(days[day]) {
					day = d
				}
			}
			fault.From, fault.To = catalog.DateOfDays(day), catalog.DateOfDays(day+1)
			fault.Text = fmt.Sprintf("The rows of %s from the records system %s stand twice: the job of that day was run again.", fault.From, vendor)
			for i := range days[day] {
				fault.Rows++
				if err := emit(&days[day][i]); err != nil {
					return err
				}
			}
			return nil
		}
	case SwappedColumns:
		vendor, units := g.smallVendor(f)
		fault.Units, fault.Size, fault.SizeOf = ids(units), 1, "share of the units' rows with a denominator"
		for _, i := range f.inds {
			if i.Type != catalog.Count {
				fault.Indicators = append(fault.Indicators, i.ID)
			}
		}
		fault.Text = "Numerator and denominator have changed places in the part from the records system " + vendor + ": its query lists them in another order."
		a, b := f.roles[roleNum], f.roles[roleDen]
		t.row = func(r *record, emit func(*record) error) error {
			if slices.Contains(units, r.unit) && r.values[b].kind == whole {
				fault.Rows++
				r.values[a], r.values[b] = r.values[b], r.values[a]
			}
			return emit(r)
		}
	case UnitOfMeasure:
		at := f.roles[measured(f)]
		u, err := g.withRows(f, k, pick(), measuredRows, func(r *record) bool { return r.values[at].kind != blank })
		if u == nil || err != nil {
			return nil, err
		}
		g.unitOfMeasure(t, u)
	case CodeSystem:
		days := d.whole(g.o.CodeDays)
		on := g.asOf[k] - int32(days)
		fault.Size, fault.SizeOf = float64(days), "days of visits with the other codes"
		fault.From, fault.To = catalog.DateOfDays(on), asOf
		fault.Text = fmt.Sprintf("All visits from %s on have diagnoses of ICPC-2: the export reads another table.", fault.From)
		at, codes := f.roles[roleCode], diagnoses()
		t.row = func(r *record, emit func(*record) error) error {
			if r.day >= on {
				for _, c := range codes {
					if c.code == r.values[at].s {
						fault.Rows++
						r.values[at].s = c.other
						break
					}
				}
			}
			return emit(r)
		}
	case MergedUnits:
		a, b := pick(), pick()
		days := d.whole(g.o.MergeDays)
		on := g.asOf[k] - int32(days)
		a, err := g.withRows(f, k, a, 1, func(r *record) bool { return r.day >= on })
		if a == nil || err != nil {
			return nil, err
		}
		for a == b {
			b = pick()
		}
		t.to = g.o.Nights
		fault.Until = g.o.LastNight
		fault.Units, fault.Size, fault.SizeOf = []string{a.ID, b.ID}, float64(days), "days of rows under the other unit's code"
		fault.From, fault.To = catalog.DateOfDays(on), asOf
		fault.Text = fmt.Sprintf("%s writes under the code of %s for events from %s on, and nobody was told.", a.label, b.label, fault.From)
		at, label := f.roles[roleUnit], f.roles[roleLabel]
		first := true
		t.begin = func() { first = fault.Rows == 0 }
		t.row = func(r *record, emit func(*record) error) error {
			if r.unit == a && r.day >= on {
				r.unit = b
				r.values[at], r.values[label] = txt(b.codeAt(r.day)), txt(b.label)
				if first {
					fault.Rows++
				}
			}
			return emit(r)
		}
	case StaleCopy:
		t.back = 1
		fault.Size, fault.SizeOf = 1, "nights that the content is old"
		fault.Text = "The content is last night's, dated tonight: the extraction failed and the writing did not."
	case RepeatedBytes:
		t.back = 1
		fault.Size, fault.SizeOf = 1, "nights that the file is old"
		fault.Text = "The file is last night's, byte by byte, under tonight's name."
	case NumeratorAbove:
		u, subset := pick(), subsets(f)
		ind := subset[d.IntN(len(subset))]
		months, excess := d.whole(g.o.AboveMonths), d.uniform(g.o.AboveExcess)
		last := g.month(through)
		if g.start(last+1)-1 > through && ind.form == stock {
			last-- // the state at the end of this month is not there yet
		}
		from := g.start(max(0, last-months+1))
		fault.Units, fault.Indicators, fault.Size, fault.SizeOf = []string{u.ID}, []string{ind.ID}, 1+excess, "numerator by denominator"
		fault.From, fault.To = catalog.DateOfDays(from), catalog.DateOfDays(g.start(last+1))
		fault.Text = fmt.Sprintf("The numerator of %s counts patients of %s who are not in the denominator.", ind.ID, u.label)
		n, m, p := f.roles[roleNum], f.roles[roleDen], f.roles[roleRate]
		t.row = func(r *record, emit func(*record) error) error {
			if r.unit == u && r.ind == ind && r.day >= from && r.values[m].n > 0 {
				fault.Rows++
				v := r.values
				v[n].n = v[m].n + max(1, int64(float64(v[m].n)*excess+0.5))
				v[p] = rate(v[n].n, v[m].n, ind.Multiplier)
			}
			return emit(r)
		}
	case CutShort:
		t.cut = max(0.01, min(0.99, d.uniform(g.o.CutShare)))
		fault.Size, fault.SizeOf = t.cut, "share of the bytes that came"
		fault.Text = fmt.Sprintf("The connection broke after %.0f %% of the file.", 100*t.cut)
	case WrongEncoding:
		t.enc = "utf-8"
		if f.Dialect.Encoding == "utf-8" {
			t.enc = "windows-1252"
		}
		fault.Size, fault.SizeOf = 1, "share of the file"
		fault.Text = "The file is " + t.enc + " where " + f.Dialect.Encoding + " is agreed: the sender's system was moved to another server."
	case IdentityText, IdentityCode:
		since := g.asOf[k] - identityDays
		u, err := g.withRows(f, k, pick(), 1, func(r *record) bool { return r.day >= since })
		if u == nil || err != nil {
			return nil, err
		}
		g.identities(t, u, since, d)
	}
	return t, nil
}

// measuredRows of a unit must have a value for a check to be able to tell in
// which unit of measure they are: one patient may well stay for a month.
const measuredRows = 2

// identityDays is how old the rows are at most that get an identity number.
const identityDays = 45

// withRows is the unit, or where the file of night k brings fewer rows of it that
// count the one that it brings most of; nil: there are too few of that too.
func (g *generator) withRows(f *feed, k int, u *unit, least int, counts func(*record) bool) (*unit, error) {
	rows := map[*unit]int{}
	err := f.rows(k, g.asOf[k], func(r *record) error {
		if r.unit != nil && !f.deletes(r) && counts(r) {
			rows[r.unit]++
		}
		return nil
	})
	if rows[u] < least {
		for _, v := range g.openUnits(f) {
			if rows[v] > rows[u] {
				u = v
			}
		}
	}
	if rows[u] < least {
		u = nil
	}
	return u, err
}

// deletes reports whether a row takes another away.
func (f *feed) deletes(r *record) bool {
	return f.Operation != nil && slices.Contains(f.Operation.Delete, r.values[slices.Index(f.columns, f.Operation.Column)].s)
}

// measured is the indicator of a feed whose values can come in another unit.
func measured(f *feed) string {
	for _, id := range []string{"inf_crp_mean", "stroke_needle_median"} {
		if f.has(id) {
			return id
		}
	}
	return "hip_stay_mean"
}

// unitOfMeasure writes the values of one indicator in another unit.
func (g *generator) unitOfMeasure(t *tamper, u *unit) {
	f, units := t.feed, []*unit{u}
	id := measured(f)
	var what string
	convert := func(v value) value { return v }
	switch id {
	case "inf_crp_mean":
		_, units = g.smallVendor(f)
		what, t.Size = "CRP in mg/dl instead of mg/l: its laboratory changed", 0.1
		convert = func(v value) value { return dec(v.n, 2) }
	case "stroke_needle_median":
		what, t.Size = "the time to needle in hours instead of minutes", 1.0/60
		convert = func(v value) value { return dec((v.n*100+30)/60, 2) }
	default:
		what, t.Size = "the length of stay in hours instead of days", 24
		convert = func(v value) value { return num((v.n*24 + 5) / 10) }
	}
	t.Units, t.Indicators, t.SizeOf = ids(units), []string{id}, "factor of the values"
	t.Text = fmt.Sprintf("%d units write %s.", len(units), what)
	if len(units) == 1 {
		t.Text = units[0].label + " writes " + what + "."
	}
	at, fault := f.roles[id], t.Fault
	t.row = func(r *record, emit func(*record) error) error {
		if slices.Contains(units, r.unit) && r.values[at].kind != blank && !f.deletes(r) {
			fault.Rows++
			r.values[at] = convert(r.values[at])
		}
		return emit(r)
	}
}

// identities puts personal identity numbers into a few of a unit's newest rows.
func (g *generator) identities(t *tamper, u *unit, since int32, d stream) {
	f, fault, n := t.feed, t.Fault, d.whole(g.o.IdentityRows)
	country := strings.ToUpper(f.group)
	fault.Size, fault.SizeOf = float64(n), "rows at most"
	fault.From, fault.To = catalog.DateOfDays(since), fault.Night
	t.row = func(r *record, emit func(*record) error) error {
		if r.unit != u || r.day < since || fault.Rows >= int64(n) {
			return emit(r)
		}
		fault.Rows++
		no := identity(country, d)
		if fault.Kind == IdentityText {
			texts := map[string]string{"SE": "Anhörig " + no + " ringer", "DK": "Se også " + no, "NO": "Overført, jf. " + no}
			r.values[f.roles[roleText]] = txt(texts[country])
		} else {
			r.values[f.roles[roleUnit]] = txt(no)
			r.unit = nil
		}
		return emit(r)
	}
	if fault.Kind == IdentityText {
		fault.Units = []string{u.ID}
		fault.Text = fmt.Sprintf("Somebody at %s wrote personal identity numbers into a free text.", u.label)
		return
	}
	// Rows without a unit may be anybody's.
	fault.Text = fmt.Sprintf("Rows of %s have a personal identity number where its code should be: a column was shifted.", u.label)
}
