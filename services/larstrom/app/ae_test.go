package app_test

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larstrom/services/larstrom/app"
)

// aeFile is the real A&E file, or empty where the shared folder is absent.
func aeFile(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("LARSTROM_SHARED")
	if shared == "" {
		shared = "../../../../shared"
	}
	path := filepath.Join(shared, "data", "nhsr_ae_attendances.csv")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// aeSeries is one line of a chart, recomputed from the file alone.
type aeSeries struct {
	months   []time.Time
	num, den []float64 // NaN: no row
	held     []bool
}

type aeKey struct{ indicator, stratum, unit string }

// TestRealFileToPublication takes the real A&E file through the YAML-only
// catalog to a publication and recomputes, slowly and without the packages
// that made them, every numerator, denominator, centre line, limit and state.
func TestRealFileToPublication(t *testing.T) {
	path := aeFile(t)
	if path == "" {
		t.Log("the shared data folder is absent: nothing was recomputed")
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	drop := t.TempDir()
	write(t, drop, filepath.Base(path), string(b))
	a := open(t, t.TempDir(), "../../../schemas/catalog/examples/nhs-ae", drop)
	once(t, a)
	want := recomputeAE(t, b)
	want.holdOdd(t, a)
	seen := 0
	kinds := map[string]int{}
	got := sql(t, a, "released", `SELECT indicator, stratum, unit, period_start, state, numerator, denominator, value
		FROM cell WHERE granularity = 'month' ORDER BY ALL`)
	for line := range strings.Lines(got) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		s, i := want.at(f)
		if s == nil {
			t.Fatalf("published, and not in the file: %s", line)
		}
		seen++
		num, den := s.num[i], s.den[i]
		if s.held[i] || math.IsNaN(num) {
			num, den = math.NaN(), math.NaN()
		}
		value := num
		if f[0] != "ae_attendances" {
			value = 100 * num / den
		} else {
			den = math.NaN()
		}
		if !same(f[5], num, 0) || !same(f[6], den, 0) || !same(f[7], value, 1e-12) || f[4] != s.state(i) {
			t.Errorf("%s: state %s numerator %v denominator %v value %v by hand", strings.TrimSpace(line), s.state(i), num, den, value)
		}
	}
	if total := want.points(); seen != total {
		t.Errorf("%d cells are published, %d by hand", seen, total)
	}
	charted := 0
	got = sql(t, a, "released", `SELECT indicator, stratum, unit, period_start, state, chart, centre, lcl, ucl FROM chart ORDER BY ALL`)
	for line := range strings.Lines(got) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		s, i := want.at(f)
		if s == nil {
			t.Fatalf("charted, and not in the file: %s", line)
		}
		charted++
		c := s.chart(f[0])
		kinds[c.kind]++
		if f[5] != c.kind || !same(f[6], c.centre, 1e-10) || !same(f[7], c.lcl[i], 1e-9) || !same(f[8], c.ucl[i], 1e-9) || f[4] != s.state(i) {
			t.Errorf("%s: by hand %s centre %v limits %v %v state %s", strings.TrimSpace(line), c.kind, c.centre, c.lcl[i], c.ucl[i], s.state(i))
		}
	}
	if charted != seen {
		t.Errorf("%d points are charted of %d cells", charted, seen)
	}
	t.Logf("recomputed %d cells and %d points of %d series; charts by points: %v", seen, charted, len(want), kinds)
	for _, kind := range []string{"p", "pp", "u", "up", "xmr", "run"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s chart was recomputed", kind)
		}
	}
}

