package quality

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality/surveil"
)

// Night is what the checks of all indicators of one run see together. What is
// not given is no reason to stop: the checks that need it say that they do not
// apply, and why.
type Night struct {
	Region string
	AsOf   catalog.Date
	// Inputs has one input an indicator.
	Inputs []Input
	// Panel are the nights up to this one by unit and indicator; its names are
	// ids of the catalog. nil: nothing is known of earlier nights.
	Panel *surveil.Panel
	// Deliveries are what intake says of the run's deliveries.
	Deliveries Deliveries
	// Feeds are what is known of the feeds' deliveries as such.
	Feeds []Feed
	// Profiles are counts of what stood in columns of the run's deliveries.
	Profiles []Profile
	// Population is how many persons are listed at each unit; nil: not known.
	Population map[string]float64
	// Logic are rules between indicators; Pairs are indicators that count the
	// same in two sources.
	Logic, Pairs []Relation
	// Suppressed are by indicator the cells that suppression hid in the last
	// publication, of how many.
	Suppressed map[string][2]int64
	// Checks are thresholds for the whole night; those of a feed, an indicator
	// and a unit go before them.
	Checks map[string]catalog.CheckParams
	// Budget is how many new questions are asked at most, incidents among them;
	// what is beyond it becomes one incident. 0: 20.
	Budget int
	// Workers compute at the same time; 0: 2. The result does not depend on it.
	Workers int

	byID   map[string]*Input
	peers  []peer
	judged Judged
}

// Relation says that the numerator of Lower is at most that of Upper in the
// same unit and period (Logic), or that both should count the same (Pairs).
type Relation struct{ Lower, Upper string }

// Result is what a night's checks found.
type Result struct {
	// Findings are all of them, sorted, those on record only as well.
	Findings []Finding
	// Incidents are sorted by id.
	Incidents []Incident
	// Judged is what the checks of the panel have looked at.
	Judged Judged
}

// Of are the findings of one indicator.
func (r *Result) Of(indicator string) []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if f.Indicator == indicator {
			out = append(out, f)
		}
	}
	return out
}

// EvaluateNight runs the checks on everything that a run brought, folds what
// has one cause, and orders the findings.
func EvaluateNight(n Night, checks []Check) Result {
	n.Workers = cmp.Or(n.Workers, 2)
	n.Inputs = slices.Clone(n.Inputs)
	if len(n.Checks) > 0 {
		for i := range n.Inputs {
			feed := maps.Clone(n.Checks)
			maps.Copy(feed, n.Inputs[i].Feed)
			n.Inputs[i].Feed = feed
		}
	}
	n.byID = make(map[string]*Input, len(n.Inputs))
	for i := range n.Inputs {
		n.byID[n.Inputs[i].Indicator.ID] = &n.Inputs[i]
	}
	for i := range n.Profiles {
		if in := n.byID[n.Profiles[i].Indicator]; in != nil {
			in.byRow = in.byRow || n.Profiles[i].byRow()
		}
	}
	each := make([][]Finding, len(n.Inputs))
	work := pool.New().WithMaxGoroutines(n.Workers)
	for i := range n.Inputs {
		work.Go(func() { each[i] = Evaluate(n.Inputs[i], checks) })
	}
	work.Wait()
	all := slices.Concat(each...)
	all = append(all, EvaluateDeliveries(n.Deliveries, checks)...)
	for _, c := range checks {
		if c.Night != nil {
			all = append(all, attemptNight(c, &n)...)
		}
		if c.Absent != "" || c.Elsewhere != "" {
			all = append(all, Finding{Check: c.ID, CheckVersion: c.Version, Severity: c.Severity, Status: NotApplicable, Text: c.Absent + c.Elsewhere, Instances: 1})
		}
	}
	all = append(all, n.surveil(checks, all)...)
	for i := range all {
		all[i].Guards = sortedGuards(all[i].Guards)
	}
	foldNight(all)
	incidents := foldIncidents(&n, all, mergeGuards(all))
	sortFindings(all)
	return Result{Findings: all, Incidents: incidents, Judged: n.judged}
}

