package quality

import (
	"fmt"
	"math"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// Mode is whether a check's findings act.
type Mode string

// The modes. A new check or threshold runs in shadow for at least eight weeks:
// what it would have asked is on record, and nobody is asked.
const (
	Live   Mode = "live"
	Shadow Mode = "shadow"
)

// Check is one check of the catalogue.
type Check struct {
	ID      string
	Version int
	// Severity is the check's own; an indicator's catalog may say otherwise.
	Severity event.Severity
	// Mode is Live where it is empty.
	Mode Mode
	// Owner answers for the threshold, by role.
	Owner string
	// Note says where the definition and its defaults come from.
	Note string
	// Default thresholds; those that the check does not use are zero.
	Count, Fraction, P float64
	// Explain says in sv, nb, da and en what is odd and why it matters.
	Explain catalog.Text
	// Run judges the cells of one indicator; nil: the check is about
	// deliveries only. It is pure, and its findings are in no stated order.
	Run func(Input) []Finding
	// Deliveries puts on record what intake found in files and rows; nil: the
	// check is about cells only.
	Deliveries func(Deliveries) []Finding
	// Night judges all indicators of a run together; nil: the check looks at
	// one at a time.
	Night func(*Night) []Finding
	// Panel checks are judged by package surveil over all series of the night
	// at once, the statistical ones of them by one control of false discoveries.
	Panel bool
	// Absent says why the check has no say with the data that there are; empty
	// where it has.
	Absent string
	// Elsewhere names what holds the check where that is not this package.
	Elsewhere string
	// Partly says what of the definition the data cannot support, and why; empty:
	// all of it is judged.
	Partly string
}

// Deliveries are what intake says of the deliveries of one run.
type Deliveries struct {
	Accepted []event.DeliveryAccepted
	Repeated []event.DeliveryRepeated
	Rejected []event.DeliveryRejected
	// Gaps are the feeds whose deliveries wait because numbers before them are
	// missing or taken twice.
	Gaps []Gap
}

// Gap is what is wrong with the numbers of one feed's deliveries.
type Gap struct {
	Feed string
	// Missing is the first number that has not come, 0: all have; Waiting is how
	// many deliveries wait behind it or dispute a number.
	Missing int64
	Waiting int
}

// Evaluate runs the checks on one indicator and orders their findings. A check
// that fails to finish blocks every changed cell of the indicator. What a
// silent unit explains is folded into the finding about the unit.
func Evaluate(in Input, checks []Check) []Finding {
	var all []Finding
	for _, c := range checks {
		if c.Run != nil {
			all = append(all, attempt(c, in)...)
		}
	}
	for i := range all {
		all[i].Guards = sortedGuards(all[i].Guards)
	}
	fold(all)
	sortFindings(all)
	return all
}

// EvaluateDeliveries runs the checks on what intake says and orders their
// findings. They are for the record and raise no flags.
func EvaluateDeliveries(d Deliveries, checks []Check) []Finding {
	var all []Finding
	for _, c := range checks {
		if c.Deliveries != nil {
			all = append(all, c.Deliveries(d)...)
		}
	}
	sortFindings(all)
	return all
}

// attempt turns a crash of a check into "could not run": the release of what
// it guards must not depend on a check that nobody ran, and the other checks
// of the night must not be lost with it.
func attempt(c Check, in Input) (found []Finding) {
	defer func() {
		if r := recover(); r != nil {
			found = blockChanged(newInstance(c, &in), fmt.Sprintf("the check failed: %v", r))
		}
	}()
	return c.Run(in)
}

// fold marks what a finding about a silent unit explains: that its cells have
// fewer records, or none, is the same question, and one decision answers it.
func fold(all []Finding) {
	explained := map[event.Guard]string{}
	for i := range all {
		if all[i].Check == "K01" && all[i].Status == Flagged {
			id := FlagID(all[i])
			for _, g := range all[i].Guards {
				explained[g] = id
			}
		}
	}
	for i := range all {
		f := &all[i]
		if f.Status != Flagged || f.Check != "K09" && f.Check != "T04" {
			continue
		}
		into := ""
		for _, g := range f.Guards {
			into = explained[g]
			if into == "" {
				break
			}
		}
		f.FoldedInto = into
	}
}

// instance is a check with the thresholds that hold for one input.
type instance struct {
	in                 *Input
	id                 string
	version            int
	severity           event.Severity
	count, fraction, p float64
	off                bool
	mode               Mode
	err                error // thresholds that make no sense

	*tally
}

// tally is what an instance has found, shared with its instances of units.
type tally struct {
	passed int64
	na     map[string]int64
	found  []Finding
}

func newInstance(c Check, in *Input) *instance {
	t := &instance{in: in, id: c.ID, version: c.Version, severity: c.Severity, count: c.Count, fraction: c.Fraction, p: c.P, mode: c.Mode, tally: &tally{}}
	t.apply(in.Feed)
	t.apply(in.Indicator.Checks)
	return t
}

// apply puts the thresholds that hold on the day of the run over those of the
// instance.
func (t *instance) apply(all map[string]catalog.CheckParams) {
	o, ok := all[t.id]
	if !ok || !t.in.AsOf.IsZero() && !t.in.AsOf.Within(o.From, o.To) {
		return
	}
	t.off = o.Off
	for _, v := range []struct {
		to   *float64
		from *float64
		max  float64
		name string
	}{{&t.count, o.Count, math.MaxFloat64, "count"}, {&t.fraction, o.Fraction, 1, "fraction"}, {&t.p, o.P, 1, "p"}} {
		if v.from == nil {
			continue
		}
		if !(*v.from >= 0 && *v.from <= v.max) {
			t.err = fmt.Errorf("its %s is %v", v.name, *v.from)
			continue
		}
		*v.to = *v.from
	}
	if o.Mode != "" {
		t.mode = Mode(o.Mode)
	}
	if o.Severity != "" {
		t.severity = event.Severity(o.Severity)
		if !slices.Contains([]event.Severity{event.Reject, event.Block, event.Hold, event.Note, event.Info}, t.severity) {
			t.err = fmt.Errorf("its severity is %q", o.Severity)
		}
	}
}

// of is the instance with the thresholds of one unit; nil: it is turned off
// there.
func (t *instance) of(unit string) *instance {
	own, ok := t.in.Units[unit]
	if !ok {
		return t
	}
	u := &instance{in: t.in, id: t.id, version: t.version, severity: t.severity, count: t.count, fraction: t.fraction, p: t.p, mode: t.mode, tally: t.tally}
	u.apply(own)
	if u.off {
		return nil
	}
	return u
}

// run calls judge unless the catalog has turned the check off or its
// thresholds make no sense.
func (t *instance) run(judge func()) []Finding {
	switch {
	case t.off:
		t.skip("turned off in the catalog", int64(len(t.in.Changed)))
	case t.err != nil:
		return blockChanged(t, "the catalog is wrong: "+t.err.Error())
	default:
		judge()
	}
	if t.passed > 0 {
		t.found = append(t.found, t.finding(Finding{Status: Pass, Instances: t.passed}))
	}
	for why, n := range t.na {
		t.found = append(t.found, t.finding(Finding{Status: NotApplicable, Text: why, Instances: n}))
	}
	return t.found
}

func (t *instance) pass() { t.passed++ }

func (t *instance) skip(why string, n int64) {
	if n == 0 {
		return
	}
	if t.na == nil {
		t.na = map[string]int64{}
	}
	t.na[why] += n
}

// finding fills in what every finding of the instance has.
func (t *instance) finding(f Finding) Finding {
	f.Check, f.CheckVersion, f.Indicator = t.id, t.version, t.in.Indicator.ID
	if f.Severity == "" {
		f.Severity = t.severity
	}
	if f.Status == CouldNotRun {
		f.Severity = event.Block
	}
	f.Shadow = t.mode == Shadow && f.Status != CouldNotRun
	if f.Instances == 0 {
		f.Instances = 1
	}
	return f
}

func (t *instance) flag(f Finding) {
	f.Status = Flagged
	f = t.finding(f)
	if f.share {
		f.Low, f.High = shareBand(f.Severity, f.Observed)
	} else {
		f.Low, f.High = band(f.Severity, f.Observed)
	}
	t.found = append(t.found, f)
}

func (t *instance) couldNotRun(f Finding) {
	f.Status = CouldNotRun
	f.Text = fmt.Sprintf("Check %s could not run: %s.", t.id, f.Text)
	t.found = append(t.found, t.finding(f))
}

// blockChanged blocks every changed cell, one finding a unit and stratum.
func blockChanged(t *instance, why string) []Finding {
	type target struct{ unit, stratum string }
	guards := map[target][]event.Guard{}
	for i := range t.in.Changed {
		v := &t.in.Changed[i].Current
		at := target{v.Key.Unit, v.Key.Stratum}
		guards[at] = append(guards[at], event.GuardOf(v.Key, v.Fingerprint))
	}
	for at, g := range guards {
		t.couldNotRun(Finding{Unit: at.unit, Stratum: at.stratum, Guards: sortedGuards(g), Text: why})
	}
	return t.found
}

// volume is how many records the new version holds.
func (c *Change) volume(in *Input) float64 {
	if c.Current.Tombstone {
		return 0
	}
	return Volume(in.Indicator.Type, c.Current.Content)
}

// before is the version that the new one is compared with: the one that was
// visible, else the previous one.
func (c *Change) before() (*cell.Version, bool) {
	if c.Released != nil {
		return c.Released, true
	}
	return c.Previous, c.Previous != nil
}

// about is a finding about one changed cell.
func about(c *Change) Finding {
	k := c.Current.Key
	return Finding{Unit: k.Unit, Stratum: k.Stratum, Period: catalog.DateOfDays(k.PeriodStart),
		Guards: []event.Guard{event.GuardOf(k, c.Current.Fingerprint)}}
}
