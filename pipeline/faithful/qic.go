package faithful

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/spc"
)

// qicharts2 0.8.1 (Anhøj). Screening is an argument here; there it depends on
// whether the package is attached.

type qicInput struct {
	Chart   string            `json:"chart"`
	XType   string            `json:"x_type"`
	X       []json.RawMessage `json:"x"`
	Y       vec               `json:"y"`
	N       vec               `json:"n"`
	Facet   []json.RawMessage `json:"facet"`
	Freeze  *float64          `json:"freeze"`
	Part    json.RawMessage   `json:"part"`
	Exclude vec               `json:"exclude"`
	CL      json.RawMessage   `json:"cl"`
	// Target has no effect on any number.
	Target     json.RawMessage `json:"target"`
	Multiply   *float64        `json:"multiply"`
	YNeg       *bool           `json:"y_neg"`
	ScreenMR   *bool           `json:"screen_mr"`
	AggFun     string          `json:"agg_fun"`
	RunsMethod string          `json:"runs_method"`
	XPeriod    *string         `json:"x_period"`
}

// qicPoint is one subgroup.
type qicPoint struct {
	facet                       string
	x                           json.RawMessage
	key                         string // of x, for sorting texts and dates
	num                         float64
	rows                        []int
	index, part                 int
	y, sum, length, mean, sd, n float64
	// Centre line and limits, and whether the point is in the baseline and
	// included.
	cl, lcl, lcl95, ucl95, ucl float64
	baseline, include, signal  bool
}

type qicPart struct {
	facet                                                string
	part                                                 int
	first, last                                          int
	nObs                                                 int
	useful, longest, longestMax, crossings, crossingsMin float64
	signal                                               bool
}

func qic(name string, raw json.RawMessage) (object, error) {
	in := qicInput{}
	if err := decode(raw, &in); err != nil {
		return nil, err
	}
	if err := in.options(strings.TrimPrefix(name, "qic.")); err != nil {
		return nil, err
	}
	points, cuts, err := in.subgroups()
	if err != nil {
		return nil, err
	}
	cutParts(points, cuts)
	centre, err := in.givenCentre(points)
	if err != nil {
		if errors.Is(err, errTool) {
			return stopped("%v", err), nil
		}
		return nil, err
	}
	var parts []qicPart
	for lo := 0; lo < len(points); {
		hi := lo + 1
		for hi < len(points) && points[hi].facet == points[lo].facet && points[hi].part == points[lo].part {
			hi++
		}
		var cl []float64
		// One missing centre in a part, and the tool computes that of the part.
		if centre != nil && !slices.ContainsFunc(centre[lo:hi], math.IsNaN) {
			cl = centre[lo:hi]
		}
		if err := in.limits(points[lo:hi], cl); err != nil {
			if errors.Is(err, errTool) {
				return stopped("%v", err), nil
			}
			return nil, err
		}
		parts = append(parts, in.runs(points[lo:hi]))
		lo = hi
	}
	in.finish(points)
	return in.result(points, parts), nil
}

// options checks the choices by name and sets those not given. Their values are
// the tool's own.
func (in *qicInput) options(chart string) error {
	for _, o := range []struct {
		name  string
		value *string
		known []string // the first is the default
	}{
		{"chart", &in.Chart, []string{chart}},
		{"x_type", &in.XType, []string{"index", "numeric", "date", "category"}},
		{"agg_fun", &in.AggFun, []string{"mean", "median", "sum", "sd"}},
		{"runs_method", &in.RunsMethod, []string{"anhoej", "bestbox", "cutbox"}},
	} {
		if *o.value == "" {
			*o.value = o.known[0]
		}
		if !slices.Contains(o.known, *o.value) {
			return fmt.Errorf("%s %q is not known; give %s", o.name, *o.value, strings.Join(o.known, ", "))
		}
	}
	if in.X == nil && in.XType == "index" {
		for i := range in.Y {
			in.X = append(in.X, json.RawMessage(strconv.Itoa(i+1)))
		}
	}
	return nil
}

// errTool marks what makes the tool itself stop.
var errTool = errors.New("the tool stops")

func rawText(r json.RawMessage) string {
	var s string
	if json.Unmarshal(r, &s) == nil {
		return s
	}
	return string(r)
}

