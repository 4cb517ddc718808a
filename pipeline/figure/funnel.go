package figure

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Funnel is one indicator of one period with its units named. NaN is "none".
type Funnel struct {
	Title, Subtitle, Description string
	// Percent, Unit and Decimals are as those of Control.
	Percent  bool
	Unit     string
	Decimals int
	// ValueTitle stands above the value axis, DenominatorTitle below the other one;
	// an empty DenominatorTitle is the word of Texts.
	ValueTitle, DenominatorTitle string
	// Centre is the target of the funnel; NaN without one.
	Centre     float64
	CentreName string
	// Target and Reference are lines that are no limits; nil without one.
	Target, Reference *float64
	ReferenceName     string
	// LevelName names limits of one more level, such as "99 % limits"; empty: there
	// are none.
	LevelName string
	// Units in the order in which a reader should come to them: by name or code.
	Units []FunnelUnit
	// Curve, where given, are the limits to draw; else they are those of the units,
	// which is right where limits depend on the denominator alone.
	Curve []FunnelLimits
	Texts Texts
}

// FunnelUnit is one unit.
type FunnelUnit struct {
	Name, Href                   string
	Value, Denominator           float64 // read in states with a value
	LCL95, UCL95, LCL998, UCL998 float64
	LCL, UCL                     float64 // of LevelName
	Outlier                      int8    // -1 below, +1 above the 99.8 % limits
	State                        State
	// Highlight marks the reader's own unit; it is always labelled.
	Highlight bool
	// Label is the text of the unit; empty means one made of its values.
	Label string
}

// FunnelLimits are the limits at one denominator.
type FunnelLimits struct {
	Denominator, LCL95, UCL95, LCL998, UCL998 float64
	LCL, UCL                                  float64 // of LevelName
}

// WriteSVG draws the funnel. Outliers and highlighted units are labelled with
// their names, without overlap; names that find no room beside their points are
// listed below. Errors wrap ErrFigure, and nothing is written then: unknown
// states, values or denominators that are missing, negative (denominators) or
// beyond 1e15 in a state that has one, options out of range.
func (f Funnel) WriteSVG(w io.Writer, o Options) error {
	if err := f.validate(o); err != nil {
		return err
	}
	n := number{t: f.Texts, suffix: f.Unit, decimals: f.Decimals}
	if f.Percent {
		n.suffix = f.Texts.Percent
	}
	d := &funnelDrawing{frame: newFrame(o, f.Texts, n), f: &f}
	d.draw()
	return d.flush(w)
}

func (f *Funnel) validate(o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if f.Decimals < 0 || f.Decimals > 10 {
		return fmt.Errorf("%w: decimals is %d; give 0 to 10", ErrFigure, f.Decimals)
	}
	for i := range f.Units {
		u := &f.Units[i]
		where := fmt.Sprintf("unit %d (%s)", i+1, u.Name)
		switch {
		case !u.State.known():
			return fmt.Errorf("%w: %s has the unknown state %q", ErrFigure, where, string(u.State))
		case !u.State.drawn():
			continue
		case !(math.Abs(u.Value) <= largest):
			return fmt.Errorf("%w: %s is in state %s with the value %v; give a finite value within ±%g or the state that says why there is none", ErrFigure, where, u.State, u.Value, largest)
		case !(u.Denominator >= 0 && u.Denominator <= largest):
			return fmt.Errorf("%w: %s has the denominator %v; give 0 to %g", ErrFigure, where, u.Denominator, largest)
		}
		for _, v := range []float64{u.LCL95, u.UCL95, u.LCL998, u.UCL998, u.LCL, u.UCL} {
			if finite(v) && math.Abs(v) > largest {
				return fmt.Errorf("%w: %s has a limit at %v, beyond ±%g", ErrFigure, where, v, largest)
			}
		}
	}
	for i, c := range f.Curve {
		if !(c.Denominator >= 0 && c.Denominator <= largest) {
			return fmt.Errorf("%w: limits %d have the denominator %v; give 0 to %g", ErrFigure, i+1, c.Denominator, largest)
		}
		for _, v := range []float64{c.LCL95, c.UCL95, c.LCL998, c.UCL998, c.LCL, c.UCL} {
			if finite(v) && math.Abs(v) > largest {
				return fmt.Errorf("%w: limits %d lie at %v, beyond ±%g", ErrFigure, i+1, v, largest)
			}
		}
	}
	for _, l := range []struct {
		name  string
		value *float64
	}{{"centre", &f.Centre}, {"target", f.Target}, {"reference", f.Reference}} {
		if l.value != nil && finite(*l.value) && math.Abs(*l.value) > largest {
			return fmt.Errorf("%w: the %s is %v, beyond ±%g", ErrFigure, l.name, *l.value, largest)
		}
	}
	return nil
}

