package faithful

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// qcc 3.0 (Scrucca). Where limits vary, its Western Electric rules 2 and 3 (and
// Nelson 5 and 6) compare a whole window with the limits of the current point;
// Nelson 7 and 8 compare each point with its own.

type qccInput struct {
	Type     string          `json:"type"`
	Data     json.RawMessage `json:"data"`
	Sizes    vec             `json:"sizes"`
	Baseline *float64        `json:"baseline_points"`
	StdDev   *string         `json:"std_dev_method"`
}

// qccD2 and qccD3 are the constants the tool has for subgroups: d2 of 2 to 25 to
// three decimals, and d3 of 2 to 50 as it has them, which is not everywhere the
// seventh decimal of the exact value.
func qccD2() []float64 {
	return []float64{
		1.128, 1.693, 2.059, 2.326, 2.534, 2.704, 2.847, 2.970, 3.078, 3.173, 3.258, 3.336,
		3.407, 3.472, 3.532, 3.588, 3.640, 3.689, 3.735, 3.778, 3.819, 3.858, 3.895, 3.931,
	}
}

func qccD3() []float64 {
	return []float64{
		0.8525033, 0.8883697, 0.8798108, 0.8640855, 0.8480442, 0.8332108, 0.8198378, 0.8078413,
		0.7970584, 0.7873230, 0.7784873, 0.7704257, 0.7630330, 0.7562217, 0.7499188, 0.7440627,
		0.7386021, 0.7334929, 0.7286980, 0.7241851, 0.7199267, 0.7158987, 0.7120802, 0.7084528,
		0.7050004, 0.7017086, 0.6985648, 0.6955576, 0.6926770, 0.6899137, 0.6872596, 0.6847074,
		0.6822502, 0.6798821, 0.6775973, 0.6753910, 0.6732584, 0.6711952, 0.6691976, 0.6672619,
		0.6653848, 0.6635632, 0.6617943, 0.6600754, 0.6584041, 0.6567780, 0.6551950, 0.6536532,
		0.6521506,
	}
}

// ofSize looks up the constant for subgroups of n; NaN outside the table.
func ofSize(table []float64, n int) float64 {
	if n < 2 || n-2 >= len(table) {
		return math.NaN()
	}
	return table[n-2]
}

func c4(n float64) float64 {
	a, _ := math.Lgamma(n / 2)
	b, _ := math.Lgamma((n - 1) / 2)
	return math.Sqrt(2/(n-1)) * math.Exp(a-b)
}

// qccChart is a chart before its rules: statistic, centre line and the standard
// error that limits are multiples of, clipped to floor..ceiling.
type qccChart struct {
	center         []float64 // one per point, as it enters the limits
	shown          []float64 // as printed
	scalar         bool      // center is printed as one number
	stdDev         float64
	stat, se       []float64
	floor, ceiling func(i int) float64
}

func (q *qccChart) limits(i int, k float64) (low, high float64) {
	return max(q.center[i]-k*q.se[i], q.floor(i)), min(q.center[i]+k*q.se[i], q.ceiling(i))
}

func qcc(name string, raw json.RawMessage) (object, error) {
	var in qccInput
	if err := decode(raw, &in); err != nil {
		return nil, err
	}
	kind := strings.TrimPrefix(name, "qcc.")
	if in.Type == "" {
		in.Type = kind
	}
	if in.Type != kind {
		return nil, fmt.Errorf("type %q does not belong to the method %s", in.Type, name)
	}
	rows, err := in.rows()
	if err != nil {
		return nil, err
	}
	base := len(rows)
	if in.Baseline != nil {
		base = int(*in.Baseline)
	}
	if base < 1 || base > len(rows) {
		return nil, fmt.Errorf("baseline_points %d is not within the %d rows", base, len(rows))
	}
	var q *qccChart
	if in.Type == "xbar.one" {
		q, err = in.individuals(rows, base)
	} else if in.Type == "xbar" || in.Type == "R" || in.Type == "S" {
		q, err = in.variables(rows, base)
	} else {
		q, err = in.attributes(rows, base)
	}
	if errors.Is(err, errTool) {
		return stopped("%v", err), nil
	}
	if err != nil {
		return nil, err
	}
	lcl, ucl := []float64{}, []float64{}
	if in.Type != "g" {
		for i := range q.stat {
			a, b := q.limits(i, 3)
			lcl, ucl = append(lcl, a), append(ucl, b)
		}
	}
	var center any = q.shown
	if q.shown == nil || q.scalar {
		center = q.center[0]
	}
	return object{
		{"center", center}, {"std_dev", q.stdDev}, {"statistics", q.stat}, {"lcl", lcl}, {"ucl", ucl},
		{"rules", object{{"western_electric", q.westernElectric(in.Type)}, {"nelson", q.nelson(in.Type)}}},
	}, nil
}

