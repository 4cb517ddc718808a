package faithful

import (
	"fmt"
	"math"
	"slices"

	"larstrom/pipeline/variation"
)

// FunnelPlotR 0.6.0. Its CQC limits on the overdispersed scale and its RC limits
// are too narrow; that is kept here.

type fpInput struct {
	DataType     string   `json:"data_type"`
	SRMethod     string   `json:"sr_method"`
	Limit        *float64 `json:"limit"`
	Adjusted     *bool    `json:"draw_adjusted"`
	Unadjusted   *bool    `json:"draw_unadjusted"`
	TrimBy       *float64 `json:"trim_by"`
	Multiplier   *float64 `json:"multiplier"`
	SHMIRounding *bool    `json:"shmi_rounding"`
	Numerator    vec      `json:"numerator"`
	Denominator  vec      `json:"denominator"`
	Group        []string `json:"group"`
}

// The tool's own seven-digit constants.
const (
	fpZ95 = 1.959964
	fpZ99 = 3.090232
)

func or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// funnelOf is the method of one data type, which a case may name again.
func funnelOf(dataType string) func(fpInput) (object, error) {
	return func(in fpInput) (object, error) {
		if in.DataType != "" && in.DataType != dataType {
			return nil, fmt.Errorf("data_type %q does not belong to the method funnel.%s", in.DataType, dataType)
		}
		in.DataType = dataType
		return funnelPlotR(in)
	}
}