// attemptNight turns a crash of a check into "could not run" for everything
// that the run changed.
func attemptNight(c Check, n *Night) (found []Finding) {
	defer func() {
		if r := recover(); r != nil {
			found = nil
			for i := range n.Inputs {
				found = append(found, blockChanged(newInstance(c, &n.Inputs[i]), fmt.Sprintf("the check failed: %v", r))...)
			}
		}
	}()
	return c.Night(n)
}

// instances gives a check's instance for each indicator, in their order, and
// calls judge for those that the catalog leaves on.
func (n *Night) instances(c Check, judge func(*instance)) (all []Finding) {
	for i := range n.Inputs {
		t := newInstance(c, &n.Inputs[i])
		all = append(all, t.run(func() { judge(t) })...)
	}
	return all
}

// tuned is the check with thresholds of the catalog; off says that it is turned
// off.
func (c Check) tuned(all map[string]catalog.CheckParams, asOf catalog.Date) (tuned Check, off bool) {
	p, ok := all[c.ID]
	if !ok || !asOf.Within(p.From, p.To) {
		return c, false
	}
	for _, v := range []struct {
		to   *float64
		from *float64
	}{{&c.Count, p.Count}, {&c.Fraction, p.Fraction}, {&c.P, p.P}} {
		if v.from != nil {
			*v.to = *v.from
		}
	}
	if p.Severity != "" {
		c.Severity = event.Severity(p.Severity)
	}
	if p.Mode != "" {
		c.Mode = Mode(p.Mode)
	}
	return c, p.Off
}

// record is a finding about no indicator: for the record, it holds nothing.
func record(c Check, status Status, instances int64, text string) Finding {
	return Finding{Check: c.ID, CheckVersion: c.Version, Severity: c.Severity, Status: status, Text: text, Instances: max(instances, 1), Shadow: c.Mode == Shadow && status == Flagged}
}

// newest guards the changed cells of units in the newest period that changed;
// nil: of all units.
func newest(in *Input, units map[string]bool) []event.Guard {
	last := int32(0)
	for i := range in.Changed {
		last = max(last, in.Changed[i].Current.Key.PeriodStart)
	}
	var out []event.Guard
	for i := range in.Changed {
		v := &in.Changed[i].Current
		if v.Key.PeriodStart == last && (units == nil || units[v.Key.Unit]) {
			out = append(out, event.GuardOf(v.Key, v.Fingerprint))
		}
	}
	return out
}

// touched guards what a finding about a unit is about: its changed cells, or the
// absence of what was expected. What earlier nights brought is not in question
// because tonight brought nothing.
func (in *Input) touched(units ...string) []event.Guard {
	var out []event.Guard
	for i := range in.Changed {
		if v := &in.Changed[i].Current; slices.Contains(units, v.Key.Unit) {
			out = append(out, event.GuardOf(v.Key, v.Fingerprint))
		}
	}
	if len(out) > 0 {
		return out
	}
	for i := range in.Series {
		s := &in.Series[i]
		if !slices.Contains(units, s.Unit) || s.valid() != nil || len(s.Expected) == 0 {
			continue
		}
		if g, empty := s.empty(s.key(in, slices.Max(s.Expected))); empty {
			out = append(out, g)
		}
	}
	return out
}

