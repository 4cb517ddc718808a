package quality

import (
	"fmt"
	"math"

	"larstrom/pipeline/quality/surveil"
)

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// nights writes a number of nights.
func nights(n int) string {
	if n == 1 {
		return "tonight"
	}
	return fmt.Sprintf("in %d nights", n)
}

// sentence says with numbers what a finding over the panel is.
func sentence(p *surveil.Panel, s *surveil.Finding) string {
	change := 0.0
	if s.Expected > 0 {
		change = 100 * (s.Observed - s.Expected) / s.Expected
	}
	switch s.Check {
	case "T02", "T03":
		return fmt.Sprintf("%.0f records %s where %.1f were expected (%+.0f %%; probability %.2g).", s.Observed, nights(s.Scale), s.Expected, change, s.P)
	case "T05":
		text := fmt.Sprintf("The rate was %.1f %% in the last %d nights and %.1f %% before (probability %.2g).", 100*s.Observed, s.Scale, 100*s.Expected, s.P)
		if s.Artefact {
			text += " Other checks found that the data changed too."
		}
		return text
	case "K04":
		return fmt.Sprintf("%.1f %% of values are missing %s, %.1f %% were before (probability %.2g).", 100*s.Observed, nights(s.Scale), 100*s.Expected, s.P)
	case "D04":
		return fmt.Sprintf("%.0f of the last %d nights are empty, about %.1f would be by chance (probability %.2g).", s.Observed, s.Scale, s.Expected, s.P)
	case "T06":
		who := "All units"
		if s.Source >= 0 && s.Source < len(p.Sources) {
			who = "The units of source " + p.Sources[s.Source]
		}
		what := "in all indicators"
		if s.Indicator >= 0 {
			what = "in indicator " + p.Indicators[s.Indicator]
		}
		return fmt.Sprintf("%s shifted together %s: %.0f records %s where %.0f were expected (%+.0f %%; probability %.2g).", who, what, s.Observed, nights(s.Scale), s.Expected, change, s.P)
	case "T07":
		return fmt.Sprintf("The same %.0f records with the same numerator on %d nights in a row (probability %.2g).", s.Observed, s.Nights, s.P)
	case "T08":
		return fmt.Sprintf("What the unit sent tonight is what it sent %d nights ago, in (nearly) all indicators (probability %.2g).", s.Nights, s.P)
	case "K01":
		return fmt.Sprintf("Nothing came from the unit, in any indicator; about %.0f records were expected (probability %.2g).", s.Expected, s.P)
	case "X06":
		if s.Unit < 0 {
			return fmt.Sprintf("A new unit code %s has %.0f records, and no unit is known that has lost them.", p.Units[s.Other], s.Observed)
		}
		return fmt.Sprintf("Unit %s lost about %.0f records %s and %s gained %.0f in the same proportions: a merge, a split, or a changed code.",
			p.Units[s.Unit], s.Expected, nights(s.Scale), p.Units[s.Other], s.Observed)
	}
	return ""
}