// subgroups groups rows by facet and x, sorted, and gives after which subgroups of
// a facet a part ends.
func (in *qicInput) subgroups() ([]qicPoint, []float64, error) {
	rows := len(in.Y)
	cols := map[string]int{"x": len(in.X)}
	if in.N != nil {
		cols["n"] = len(in.N)
	}
	if in.Facet != nil {
		cols["facet"] = len(in.Facet)
	}
	if err := sameLength(rows, cols); err != nil {
		return nil, nil, err
	}
	cuts, err := in.partCuts()
	if err != nil {
		return nil, nil, err
	}
	y, n := slices.Clone(in.Y), slices.Clone(in.N)
	for i := range n {
		if math.IsNaN(y[i]) || math.IsNaN(n[i]) {
			y[i], n[i] = math.NaN(), math.NaN()
		}
	}
	byKey := map[[2]string]int{}
	var points []qicPoint
	for i := range rows {
		// Rows without an x or a facet are in no subgroup.
		if !given(in.X[i]) || in.Facet != nil && !given(in.Facet[i]) {
			continue
		}
		p := qicPoint{facet: "1", x: in.X[i], key: rawText(in.X[i])}
		if in.Facet != nil {
			p.facet = rawText(in.Facet[i])
		}
		switch in.XType {
		case "index", "numeric":
			v, err := strconv.ParseFloat(p.key, 64)
			if err != nil {
				return nil, nil, fmt.Errorf("x of row %d is %s; give a number or another x_type", i+1, in.X[i])
			}
			p.num = v
			p.key = strconv.FormatFloat(v, 'g', -1, 64)
		case "date":
			d, err := time.Parse(time.DateOnly, p.key)
			if err != nil {
				return nil, nil, fmt.Errorf("x of row %d is %s; give a date as 2026-01-31", i+1, in.X[i])
			}
			if in.XPeriod != nil {
				if d, err = periodStart(d, *in.XPeriod); err != nil {
					return nil, nil, err
				}
				p.key = d.Format(time.DateOnly)
				p.x = json.RawMessage(strconv.Quote(p.key))
			}
		}
		k := [2]string{p.facet, p.key}
		at, ok := byKey[k]
		if !ok {
			at = len(points)
			byKey[k] = at
			points = append(points, p)
		}
		points[at].rows = append(points[at].rows, i)
	}
	slices.SortStableFunc(points, func(a, b qicPoint) int {
		if c := strings.Compare(a.facet, b.facet); c != 0 {
			return c
		}
		switch {
		case a.num < b.num:
			return -1
		case a.num > b.num:
			return 1
		}
		if in.XType == "index" || in.XType == "numeric" {
			return 0
		}
		return strings.Compare(a.key, b.key)
	})
	index := 0
	for i := range points {
		p := &points[i]
		if i > 0 && points[i-1].facet != p.facet {
			index = 0
		}
		index++
		p.index = index
		in.aggregate(p, y, n)
		p.baseline = in.Freeze == nil || given(in.Part) || float64(index) <= *in.Freeze
		p.include = !slices.Contains(in.Exclude, float64(index))
	}
	return points, cuts, nil
}

// periodStart is the first day of the period of d; weeks begin on Monday.
func periodStart(d time.Time, period string) (time.Time, error) {
	y, m, day := d.Date()
	switch period {
	case "day":
	case "week":
		day -= (int(d.Weekday()) + 6) % 7
	case "month":
		day = 1
	case "quarter":
		m, day = m-(m-1)%3, 1
	case "year":
		m, day = 1, 1
	default:
		return d, fmt.Errorf("x_period %q is not known; give day, week, month, quarter, year or null", period)
	}
	return time.Date(y, m, day, 0, 0, 0, 0, time.UTC), nil
}

func (in *qicInput) aggregate(p *qicPoint, y, n vec) {
	var vals []float64
	for _, r := range p.rows {
		if !math.IsNaN(y[r]) {
			vals = append(vals, y[r])
		}
	}
	p.length = float64(len(vals))
	p.sum = sum(vals)
	if len(p.rows) == 1 && len(vals) == 0 {
		p.sum = math.NaN()
	}
	p.mean, p.sd = mean(vals), stddev(vals)
	p.n = math.NaN()
	if in.N != nil {
		p.n = 0
		for _, r := range p.rows {
			if !math.IsNaN(n[r]) {
				p.n += n[r]
			}
		}
		p.y = p.sum / p.n
		return
	}
	switch in.AggFun {
	case "median":
		p.y = median(vals)
	case "sum":
		p.y = sum(vals) // 0 where nothing is known, unlike y_sum
	case "sd":
		p.y = p.sd
	default:
		p.y = p.mean
	}
}