// TestHalfAFileIsOneQuestion: an export of which the second half is missing
// takes a thousand cells away. Each has its flag; all of them are one incident.
func TestHalfAFileIsOneQuestion(t *testing.T) {
	path := aeFile(t)
	if path == "" {
		t.Log("the shared data folder is absent: nothing was tried")
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	drop := t.TempDir()
	write(t, drop, filepath.Base(path), string(b))
	a := open(t, t.TempDir(), "../../../schemas/catalog/examples/nhs-ae", drop)
	once(t, a)
	before, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tasks := map[string]bool{}
	for _, f := range before {
		tasks[cmp.Or(f.Incident, f.FlagRaised.Flag)] = true
	}
	// Ten years of real data are no reason to ask for more than a steward can
	// answer in a day.
	t.Logf("%d flags of the first delivery are %d questions", len(before), len(tasks))
	if len(tasks) > 21 {
		t.Errorf("the first delivery asks %d questions", len(tasks))
	}
	half := string(b[:len(b)/2])
	write(t, drop, filepath.Base(path), half[:strings.LastIndexByte(half, '\n')+1])
	once(t, a)
	after, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost, incidents := 0, map[string]int{}
	for _, f := range after {
		if f.Check == "K09" {
			lost++
		}
		if f.Run != before[0].Run {
			incidents[cmp.Or(f.Incident, f.Check)]++
		}
	}
	t.Logf("%d cells have lost records; flags by incident: %v", lost, incidents)
	// Beside it there may be a remark about what is left.
	if lost < 500 || incidents["K09"]+incidents["T04"]+incidents["K01"]+incidents["K11"] > 0 || len(incidents) > 2 {
		t.Errorf("%d cells have lost records in %d incidents", lost, len(incidents))
	}
}

// same compares a published number with one by hand; NaN is NULL.
func same(text string, want, tolerance float64) bool {
	if text == `\N` {
		return math.IsNaN(want)
	}
	got, err := strconv.ParseFloat(text, 64)
	return err == nil && math.Abs(got-want) <= tolerance*math.Abs(want)+1e-12
}

type aeAll map[aeKey]*aeSeries

func (all aeAll) at(f []string) (*aeSeries, int) {
	s := all[aeKey{f[0], f[1], f[2]}]
	if s == nil {
		return nil, 0
	}
	i := slices.IndexFunc(s.months, func(m time.Time) bool { return m.Format("2006-01-02") == f[3] })
	if i < 0 {
		return nil, 0
	}
	return s, i
}

// holdOdd marks the months that T03 and T05 hold: their volume is none that the
// months around them have, or two kinds of departments changed places. They are
// few, and each holds less than 60 % or more than 160 % of the median of the six
// nearest.
func (all aeAll) holdOdd(t *testing.T, a *app.App) {
	t.Helper()
	flags, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	odd := 0
	for _, v := range flags {
		if v.Check != "T03" && v.Check != "T05" {
			continue
		}
		for _, g := range v.Guards {
			odd++
			s, i := all.at([]string{v.Indicator, g.Stratum, g.Unit, g.Period.String()})
			if s == nil {
				t.Fatalf("%s of %s holds what is not in the file", v.Check, g.Unit)
			}
			var near []float64
			for d := 1; len(near) < 6 && d < len(s.months); d++ {
				for _, k := range []int{i - d, i + d} {
					if k >= 0 && k < len(s.months) && s.volume(v.Indicator, k) > 0 {
						near = append(near, s.volume(v.Indicator, k))
					}
				}
			}
			slices.Sort(near)
			if r := s.volume(v.Indicator, i) / near[len(near)/2]; r > 0.6 && r < 1.6 {
				t.Errorf("%s holds %s of %s %s, %s, which is %.2f of the months around it", v.Check, v.Indicator, g.Unit, g.Stratum, g.Period, r)
			}
			s.held[i] = true
		}
	}
	if t.Logf("%d of %d months are held", odd, all.points()); odd == 0 || odd > 45 {
		t.Errorf("%d months of real data are held", odd)
	}
}

func (all aeAll) points() int {
	n := 0
	for _, s := range all {
		n += len(s.months)
	}
	return n
}

// recomputeAE reads the file with the standard library.
func recomputeAE(t *testing.T, b []byte) aeAll {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ attendances, breaches, admissions float64 }
	rows := map[string]map[time.Time]row{} // "type unit"
	var last time.Time
	for _, r := range records[1:] {
		month, err := time.Parse("2006-01-02", r[0])
		if err != nil {
			t.Fatal(err)
		}
		var v [3]float64
		for i := range v {
			if v[i], err = strconv.ParseFloat(r[3+i], 64); err != nil {
				t.Fatal(err)
			}
		}
		k := r[2] + " " + r[1]
		if rows[k] == nil {
			rows[k] = map[time.Time]row{}
		}
		if _, twice := rows[k][month]; twice {
			t.Fatalf("%s twice in %s", k, r[0])
		}
		rows[k][month] = row{v[0], v[1], v[2]}
		if month.After(last) {
			last = month
		}
	}
	all := aeAll{}
	for k, byMonth := range rows {
		stratum, unit, _ := strings.Cut(k, " ")
		first := last
		for m := range byMonth {
			if m.Before(first) {
				first = m
			}
		}
		late, attended, admitted := &aeSeries{}, &aeSeries{}, &aeSeries{}
		for m := first; !m.After(last); m = m.AddDate(0, 1, 0) {
			r, ok := byMonth[m]
			nan := math.NaN()
			for _, s := range []*aeSeries{late, attended, admitted} {
				s.months = append(s.months, m)
				s.held = append(s.held, false)
			}
			if !ok {
				r = row{nan, nan, nan}
			}
			late.num, late.den = append(late.num, r.breaches), append(late.den, r.attendances)
			attended.num, attended.den = append(attended.num, r.attendances), append(attended.den, 1)
			admitted.num, admitted.den = append(admitted.num, r.admissions), append(admitted.den, r.attendances)
		}
		all[aeKey{"ae_over_4h", stratum, unit}] = late
		all[aeKey{"ae_attendances", stratum, unit}] = attended
		all[aeKey{"ae_admitted", stratum, unit}] = admitted
	}
	for _, indicator := range []string{"ae_over_4h", "ae_attendances", "ae_admitted"} {
		holdSilent(all, indicator)
	}
	return all
}