type funnelDrawing struct {
	*frame
	f      *Funnel
	sizes  valueAxis
	limits []FunnelLimits // in order of the denominator, each once
	radius float64
}

func (d *funnelDrawing) x(n float64) float64 {
	return d.left + (n-d.sizes.low)/(d.sizes.high-d.sizes.low)*(d.right-d.left)
}

type box struct{ x0, y0, x1, y1 float64 }

func (b box) overlaps(c box) bool { return b.x0 < c.x1 && c.x0 < b.x1 && b.y0 < c.y1 && c.y0 < b.y1 }

type unitLabel struct {
	unit       int
	text       string
	box        box
	px, py     float64 // its point
	leader     bool
	highlight  bool
	sizeOfText float64
}

func (d *funnelDrawing) draw() {
	f := d.f
	d.radius = 4
	if d.o.Narrow || len(f.Units) > 300 {
		d.radius = 3.2
	}
	heading, top := d.heading(f.Title, f.Subtitle)
	if f.ValueTitle != "" {
		top += d.font * 1.5
	}
	d.top, d.bottom = top, math.Max(d.h-d.font*3.4, top+60)
	d.sortLimits()
	low, high := d.span()
	d.axis = newValueAxis(low, high, int((d.bottom-d.top)/(d.font*3.2)), f.Percent)
	ends := d.endLabels()
	d.left = d.room()
	d.right = d.w - 14
	for _, l := range ends {
		d.right = math.Min(d.right, d.w-textWidth(l.text, d.font)-12)
	}
	d.right = math.Max(d.right, d.left+60)
	most := 0.0
	for i := range f.Units {
		if f.Units[i].State.drawn() {
			most = math.Max(most, f.Units[i].Denominator)
		}
	}
	d.sizes = newValueAxis(0, most, int((d.right-d.left)/(d.font*4.5)), false)
	d.sizes.high = math.Max(most*1.04, d.sizes.step)
	labels, unplaced := d.placeLabels()

	legend, next := d.legend(d.legendItems(), d.bottom+d.font*4.2)
	notes, height := d.notes(labels, unplaced, next)
	links := slices.ContainsFunc(f.Units, func(u FunnelUnit) bool { return u.State.drawn() && link(u.Href) != "" })
	d.open(f.Title, f.Subtitle, f.Description, "funnel", links, math.Max(height, d.bottom+d.font*3.4))
	d.lines(heading)
	d.grid(f.ValueTitle)
	d.sizeAxis()
	d.curves()
	d.level("lf-target", colTarget, "1.6", "10 3 2 3", f.Target)
	d.level("lf-reference", colReference, "1.8", "1.8 3.6", f.Reference)
	if finite(f.Centre) {
		d.level("lf-centre", colCentre, "1.4", "", &f.Centre)
	}
	d.leaders(labels)
	d.units()
	d.unitLabels(labels)
	d.ends(ends)
	if !slices.ContainsFunc(f.Units, func(u FunnelUnit) bool { return u.State.drawn() }) {
		d.element("text", d.t.NoData, "class", "lf-muted lf-empty", "x", coord((d.left+d.right)/2), "y", coord((d.top+d.bottom)/2), "text-anchor", "middle", "fill", colMuted)
	}
	legend()
	d.lines(notes)
}