// partCuts reads the parts. Labels by row count the distinct x as they come in the
// rows, over all facets and before any x_period: where rows are not sorted by x,
// the cuts fall elsewhere than the labels say.
func (in *qicInput) partCuts() ([]float64, error) {
	if !given(in.Part) {
		return nil, nil
	}
	var cuts vec
	if json.Unmarshal(in.Part, &cuts) == nil {
		for i := range cuts {
			cuts[i] = math.Trunc(cuts[i])
		}
		return cuts, nil
	}
	var labels []json.RawMessage
	if err := json.Unmarshal(in.Part, &labels); err != nil {
		return nil, errors.New("part must be an array of whole numbers or of texts, or null")
	}
	if len(labels) != len(in.X) {
		return nil, fmt.Errorf("part has %d labels for %d rows; give one per row", len(labels), len(in.X))
	}
	cuts = vec{}
	seenX, seenLabel := map[string]bool{}, map[string]bool{}
	for i, l := range labels {
		x := rawText(in.X[i])
		if v, err := strconv.ParseFloat(x, 64); err == nil {
			x = strconv.FormatFloat(v, 'g', -1, 64)
		}
		if seenX[x] {
			continue
		}
		if label := string(l); !seenLabel[label] {
			seenLabel[label] = true
			cuts = append(cuts, float64(len(seenX)))
		}
		seenX[x] = true
	}
	return cuts, nil
}

// cutParts numbers the parts inside each facet.
func cutParts(points []qicPoint, cuts []float64) {
	part := 0
	for i := range points {
		p := &points[i]
		if p.index == 1 {
			part = 1
		} else if slices.Contains(cuts, float64(p.index-1)) {
			part++
		}
		p.part = part
	}
}

// givenCentre is the centre line given, by subgroup, nil for none. An array goes
// with the rows, again and again; a subgroup has that of its first row.
func (in *qicInput) givenCentre(points []qicPoint) ([]float64, error) {
	if !given(in.CL) {
		return nil, nil
	}
	var many vec
	if err := json.Unmarshal(in.CL, &many); err != nil || len(many) == 0 {
		return nil, errors.New("cl must be a number, an array of numbers or null")
	}
	if rows := len(in.Y); rows%len(many) != 0 {
		return nil, fmt.Errorf("%w: arguments imply differing number of rows: %d, %d", errTool, rows, len(many))
	}
	out := make([]float64, len(points))
	for i, p := range points {
		out[i] = many[p.rows[0]%len(many)]
	}
	return out, nil
}

func (in *qicInput) screen() bool { return in.ScreenMR == nil || *in.ScreenMR }

// averageMR is the mean moving range, screened once where asked; NaN where
// nothing is left.
func averageMR(mr []float64, screen bool, factor float64) float64 {
	mr = slices.DeleteFunc(slices.Clone(mr), math.IsNaN)
	m := mean(mr)
	if screen {
		mr = slices.DeleteFunc(mr, func(v float64) bool { return !(v < factor*m) })
		m = mean(mr)
	}
	return m
}

func movingRanges(v []float64) []float64 {
	var mr []float64
	for i := 1; i < len(v); i++ {
		mr = append(mr, math.Abs(v[i]-v[i-1]))
	}
	return mr
}

