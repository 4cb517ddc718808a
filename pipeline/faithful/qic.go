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
	Multiply   *float64 `json:"multiply"`
	YNeg       *bool    `json:"y_neg"`
	ScreenMR   *bool    `json:"screen_mr"`
	AggFun     string   `json:"agg_fun"`
	RunsMethod string   `json:"runs_method"`
	XPeriod    *string  `json:"x_period"`
}

// qicPoint is one subgroup.
type qicPoint struct {
	facet, label                string // label is that of a part given by row
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
	in := qicInput{XType: "index", AggFun: "mean"}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	if in.Chart == "" {
		in.Chart = strings.TrimPrefix(name, "qic.")
	}
	points, err := in.subgroups()
	if err != nil {
		return nil, err
	}
	in.cutParts(points)
	given, err := in.givenCentre(len(points))
	if err != nil {
		return nil, err
	}
	var parts []qicPart
	for lo := 0; lo < len(points); {
		hi := lo + 1
		for hi < len(points) && points[hi].facet == points[lo].facet && points[hi].part == points[lo].part {
			hi++
		}
		var cl []float64
		if given != nil {
			cl = given[lo:hi]
		}
		if err := in.limits(points[lo:hi], cl); err != nil {
			if errors.Is(err, errTool) {
				return object{{"error", true}, {"error_message", err.Error()}}, nil
			}
			return nil, err
		}
		parts = append(parts, in.runs(points[lo:hi]))
		lo = hi
	}
	in.finish(points)
	return in.result(points, parts), nil
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

// subgroups groups rows by facet and x, sorted.
func (in *qicInput) subgroups() ([]qicPoint, error) {
	rows := len(in.Y)
	cols := map[string]int{"x": len(in.X)}
	if in.N != nil {
		cols["n"] = len(in.N)
	}
	if in.Facet != nil {
		cols["facet"] = len(in.Facet)
	}
	if err := sameLength(rows, cols); err != nil {
		return nil, err
	}
	labels, err := in.partLabels()
	if err != nil {
		return nil, err
	}
	if labels != nil && len(labels) != rows {
		return nil, fmt.Errorf("part has %d labels for %d rows; give one per row", len(labels), rows)
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
		p := qicPoint{facet: "1", x: in.X[i], key: rawText(in.X[i])}
		if in.Facet != nil {
			p.facet = rawText(in.Facet[i])
		}
		switch in.XType {
		case "index", "numeric":
			v, err := strconv.ParseFloat(p.key, 64)
			if err != nil {
				return nil, fmt.Errorf("x of row %d is %s; give a number or another x_type", i+1, in.X[i])
			}
			p.num = v
			p.key = strconv.FormatFloat(v, 'g', -1, 64)
		case "date":
			d, err := time.Parse(time.DateOnly, p.key)
			if err != nil {
				return nil, fmt.Errorf("x of row %d is %s; give a date as 2026-01-31", i+1, in.X[i])
			}
			if in.XPeriod != nil {
				if *in.XPeriod != "month" {
					return nil, fmt.Errorf("x_period %q is not known; give month or null", *in.XPeriod)
				}
				p.key = d.Format("2006-01") + "-01"
				p.x = json.RawMessage(strconv.Quote(p.key))
			}
		case "category":
		default:
			return nil, fmt.Errorf("x_type %q is not known; give index, numeric, date or category", in.XType)
		}
		k := [2]string{p.facet, p.key}
		at, ok := byKey[k]
		if !ok {
			at = len(points)
			byKey[k] = at
			if labels != nil {
				p.label = labels[i]
			}
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
		p.baseline = in.Freeze == nil || in.Part != nil && string(in.Part) != "null" || float64(index) <= *in.Freeze
		p.include = !slices.Contains(in.Exclude, float64(index))
	}
	return points, nil
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
		p.y = p.sum
	case "sd":
		p.y = p.sd
	default:
		p.y = p.mean
	}
}

func (in *qicInput) partLabels() ([]string, error) {
	if in.Part == nil || string(in.Part) == "null" {
		return nil, nil
	}
	var texts []string
	if json.Unmarshal(in.Part, &texts) == nil {
		return texts, nil
	}
	var cuts []float64
	if err := json.Unmarshal(in.Part, &cuts); err != nil {
		return nil, fmt.Errorf("part must be an array of whole numbers or of texts, or null")
	}
	return nil, nil
}

// cutParts numbers the parts inside each facet.
func (in *qicInput) cutParts(points []qicPoint) {
	var cuts []float64
	byLabel := false
	if in.Part != nil && string(in.Part) != "null" {
		if json.Unmarshal(in.Part, &cuts) != nil {
			byLabel = true
		}
	}
	seen := map[string]bool{}
	part := 0
	for i := range points {
		p := &points[i]
		if p.index == 1 {
			part = 1
			clear(seen)
			seen[p.label] = true
		} else if byLabel {
			if !seen[p.label] {
				seen[p.label] = true
				part++
			}
		} else if slices.Contains(cuts, float64(p.index-1)) {
			part++
		}
		p.part = part
	}
}

func (in *qicInput) givenCentre(n int) ([]float64, error) {
	if in.CL == nil || string(in.CL) == "null" {
		return nil, nil
	}
	out := make([]float64, n)
	var one float64
	if json.Unmarshal(in.CL, &one) == nil {
		for i := range out {
			out[i] = one
		}
		return out, nil
	}
	var many vec
	if err := json.Unmarshal(in.CL, &many); err != nil || len(many) == 0 {
		return nil, fmt.Errorf("cl must be a number, an array of numbers or null")
	}
	for i := range out {
		out[i] = many[i%len(many)]
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
			d := pts[i].y
			if given != nil {
				d -= given[i]
			}
			v = append(v, d)
		}
		s := averageMR(movingRanges(v), in.screen(), 3.267) / 1.128
		band(func(int) float64 { return s })
		if in.Chart == "t" {
			for i := range pts {
				p := &pts[i]
				for _, x := range []*float64{&p.y, &p.cl, &p.lcl, &p.lcl95, &p.ucl95, &p.ucl} {
					*x = math.Pow(atLeastZero(*x), 3.6)
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
			if math.IsNaN(p.cl) {
				p.lcl, p.lcl95 = 0, 0
			}
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
				if s[i] == 0 {
					z[len(z)-1] = nan
				}
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
	var num, den, wm, w float64
	var sds []float64
	for _, i := range base {
		p := &pts[i]
		// An empty subgroup counts as -1 degree of freedom: the tool does so.
		den += p.length - 1
		if !math.IsNaN(p.sd) {
			num += (p.length - 1) * p.sd * p.sd
			sds = append(sds, p.sd)
		}
		if p.length > 0 {
			wm += p.length * p.mean
			w += p.length
		}
	}
	s := math.Sqrt(num / den)
	if same {
		s = mean(sds)
	}
	if in.Chart == "xbar" {
		centre(wm / w)
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
			p.y = p.mean
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
	var yn, n float64
	for _, i := range base {
		if v := pts[i].y * pts[i].n; !math.IsNaN(v) {
			yn += v
			n += pts[i].n
		}
	}
	centre(yn / n)
	var s []float64
	for i := 1; i < len(pts); i++ {
		d := math.Sqrt(math.Pi/2) * math.Abs(pts[i].y-pts[i-1].y) / math.Sqrt(1/pts[i].n+1/pts[i-1].n)
		s = append(s, d)
	}
	m := averageMR(s, in.screen(), 3.2665)
	band(func(i int) float64 { return m / math.Sqrt(pts[i].n) })
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