// sortLimits takes the limits to draw in order of the denominator; where several
// units have one denominator it takes the mean of each limit.
func (d *funnelDrawing) sortLimits() {
	all := slices.Clone(d.f.Curve)
	if len(all) == 0 {
		for i := range d.f.Units {
			if u := &d.f.Units[i]; u.State.drawn() && u.Denominator > 0 {
				all = append(all, FunnelLimits{u.Denominator, u.LCL95, u.UCL95, u.LCL998, u.UCL998, u.LCL, u.UCL})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b FunnelLimits) int {
		return cmp.Or(cmp.Compare(a.Denominator, b.Denominator), cmp.Compare(a.LCL998, b.LCL998), cmp.Compare(a.UCL998, b.UCL998),
			cmp.Compare(a.LCL95, b.LCL95), cmp.Compare(a.UCL95, b.UCL95))
	})
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && all[j].Denominator == all[i].Denominator {
			j++
		}
		mean := func(at func(l *FunnelLimits) float64) float64 {
			sum, n := 0.0, 0
			for k := i; k < j; k++ {
				if v := at(&all[k]); finite(v) {
					sum, n = sum+v, n+1
				}
			}
			return sum / float64(n)
		}
		l := FunnelLimits{Denominator: all[i].Denominator}
		l.LCL95 = mean(func(l *FunnelLimits) float64 { return l.LCL95 })
		l.UCL95 = mean(func(l *FunnelLimits) float64 { return l.UCL95 })
		l.LCL998 = mean(func(l *FunnelLimits) float64 { return l.LCL998 })
		l.UCL998 = mean(func(l *FunnelLimits) float64 { return l.UCL998 })
		l.LCL = mean(func(l *FunnelLimits) float64 { return l.LCL })
		l.UCL = mean(func(l *FunnelLimits) float64 { return l.UCL })
		d.limits = append(d.limits, l)
		i = j
	}
}