// volume is what the zero checks count: attendances, in all three indicators.
func (s *aeSeries) volume(indicator string, i int) float64 {
	if indicator == "ae_attendances" {
		return s.num[i]
	}
	return s.den[i]
}

// holdSilent marks what the checks T04 and K01 hold: an absent newest month,
// or a month with zero records, where at least 7 were expected (T04: of the
// series; K01: any number, of the whole unit) and none has a probability below
// 0.001 under a negative binomial with pooled dispersion. Who had nothing in the
// two months before either closed earlier, and is no question.
func holdSilent(all aeAll, indicator string) {
	collect := func(add func(k aeKey, month time.Time, v float64)) {
		for k, s := range all {
			if k.indicator != indicator {
				continue
			}
			for i, m := range s.months {
				if v := s.volume(indicator, i); !math.IsNaN(v) {
					add(k, m, v)
				}
			}
		}
	}
	bySeries, byUnit := map[string]map[time.Time]float64{}, map[string]map[time.Time]float64{}
	collect(func(k aeKey, m time.Time, v float64) {
		for key, in := range map[string]map[string]map[time.Time]float64{k.stratum + " " + k.unit: bySeries, k.unit: byUnit} {
			if in[key] == nil {
				in[key] = map[time.Time]float64{}
			}
			in[key][m] += v
		}
	})
	judge := func(in map[string]map[time.Time]float64, key string, month time.Time, alpha float64) (mean, p float64, ok bool) {
		var when []time.Time
		for m := range in[key] {
			if m.Before(month) {
				when = append(when, m)
			}
		}
		slices.SortFunc(when, func(a, b time.Time) int { return a.Compare(b) })
		if len(when) < 6 {
			return 0, 1, false
		}
		when = when[max(0, len(when)-24):]
		for _, m := range when {
			mean += in[key][m]
		}
		n := float64(len(when))
		mean /= n
		if mean == 0 {
			return 0, 1, true
		}
		variance := (1 + 1/n) * (mean + alpha*mean*mean)
		size := mean * mean / (variance - mean) // of the negative binomial
		return mean, math.Pow(size/(size+mean), size), true
	}
	alphaSeries, alphaUnit := pooled(bySeries), pooled(byUnit)
	newest := time.Date(2019, 3, 1, 0, 0, 0, 0, time.UTC)
	lately := func(k aeKey) bool {
		in := bySeries[k.stratum+" "+k.unit]
		return in[newest.AddDate(0, -1, 0)] > 0 || in[newest.AddDate(0, -2, 0)] > 0
	}
	for k, s := range all {
		if k.indicator != indicator {
			continue
		}
		_, here := byUnit[k.unit][newest]
		for i, m := range s.months {
			v := s.volume(indicator, i)
			if v > 0 || math.IsNaN(v) && !m.Equal(newest) || math.IsNaN(v) && !lately(k) {
				continue
			}
			if mean, p, ok := judge(bySeries, k.stratum+" "+k.unit, m, alphaSeries); ok && mean >= 7 && p < 0.001 {
				s.held[i] = true
			}
			if m.Equal(newest) && !here {
				if _, p, ok := judge(byUnit, k.unit, m, alphaUnit); ok && p < 0.001 {
					s.held[i] = true
				}
			}
		}
	}
	// A silent unit is held in all its strata and zero months.
	anyLately := map[string]bool{}
	for k := range all {
		anyLately[k.unit] = anyLately[k.unit] || k.indicator == indicator && lately(k)
	}
	for k, s := range all {
		if k.indicator != indicator {
			continue
		}
		if _, here := byUnit[k.unit][newest]; here || !anyLately[k.unit] {
			continue
		}
		if _, p, ok := judge(byUnit, k.unit, newest, alphaUnit); ok && p < 0.001 {
			for i := range s.months {
				if s.volume(indicator, i) == 0 {
					s.held[i] = true
				}
			}
		}
	}
}