// foldNight folds what one check says into what another says of the same
// cells: the cause that is found for a unit goes before its parts.
func foldNight(all []Finding) {
	type target struct {
		indicator, unit string
		period          catalog.Date // zero: what of it there is
	}
	by := map[target]string{}
	for _, check := range []string{"X06", "T08", "K01"} {
		for i := range all {
			f := &all[i]
			if f.Check != check || f.Status != Flagged || !f.Raises() {
				continue
			}
			units := map[string]bool{f.Unit: true}
			for _, g := range f.Guards {
				units[g.Unit] = true
			}
			period := catalog.Date{}
			if check == "T08" { // of one period, where it says so
				period = f.Period
			}
			for u := range units {
				id, ok := by[target{f.Indicator, u, catalog.Date{}}]
				if !ok {
					id, ok = by[target{f.Indicator, u, period}]
				}
				if ok && u == f.Unit {
					f.FoldedInto = id
				} else if !ok {
					by[target{f.Indicator, u, period}] = FlagID(*f)
				}
			}
		}
	}
	cells := map[event.Guard]string{}
	for i := range all {
		f := &all[i]
		if !f.Raises() || f.Status != Flagged {
			continue
		}
		switch f.Check {
		case "X06", "T08", "K01":
			continue
		case "T02", "T03", "T04", "T05", "T07", "D04", "K04", "K09", "K11":
			if f.ofPeriod() {
				continue
			}
			id, ok := by[target{f.Indicator, f.Unit, catalog.Date{}}]
			if !ok {
				id, ok = by[target{f.Indicator, f.Unit, f.Period}]
			}
			if ok {
				f.FoldedInto = id
				continue
			}
		}
		if f.Check == "K09" {
			for _, g := range f.Guards {
				cells[g] = FlagID(*f)
			}
		}
	}
	// That a cell has lost records says more than that it was restated, or that
	// it has none.
	for i := range all {
		if f := &all[i]; (f.Check == "K11" || f.Check == "T04") && f.Raises() && f.Status == Flagged && len(f.Guards) == 1 {
			f.FoldedInto = cells[f.Guards[0]]
		}
	}
	foldPeriods(all)
}

// foldPeriods folds what is odd about the volume of a period into what says more
// of a cell of it, and a week into its day.
func foldPeriods(all []Finding) {
	more := map[event.Guard]string{}
	for _, check := range []string{"X06", "T08", "K01", "T04", "K09", "K11", "T05", "T02"} {
		for i := range all {
			f := &all[i]
			if !f.Raises() || f.Status != Flagged || f.Check != check || check == "T05" && !strings.HasPrefix(f.cause, ofColumns) {
				continue
			}
			id := FlagID(*f)
			if f.ofPeriod() {
				for _, g := range f.Guards {
					if into, ok := more[g]; ok {
						f.FoldedInto = into
						break
					}
				}
			}
			for _, g := range f.Guards {
				if _, ok := more[g]; !ok && f.FoldedInto == "" {
					more[g] = id
				}
			}
		}
	}
	for i := range all {
		if f := &all[i]; f.Raises() && f.Status == Flagged && f.Check == "T03" && f.ofPeriod() {
			for _, g := range f.Guards {
				if into, ok := more[g]; ok {
					f.FoldedInto = into
					break
				}
			}
		}
	}
}

// ofPeriod reports whether the finding is about the volume of one period, not
// about what a night brought.
func (f *Finding) ofPeriod() bool {
	return (f.Check == "T02" || f.Check == "T03" || f.Check == "T06") && !f.Period.IsZero() && len(f.Guards) > 0
}

