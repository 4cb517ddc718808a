package spc

import (
	"fmt"
	"math"
)

// Reason is why a part was charted as it was; Part.Why says it in words.
type Reason uint8

const (
	// ReasonNone is the zero value: nothing was decided.
	ReasonNone Reason = iota
	// ReasonAsked means the caller set the chart.
	ReasonAsked
	// ReasonOverlapping means that the points share data.
	ReasonOverlapping
	// ReasonNoPoints means no mature value at all.
	ReasonNoPoints
	// ReasonFewPoints means too few mature values for limits.
	ReasonFewPoints
	// ReasonFewRanges means that gaps left too few moving ranges.
	ReasonFewRanges
	// ReasonNoEvents means a baseline without events, or without non-events.
	ReasonNoEvents
	// ReasonPlain means dispersion compatible with binomial or Poisson.
	ReasonPlain
	// ReasonOver and ReasonUnder mean more, or less, dispersion than that.
	ReasonOver
	ReasonUnder
	// ReasonSparse means counts too small for normal limits.
	ReasonSparse
	// ReasonSparseOver means both small counts and more dispersion than chance.
	ReasonSparseOver
	// ReasonMean and ReasonCount mean values without known variation within a
	// period.
	ReasonMean
	ReasonCount
	// ReasonRare means that entries are the intervals between rare events.
	ReasonRare
)

// title is the name that the field writes.
func (k Kind) title() string {
	switch k {
	case Line:
		return "Line"
	case Run:
		return "Run"
	case XmR:
		return "XmR"
	case PPrime:
		return "p′"
	case UPrime:
		return "u′"
	case IPrime:
		return "I′"
	case Xbar:
		return "X̄"
	case S:
		return "S"
	case R:
		return "R"
	case MR:
		return "Moving range"
	}
	return k.String()
}

// Why is one or two sentences for the reader of the chart: what it is, from
// which baseline, and why.
func (p Part) Why() string {
	var s string
	switch p.Reason {
	case ReasonAsked:
		s = p.Kind.title() + " chart, as asked for."
	case ReasonOverlapping:
		return "Line only: the points overlap, so limits and run rules would mislead."
	case ReasonNoPoints:
		return "No centre line: no mature value yet."
	case ReasonFewPoints:
		s = fmt.Sprintf("Run chart: %d mature values are too few for limits.", p.Points)
	case ReasonFewRanges:
		s = fmt.Sprintf("Run chart: gaps leave only %d moving ranges in the baseline, too few for limits.", p.Ranges)
	case ReasonNoEvents:
		s = "Run chart: the baseline has no events, or nothing but events, so it says nothing about variation; consider time between events."
	case ReasonPlain:
		s = fmt.Sprintf("%s chart: variation in the baseline is compatible with chance alone (sigma_z %.2f).", p.Kind.title(), p.Dispersion)
		if math.IsNaN(p.DispersionZ) {
			s = fmt.Sprintf("%s chart: the denominators are too small to test the dispersion.", p.Kind.title())
		}
	case ReasonOver:
		s = fmt.Sprintf("%s chart: the baseline varies more than chance alone explains (sigma_z %.2f).", p.Kind.title(), p.Dispersion)
	case ReasonUnder:
		s = fmt.Sprintf("%s chart: the baseline varies less than chance alone explains (sigma_z %.2f); check for overlapping or dependent data.", p.Kind.title(), p.Dispersion)
	case ReasonSparse:
		s = fmt.Sprintf("%s chart with exact limits: counts are too small for normal limits (sigma_z %.2f).", p.Kind.title(), p.Dispersion)
	case ReasonSparseOver:
		s = fmt.Sprintf("%s chart with exact limits that allow for more variation than chance (sigma_z %.2f): counts are too small for normal limits.", p.Kind.title(), p.Dispersion)
	case ReasonMean:
		s = "XmR chart: values without a known variation within the period."
	case ReasonCount:
		s = "XmR chart: counts without a denominator."
	case ReasonRare:
		s = fmt.Sprintf("%s chart: intervals between rare events; a high value is a long time without one.", p.Kind.title())
	default:
		return ""
	}
	if p.Uneven {
		s += " The periods differ much in size, which its limits ignore."
	}
	switch {
	case p.SeasonP < serialLevel:
		s += fmt.Sprintf(" The values have a season (p %.2g): run rules are off; compare the same time of other years, or of other weeks.", p.SeasonP)
	case p.AutocorrelationP < serialLevel:
		s += fmt.Sprintf(" Successive values are not independent (p %.2g): run rules are off.", p.AutocorrelationP)
	}
	switch p.Stage {
	case StageProvisional:
		s += fmt.Sprintf(" The limits are provisional: %d mature values so far.", p.BaselinePoints)
	case StageFrozen:
		s += fmt.Sprintf(" The baseline is frozen: %d mature values.", p.BaselinePoints)
	}
	if p.Screening == ScreenOnce && p.Ranges > 0 {
		s += " Large moving ranges were screened once."
	}
	return s
}

// NoLowSignal reports whether no value at point i, however low, could signal by
// itself: the lower limit is 0 for values that cannot be negative
// (Part.NonNegative). It is false where there is no limit.
func (c Chart) NoLowSignal(i int) bool { return c.LCL[i] <= 0 && c.part(i).NonNegative }

// NoHighSignal reports whether no proportion at point i, however high, could
// signal by itself: the upper limit is 1, or all cases. It is false where there is
// no limit and for other measures.
func (c Chart) NoHighSignal(i int) bool {
	switch p := c.part(i); p.Kind {
	case P, PPrime:
		return c.UCL[i] >= c.multiplier
	case NP:
		cases := c.Centre[i] / p.Centre * c.multiplier
		return c.UCL[i] >= cases*(1-1e-12)
	}
	return false
}