// pooled is the dispersion of all histories by the method of moments, of the
// newest 24 months of each.
func pooled(in map[string]map[time.Time]float64) float64 {
	var over, square float64
	for _, byMonth := range in {
		var when []time.Time
		for m := range byMonth {
			when = append(when, m)
		}
		slices.SortFunc(when, func(a, b time.Time) int { return a.Compare(b) })
		when = when[max(0, len(when)-24):]
		n := float64(len(when))
		if n < 2 {
			continue
		}
		var mean, ss float64
		for _, m := range when {
			mean += byMonth[m] / n
		}
		for _, m := range when {
			ss += (byMonth[m] - mean) * (byMonth[m] - mean)
		}
		s2 := ss / (n - 1)
		over += (n - 1) * (s2 - mean)
		square += (n - 1) * (mean*mean - s2/n)
	}
	return max(over/square, 0)
}

func (s *aeSeries) state(i int) string {
	switch {
	case s.held[i]:
		return "held_empty"
	case math.IsNaN(s.num[i]):
		return "missing"
	case s.den[i] == 0:
		return "no_eligible"
	default:
		return "value"
	}
}

type aeChart struct {
	kind     string
	centre   float64
	lcl, ucl []float64
}

// chart draws a series by hand: 12 values for limits, the first 24 as the
// baseline, ranges between neighbouring months only, p′ and u′ unless the
// variation is compatible with chance, exact limits for small counts.
func (s *aeSeries) chart(indicator string) aeChart {
	c := aeChart{kind: "run", centre: math.NaN(), lcl: make([]float64, len(s.months)), ucl: make([]float64, len(s.months))}
	for i := range c.lcl {
		c.lcl[i], c.ucl[i] = math.NaN(), math.NaN()
	}
	var base []int
	for i := range s.months {
		if s.state(i) == "value" && len(base) < 24 {
			base = append(base, i)
		}
	}
	if len(base) == 0 {
		return c
	}
	scale := 100.0
	value := func(i int) float64 { return s.num[i] / s.den[i] }
	if indicator == "ae_attendances" {
		scale = 1
	}
	var values []float64
	for _, i := range base {
		values = append(values, value(i))
	}
	slices.Sort(values)
	m := len(values)
	median := (values[(m-1)/2] + values[m/2]) / 2
	c.centre = median * scale
	if len(base) < 12 {
		return c
	}
	// neighbours gives the mean of |x_i − x_{i−1}| over neighbouring months.
	neighbours := func(x map[int]float64) (float64, int) {
		sum, n := 0.0, 0
		for i, v := range x {
			if before, ok := x[i-1]; ok {
				sum += math.Abs(v - before)
				n++
			}
		}
		return sum / float64(n), n
	}
	d2 := 2 / math.Sqrt(math.Pi)
	if indicator == "ae_attendances" {
		x, sum := map[int]float64{}, 0.0
		for _, i := range base {
			x[i] = s.num[i]
			sum += s.num[i]
		}
		mr, n := neighbours(x)
		if n < 6 {
			return c
		}
		c.kind, c.centre = "xmr", sum/float64(len(base))
		for i := range c.lcl {
			c.lcl[i], c.ucl[i] = max(c.centre-3*mr/d2, 0), c.centre+3*mr/d2
		}
		return c
	}
	var events, total, inverse float64
	for _, i := range base {
		events, total, inverse = events+s.num[i], total+s.den[i], inverse+1/s.den[i]
	}
	p := events / total
	binomial := indicator == "ae_over_4h"
	unit := p
	plain, prime := "u", "up"
	if binomial {
		unit, plain, prime = p*(1-p), "p", "pp"
	}
	if !(unit > 0) {
		return c
	}
	z := map[int]float64{}
	x2, sparse := 0.0, 0
	for _, i := range base {
		z[i] = (value(i) - p) / math.Sqrt(unit/s.den[i])
		x2 += z[i] * z[i]
		if s.den[i]*p < 5 || binomial && s.den[i]*(1-p) < 5 {
			sparse++
		}
	}
	k := float64(len(base))
	mr, n := neighbours(z)
	sigma := mr / d2
	if n < 6 {
		sigma = math.Sqrt(x2 / (k - 1))
	}
	// Haldane's variance of chi-square given the total, Wilson and Hilferty's
	// normal deviate.
	variance := 2*(k-1)*(1-1/events) + inverse/p - k*k/events
	if binomial {
		variance = 2*(k-1)*(1-1/total) + (1-6*unit)/unit*inverse - k*k*(1-2*p)*(1-2*p)/(total*unit)
	}
	deviate := 0.0
	if variance > 1e-6*(k-1) {
		h := 2 / (9 * 2 * (k - 1) * (k - 1) / variance)
		deviate = (math.Cbrt(x2/(k-1)) - 1 + h) / math.Sqrt(h)
	}
	c.centre = scale * p
	exact, factor, rho := false, 1.0, 0.0
	switch isSparse := 5*sparse > len(base); {
	case deviate > 1.959963984540054 && isSparse && sigma > 1:
		c.kind, exact = "u_negative_binomial", true
		rho = (sigma*sigma - 1) / (total / k * p)
		if binomial {
			c.kind = "p_beta_binomial"
			rho = min((sigma*sigma-1)/max(total/k-1, 1), 0.999)
		}
	case deviate > 1.959963984540054 && sigma > 0:
		c.kind, factor = prime, sigma
	case isSparse:
		c.kind, exact = plain, true
	case deviate < -1.959963984540054 && sigma > 0:
		c.kind, factor = prime, sigma
	default:
		c.kind = plain
	}
	for i := range s.months {
		if s.state(i) != "value" {
			continue
		}
		half := 3 * factor * math.Sqrt(unit/s.den[i])
		low, high := max(p-half, 0), p+half
		if binomial {
			high = min(high, 1)
		}
		if exact {
			low, high = exactByHand(s.den[i], p, rho, binomial)
		}
		c.lcl[i], c.ucl[i] = scale*low, scale*high
	}
	return c
}

