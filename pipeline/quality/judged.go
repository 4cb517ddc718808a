package quality

import (
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/quality/surveil"
)

// Judged is what the checks of the panel have looked at in a night: where they
// then find nothing, what they found on an earlier night is not there any more.
type Judged struct {
	panel  *surveil.Panel
	tested map[string][]bool
}

// ByPanel reports whether a check judges what each night brought, so that it
// says nothing about cells of other nights.
func ByPanel(check string) bool {
	return check != "P06" && slices.ContainsFunc(panelChecks(), func(c Check) bool { return c.ID == check })
}

// Looked reports whether the night told the check anything about the indicator
// of a unit, or of any. Of a silent unit its word tells, of records that moved to
// another code its return: it had nothing on the night of the finding, since;
// where that is zero it is back already.
func (j Judged) Looked(check, indicator, unit string, since catalog.Date) bool {
	p := j.panel
	if p == nil {
		return false
	}
	tested, statistical := j.tested[check]
	last := p.Nights - 1
	was := int(since.Days() - p.First)
	came, had := false, false
	for s := range p.Unit {
		if unit != "" && p.Units[p.Unit[s]] != unit {
			continue
		}
		if was >= 0 && was < last && p.Volume[s*p.Nights+was] > 0 {
			had = true
		}
		switch now := p.Volume[s*p.Nights+last]; {
		case check == "K01" || check == "X06":
			came = came || now > 0
		case indicator != p.Indicators[p.Indicator[s]]:
		case statistical:
			came = came || tested[s]
		default:
			came = came || now != surveil.Unknown
		}
	}
	if check == "X06" {
		return came && !had && unit != ""
	}
	return came
}

// TookBack reports whether the night took away more of the indicator of a unit,
// or of any, than it brought: its source has corrected what it sent.
func (j Judged) TookBack(indicator, unit string) bool {
	p := j.panel
	if p == nil {
		return false
	}
	for s := range p.Unit {
		if (unit == "" || p.Units[p.Unit[s]] == unit) && p.Indicators[p.Indicator[s]] == indicator && p.Volume[(s+1)*p.Nights-1] == surveil.Unknown {
			return true
		}
	}
	return false
}
