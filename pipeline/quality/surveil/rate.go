package surveil

import "math"

// relative is how many times the least absolute change of a rate the least
// relative one is: five points, or 20 %.
const relative = 4

// missingDays are the nights that tonight's missing values are compared with.
const missingDays = 28

// rates tests shares of records: the numerator over four weeks (T05, the level
// of a rate) and values that are missing (K04, tonight and over one and four weeks).
func (t *part) rates(o *Options) {
	if c := t.b.p.Numerator; c != nil && !o.Off["T05"] {
		t.shares(o, "T05", c, 28, months, familyRate)
	}
	if c := t.b.p.Missing; c != nil && !o.Off["K04"] {
		t.shares(o, "K04", c, 1, missingDays, familyMissingDay)
		t.shares(o, "K04", c, 7, weeks, familyMissingWeek)
		t.shares(o, "K04", c, 28, months, familyMissingMonth)
	}
}

// shares tests the share that column is of the volume in the last days nights
// against earlier windows of the same length.
func (t *part) shares(o *Options, check string, column []int32, days, count, family int) {
	b := t.b
	n := count + 1
	x, m := make([]float64, len(b.series)*n), make([]float64, len(b.series)*n)
	least := minWindows
	if days == 28 {
		least = minMonths
	}
	for k, s := range b.series {
		v, state := b.volume(k), b.state[k*b.nights:]
		c := b.p.at(column, s)[b.from:]
		for j := range n {
			for night := b.nights - (j+1)*days; night < b.nights-j*days && night >= 0; night++ {
				if state[night] != unknown && c[night] >= 0 && (state[night] == usable || night == b.nights-1) {
					x[k*n+j] += float64(c[night])
					m[k*n+j] += float64(v[night])
				}
			}
		}
	}
	rho := clustering(x, m, n, least)
	for k, s := range b.series {
		threshold := o.threshold(check, s)
		before, of, filled, size := 0.0, 0.0, 0, 0.0
		for j := 1; j < n; j++ {
			if v := m[k*n+j]; v > 0 {
				before += x[k*n+j]
				of += v
				size += v * (1 + (v-1)*rho)
				filled++
			}
		}
		y, tested := x[k*n], m[k*n]
		if filled < least || tested < threshold.Count || of < threshold.Count || y > tested || before > of {
			t.skip(check, tooShort)
			continue
		}
		f := t.about(check, s)
		f.Scale, f.Share, f.Observed, f.Expected, f.Up = days, true, y/tested, before/of, y/tested > before/of
		if days > 1 {
			y = t.clipped(column, k, days, f.Expected, f.Up)
		}
		p := (before + 0.5) / (of + 1)
		// The dispersion of the tested window with what the baseline does
		// not know of its share.
		r := min(rho+size/(of*of)*tested/max(tested-1, 1), 0.999)
		scale := 1/r - 1
		f.P = 1
		if d := y - p*tested; d != 0 && (d > 0) == f.Up && d*d > 4*tested*p*(1-p)*(1+(tested-1)*r) {
			tail := BetaBinomial(int(y), int(tested), p*scale, (1-p)*scale)
			f.P = tail.MidP()
			if check == "K04" {
				f.P /= 2
			}
		}
		d := math.Abs(f.Observed - f.Expected)
		large := d*tested >= threshold.Count
		if check == "K04" {
			// What matters is that values are lost.
			if !f.Up {
				f.P = 1
			}
			large = large && d >= threshold.Fraction
		} else {
			large = large && (d >= threshold.Fraction || d >= relative*threshold.Fraction*f.Expected) && t.settled(column, k, f.Expected, f.Up)
		}
		t.tests = append(t.tests, hypothesis{Finding: f, family: family, large: large})
	}
}

