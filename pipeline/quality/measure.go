package quality

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"larstrom/pipeline/quality/surveil"
)

// SizesPerFold is how finely values are counted by their size: size s is what
// lies about exp(s/SizesPerFold).
const SizesPerFold = 20

const (
	// fewestReference values of other units tell how large values are.
	fewestReference = 100
	// tellsApart is by how much likelier a value must be in another unit of
	// measure for it to count as one of that.
	tellsApart = 20
	// mostlyApart is the share of converted values that must be told apart:
	// where fewer are, the values spread over both units of measure and nothing
	// follows from them.
	mostlyApart = 0.5
	// smoothed is over how many sizes either way a value counts: a fifth.
	smoothed = 4
	// unseen is what a size without values counts as.
	unseen = 0.05
)

// byRow reports whether the values of the rows tell of the indicator's units of
// measure, so that nothing is to be guessed from sums.
func (p *Profile) byRow() bool {
	for unit := range p.Values {
		if count, _ := p.others(unit); count < fewestReference {
			return false
		}
	}
	return len(p.Values) > 0
}

// others are the values of other units: those of earlier deliveries, or where
// there are too few of this one. A unit that has always sent another unit of
// measure is so not its own measure.
func (p *Profile) others(unit string) (count float64, sizes map[int]float64) {
	for _, from := range []map[string]map[int]int64{p.ValuesBefore, p.Values} {
		count, sizes = 0, map[int]float64{}
		for u, of := range from {
			if u == unit {
				continue
			}
			for s, n := range of {
				sizes[s] += float64(n)
				count += float64(n)
			}
		}
		if count >= fewestReference {
			break
		}
	}
	return count, sizes
}

// p03Rows holds what a unit's rows changed where a part of their values lies
// where it would in another unit of measure, and where those of other units
// hardly ever do.
func p03Rows(n *Night, c Check) []Finding {
	var out []Finding
	for i := range n.Profiles {
		p := &n.Profiles[i]
		in := n.byID[p.Indicator]
		if in == nil || !p.byRow() {
			continue
		}
		t := newInstance(c, in)
		if t.off || t.err != nil {
			continue // said of the cells
		}
		out = append(out, t.run(func() {
			for _, unit := range slices.Sorted(maps.Keys(p.Values)) {
				of, all := t.of(unit), t
				if of == nil {
					all.skip("turned off for the unit", 1)
					continue
				}
				of.rows(p, unit)
			}
		})...)
	}
	return out
}

// rows judges the values of one unit.
func (t *instance) rows(p *Profile, unit string) {
	count, sizes := p.others(unit)
	now := p.Values[unit]
	all := total(now)
	most, nearest, which, apart := int64(0), 0.0, "", false
	for _, conv := range conversions() {
		for _, into := range []func(float64) float64{
			func(v float64) float64 { return v*conv.factor - conv.minus },
			func(v float64) float64 { return (v + conv.minus) / conv.factor },
		} {
			likely, chance, ok := elsewhere(sizes, count, into)
			if !ok {
				continue
			}
			apart = true
			var there int64
			var near float64 // to the centre of the converted values
			for s, k := range now {
				if likely[s] > 0 {
					there += k
					near += float64(k) * likely[s]
				}
			}
			if there < most || there == most && near <= nearest || float64(there) < t.count || float64(there) < t.fraction*float64(all) {
				continue
			}
			if surveil.BetaBinomial(int(there), int(all), chance*exactly, (1-chance)*exactly).Upper < t.p {
				most, nearest, which = there, near, conv.name
			}
		}
	}
	guards := t.in.touched(unit)
	switch {
	case !apart:
		t.skip("the values spread so widely that no unit of measure can be told from another", 1)
	case most == 0 || len(guards) == 0:
		t.pass()
	default:
		t.flag(Finding{Unit: unit, Guards: guards, Observed: float64(most), Direction: "up",
			Text: fmt.Sprintf("%d of %d values lie where they would in another unit of measure (%s); those of other units do not.", most, all, which)})
	}
}

// exactly makes a beta-binomial distribution a binomial one.
const exactly = 1e12

// elsewhere are the sizes that are far likelier after a conversion than before
// it, with how many converted values have them, and the chance of a value to have one of them before it. ok is false where
// values of both kinds overlap.
func elsewhere(sizes map[int]float64, count float64, into func(float64) float64) (likely map[int]float64, chance float64, ok bool) {
	same, converted := map[int]float64{}, map[int]float64{}
	for s, n := range sizes {
		v := into(math.Exp(float64(s) / SizesPerFold))
		for d := -smoothed; d <= smoothed; d++ {
			same[s+d] += n / (2*smoothed + 1)
			if v > 0 {
				converted[int(math.Round(math.Log(v)*SizesPerFold))+d] += n / (2*smoothed + 1)
			}
		}
	}
	likely = map[int]float64{}
	var inside float64
	for s, n := range converted {
		if n > tellsApart*(same[s]+unseen) {
			likely[s] = n
			inside += n
			chance += (same[s] + unseen) / count
		}
	}
	return likely, min(chance, 1), inside >= mostlyApart*count
}