// surveil runs the checks over the panel.
func (n *Night) surveil(checks []Check, before []Finding) []Finding {
	var out []Finding
	known := map[string]Check{}
	o := surveil.Default()
	o.Workers = n.Workers
	for id := range o.Thresholds {
		o.Off = with(o.Off, id)
	}
	for _, c := range checks {
		if !c.Panel {
			continue
		}
		c, _ = c.tuned(n.Checks, n.AsOf)
		known[c.ID] = c
		delete(o.Off, c.ID)
		o.Thresholds[c.ID] = surveil.Threshold{Count: c.Count, Fraction: c.Fraction, P: c.P}
		if n.Panel == nil && c.ID != "P06" {
			out = append(out, record(c, NotApplicable, int64(len(n.Inputs)), "the volumes of earlier nights are not known; periods are judged by those around them"))
		}
	}
	p06, outliers := known["P06"]
	if outliers {
		out = append(out, n.peersOf(p06, &o)...)
	}
	panel := n.Panel
	if panel == nil {
		panel = &surveil.Panel{Nights: 1}
	}
	p := *panel
	p.Artefact = n.artefacts(&p, before)
	instances := n.thresholds(&p, &o, known)
	pasts := n.pasts()
	n.look(pasts, &o, instances)
	r, err := surveil.Run(&p, o)
	if err != nil {
		for _, c := range known {
			for i := range n.Inputs {
				out = append(out, blockChanged(newInstance(c, &n.Inputs[i]), "the nights could not be compared: "+err.Error())...)
			}
		}
		return out
	}
	n.judged = Judged{n.Panel, r.Judged}
	odd := n.ofPast(pasts, r.Past, instances)
	out = append(append(out, odd...), n.moved(before, odd, instances)...)
	out = append(out, n.together(pasts, instances)...)
	tested := map[string]int64{}
	for id, k := range r.Tested {
		tested[id] = int64(k)
	}
	at := map[int][]string{} // flags of a finding, by indicator in the order of the inputs
	for i := range r.Findings {
		f := &r.Findings[i]
		c := known[f.Check]
		if slices.ContainsFunc(before, func(b Finding) bool {
			return b.Check == "K01" && f.Check == "K01" && b.Status == Flagged && b.Unit == p.Units[f.Unit]
		}) {
			continue // found already, with the feed's own evidence
		}
		for _, v := range n.flagsOf(&p, f, c, instances) {
			if f.Into >= 0 {
				root := &r.Findings[f.Into]
				if f.Check == "T06" && root.Check == "T06" && !inside(root, f) {
					// Beside it: the same incident, with cells of its own.
					v.cause = commonCause(root)
				} else {
					v.FoldedInto = same(at[f.Into], v.Indicator)
				}
			}
			at[i] = append(at[i], v.Indicator+"\x00"+FlagID(v))
			out = append(out, v)
		}
		tested[f.Check]--
	}
	for id, k := range tested {
		if c := known[id]; k > 0 {
			out = append(out, record(c, Pass, k, ""))
		}
	}
	for _, s := range r.Skips {
		out = append(out, record(known[s.Check], NotApplicable, int64(s.Series), s.Why))
	}
	if outliers {
		out = append(out, n.outlying(p06, r.Others)...)
	}
	return out
}

func with(m map[string]bool, id string) map[string]bool {
	if m == nil {
		m = map[string]bool{}
	}
	m[id] = true
	return m
}

// inside reports whether everything that f is about is in root.
func inside(root, f *surveil.Finding) bool {
	return (root.Indicator < 0 || root.Indicator == f.Indicator) && (root.Source < 0 || root.Source == f.Source)
}

// commonCause tells common modes of a night apart.
func commonCause(s *surveil.Finding) string { return fmt.Sprintf("%d %d", s.Indicator, s.Source) }

// same is the flag of the indicator among those of one finding, else the first.
func same(flags []string, indicator string) string {
	for _, f := range flags {
		if i, id, _ := strings.Cut(f, "\x00"); i == indicator {
			return id
		}
	}
	if len(flags) == 0 {
		return ""
	}
	_, id, _ := strings.Cut(flags[0], "\x00")
	return id
}

// artefacts marks series about which other checks found that the data are not
// what happened: a shift of a rate there is no news about care.
func (n *Night) artefacts(p *surveil.Panel, before []Finding) []bool {
	type target struct{ indicator, unit string }
	found := map[target]bool{}
	for _, f := range before {
		if f.Status == Flagged && slices.Contains([]string{"C06", "C09", "C10", "C11", "C12", "K09", "P03", "T10"}, f.Check) && !f.Shadow {
			found[target{f.Indicator, f.Unit}] = true
		}
	}
	if len(found) == 0 {
		return p.Artefact
	}
	out := make([]bool, p.Series())
	copy(out, p.Artefact)
	for s := range out {
		at := target{p.Indicators[p.Indicator[s]], p.Units[p.Unit[s]]}
		out[s] = out[s] || found[at] || found[target{at.indicator, ""}]
	}
	return out
}

