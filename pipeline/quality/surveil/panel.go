package surveil

import (
	"errors"
	"fmt"
)

// Unknown marks a number that must not be used: withdrawn, rejected, or never
// delivered. A missing unit is not a zero.
const Unknown int32 = -1

// Panel is what the nights up to tonight said of every series, oldest first,
// each number at equal lag. Columns are series-major: series s on night n is
// row s*Nights+n.
type Panel struct {
	// First is the civil day of the first night in days since 1970-01-01;
	// nights follow each other day by day.
	First  int32
	Nights int

	Units, Indicators, Sources []string
	// UnitSource is the source (vendor, registry) of each unit; nil: one.
	UnitSource []int32
	// Unit and Indicator are those of each series. A unit has at most one
	// series of an indicator.
	Unit, Indicator []int32

	// Volume counts records; Unknown where it must not be used.
	Volume []int32
	// Numerator and Missing count those of them that are in the numerator and
	// those that lack a value; nil: not counted.
	Numerator, Missing []int32
	// Rebased is the first night of each series at its present level, where a
	// real change was accepted; 0 or nil: none.
	Rebased []int32
	// Free nights are holidays; nil: none is.
	Free []bool
	// Artefact marks series about which other checks found evidence that
	// tonight's data are not what happened; nil: none.
	Artefact []bool
}

// Series is the number of series.
func (p *Panel) Series() int { return len(p.Unit) }

// at is the row of series s.
func (p *Panel) at(column []int32, s int) []int32 {
	return column[s*p.Nights : (s+1)*p.Nights]
}

// ErrPanel is wrapped by everything that is wrong with a panel.
var ErrPanel = errors.New("surveil: the panel contradicts itself")

// Validate says everything that is wrong with the shapes of a panel.
func (p *Panel) Validate() error {
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: %s", ErrPanel, fmt.Sprintf(format, a...)))
	}
	if p.Nights < 1 {
		bad("%d nights", p.Nights)
	}
	if len(p.Unit) != len(p.Indicator) {
		bad("%d series have a unit, %d an indicator", len(p.Unit), len(p.Indicator))
	}
	for name, c := range map[string][]int32{"Volume": p.Volume, "Numerator": p.Numerator, "Missing": p.Missing} {
		if (c != nil || name == "Volume") && len(c) != len(p.Unit)*p.Nights {
			bad("%s has %d rows, not %d series of %d nights", name, len(c), len(p.Unit), p.Nights)
		}
	}
	if p.UnitSource != nil && len(p.UnitSource) != len(p.Units) {
		bad("%d units have a source, not %d", len(p.UnitSource), len(p.Units))
	}
	if p.Rebased != nil && len(p.Rebased) != len(p.Unit) {
		bad("Rebased has %d rows", len(p.Rebased))
	}
	if p.Artefact != nil && len(p.Artefact) != len(p.Unit) {
		bad("Artefact has %d rows", len(p.Artefact))
	}
	if p.Free != nil && len(p.Free) != p.Nights {
		bad("Free has %d rows", len(p.Free))
	}
	within := func(name string, column []int32, n int) {
		for i, v := range column {
			if v < 0 || int(v) >= n {
				bad("%s of row %d is %d of %d", name, i, v, n)
				return
			}
		}
	}
	within("Unit", p.Unit, len(p.Units))
	within("Indicator", p.Indicator, len(p.Indicators))
	within("UnitSource", p.UnitSource, max(len(p.Sources), 1))
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	seen := make(map[[2]int32]struct{}, len(p.Unit))
	for s := range p.Unit {
		k := [2]int32{p.Unit[s], p.Indicator[s]}
		if _, twice := seen[k]; twice {
			bad("unit %s has two series of %s", p.Units[k[0]], p.Indicators[k[1]])
		}
		seen[k] = struct{}{}
	}
	return errors.Join(errs...)
}
