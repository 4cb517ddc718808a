package variation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"larstrom/pipeline/spc"
)

// Distribution is a statistic recomputed over simulated units.
type Distribution struct {
	// Observed is the statistic of the data.
	Observed float64
	// Values are those of the simulations, ascending; simulations in which the
	// statistic does not exist are left out.
	Values []float64
}

// P is the share of simulations at or above the observed value, the data counted
// among them (Davison & Hinkley 1997): a one-sided p value under Null.
func (d Distribution) P() float64 {
	i, _ := slices.BinarySearch(d.Values, d.Observed)
	return float64(len(d.Values)-i+1) / float64(len(d.Values)+1)
}

// Interval is the percentile interval at a confidence (Efron 1979); NaN without
// simulations or for a confidence outside (0, 1).
func (d Distribution) Interval(confidence float64) (low, high float64) {
	a := (1 - checked(confidence)) / 2
	return Quantile(d.Values, a), Quantile(d.Values, 1-a)
}

// Null is the distribution of a statistic, such as SCV or the ratio of two
// deciles, if the units varied by chance alone (Diehr et al. 1990): the same units
// and sizes, all with the common mean. Units in other states than value stay out.
// The randomness is the caller's: the same source gives the same values.
//
// Errors wrap ErrOptions (also for simulations outside 1 to 1,000,000) or ErrUnit,
// as Describe's.
func Null(in Input, o Options, statistic func(*Result) float64, simulations int, src rand.Source) (Distribution, error) {
	return resample(in, o, statistic, simulations, src, false)
}

// Bootstrap is the distribution of a statistic over new units from the fitted
// model, the parametric bootstrap (Efron 1979): beta (proportions), gamma (rates, ratios) or normal (means) variation
// with the estimated mean and variance between units. For intervals of SCV, ICC,
// MOR and the like; the variance itself has one by the Q profile already. Missing
// units, randomness and errors as for Null.
func Bootstrap(in Input, o Options, statistic func(*Result) float64, simulations int, src rand.Source) (Distribution, error) {
	return resample(in, o, statistic, simulations, src, true)
}

func resample(in Input, o Options, statistic func(*Result) float64, simulations int, src rand.Source, between bool) (Distribution, error) {
	if simulations < 1 || simulations > 1_000_000 {
		return Distribution{}, fmt.Errorf("%w: %d simulations; give 1 to 1,000,000", ErrOptions, simulations)
	}
	var fit, r Result
	if err := Describe(&fit, in, o); err != nil {
		return Distribution{}, err
	}
	out := Distribution{Observed: statistic(&fit)}
	if fit.Units < 2 || math.IsNaN(fit.Phi) {
		return out, nil
	}
	mean := fit.Mean
	if o.Multiplier != 0 {
		mean /= o.Multiplier
	}
	t2 := fit.Tau2
	switch o.Measure {
	case Proportion:
		t2 *= mean * (1 - mean) * mean * (1 - mean)
	case Rate, Ratio:
		t2 *= mean * mean
	}
	if !between {
		t2 = 0
	}
	sim := in
	sim.Num, sim.Value = slices.Clone(in.Num), slices.Clone(in.Value)
	for range simulations {
		for i, st := range in.States {
			if st != spc.StateValue {
				continue
			}
			switch o.Measure {
			case Mean:
				sim.Value[i] = distuv.Normal{Mu: mean, Sigma: math.Sqrt(t2 + in.SE[i]*in.SE[i]), Src: src}.Rand()
			case Proportion:
				if in.Den[i] == 0 {
					continue
				}
				p := mean
				if w := mean*(1-mean)/t2 - 1; t2 > 0 && w > 0 {
					p = distuv.Beta{Alpha: w * mean, Beta: w * (1 - mean), Src: src}.Rand()
				}
				sim.Num[i] = distuv.Binomial{N: math.Round(in.Den[i]), P: p, Src: src}.Rand()
				sim.Num[i] = min(sim.Num[i], in.Den[i])
			default:
				if in.Den[i] == 0 {
					continue
				}
				m := mean
				if t2 > 0 {
					m = distuv.Gamma{Alpha: mean * mean / t2, Beta: mean / t2, Src: src}.Rand()
				}
				sim.Num[i] = 0
				if mu := m * in.Den[i]; mu > 0 {
					sim.Num[i] = distuv.Poisson{Lambda: mu, Src: src}.Rand()
				}
			}
		}
		if err := Describe(&r, sim, o); err != nil {
			return Distribution{}, err
		}
		if v := statistic(&r); !math.IsNaN(v) {
			out.Values = append(out.Values, v)
		}
	}
	slices.Sort(out.Values)
	return out, nil
}