// thresholds gives surveil those of the catalog, and keeps the instances for
// severity and mode.
func (n *Night) thresholds(p *surveil.Panel, o *surveil.Options, known map[string]Check) map[[2]string]*instance {
	all := map[[2]string]*instance{}
	own := false
	for id, c := range known {
		for i := range n.Inputs {
			t := newInstance(c, &n.Inputs[i])
			all[[2]string{id, t.in.Indicator.ID}] = t
			_, indicator := t.in.Indicator.Checks[id]
			_, feed := t.in.Feed[id]
			own = own || indicator || feed || len(t.in.Units) > 0
		}
	}
	if !own {
		return all
	}
	o.Series = func(check string, s int) (surveil.Threshold, bool) {
		t := all[[2]string{check, p.Indicators[p.Indicator[s]]}]
		if t == nil {
			return surveil.Threshold{}, false
		}
		if t = t.of(p.Units[p.Unit[s]]); t == nil || t.off {
			return surveil.Threshold{Count: 1e18, Fraction: 1}, true
		}
		return surveil.Threshold{Count: t.count, Fraction: t.fraction, P: t.p}, true
	}
	return all
}

// flagsOf turns a finding of the panel into one of each indicator that it is
// about.
func (n *Night) flagsOf(p *surveil.Panel, s *surveil.Finding, c Check, instances map[[2]string]*instance) []Finding {
	var out []Finding
	for i, id := range p.Indicators {
		if s.Indicator >= 0 && s.Indicator != i {
			continue
		}
		in, t := n.byID[id], instances[[2]string{c.ID, id}]
		if in == nil || t == nil || t.off {
			continue
		}
		f := t.finding(Finding{Status: Flagged, Observed: finite(s.Observed), Expected: finite(s.Expected), Direction: "down"})
		if s.Up {
			f.Direction = "up"
		}
		if s.Unit >= 0 {
			f.Unit = p.Units[s.Unit]
		}
		switch {
		case s.Check == "T06":
			units := map[string]bool{}
			for u, name := range p.Units {
				if s.Source < 0 || p.UnitSource == nil || int(p.UnitSource[u]) == s.Source {
					units[name] = true
				}
			}
			f.Guards = newest(in, units)
		case s.Other >= 0 && s.Unit >= 0:
			f.Guards = in.touched(p.Units[s.Unit], p.Units[s.Other])
		case s.Other >= 0:
			f.Unit = p.Units[s.Other]
			f.Guards = in.touched(f.Unit)
		default:
			f.Guards = in.touched(f.Unit)
		}
		if c.ID == "T05" && s.Artefact {
			f.Severity = event.Hold
		}
		if u := t.of(f.Unit); u != nil {
			f.Shadow = u.mode == Shadow
			if c.ID != "T05" {
				f.Severity = u.severity
			}
		}
		f.Text = sentence(p, s)
		f.cause = commonCause(s)
		f.Low, f.High = surveilBand(s, f.Severity)
		switch {
		case len(f.Guards) > 0:
		case s.Indicator < 0 && s.Unit >= 0 && n.brings(p, i, s.Unit):
			// Nothing of this indicator is to be held because of it, and
			// somebody must know.
			f.Period = in.Indicator.Period.PeriodStart(n.AsOf)
		case s.Indicator < 0:
			continue
		default:
			f.Indicator = ""
		}
		out = append(out, f)
	}
	return out
}

// brings reports whether the panel has a series of the unit in the indicator.
func (n *Night) brings(p *surveil.Panel, indicator, unit int) bool {
	for s := range p.Unit {
		if int(p.Unit[s]) == unit && int(p.Indicator[s]) == indicator {
			return true
		}
	}
	return false
}

// surveilBand is what an acceptance covers; that of a share is as wide as the
// least change that would be asked about.
func surveilBand(s *surveil.Finding, severity event.Severity) (low, high float64) {
	if s.Share {
		return shareBand(severity, finite(s.Observed))
	}
	return band(severity, finite(s.Observed))
}

// shareBand is what an acceptance of a share covers: five points either way.
func shareBand(severity event.Severity, observed float64) (low, high float64) {
	if severity == event.Block {
		return observed, observed
	}
	const points = 0.05
	return max(observed-points, 0), max(min(observed+points, 1), observed)
}