// span holds all values and lines, and the limits as far as they do not dwarf
// them: those of very small units may.
func (d *funnelDrawing) span() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	take := func(v float64) {
		if finite(v) {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	for i := range d.f.Units {
		if u := &d.f.Units[i]; u.State.drawn() {
			take(u.Value)
		}
	}
	take(d.f.Centre)
	if d.f.Target != nil {
		take(*d.f.Target)
	}
	if d.f.Reference != nil {
		take(*d.f.Reference)
	}
	if n := len(d.limits); n > 0 {
		l := d.limits[n/2]
		take(l.LCL998)
		take(l.UCL998)
	}
	if len(d.limits) > 0 && low <= high {
		room := (high - low) * 0.4
		least, most := low, high
		for _, l := range d.limits {
			for _, v := range []float64{l.LCL998, l.UCL998} {
				if finite(v) {
					least, most = math.Min(least, v), math.Max(most, v)
				}
			}
		}
		low, high = math.Max(least, low-room), math.Min(most, high+room)
	}
	if d.f.Percent && len(d.limits) > 0 {
		// Limits may leave the range of a proportion, values may not.
		worst := 0.0
		for i := range d.f.Units {
			if u := &d.f.Units[i]; u.State.drawn() {
				worst = math.Max(worst, u.Value)
			}
		}
		high = math.Min(high, math.Max(100, worst))
	}
	return low, high
}

func (d *funnelDrawing) sizeAxis() {
	d.begin("g", "class", "lf-grid", "stroke", colLimit, "stroke-width", "1")
	d.empty("line", "x1", coord(d.left), "x2", coord(d.right), "y1", coord(d.bottom), "y2", coord(d.bottom))
	for _, v := range d.sizes.ticks {
		if v <= d.sizes.high {
			x := coord(d.x(v))
			d.empty("line", "x1", x, "x2", x, "y1", coord(d.bottom), "y2", coord(d.bottom+4))
		}
	}
	d.end("g")
	n := number{t: d.t}
	d.begin("g", "class", "lf-axis lf-sizes", "fill", colMuted, "text-anchor", "middle")
	free := math.Inf(-1)
	for _, v := range d.sizes.ticks {
		label := n.tick(v, d.sizes.step)
		half := textWidth(label, d.font) / 2
		x := math.Min(d.x(v), d.w-half)
		if v > d.sizes.high || x-half < free {
			continue
		}
		d.element("text", label, "x", coord(x), "y", coord(d.bottom+d.font+5))
		free = x + half + 6
	}
	d.end("g")
	title := d.f.DenominatorTitle
	if title == "" {
		title = d.t.Denominator
	}
	d.element("text", fit(title, d.font, d.w-16), "class", "lf-muted", "x", coord((d.left+d.right)/2), "y", coord(d.bottom+d.font*2.5+4), "text-anchor", "middle", "fill", colMuted)
}

// curves draws the four limits.
func (d *funnelDrawing) curves() {
	for _, l := range []struct {
		class, width, dash string
		at                 func(l *FunnelLimits) float64
	}{
		{"lf-limit lf-ucl998", "1.5", "", func(l *FunnelLimits) float64 { return l.UCL998 }},
		{"lf-limit lf-ucl95", "1.2", "5 3", func(l *FunnelLimits) float64 { return l.UCL95 }},
		{"lf-limit lf-lcl95", "1.2", "5 3", func(l *FunnelLimits) float64 { return l.LCL95 }},
		{"lf-limit lf-lcl998", "1.5", "", func(l *FunnelLimits) float64 { return l.LCL998 }},
		{"lf-limit lf-ucl-level", "1.2", "1.5 3", func(l *FunnelLimits) float64 { return l.UCL }},
		{"lf-limit lf-lcl-level", "1.2", "1.5 3", func(l *FunnelLimits) float64 { return l.LCL }},
	} {
		if strings.HasSuffix(l.class, "-level") && d.f.LevelName == "" {
			continue
		}
		for _, path := range d.curve(l.at) {
			a := []string{"class", l.class, "d", path, "fill", "none", "stroke", colLimit, "stroke-width", l.width, "stroke-linejoin", "round"}
			if l.dash != "" {
				a = append(a, "stroke-dasharray", l.dash)
			}
			d.empty("path", a...)
		}
	}
}

// curve is a limit as paths: a monotone cubic (Fritsch & Carlson 1980) through
// its values, which never swings beyond them, cut where it leaves the plot.
func (d *funnelDrawing) curve(at func(l *FunnelLimits) float64) []string {
	var xs, ys []float64
	for i := range d.limits {
		l := &d.limits[i]
		v := at(l)
		if !finite(v) || l.Denominator > d.sizes.high*(1+1e-9) {
			continue
		}
		x := d.x(l.Denominator)
		// Limits closer than a pixel are one.
		if n := len(xs); n > 0 && x-xs[n-1] < 1 {
			continue
		}
		xs, ys = append(xs, x), append(ys, v)
	}
	if len(xs) == 0 {
		return nil
	}
	if len(xs) == 1 {
		// One denominator: a short level line says where its limits are.
		xs, ys = []float64{math.Max(xs[0]-12, d.left), math.Min(xs[0]+12, d.right)}, []float64{ys[0], ys[0]}
	}
	slopes := monotoneSlopes(xs, ys)
	var paths []string
	var b strings.Builder
	inside := func(v float64) bool { return v >= d.axis.low && v <= d.axis.high }
	var px, pv float64
	started := false
	emit := func(x, v float64) {
		switch {
		case started && inside(pv) && inside(v):
			b.WriteString("L" + coord(x) + " " + coord(d.y(v)))
		case started && (inside(pv) || inside(v)): // crosses an edge of the plot
			edge := d.axis.high
			if math.Min(pv, v) < d.axis.low {
				edge = d.axis.low
			}
			cx := px + (edge-pv)/(v-pv)*(x-px)
			if inside(pv) {
				b.WriteString("L" + coord(cx) + " " + coord(d.y(edge)))
				paths = append(paths, b.String())
				b.Reset()
			} else {
				b.WriteString("M" + coord(cx) + " " + coord(d.y(edge)) + "L" + coord(x) + " " + coord(d.y(v)))
			}
		case !started && inside(v):
			b.WriteString("M" + coord(x) + " " + coord(d.y(v)))
		}
		px, pv, started = x, v, true
	}
	emit(xs[0], ys[0])
	for i := 1; i < len(xs); i++ {
		h := xs[i] - xs[i-1]
		parts := max(int(h/4), 1)
		for k := 1; k <= parts; k++ {
			t := float64(k) / float64(parts)
			t2, t3 := t*t, t*t*t
			v := (2*t3-3*t2+1)*ys[i-1] + (t3-2*t2+t)*h*slopes[i-1] + (3*t2-2*t3)*ys[i] + (t3-t2)*h*slopes[i]
			if k == parts {
				v = ys[i]
			}
			emit(xs[i-1]+t*h, v)
		}
	}
	if b.Len() > 0 {
		paths = append(paths, b.String())
	}
	return paths
}

func monotoneSlopes(xs, ys []float64) []float64 {
	n := len(xs)
	m := make([]float64, n)
	chord := func(i int) float64 { return (ys[i+1] - ys[i]) / (xs[i+1] - xs[i]) }
	m[0], m[n-1] = chord(0), chord(n-2)
	for i := 1; i < n-1; i++ {
		a, b := chord(i-1), chord(i)
		if a*b <= 0 {
			continue
		}
		h0, h1 := xs[i]-xs[i-1], xs[i+1]-xs[i]
		w0, w1 := 2*h1+h0, h1+2*h0
		m[i] = (w0 + w1) / (w0/a + w1/b)
	}
	return m
}

func (d *funnelDrawing) level(class, colour, width, dash string, v *float64) {
	if v == nil || !finite(*v) {
		return
	}
	y := coord(d.y(*v))
	a := []string{"class", class, "x1", coord(d.left), "x2", coord(d.right), "y1", y, "y2", y, "stroke", colour, "stroke-width", width}
	if dash != "" {
		a = append(a, "stroke-dasharray", dash)
	}
	d.empty("line", a...)
}

// emphasised units carry their names.
func (u *FunnelUnit) outlier() bool    { return u.State == Value && u.Outlier != 0 }
func (u *FunnelUnit) emphasised() bool { return u.State.drawn() && (u.outlier() || u.Highlight) }

// placeLabels finds a place for each name: the nearest of a fixed list of
// offsets around its point, inside the plot, over no other name and over as few
// points as possible. Names without a place come back as indices.
func (d *funnelDrawing) placeLabels() (labels []unitLabel, unplaced []int) {
	var points []box
	for i := range d.f.Units {
		if u := &d.f.Units[i]; u.State.drawn() {
			x, y := d.x(u.Denominator), d.y(u.Value)
			points = append(points, box{x - d.radius, y - d.radius, x + d.radius, y + d.radius})
		}
	}
	size := d.font
	height := size * 1.1
	free := func(b box) bool {
		if b.x0 < d.left+1 || b.x1 > d.w-2 || b.y0 < d.top-4 || b.y1 > d.bottom-1 {
			return false
		}
		// The right margin belongs to the names of lines.
		if b.x1 > d.right && d.right < d.w-15 {
			return false
		}
		for _, l := range labels {
			if b.overlaps(l.box) {
				return false
			}
		}
		return true
	}
	var order []int // the reader's own unit has the first choice
	for _, own := range []bool{true, false} {
		for i := range d.f.Units {
			if u := &d.f.Units[i]; u.emphasised() && u.Highlight == own {
				order = append(order, i)
			}
		}
	}
	for _, i := range order {
		u := &d.f.Units[i]
		text := fit(u.Name, size, (d.right-d.left)*0.45)
		width, clear := textWidth(text, size), d.radius*2
		if u.Highlight { // in bold, outside its ring
			width, clear = width*bold, d.radius*2+4
		}
		px, py := d.x(u.Denominator), d.y(u.Value)
		best, found := unitLabel{}, false
		fewest := math.MaxInt
	search:
		for ring := 0; ring < 9; ring++ {
			gap := clear + 2 + float64(ring)*height*0.9
			for _, c := range [8][2]float64{{1, 0}, {-1, 0}, {1, -0.8}, {1, 0.8}, {-1, -0.8}, {-1, 0.8}, {0, -1}, {0, 1}} {
				cx := px + c[0]*(gap+width/2)
				cy := py + c[1]*(gap+height/2)
				b := box{cx - width/2 - 2, cy - height/2, cx + width/2 + 2, cy + height/2}
				if !free(b) {
					continue
				}
				covered := 0
				for _, p := range points {
					if b.overlaps(p) {
						covered++
					}
				}
				if covered < fewest {
					fewest, found = covered, true
					best = unitLabel{unit: i, text: text, box: b, px: px, py: py, leader: ring > 0, highlight: u.Highlight, sizeOfText: size}
				}
				if fewest == 0 {
					break search
				}
			}
			if found && ring >= 4 {
				break
			}
		}
		if found {
			labels = append(labels, best)
		} else {
			unplaced = append(unplaced, i)
		}
	}
	return labels, unplaced
}

func (d *funnelDrawing) leaders(labels []unitLabel) {
	for _, l := range labels {
		if !l.leader {
			continue
		}
		x := math.Min(math.Max(l.px, l.box.x0+2), l.box.x1-2)
		y := math.Min(math.Max(l.py, l.box.y0+2), l.box.y1-2)
		d.empty("line", "class", "lf-leader", "x1", coord(l.px), "y1", coord(l.py), "x2", coord(x), "y2", coord(y), "stroke", colLimit, "stroke-width", "0.8")
	}
}

func (d *funnelDrawing) unitLabels(labels []unitLabel) {
	if len(labels) == 0 {
		return
	}
	d.begin("g", "class", "lf-names", "fill", colText)
	for _, l := range labels {
		weight := "400"
		if l.highlight {
			weight = "600"
		}
		d.element("text", l.text, "class", "lf-name lf-halo", "x", coord(l.box.x0+2), "y", coord(l.box.y1-l.sizeOfText*0.28), "font-weight", weight,
			"stroke", colPaper, "stroke-width", "3", "stroke-linejoin", "round", "paint-order", "stroke")
	}
	d.end("g")
}

// units draws the ordinary points first, then those that must not be covered;
// both in the order of the input.
func (d *funnelDrawing) units() {
	d.begin("g", "class", "lf-points")
	for _, emphasised := range []bool{false, true} {
		for i := range d.f.Units {
			if u := &d.f.Units[i]; u.State.drawn() && u.emphasised() == emphasised {
				d.unit(u)
			}
		}
	}
	d.end("g")
}

func (d *funnelDrawing) unit(u *FunnelUnit) {
	label := u.Label
	if label == "" {
		label = d.describe(u)
	}
	href := link(u.Href)
	if href != "" {
		d.begin("a", "href", href, "aria-label", label)
	}
	d.begin("g", "class", "lf-point lf-state-"+string(u.State), "transform", translate(d.x(u.Denominator), d.y(u.Value)))
	d.element("title", label)
	d.empty("circle", "class", "lf-focus", "r", coord(d.radius*2.1), "fill", colPaper, "fill-opacity", "0", "stroke", colSigma, "stroke-opacity", "0", "stroke-width", "2")
	switch {
	case u.State == Preliminary:
		d.glyphPreliminary(d.radius)
	case u.State == HeldPrevious:
		d.glyphHeld(d.radius)
	case u.outlier():
		d.glyphSigma(d.radius)
	default:
		d.glyphValue(d.radius)
	}
	if u.Highlight {
		d.glyphHighlight(d.radius)
	}
	d.end("g")
	if href != "" {
		d.end("a")
	}
}

func (d *funnelDrawing) describe(u *FunnelUnit) string {
	whole := 0
	if u.Denominator != math.Trunc(u.Denominator) {
		whole = 1
	}
	s := u.Name + ": " + d.n.value(u.Value) + " (" + d.t.Denominator + " " + d.n.format(u.Denominator, whole) + ")"
	if u.State != Value {
		s += " · " + d.t.state(u.State)
	}
	if u.outlier() {
		s += " · " + d.t.Outlier
	}
	return s
}

func (d *funnelDrawing) endLabels() []endLabel {
	centre, reference := d.t.Centre, d.t.Reference
	if d.f.CentreName != "" {
		centre = d.f.CentreName
	}
	if d.f.ReferenceName != "" {
		reference = d.f.ReferenceName
	}
	var out []endLabel
	add := func(name, class, colour string, v *float64) {
		if v == nil || !finite(*v) {
			return
		}
		text := d.n.value(*v)
		if !d.o.Narrow {
			text = fit(name, d.font, d.w*0.2) + " " + text
		}
		out = append(out, endLabel{text, class, colour, d.y(*v)})
	}
	add(centre, "lf-muted", colMuted, &d.f.Centre)
	add(d.t.Target, "lf-label-target", colTarget, d.f.Target)
	add(reference, "lf-label-reference", colReference, d.f.Reference)
	return out
}

func (d *funnelDrawing) legendItems() []legendItem {
	if d.o.NoLegend {
		return nil
	}
	var items []legendItem
	has := func(f func(u *FunnelUnit) bool) bool {
		for i := range d.f.Units {
			if f(&d.f.Units[i]) {
				return true
			}
		}
		return false
	}
	glyph := func(text string, g func(r float64)) {
		items = append(items, legendItem{d.glyphSample(g), text})
	}
	if has(func(u *FunnelUnit) bool { return u.State == Value && !u.outlier() }) {
		glyph(d.t.Unit, d.glyphValue)
	}
	if has((*FunnelUnit).outlier) {
		glyph(d.t.Outlier, d.glyphSigma)
	}
	if has(func(u *FunnelUnit) bool { return u.State == Preliminary }) {
		glyph(d.t.Preliminary, d.glyphPreliminary)
	}
	if has(func(u *FunnelUnit) bool { return u.State == HeldPrevious }) {
		glyph(d.t.HeldPrevious, d.glyphHeld)
	}
	if has(func(u *FunnelUnit) bool { return u.State.drawn() && u.Highlight }) {
		glyph(d.t.Highlight, d.glyphHighlight)
	}
	limit := func(text, dash, width string, at func(l *FunnelLimits) float64) {
		for i := range d.limits {
			if finite(at(&d.limits[i])) {
				items = append(items, legendItem{d.lineSample("lf-limit", colLimit, width, dash), text})
				return
			}
		}
	}
	limit(d.t.Limits95, "5 3", "1.2", func(l *FunnelLimits) float64 {
		if finite(l.LCL95) {
			return l.LCL95
		}
		return l.UCL95
	})
	if d.f.LevelName != "" {
		limit(d.f.LevelName, "1.5 3", "1.2", func(l *FunnelLimits) float64 { return l.UCL })
	}
	limit(d.t.Limits998, "", "1.5", func(l *FunnelLimits) float64 {
		if finite(l.LCL998) {
			return l.LCL998
		}
		return l.UCL998
	})
	if d.o.Narrow {
		line := func(name, word, class, colour, width, dash string, v *float64) {
			if name == "" {
				name = word
			}
			if v != nil && finite(*v) {
				items = append(items, legendItem{d.lineSample(class, colour, width, dash), name})
			}
		}
		line(d.f.CentreName, d.t.Centre, "lf-centre", colCentre, "1.4", "", &d.f.Centre)
		line("", d.t.Target, "lf-target", colTarget, "1.6", "10 3 2 3", d.f.Target)
		line(d.f.ReferenceName, d.t.Reference, "lf-reference", colReference, "1.8", "1.8 3.6", d.f.Reference)
	}
	return items
}

// notes are the lines below the legend: names without room, those that were cut
// short, and how many units have no value, by kind.
func (d *funnelDrawing) notes(labels []unitLabel, unplaced []int, y float64) ([]textLine, float64) {
	var lines []textLine
	add := func(s string) {
		for _, l := range wrap(s, d.font, d.w-16, math.MaxInt) {
			y += d.font * 1.4
			lines = append(lines, textLine{8, y - d.font, d.font, "lf-muted", l})
		}
	}
	if len(unplaced) > 0 {
		names := make([]string, len(unplaced))
		for i, u := range unplaced {
			names[i] = d.f.Units[u].Name
		}
		add(d.t.OutliersListed + " " + strings.Join(names, ", "))
	}
	var cut []string
	for i := range d.f.Units {
		if slices.ContainsFunc(labels, func(l unitLabel) bool { return l.unit == i && l.text != d.f.Units[i].Name }) {
			cut = append(cut, d.f.Units[i].Name)
		}
	}
	if len(cut) > 0 && d.t.NamesInFull != "" {
		add(d.t.NamesInFull + " " + strings.Join(cut, ", "))
	}
	var absent []string
	for _, s := range states() {
		if s.drawn() {
			continue
		}
		n := 0
		for i := range d.f.Units {
			if d.f.Units[i].State == s {
				n++
			}
		}
		if n > 0 {
			absent = append(absent, d.t.state(s)+" "+strconv.Itoa(n))
		}
	}
	if len(absent) > 0 {
		add(d.t.NotShown + " " + strings.Join(absent, ", "))
	}
	return lines, y
}
