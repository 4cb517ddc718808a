package quality

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// Status is the outcome of one instance of a check.
type Status string

// The outcomes.
const (
	Pass Status = "pass"
	// Flagged is a finding that acts by its severity.
	Flagged Status = "flag"
	// NotApplicable: the check has no say here, or too little history.
	NotApplicable Status = "not_applicable"
	// CouldNotRun: an error of ours or of the data that the check needs. It
	// is a BLOCK of what the check would have guarded.
	CouldNotRun Status = "could_not_run"
)

// Input is what the checks of one indicator see in one run. All slices may be
// in any order.
type Input struct {
	Region    string
	Indicator catalog.Indicator
	// AsOf is the as-of date of the run.
	AsOf catalog.Date
	// Reached is how far the feed had come before this run: what was mature then
	// is closed. Zero: not known; what is mature now is.
	Reached catalog.Date
	// Tolerance is the feed's share of rows that may be rejected. It is used
	// as it is: zero tolerates none.
	Tolerance float64
	// Changed are the cells of which this run has a new version, tombstones
	// included.
	Changed []Change
	// Series are the histories, as they are after this run, of every unit and
	// stratum that has a changed cell or an expected period.
	Series []Series
	// Country is that of the registry, for its holidays; empty: none is known.
	Country string
	// Rebased is by unit the first day of the level that was accepted as a real
	// change.
	Rebased map[string]catalog.Date
	// Feed and Units are thresholds of the feed and, by unit, of units: those
	// of the indicator go before the feed's, those of a unit before both.
	Feed  map[string]catalog.CheckParams
	Units map[string]map[string]catalog.CheckParams
	// Current are the current versions of all cells of the units and periods
	// that have a changed one; what is not given is looked for in Changed.
	Current []cell.Version
	// Revisions are by how much, relative to what they held, closed cells were
	// restated by earlier deliveries of the feed; see K11.
	Revisions []float64
	// Silent are the units of the feed's roster that delivered nothing; see
	// Silences.
	Silent []Silence

	// byRow says that the values of the rows tell of units of measure.
	byRow bool
}

// Change is a new version of a cell and what it is compared with.
type Change struct {
	Current cell.Version
	// Previous is the newest version from before this run against which nothing
	// stands or stood (gate.State.Doubted): a fault that is put right is no loss.
	// nil: there is none, and nothing to compare with.
	Previous *cell.Version
	// Released is the version that was visible before this run (gate.View.Shown);
	// nil: none. Give it even where it equals Previous: it goes before it, or a
	// second small loss would slip past the first that is held.
	Released *cell.Version
	// Asked says that the version before is under an open question of its volume,
	// or was rejected for it.
	Asked bool
}

// Series is the history of one unit and stratum under one indicator version,
// as columns: one row a period that has a cell.
type Series struct {
	Registry, Version, Unit, Stratum string

	// Period is the first day of each period, in days since 1970-01-01.
	Period []int32
	// Volume is Volume of the version that counts: the current one, or where
	// that is held or withdrawn the visible one; 0 for a tombstone.
	Volume []float64
	// Numerator is that of the same version, or the sum of its values; nil: not
	// given.
	Numerator []float64
	// Mature periods will not fill any more.
	Mature []bool
	// Excluded points have no version that counts: they are in no baseline.
	Excluded []bool
	// Fingerprint and Tombstone are those of the current version.
	Fingerprint []cell.Fingerprint
	Tombstone   []bool

	// Expected are the periods that this run's deliveries should have filled
	// for this unit: inside their scope, and the unit open. The newest one is
	// enough. A period without a row in the columns was never delivered.
	Expected []int32

	// The equal-lag history, again as columns: as earlier nights saw the
	// period LagOf, at the same number of days after its end as AsOf is after
	// the end of the period LagFor, it had the volume LagVolume.
	LagFor    []int32
	LagOf     []int32
	LagVolume []float64
}

// key is the cell of the series in the period.
func (s *Series) key(in *Input, period int32) cell.Key {
	return cell.Key{Region: in.Region, Registry: s.Registry, Indicator: in.Indicator.ID, Version: s.Version,
		Granularity: string(in.Indicator.Period), Unit: s.Unit, Stratum: s.Stratum, PeriodStart: period}
}

// valid says what is wrong with the columns, if anything.
func (s *Series) valid() error {
	n := len(s.Period)
	if len(s.Volume) != n || len(s.Mature) != n || len(s.Excluded) != n || len(s.Fingerprint) != n || len(s.Tombstone) != n ||
		s.Numerator != nil && len(s.Numerator) != n || len(s.LagOf) != len(s.LagFor) || len(s.LagVolume) != len(s.LagFor) {
		return errors.New("the columns of the history differ in length")
	}
	for _, column := range [][]float64{s.Volume, s.LagVolume} {
		for _, v := range column {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return errors.New("the history has a volume that is no number")
			}
		}
	}
	seen := make(map[int32]struct{}, n)
	for _, p := range s.Period {
		if _, twice := seen[p]; twice {
			return fmt.Errorf("the history has the period %s twice", catalog.DateOfDays(p))
		}
		seen[p] = struct{}{}
	}
	return nil
}