func funnelPlotR(in fpInput) (object, error) {
	if err := sameLength(len(in.Numerator), map[string]int{"denominator": len(in.Denominator), "group": len(in.Group)}); err != nil {
		return nil, err
	}
	shmi := in.DataType == "SR" && (in.SRMethod == "SHMI" || in.SRMethod == "")
	cqc := in.DataType == "SR" && in.SRMethod == "CQC"
	if !shmi && !cqc && in.DataType != "PR" && in.DataType != "RC" {
		return nil, fmt.Errorf("data_type %q with sr_method %q is not known; give SR with SHMI or CQC, PR or RC", in.DataType, in.SRMethod)
	}
	if limit := or(in.Limit, 99); limit != 95 && limit != 99 {
		return nil, fmt.Errorf("limit %v is not known; give 95, or 99 for 99.8 %%", limit)
	}
	if slices.Equal(in.Numerator, in.Denominator) {
		return stopped("Numerator and denominator are the same. Please check your inputs"), nil
	}
	if len(in.Group) == 0 {
		return stopped("no rows to aggregate"), nil
	}
	adjusted, unadjusted := or(in.Adjusted, true), or(in.Unadjusted, false)
	trim, multiplier := or(in.TrimBy, 0.1), or(in.Multiplier, 1)

	names, rows := groups(in.Group)
	k := len(names)
	num, den, rr := columns3(k)
	for i, g := range names {
		var a, b []float64
		for _, r := range rows[g] {
			a, b = append(a, in.Numerator[r]), append(b, in.Denominator[r])
		}
		num[i], den[i] = sum(a), sum(b)
		// The ratio shown is that of the unrounded expected events.
		rr[i] = num[i] / den[i]
		if shmi && or(in.SHMIRounding, true) {
			den[i] = round2(den[i])
		}
	}
	target := 1.0
	if in.DataType != "SR" {
		target = sum(num) / sum(den)
	}

	y, s, z := columns3(k)
	for i := range names {
		a, b := num[i], den[i]
		switch {
		case shmi:
			y[i], s[i] = math.Log(a/b), 1/math.Sqrt(b)
			z[i] = math.Sqrt(b) * y[i]
		case cqc:
			y[i], s[i] = math.Sqrt(a/b), 1/(2*math.Sqrt(b))
			z[i] = (y[i] - 1) / s[i]
		case in.DataType == "PR":
			y[i], s[i] = math.Asin(math.Sqrt(a/b)), 1/(2*math.Sqrt(b))
			z[i] = (y[i] - math.Asin(math.Sqrt(target))) / s[i]
		default:
			y[i] = math.Log((a + 0.5) / (b + 0.5))
			s[i] = math.Sqrt(a/((a+0.5)*(a+0.5)) + b/((b+0.5)*(b+0.5)))
			z[i] = (y[i] - math.Log(target)) / s[i]
		}
	}

	used := slices.Clone(z)
	flags := make([]any, k) // truncated or winsorised; nil for a missing z
	if shmi {
		parts := 1 / trim
		for i, r := range ranks(z) {
			f := math.Floor(r * parts / float64(k+1))
			switch {
			case math.IsNaN(r):
			case f > 0 && f < parts-1:
				flags[i] = 0
			default:
				flags[i], used[i] = 1, math.NaN()
			}
		}
	} else {
		known := present(z)
		low, high := quantile7(known, trim), quantile7(known, 1-trim)
		for i := range z {
			switch {
			case math.IsNaN(z[i]):
			case z[i] > low && z[i] < high:
				flags[i] = 0
			default:
				flags[i] = 1
				used[i] = min(max(z[i], low), high)
			}
		}
	}
	phi, tau2 := 0.0, 0.0
	if adjusted {
		phi, tau2 = dispersion(used, s)
		// The comparison with 1 has no answer where nothing is left.
		if math.IsNaN(phi) && !unadjusted {
			return stopped("missing value where TRUE/FALSE needed"), nil
		}
	}
	// Limits are looked up by the denominator, on a grid up to the highest.
	if slices.ContainsFunc(den, math.IsNaN) {
		return stopped("'to' must be a finite number"), nil
	}
	var messages []string
	switch {
	case adjusted && !unadjusted && phi <= 1:
		adjusted, unadjusted = false, true
		messages = append(messages, "No overdispersion detected, or draw_adjusted set to FALSE , plotting using unadjusted limits")
	case !adjusted && unadjusted:
		messages = append(messages, "Plotting using unadjusted limits")
	}

	limits := fpLimits{shmi: shmi, cqc: cqc, dataType: in.DataType, target: target, tau2: tau2, multiplier: multiplier}
	limits.grid(den)
	out := make([][8]float64, k)
	outlier := make([]any, k)
	count := 0
	if in.DataType == "RC" {
		// Not the s of its z scores: that is why these limits are too narrow.
		for i := range s {
			s[i] = 1 / (2 * math.Sqrt(den[i]))
		}
	}
	for i := range names {
		out[i] = limits.at(den[i])
		low, high := 2, 3 // columns of the unadjusted 99 limits
		if or(in.Limit, 99) == 95 {
			low, high = 0, 1
		}
		if adjusted {
			low, high = low+4, high+4
		} else if !unadjusted {
			outlier[i] = 0
			continue
		}
		switch v := rr[i] * multiplier; {
		case v > out[i][high] || v < out[i][low]:
			outlier[i] = 1
			count++
		case v <= out[i][high] && v >= out[i][low]:
			outlier[i] = 0
		}
	}

	column := func(c int) []float64 {
		v := make([]float64, k)
		for i := range v {
			v[i] = out[i][c]
		}
		return v
	}
	var winsorised, truncated any = flags, nil
	if shmi {
		winsorised, truncated = nil, flags
	}
	result := object{
		{"error", false}, {"target", target}, {"phi", phi}, {"tau2", tau2},
		{"adjusted_after_run", adjusted}, {"unadjusted_after_run", unadjusted}, {"n_outliers", count},
		{"units", object{
			{"group", names}, {"numerator", num}, {"denominator", den}, {"rr", rr},
			{"y_transformed", y}, {"z_unadjusted", z}, {"z_used", used},
			{"winsorised", winsorised}, {"truncated", truncated}, {"s_limits", s},
			{"LCL95", column(0)}, {"UCL95", column(1)}, {"LCL99", column(2)}, {"UCL99", column(3)},
			{"OD95LCL", column(4)}, {"OD95UCL", column(5)}, {"OD99LCL", column(6)}, {"OD99UCL", column(7)},
			{"outlier", outlier},
		}},
	}
	if messages != nil {
		result = append(result, field{"messages", messages})
	}
	return result, nil
}

// dispersion is phi and tau2 of the z scores that are left, with their standard
// errors. Tau2 of a single one, or of infinite ones, is as the division gives it.
func dispersion(z, s []float64) (phi, tau2 float64) {
	var zz, w, ww []float64
	for i, v := range z {
		if !math.IsNaN(v) {
			u := 1 / (s[i] * s[i])
			zz, w, ww = append(zz, v*v), append(w, u), append(ww, u*u)
		}
	}
	n := float64(len(zz))
	phi = 1 / n * sum(zz)
	if len(zz) == 0 || n*phi < n-1 {
		return phi, 0
	}
	w1 := sum(w)
	return phi, max(0, (n*phi-(n-1))/(w1-sum(ww)/w1))
}