// limits fills one part.
func (in *qicInput) limits(pts []qicPoint, given []float64) error {
	nan := math.NaN()
	var base []int
	for i := range pts {
		if pts[i].baseline && pts[i].include {
			base = append(base, i)
		}
	}
	pick := func(f func(*qicPoint) float64) []float64 {
		var v []float64
		for _, i := range base {
			if x := f(&pts[i]); !math.IsNaN(x) {
				v = append(v, x)
			}
		}
		return v
	}
	yOf := func(p *qicPoint) float64 { return p.y }
	centre := func(c float64) {
		for i := range pts {
			pts[i].cl = c
			if given != nil {
				pts[i].cl = given[i]
			}
		}
	}
	// band sets limits cl -/+ 3 s and 2 s.
	band := func(s func(i int) float64) {
		for i := range pts {
			p := &pts[i]
			d := s(i)
			p.lcl, p.lcl95, p.ucl95, p.ucl = p.cl-3*d, p.cl-2*d, p.cl+2*d, p.cl+3*d
		}
	}
	floor := func() {
		for i := range pts {
			p := &pts[i]
			p.lcl, p.lcl95 = atLeastZero(p.lcl), atLeastZero(p.lcl95)
		}
	}
	switch in.Chart {
	case "run":
		centre(median(pick(yOf)))
		band(func(int) float64 { return nan })
	case "i", "t":
		if in.Chart == "t" {
			for i := range pts {
				if pts[i].y <= 0 {
					return fmt.Errorf("%w: time between events must be greater than zero", errTool)
				}
				pts[i].y = math.Pow(pts[i].y, 1/3.6)
			}
		}
		centre(mean(pick(yOf)))
		var v []float64
		for _, i := range base {
			v = append(v, pts[i].y-pts[i].cl)
		}
		s := averageMR(movingRanges(v), in.screen(), 3.267) / 1.128
		band(func(int) float64 { return s })
		if in.Chart == "t" {
			for i := range pts {
				p := &pts[i]
				for _, x := range []*float64{&p.y, &p.cl, &p.lcl, &p.lcl95, &p.ucl95, &p.ucl} {
					*x = math.Pow(*x, 3.6) // nothing of what is below 0
				}
				// Only of the 3-sigma limit the tool makes a 0, also where it
				// has none.
				if math.IsNaN(p.lcl) {
					p.lcl = 0
				}
			}
		}
	case "mr":
		v := make([]float64, len(pts))
		for i := range pts {
			v[i] = nan
			if i > 0 {
				v[i] = math.Abs(pts[i].y - pts[i-1].y)
			}
		}
		for i := range pts {
			pts[i].y = v[i]
		}
		centre(mean(pick(yOf)))
		for i := range pts {
			p := &pts[i]
			p.lcl, p.lcl95, p.ucl = 0, 0, 3.267*p.cl
			p.ucl95 = 3.267 / 3 * 2 * p.cl
		}
	case "p", "u", "pp", "up":
		proportion := in.Chart[0] == 'p'
		centre(sum(pick(func(p *qicPoint) float64 { return p.sum })) / sum(pick(func(p *qicPoint) float64 { return p.n })))
		s := make([]float64, len(pts))
		for i := range pts {
			p := &pts[i]
			if proportion {
				s[i] = math.Sqrt(p.cl * (1 - p.cl) / p.n)
			} else {
				s[i] = math.Sqrt(p.cl / p.n)
			}
			if math.IsInf(s[i], 0) {
				s[i] = nan
			}
		}
		factor := 1.0
		if len(in.Chart) == 2 {
			var z []float64
			for _, i := range base {
				z = append(z, (pts[i].y-pts[i].cl)/s[i])
			}
			if in.XType == "category" {
				factor = stddev(z)
			} else {
				factor = averageMR(movingRanges(z), in.screen(), 3.267) / 1.128
			}
		}
		band(func(i int) float64 { return s[i] * factor })
		floor()
		if proportion {
			for i := range pts {
				p := &pts[i]
				p.ucl, p.ucl95 = atMost(p.ucl, 1), atMost(p.ucl95, 1)
			}
		}
	case "c":
		for i := range pts {
			pts[i].y = pts[i].sum
		}
		centre(mean(pick(yOf)))
		band(func(i int) float64 { return math.Sqrt(pts[i].cl) })
		floor()
	case "g":
		m, shown := mean(pick(yOf)), median(pick(yOf))
		for i := range pts {
			if given != nil {
				m, shown = given[i], 0.693*given[i]
			}
			pts[i].cl = m
		}
		band(func(i int) float64 { return math.Sqrt(pts[i].cl * (pts[i].cl + 1)) })
		floor()
		for i := range pts {
			pts[i].cl = shown
			if given != nil {
				pts[i].cl = 0.693 * given[i]
			}
		}
	case "xbar", "s":
		in.subgroupLimits(pts, base, centre)
	case "ip":
		in.iPrime(pts, base, centre, band)
	default:
		return fmt.Errorf("chart %q is not known", in.Chart)
	}
	return nil
}

