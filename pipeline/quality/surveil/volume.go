package surveil

import "math"

// The reasons why a series is not tested.
const (
	tooShort = "too short a history, or too few records to find anything"
	holiday  = "tonight is a holiday"
)

// volumes tests what each series holds on three scales (T02 by day, T03 by
// week and by four weeks).
func (t *part) volumes(o *Options) {
	for _, scale := range []struct {
		check         string
		days, windows int
		family        int
	}{{"T02", 1, sameWeekdays, familyDay}, {"T03", 7, weeks, familyWeek}, {"T03", 28, months, familyMonth}} {
		if o.Off[scale.check] {
			continue
		}
		w := t.b.scale(scale.days, scale.windows)
		for k, s := range t.b.series {
			threshold := o.threshold(scale.check, s)
			j := w.test(k, threshold.Count)
			if !j.tested {
				why := tooShort
				if f := t.b.p.Free; f != nil && f[len(f)-1] {
					why = holiday
				}
				t.skip(scale.check, why)
				continue
			}
			f := t.about(scale.check, s)
			f.Scale, f.Observed, f.Expected, f.P, f.Up = scale.days, j.observed, j.expected, j.p, j.observed > j.expected
			t.tests = append(t.tests, hypothesis{Finding: f, family: scale.family, large: threshold.passes(j.observed, j.expected)})
		}
	}
}

// passes reports whether a difference is large enough, in records and
// relative to what was expected.
func (h Threshold) passes(observed, expected float64) bool {
	d := max(observed-expected, expected-observed)
	return d >= h.Count && d >= h.Fraction*expected
}

// about is a finding about series s.
func (t *part) about(check string, s int) Finding {
	p := t.b.p
	f := Finding{Check: check, Series: s, Unit: int(p.Unit[s]), Other: -1, Indicator: int(p.Indicator[s]), Source: -1, Scale: 1, Into: -1}
	f.Artefact = p.Artefact != nil && p.Artefact[s]
	return f
}

// zeroNights are the nights among which empty ones are counted.
const zeroNights = 28

// zeros tests whether more of the last nights are empty than the model expects
// (D04). The probability of an empty night differs between nights; the binomial
// with their mean has the larger variance, which errs on the side of asking
// less.
func (t *part) zeros(o *Options) {
	if o.Off["D04"] {
		return
	}
	b := t.b
	for k, s := range b.series {
		threshold := o.threshold("D04", s)
		v := b.volume(k)
		n, empty, chance := 0, 0, 0.0
		for night := max(b.nights-zeroNights, 0); night < b.nights; night++ {
			if b.state[k*b.nights+night] == unknown {
				continue
			}
			n++
			chance += math.Exp(logPoint(0, b.expected(k, night), b.alpha))
			if v[night] == 0 {
				empty++
			}
		}
		if n < zeroNights/2 || b.known[k] < 2*zeroNights || b.size[k] <= 0 {
			t.skip("D04", tooShort)
			continue
		}
		f := t.about("D04", s)
		f.Scale, f.Observed, f.Expected, f.Up, f.P = n, float64(empty), chance, float64(empty) > chance, 1
		if f.Up && float64(empty) >= threshold.Count {
			p := min(max(chance/float64(n), 1e-12), 1-1e-12)
			f.P = BetaBinomial(empty, n, p*1e12, (1-p)*1e12).Upper
		}
		t.tests = append(t.tests, hypothesis{Finding: f, family: familyZeros,
			large: f.Up && f.Observed-f.Expected >= threshold.Count && f.Observed-f.Expected >= threshold.Fraction*float64(n)})
	}
}