// Volume is how many records a cell holds, for checks that count them:
// persons or events of the denominator where the indicator's type has one,
// the numerator of a count, else rows.
func Volume(t catalog.IndicatorType, c cell.Content) float64 {
	switch t {
	case catalog.Proportion, catalog.Rate:
		return c.Denominator.Float(cell.Micro)
	case catalog.Count:
		return c.Numerator.Float(cell.Micro)
	case catalog.StandardisedRatio:
		if !c.Denominator.IsZero() {
			return c.Denominator.Float(cell.Micro)
		}
	}
	return float64(c.Rows)
}

// Numerator is what of a cell's volume counts, for checks that compare contents:
// the numerator where the indicator's type has one, else the sum of the values.
func Numerator(t catalog.IndicatorType, c cell.Content) float64 {
	switch t {
	case catalog.Mean, catalog.Median, catalog.Percentile:
		return c.Values.Float(cell.Micro)
	}
	return c.Numerator.Float(cell.Micro)
}

// Finding is the outcome of a check. Findings that pass or do not apply are
// counted: one Finding stands for Instances of them.
type Finding struct {
	Check        string
	CheckVersion int
	Severity     event.Severity
	Status       Status
	Indicator    string
	Unit         string
	Stratum      string
	// Period is the one period that the finding is about; zero: several.
	Period catalog.Date
	// Observed and Expected are aggregates, finite, 0 when unknown.
	Observed, Expected float64
	Direction          string // up, down, or empty
	// Low and High are the band that an acceptance covers. See band.
	Low, High float64
	// Text is one English sentence with the numbers; the check's Explain says
	// in the region's languages why it matters.
	Text string
	// Guards are the cell versions that the finding is about, sorted.
	Guards []event.Guard
	// Instances is the number of cells, units or rows that this stands for.
	Instances int64
	// Shadow findings are on record and ask nobody.
	Shadow bool
	// Incident names the likely cause that the finding shares with others.
	Incident string
	// FoldedInto is the flag whose cause explains this finding: it is on
	// record but raises no flag of its own.
	FoldedInto string

	// cause tells apart incidents of one kind.
	cause string
	// share says that Observed is a share, not a count.
	share bool
}

// band is what an acceptance of an observed count covers: 10 percent or 5
// either way, whichever is more, and no count below zero. BLOCK cannot be
// accepted, so that its band is the observed value alone.
func band(severity event.Severity, observed float64) (low, high float64) {
	if severity == event.Block {
		return observed, observed
	}
	w := max(math.Abs(observed)/10, 5)
	return max(observed-w, 0), observed + w
}

// FlagID names the flag of a finding by its check, target and guards: the same
// finding about the same versions is the same flag, whatever the night.
func FlagID(f Finding) string {
	h := sha256.New()
	put := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	for _, s := range []string{"flag", f.Check, string(f.Status), f.Indicator, f.Unit, f.Stratum, f.Period.String()} {
		put(s)
	}
	for _, g := range sortedGuards(f.Guards) {
		for _, s := range []string{g.Registry, g.Version, g.Granularity, g.Unit, g.Stratum, g.Period.String()} {
			put(s)
		}
		h.Write(g.Fingerprint[:])
	}
	return f.Check + "-" + hex.EncodeToString(h.Sum(nil)[:10])
}

// Origin is where findings come from.
type Origin struct {
	Run     string
	Rev     uint64
	Catalog string
	AsOf    catalog.Date
}

// ToFlag is the event body of a finding. Only findings for which Raises holds
// become flags.
func ToFlag(f Finding, o Origin) event.FlagRaised {
	return event.FlagRaised{
		Flag: FlagID(f), Check: f.Check, CheckVersion: f.CheckVersion, Severity: f.Severity,
		Indicator: f.Indicator, Unit: f.Unit, Stratum: f.Stratum, Period: f.Period,
		Observed: f.Observed, Expected: f.Expected, Direction: f.Direction, Low: f.Low, High: f.High,
		Text: f.Text, Run: o.Run, Rev: o.Rev, Guards: sortedGuards(f.Guards), Catalog: o.Catalog, AsOf: o.AsOf, Incident: f.Incident,
	}
}

// Raises reports whether the finding becomes a flag of its indicator's gate.
func (f *Finding) Raises() bool {
	return (f.Status == Flagged || f.Status == CouldNotRun) && f.FoldedInto == "" && !f.Shadow && f.Indicator != ""
}

func sortedGuards(guards []event.Guard) []event.Guard {
	sorted := slices.Clone(guards)
	slices.SortFunc(sorted, compareGuards)
	return slices.CompactFunc(sorted, func(a, b event.Guard) bool { return compareGuards(a, b) == 0 })
}

func compareGuards(a, b event.Guard) int {
	if c := a.Key("", "").Compare(b.Key("", "")); c != 0 {
		return c
	}
	return strings.Compare(string(a.Fingerprint[:]), string(b.Fingerprint[:]))
}

func sortFindings(all []Finding) {
	slices.SortFunc(all, func(a, b Finding) int {
		if c := cmp.Or(strings.Compare(a.Check, b.Check), strings.Compare(string(a.Status), string(b.Status)),
			strings.Compare(a.Indicator, b.Indicator), strings.Compare(a.Unit, b.Unit),
			strings.Compare(a.Stratum, b.Stratum), a.Period.Compare(b.Period)); c != 0 {
			return c
		}
		return cmp.Or(slices.CompareFunc(a.Guards, b.Guards, compareGuards), strings.Compare(a.Text, b.Text))
	})
}