func (in *qccInput) rows() ([][]float64, error) {
	var matrix []vec
	if json.Unmarshal(in.Data, &matrix) != nil {
		matrix = nil
		var column vec
		if err := json.Unmarshal(in.Data, &column); err != nil {
			return nil, fmt.Errorf("data must be an array of numbers or of rows: %w", err)
		}
		for _, v := range column {
			matrix = append(matrix, vec{v})
		}
	}
	out := make([][]float64, len(matrix))
	for i, r := range matrix {
		out[i] = r
		if len(r) == 0 {
			out[i] = []float64{math.NaN()}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("data has no rows")
	}
	return out, nil
}

func unbounded(sign int) func(int) float64 {
	return func(int) float64 { return math.Inf(sign) }
}

func zero(int) float64 { return 0 }

func same(v float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func (in *qccInput) individuals(rows [][]float64, base int) (*qccChart, error) {
	var x []float64
	for i, r := range rows {
		if len(r) != 1 {
			return nil, fmt.Errorf("row %d of individual values has %d of them", i+1, len(r))
		}
		x = append(x, r[0])
	}
	var s float64
	switch or(in.StdDev, "MR") {
	case "MR":
		mr := movingRanges(x[:base])
		for i := range mr {
			if math.IsNaN(mr[i]) {
				mr[i] = 0 // the range of the one value that is there
			}
		}
		s = mean(mr) / 1.128
	case "SD":
		s = stddev(x[:base]) / c4(float64(base))
	default:
		return nil, fmt.Errorf("%w: std.dev %q of an individuals chart should be one of MR, SD", errTool, *in.StdDev)
	}
	return &qccChart{
		center: same(mean(x[:base]), len(x)), scalar: true, stdDev: s, stat: x, se: same(s, len(x)),
		floor: unbounded(-1), ceiling: unbounded(1),
	}, nil
}

func (in *qccInput) variables(rows [][]float64, base int) (*qccChart, error) {
	q := &qccChart{scalar: true, floor: unbounded(-1), ceiling: unbounded(1)}
	var sizes, stats []float64
	large, single := false, false
	for i, r := range rows {
		r = present(r)
		rows[i] = r
		n := len(r)
		sizes = append(sizes, float64(n))
		large = large || i < base && n > 25
		single = single || i < base && n == 1
		stat := math.NaN()
		switch {
		case in.Type == "xbar":
			stat = mean(r)
		case n == 0:
		case in.Type == "R":
			stat = slices.Max(r) - slices.Min(r)
		default:
			stat = stddev(r)
		}
		stats = append(stats, stat)
		if in.Type == "R" && n > len(qccD3())+1 {
			return nil, fmt.Errorf("%w: group size must be less than %d when giving nsigmas", errTool, len(qccD3())+2)
		}
	}
	if single {
		return nil, fmt.Errorf("%w: group sizes must be larger than one", errTool)
	}
	known := map[string][]string{
		"xbar": {"UWAVE-R", "UWAVE-SD", "MVLUE-R", "MVLUE-SD", "RMSDF"},
		"R":    {"UWAVE-R", "MVLUE-R"},
		"S":    {"UWAVE-SD", "MVLUE-SD", "RMSDF"},
	}[in.Type]
	method := known[0]
	if in.Type == "xbar" && large {
		method = "RMSDF"
	}
	if in.StdDev != nil {
		method = *in.StdDev
	}
	if !slices.Contains(known, method) {
		return nil, fmt.Errorf("%w: std.dev %q of this chart should be one of %s", errTool, method, strings.Join(known, ", "))
	}
	q.stdDev = qccSigma(method, rows[:base])
	q.center = same(weightedMean(stats[:base], sizes[:base]), len(rows))
	q.stat = stats
	for _, n := range sizes {
		switch in.Type {
		case "xbar":
			q.se = append(q.se, q.stdDev/math.Sqrt(n))
		case "R":
			q.se = append(q.se, q.stdDev*ofSize(qccD3(), int(n)))
		default:
			q.se = append(q.se, q.stdDev*math.Sqrt(1-c4(n)*c4(n)))
		}
	}
	if in.Type != "xbar" {
		q.floor = zero
	}
	return q, nil
}

func weightedMean(v, w []float64) float64 {
	var vw []float64
	for i := range v {
		vw = append(vw, v[i]*w[i])
	}
	return sum(vw) / sum(w)
}

// qccSigma estimates the standard deviation within subgroups. It is NaN where a
// subgroup is too large for a method by ranges.
func qccSigma(method string, rows [][]float64) float64 {
	var estimates, weights []float64
	for _, r := range rows {
		n := float64(len(r))
		rng, sd := math.NaN(), stddev(r)
		if len(r) > 0 {
			rng = slices.Max(r) - slices.Min(r)
		}
		d2, d3, c := ofSize(qccD2(), len(r)), ofSize(qccD3(), len(r)), c4(n)
		switch method {
		case "UWAVE-R":
			estimates, weights = append(estimates, rng/d2), append(weights, 1)
		case "UWAVE-SD":
			estimates, weights = append(estimates, sd/c), append(weights, 1)
		case "MVLUE-R":
			estimates, weights = append(estimates, rng/d2), append(weights, (d2/d3)*(d2/d3))
		case "MVLUE-SD":
			estimates, weights = append(estimates, sd/c), append(weights, c*c/(1-c*c))
		case "RMSDF":
			estimates, weights = append(estimates, sd*sd), append(weights, n-1)
		}
	}
	s := weightedMean(estimates, weights)
	if method == "RMSDF" {
		s = math.Sqrt(s) / c4(sum(weights)+1)
	}
	return s
}

func (in *qccInput) attributes(rows [][]float64, base int) (*qccChart, error) {
	sizes := in.Sizes
	if sizes == nil {
		if in.Type == "p" || in.Type == "np" || in.Type == "u" {
			return nil, fmt.Errorf("%w: sample sizes must be given for a %s chart", errTool, in.Type)
		}
		sizes = same(1, len(rows))
		for i, r := range rows {
			sizes[i] = float64(len(present(r)))
		}
	}
	if len(sizes) == 1 {
		sizes = same(sizes[0], len(rows))
	}
	if len(sizes) != len(rows) {
		return nil, fmt.Errorf("%d sizes for %d rows; give one each", len(sizes), len(rows))
	}
	var x []float64
	for i, r := range rows {
		if len(r) != 1 {
			return nil, fmt.Errorf("row %d has %d counts", i+1, len(r))
		}
		x = append(x, r[0])
	}
	n := len(x)
	rate := sum(x[:base]) / sum(sizes[:base])
	q := &qccChart{scalar: true, stat: x, floor: zero, ceiling: unbounded(1), se: make([]float64, n)}
	switch in.Type {
	case "p", "np":
		q.center, q.ceiling = same(rate, n), func(int) float64 { return 1 }
		for i := range x {
			q.se[i] = math.Sqrt(rate * (1 - rate) / sizes[i])
		}
		if in.Type == "np" {
			q.ceiling = func(i int) float64 { return sizes[i] }
			// The centres are of the baseline; with new data they are used again
			// from the first, and the proportion in the limits is the mean of
			// what they give for all sizes.
			for i := range base {
				q.shown = append(q.shown, rate*sizes[i])
			}
			q.scalar = !slices.ContainsFunc(q.shown, func(v float64) bool { return v != q.shown[0] })
			var ps []float64
			for i := range x {
				q.center[i] = q.shown[i%base]
				ps = append(ps, q.center[i]/sizes[i])
			}
			p := mean(ps)
			for i := range x {
				q.se[i] = math.Sqrt(p * (1 - p) * sizes[i])
			}
			q.stdDev = math.Sqrt(sizes[0] * rate * (1 - rate))
		} else {
			q.stat = make([]float64, n)
			for i := range x {
				q.stat[i] = x[i] / sizes[i]
			}
		}
		if in.Type == "p" {
			q.stdDev = q.se[0] // the first of the tool's
			if slices.Contains(sizes, 0) {
				// The limits use a mean over all sizes: one of 0 takes all of them.
				q.se = same(math.NaN(), n)
			}
		}
	case "u", "c":
		q.center = same(rate, n)
		q.stat = make([]float64, n)
		for i := range x {
			q.stat[i], q.se[i] = x[i]/sizes[i], math.Sqrt(rate/sizes[i])
			if sizes[i] == 0 {
				q.se[i] = math.NaN()
			}
		}
		q.stdDev = math.Sqrt(rate)
		if in.Type == "c" {
			if slices.ContainsFunc(sizes[:base], func(v float64) bool { return v != sizes[0] }) {
				return nil, fmt.Errorf("%w: all sizes must be equal for a c chart", errTool)
			}
			m := mean(x[:base])
			q.center, q.stat, q.stdDev, q.se = same(m, n), x, math.Sqrt(m), same(math.Sqrt(m), n)
		}
	case "g":
		m := mean(x[:base])
		q.center = same(m, n)
		q.stdDev = math.Sqrt(m * (m - 1))
		q.se = same(q.stdDev, n)
	default:
		return nil, fmt.Errorf("type %q is not known", in.Type)
	}
	return q, nil
}

// beyond is +1 or -1 where point j lies beyond k standard errors as drawn for
// point i.
func (q *qccChart) beyond(j, i int, k float64) int {
	low, high := q.limits(i, k)
	switch {
	case q.stat[j] > high:
		return 1
	case q.stat[j] < low:
		return -1
	}
	return 0
}

// ofLast lists points that are themselves beyond k standard errors and close a
// window of n with at least m such on the same side.
func (q *qccChart) ofLast(m, n int, k float64) []int {
	out := []int{}
	for i := n - 1; i < len(q.stat); i++ {
		side := q.beyond(i, i, k)
		count := 0
		for j := i - n + 1; j <= i; j++ {
			switch {
			case math.IsNaN(q.stat[j]):
				side = 0 // a window with a missing value is none
			case q.beyond(j, i, k) == side:
				count++
			}
		}
		if side != 0 && count >= m {
			out = append(out, i+1)
		}
	}
	return out
}

func (q *qccChart) outside() []int {
	out := []int{}
	for i := range q.stat {
		if q.beyond(i, i, 3) != 0 {
			out = append(out, i+1)
		}
	}
	return out
}

// window lists points that close n points in a row of which ok holds.
func (q *qccChart) window(n int, ok func(from, to int) bool) []int {
	out := []int{}
	for i := n - 1; i < len(q.stat); i++ {
		if ok(i-n+1, i) {
			out = append(out, i+1)
		}
	}
	return out
}

func (q *qccChart) oneSide(n int) []int {
	return q.window(n, func(from, to int) bool {
		up, down := true, true
		for j := from; j <= to; j++ {
			up = up && q.stat[j] > q.center[j]
			down = down && q.stat[j] < q.center[j]
		}
		return up || down
	})
}

func (q *qccChart) westernElectric(kind string) object {
	if kind == "g" {
		// The tool gives a g chart no limits: nothing is beyond them, and it can
		// do no more than rule 1.
		return object{{"rule1", []int{}}, {"rule2", []int{}}, {"rule3", []int{}}, {"rule4", []int{}}}
	}
	return object{{"rule1", q.outside()}, {"rule2", q.ofLast(2, 3, 2)}, {"rule3", q.ofLast(4, 5, 1)}, {"rule4", q.oneSide(8)}}
}

func (q *qccChart) nelson(kind string) object {
	lists := [8][]int{{}, {}, {}, {}, {}, {}, {}, {}}
	if kind != "g" {
		lists[0] = q.outside()
		diff := func(j int) float64 { return q.stat[j] - q.stat[j-1] }
		lists[1] = q.oneSide(9)
		lists[2] = q.window(6, func(from, to int) bool {
			up, down := true, true
			for j := from + 1; j <= to; j++ {
				up, down = up && diff(j) > 0, down && diff(j) < 0
			}
			return up || down
		})
		lists[3] = q.window(14, func(from, to int) bool {
			for j := from + 2; j <= to; j++ {
				if !(diff(j)*diff(j-1) < 0) {
					return false
				}
			}
			return true
		})
		lists[4], lists[5] = q.ofLast(2, 3, 2), q.ofLast(4, 5, 1)
		lists[6] = q.window(15, func(from, to int) bool {
			for j := from; j <= to; j++ {
				if math.IsNaN(q.stat[j]) || math.IsNaN(q.se[j]) || q.beyond(j, j, 1) != 0 {
					return false
				}
			}
			return true
		})
		lists[7] = q.window(8, func(from, to int) bool {
			up, down := false, false
			for j := from; j <= to; j++ {
				side := q.beyond(j, j, 1)
				if side == 0 {
					return false
				}
				up, down = up || side > 0, down || side < 0
			}
			return up && down
		})
	}
	out := make(object, 8)
	for i, l := range lists {
		out[i] = field{fmt.Sprintf("rule%d", i+1), l}
	}
	return out
}