// subgroupLimits are those of xbar and s charts.
func (in *qicInput) subgroupLimits(pts []qicPoint, base []int, centre func(float64)) {
	same := true
	for i := range pts {
		same = same && pts[i].length == pts[0].length
	}
	var num, den, wm, w, sds []float64
	for _, i := range base {
		p := &pts[i]
		// An empty subgroup counts as -1 degree of freedom: the tool does so.
		den = append(den, p.length-1)
		if !math.IsNaN(p.sd) {
			num = append(num, (p.length-1)*(p.sd*p.sd))
			sds = append(sds, p.sd)
		}
		if p.length > 0 {
			wm, w = append(wm, p.length*p.mean), append(w, p.length)
		}
	}
	s := math.Sqrt(sum(num) / sum(den))
	if same {
		s = mean(sds)
	}
	if in.Chart == "xbar" {
		centre(sum(wm) / sum(w))
	} else {
		for i := range pts {
			pts[i].y = pts[i].sd
		}
		centre(s)
	}
	for i := range pts {
		p := &pts[i]
		c4 := math.NaN()
		if k := p.length; k > 1 {
			a, _ := math.Lgamma(k / 2)
			b, _ := math.Lgamma((k - 1) / 2)
			c4 = math.Sqrt(2/(k-1)) * math.Exp(a-b)
		}
		if in.Chart == "xbar" {
			a := s / (c4 * math.Sqrt(p.length))
			p.lcl, p.lcl95, p.ucl95, p.ucl = p.cl-3*a, p.cl-2*a, p.cl+2*a, p.cl+3*a
			continue
		}
		r := math.Sqrt(1-c4*c4) / c4
		p.lcl, p.lcl95 = p.cl*atLeastZero(1-3*r), p.cl*atLeastZero(1-2*r)
		p.ucl95, p.ucl = p.cl*(1+2*r), p.cl*(1+3*r)
	}
}

func (in *qicInput) iPrime(pts []qicPoint, base []int, centre func(float64), band func(func(int) float64)) {
	for i := range pts {
		if in.N == nil {
			pts[i].n = pts[i].length
		}
	}
	var yn, n []float64
	for _, i := range base {
		if v := pts[i].y * pts[i].n; !math.IsNaN(v) {
			yn = append(yn, v)
		}
		if !math.IsNaN(pts[i].n) {
			n = append(n, pts[i].n)
		}
	}
	centre(sum(yn) / sum(n))
	var s []float64
	for i := 1; i < len(pts); i++ {
		d := math.Sqrt(math.Pi/2) * math.Abs(pts[i].y-pts[i-1].y) / math.Sqrt(1/pts[i].n+1/pts[i-1].n)
		s = append(s, d)
	}
	m := averageMR(s, in.screen(), 3.2665)
	band(func(i int) float64 { return m * math.Sqrt(1/pts[i].n) })
}

// runs analyses one part on its included points.
func (in *qicInput) runs(pts []qicPoint) qicPart {
	nan := math.NaN()
	part := qicPart{
		facet: pts[0].facet, part: pts[0].part, first: pts[0].index, last: pts[len(pts)-1].index,
		longest: nan, longestMax: nan, crossings: nan, crossingsMin: nan,
	}
	useful, longest, run, runs, last := 0, 0, 0, 0, 0.0
	for i := range pts {
		p := &pts[i]
		if !p.include {
			continue
		}
		part.nObs++
		if math.IsNaN(p.y) || math.IsNaN(p.cl) || p.y == p.cl {
			continue
		}
		useful++
		side := math.Copysign(1, p.y-p.cl)
		if side != last {
			runs++
			run = 0
		}
		last = side
		run++
		longest = max(longest, run)
	}
	part.useful = float64(useful)
	if useful > 0 {
		part.longest, part.crossings = float64(longest), float64(runs-1)
		part.longestMax = float64(spc.LongestRunLimit(useful))
		part.crossingsMin = float64(spc.FewestCrossings(useful))
		part.signal = part.longest > part.longestMax || part.crossings < part.crossingsMin
		// The limits shown stay those of the Anhøj rules.
		if box := in.RunsMethod == "bestbox" || in.RunsMethod == "cutbox"; box && useful >= 10 && useful <= 100 {
			part.signal = runsBox(useful, in.RunsMethod == "cutbox").signals(runs-1, longest)
		}
	}
	if in.Chart == "mr" || in.XType == "category" {
		part.signal = false
	}
	return part
}

