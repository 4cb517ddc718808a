package validator

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
)

// What two persons put in the place of what was delivered is held to the same
// rules: once when it is proposed, and in every run while it stands, since a
// catalog may have changed since.

// faults are what the checks that need no other cell block in the versions: a
// numerator above what it is part of, events among nobody, negative counts.
// in has the indicator and the thresholds that hold.
func faults(in quality.Input, versions []cell.Version, checks []quality.Check) []quality.Finding {
	in.Changed, in.Series, in.Silent, in.Current = nil, nil, nil, nil
	for _, v := range versions {
		in.Changed = append(in.Changed, quality.Change{Current: v, Previous: &v, Released: &v})
	}
	alone := slices.DeleteFunc(slices.Clone(checks), func(c quality.Check) bool {
		return c.Run == nil || c.Panel || c.Night != nil || c.Severity != event.Block
	})
	return slices.DeleteFunc(quality.Evaluate(in, alone), func(f quality.Finding) bool {
		return f.Status != quality.Flagged || f.Severity != event.Block || !f.Raises()
	})
}

// lawful refuses new content that no delivery would be released with.
func (s *Service) lawful(ind *catalog.Indicator, corrections []event.Correction, on catalog.Date) error {
	region := s.cfg.Catalog.Region.Code
	versions := make([]cell.Version, len(corrections))
	for i, c := range corrections {
		k := c.Cell.Key(region, ind.ID)
		if why := incoherent(ind, c.New); why != "" {
			return fmt.Errorf("%w: unit %s, period %s: %s", gate.ErrCorrections, k.Unit, c.Cell.Period, why)
		}
		versions[i] = cell.Version{Key: k, Content: c.New.Cell(), Fingerprint: gate.ShownAs(c, region, ind.ID)}
	}
	var said []string
	for _, f := range faults(quality.Input{Region: region, Indicator: *ind, AsOf: on, Tolerance: 1}, versions, s.cfg.Checks) {
		said = append(said, fmt.Sprintf("unit %s, period %s, check %s: %s", f.Unit, f.Period, f.Check, f.Text))
	}
	if len(said) > 0 {
		return fmt.Errorf("%w: the new content breaks a rule itself: %s", gate.ErrCorrections, strings.Join(said, "; "))
	}
	return nil
}

// incoherent says why the numbers of a content cannot all be true of one set of
// rows; empty: they can. The negative ones are refused by the gate.
func incoherent(ind *catalog.Indicator, c event.Content) string {
	n, sum, squares := float64(c.ValueCount), c.Values.Float(cell.Micro), c.ValueSquares.Float(cell.Micro)/cell.Micro
	switch {
	case c.ValueCount == 0 && (!c.Values.IsZero() || !c.ValueSquares.IsZero()):
		return "it has sums of values and no values"
	case c.ValueCount > 0 && n*squares < sum*sum*(1-1e-9)-1e-6:
		return fmt.Sprintf("the sum of the squares of its %d values is below what their sum allows", c.ValueCount)
	case ind.Subset && c.Numerator.Cmp(c.Denominator) > 0:
		return "its numerator is above the denominator that it is part of"
	case ind.Type == catalog.StandardisedRatio && c.Expected.IsZero() && c.Numerator.Sign() > 0:
		return "it has events where none are expected"
	case (ind.Type == catalog.Proportion || ind.Type == catalog.Rate) && c.Denominator.IsZero() && c.Numerator.Sign() > 0:
		return "it has a numerator above 0 of 0"
	case !finite(sum, squares):
		return "it has a sum that is no number"
	}
	return ""
}

func finite(vs ...float64) bool {
	return !slices.ContainsFunc(vs, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// recheck are the faults of the corrections that stand as the checks of this
// run see them.
func (s *Service) recheck(m *matter) []quality.Finding {
	standing := m.gate.Corrections()
	if len(standing) == 0 {
		return nil
	}
	versions := make([]cell.Version, len(standing))
	for i, c := range standing {
		versions[i] = cell.Version{Key: c.Cell, Content: c.New.Cell(), Fingerprint: c.Fingerprint}
	}
	return faults(m.input, versions, s.cfg.Checks)
}