// clipped is the column's sum over the tested window in which no night speaks
// for a change with more than clipAt standard deviations and one record: one
// odd night is no new level.
func (t *part) clipped(column []int32, k, days int, share float64, up bool) float64 {
	b := t.b
	v, c := b.volume(k), b.p.at(column, b.series[k])[b.from:]
	sum := 0.0
	for night := max(b.nights-days, 0); night < b.nights; night++ {
		if s := b.state[k*b.nights+night]; s == unknown || c[night] < 0 || s != usable && night < b.nights-1 {
			continue
		}
		m := share * float64(v[night])
		slack := clipAt*math.Sqrt(m*(1-share)) + 1
		if up {
			sum += min(float64(c[night]), m+slack)
		} else {
			sum += max(float64(c[night]), m-slack)
		}
	}
	return math.Round(sum)
}

// settled confirms a level shift: both halves of the four weeks lie on the
// same side of the earlier share. One odd week is no new level.
func (t *part) settled(column []int32, k int, share float64, up bool) bool {
	b := t.b
	v, c := b.volume(k), b.p.at(column, b.series[k])[b.from:]
	for _, half := range [2][2]int{{28, 14}, {14, 0}} {
		x, m := 0.0, 0.0
		for night := max(b.nights-half[0], 0); night < b.nights-half[1]; night++ {
			if b.state[k*b.nights+night] != unknown && c[night] >= 0 {
				x += float64(c[night])
				m += float64(v[night])
			}
		}
		if m > 0 && (x > share*m) != up {
			return false
		}
	}
	return true
}

// clustering is the intra-class correlation of shares between windows, pooled
// over series by moments: Var(x) = m p(1-p)(1+(m-1)rho).
func clustering(x, m []float64, n, least int) float64 {
	var over, square, noise float64
	for k := 0; k < len(x); k += n {
		var sx, sm float64
		filled := 0
		for j := 1; j < n; j++ {
			if m[k+j] > 1 {
				sx += x[k+j]
				sm += m[k+j]
				filled++
			}
		}
		if filled < least || sx <= 0 || sx >= sm {
			continue
		}
		p := sx / sm
		c := float64(filled) / float64(filled-1)
		for j := 1; j < n; j++ {
			if v := m[k+j]; v > 1 {
				d := x[k+j] - v*p
				plain := v * p * (1 - p)
				over += (v - 1) * (c*d*d/plain - 1)
				square += (v - 1) * (v - 1)
				noise += 2 * (v - 1) * (v - 1)
			}
		}
	}
	if square <= 0 {
		return 0
	}
	return min(max(0, over/square)+math.Sqrt(noise)/square, 0.99)
}

// stuck looks for series that have not moved for several nights (T07): the
// same records and the same numerator, where the model calls that improbable.
// The level is also a hundredth of one expected false finding over all series
// of the panel.
func (t *part) stuck(o *Options) {
	if o.Off["T07"] {
		return
	}
	b := t.b
	for k, s := range b.series {
		threshold := o.threshold("T07", s)
		v := b.volume(k)
		var num []int32
		if b.p.Numerator != nil {
			num = b.p.at(b.p.Numerator, s)[b.from:]
		}
		last := b.nights - 1
		n, logP := 1, 0.0
		for night := last - 1; night >= 0; night-- {
			if b.state[k*b.nights+night] == unknown || v[night] != v[last] || num != nil && num[night] != num[last] {
				break
			}
			n++
			logP += logPoint(v[last], b.expected(k, night), b.alpha)
			if num != nil {
				logP += logHalf(num[last], v[last])
			}
		}
		if b.state[(k+1)*b.nights-1] == unknown || float64(n) < threshold.Count || v[last] == 0 && b.size[k] < 1 {
			continue
		}
		level := min(threshold.P, 0.01/float64(b.p.Series()))
		if threshold.P >= 1 {
			level = 1
		}
		if p := math.Exp(logP); p < level {
			f := t.about("T07", s)
			f.Nights, f.P, f.Observed, f.Expected, f.Up = n, p, float64(v[last]), b.expected(k, last), false
			t.found = append(t.found, f)
		}
	}
}

// logHalf bounds the log probability of a numerator: that of the likeliest
// value at its own share.
func logHalf(x, n int32) float64 {
	if n == 0 || x <= 0 || x >= n {
		return 0
	}
	q := float64(x) / float64(n)
	return lchoose(float64(n), float64(x)) + float64(x)*math.Log(q) + float64(n-x)*math.Log1p(-q)
}