// finish multiplies, marks points beyond the limits, and only then clips.
func (in *qicInput) finish(points []qicPoint) {
	m := 1.0
	if in.Multiply != nil {
		m = *in.Multiply
	}
	negative := in.YNeg == nil || *in.YNeg
	for i := range points {
		p := &points[i]
		for _, x := range []*float64{&p.y, &p.cl, &p.lcl, &p.lcl95, &p.ucl95, &p.ucl} {
			*x *= m
		}
		for _, x := range []*float64{&p.lcl, &p.lcl95, &p.ucl95, &p.ucl} {
			if math.IsInf(*x, 0) {
				*x = math.NaN()
			}
		}
		p.signal = p.y > p.ucl || p.y < p.lcl
		negative = negative || p.y < 0
	}
	if !negative {
		for i := range points {
			p := &points[i]
			p.lcl, p.lcl95 = atLeastZero(p.lcl), atLeastZero(p.lcl95)
		}
	}
}

func (in *qicInput) result(points []qicPoint, parts []qicPart) object {
	n := len(points)
	facet, index, x, part := make([]string, n), make([]int, n), make([]json.RawMessage, n), make([]int, n)
	baseline, include, signal := make([]bool, n), make([]bool, n), make([]bool, n)
	for i := range points {
		p := &points[i]
		facet[i], index[i], x[i], part[i] = p.facet, p.index, p.x, p.part
		baseline[i], include[i], signal[i] = p.baseline, p.include, p.signal
	}
	col := func(f func(*qicPoint) float64) []float64 {
		v := make([]float64, n)
		for i := range points {
			v[i] = f(&points[i])
		}
		return v
	}
	list := make([]object, len(parts))
	for i, p := range parts {
		list[i] = object{
			{"facet", p.facet}, {"part", p.part}, {"first_point", p.first}, {"last_point", p.last}, {"n_obs", p.nObs},
			{"n_useful", p.useful}, {"longest_run", p.longest}, {"longest_run_max", p.longestMax},
			{"n_crossings", p.crossings}, {"n_crossings_min", p.crossingsMin}, {"runs_signal", p.signal},
		}
	}
	return object{
		{"error", false},
		{"points", object{
			{"facet", facet}, {"index", index}, {"x", x}, {"part", part},
			{"y", col(func(p *qicPoint) float64 { return p.y })},
			{"y_sum", col(func(p *qicPoint) float64 { return p.sum })},
			{"y_length", col(func(p *qicPoint) float64 { return p.length })},
			{"y_mean", col(func(p *qicPoint) float64 { return p.mean })},
			{"y_sd", col(func(p *qicPoint) float64 { return p.sd })},
			{"n", col(func(p *qicPoint) float64 { return p.n })},
			{"cl", col(func(p *qicPoint) float64 { return p.cl })},
			{"lcl", col(func(p *qicPoint) float64 { return p.lcl })},
			{"lcl95", col(func(p *qicPoint) float64 { return p.lcl95 })},
			{"ucl95", col(func(p *qicPoint) float64 { return p.ucl95 })},
			{"ucl", col(func(p *qicPoint) float64 { return p.ucl })},
			{"baseline", baseline}, {"include", include}, {"sigma_signal", signal},
		}},
		{"parts", list},
	}
}

type runsInput struct {
	NUseful vec `json:"n_useful"`
}

// anhoejLimits is the table of runs limits of qicharts2.
func anhoejLimits(in runsInput) (object, error) {
	longest, fewest := make([]int, len(in.NUseful)), make([]int, len(in.NUseful))
	for i, n := range in.NUseful {
		if !(n >= 0 && n <= 1e6) {
			return nil, fmt.Errorf("n_useful %v is not a number of points", n)
		}
		longest[i], fewest[i] = spc.LongestRunLimit(int(n)), spc.FewestCrossings(int(n))
	}
	return object{{"longest_run_max", longest}, {"n_crossings_min", fewest}}, nil
}