// exactByHand are the quantiles of the count at the probabilities of 3 sigma,
// by adding up probabilities one after another, over n: binomial or Poisson,
// and with a correlation rho beta-binomial or negative binomial.
func exactByHand(n, p, rho float64, binomial bool) (low, high float64) {
	tail := 0.5 * math.Erfc(3/math.Sqrt2)
	logGamma := func(x float64) float64 { v, _ := math.Lgamma(x); return v }
	choose := func(n, k float64) float64 { return logGamma(n+1) - logGamma(k+1) - logGamma(n-k+1) }
	beta := func(a, b float64) float64 { return logGamma(a) + logGamma(b) - logGamma(a+b) }
	mass := func(k float64) float64 {
		switch {
		case binomial && rho > 0:
			a, b := p*(1/rho-1), (1-p)*(1/rho-1)
			return math.Exp(choose(n, k) + beta(k+a, n-k+b) - beta(a, b))
		case binomial:
			return math.Exp(choose(n, k) + k*math.Log(p) + (n-k)*math.Log1p(-p))
		case rho > 0:
			size := 1 / rho
			return math.Exp(logGamma(k+size) - logGamma(size) - logGamma(k+1) - size*math.Log1p(n*p/size) - k*math.Log1p(size/(n*p)))
		default:
			return math.Exp(k*math.Log(n*p) - n*p - logGamma(k+1))
		}
	}
	sum, found := 0.0, false
	for k := 0.0; ; k++ {
		sum += mass(k)
		if !found && sum >= tail {
			low, found = k/n, true
		}
		if sum >= 1-tail || binomial && k == n {
			return low, k / n
		}
	}
}