// round2 rounds to two decimals as R 4 does: the nearer of the two candidates,
// a tie to the even digit.
func round2(x float64) float64 {
	f, c := math.Floor(100*x), math.Ceil(100*x)
	low, high := f/100, c/100
	switch dl, dh := x-low, high-x; {
	case dl < dh:
		return low
	case dh < dl:
		return high
	case math.Mod(f, 2) == 0:
		return low
	}
	return high
}

// ranks averages ties; a missing value has none.
func ranks(v []float64) []float64 {
	var order []int
	for i := range v {
		if !math.IsNaN(v[i]) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case v[a] < v[b]:
			return -1
		case v[a] > v[b]:
			return 1
		}
		return 0
	})
	out := same(math.NaN(), len(v))
	for lo := 0; lo < len(order); {
		hi := lo + 1
		for hi < len(order) && v[order[hi]] == v[order[lo]] {
			hi++
		}
		for i := lo; i < hi; i++ {
			out[order[i]] = float64(lo+hi+1) / 2
		}
		lo = hi
	}
	return out
}

type fpLimits struct {
	shmi, cqc                bool
	dataType                 string
	target, tau2, multiplier float64
	points                   []float64 // PR: the plot's grid, by which it repairs limits
}

func (l *fpLimits) grid(den []float64) {
	if l.dataType != "PR" {
		return
	}
	top := math.Ceil(slices.Max(den))
	step := (top - 3) / 999
	for i := range 1000 {
		l.points = append(l.points, 3+float64(i)*step)
	}
	l.points[999] = top
	l.points = append(l.points, den...)
	slices.Sort(l.points)
	l.points = slices.Compact(l.points)
}

// at gives LCL95, UCL95, LCL99, UCL99 and the same overdispersed.
func (l *fpLimits) at(x float64) [8]float64 {
	raw := l.raw(x)
	if l.dataType != "PR" {
		return raw
	}
	i, _ := slices.BinarySearch(l.points, x)
	if i+1 >= len(l.points) {
		for c := range raw {
			raw[c] = min(max(raw[c], 0), l.multiplier)
		}
		return raw
	}
	next := l.raw(l.points[i+1])
	for c := range raw {
		v := min(max(raw[c], 0), l.multiplier)
		if c%2 == 0 && raw[c] > next[c] {
			v = 0
		}
		if c%2 == 1 && raw[c] < next[c] {
			v = l.multiplier
		}
		raw[c] = v
	}
	return raw
}

func (l *fpLimits) raw(x float64) [8]float64 {
	var out [8]float64
	pair := func(c int, f func(z float64) float64) {
		for j, z := range []float64{-fpZ95, fpZ95, -fpZ99, fpZ99} {
			out[c+j] = f(z) * l.multiplier
		}
	}
	s := math.Sqrt(1/(4*x) + l.tau2)
	switch {
	case l.dataType == "SR":
		for j, p := range []float64{0.025, 0.001} {
			out[2*j] = variation.ChiSquaredQuantile(p, 2*x) / (2 * x) * l.multiplier
			out[2*j+1] = variation.ChiSquaredQuantile(1-p, 2*(x+1)) / (2 * x) * l.multiplier
		}
		if l.shmi {
			pair(4, func(z float64) float64 { return math.Exp(z * math.Sqrt(1/x+l.tau2)) })
		} else {
			pair(4, func(z float64) float64 { return 1 + z*s })
		}
	case l.dataType == "PR":
		angle := math.Asin(math.Sqrt(l.target))
		square := func(a float64) float64 { return math.Sin(a) * math.Sin(a) }
		pair(0, func(z float64) float64 { return square(angle + z*math.Sqrt(1/(4*x))) })
		pair(4, func(z float64) float64 { return square(angle + z*s) })
	default:
		pair(0, func(z float64) float64 { return math.Exp(math.Log(l.target) + z*math.Sqrt(1/(4*x))) })
		pair(4, func(z float64) float64 { return math.Exp(math.Log(l.target) + z*s) })
	}
	return out
}
