package figure

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Control is a control chart, run chart or line of one unit and indicator.
// NaN is "none" everywhere; mind that the zero of a Go float is not.
type Control struct {
	Title, Subtitle string
	// Description is read by assistive technology: what the chart shows, in a
	// sentence or two. Empty means the subtitle.
	Description string
	// Percent says that values are per cent: the axis stays within 0 to 100.
	// Otherwise Unit, with its leading space where wanted, follows values.
	Percent bool
	Unit    string
	// Decimals of values in labels and tooltips.
	Decimals int
	// ValueTitle, where not empty, stands above the value axis.
	ValueTitle string
	// CentreName and ReferenceName replace the words for both ("Median", "Sweden").
	CentreName, ReferenceName string
	Points                    []ControlPoint
	// Second, where not nil, has one entry per point: a second line in the same
	// units, such as the lower sum of a CUSUM. Drawn where the point has a value.
	Second []float64
	// Notes are events beside the process: vertical lines with a label.
	Notes []Note
	Texts Texts
}

// ControlPoint is one period.
type ControlPoint struct {
	// Start is the first instant of the period; its civil date counts. Where the
	// points' starts do not ascend, or are not given, points stand at equal
	// distances and Period names them on the axis.
	Start  time.Time
	Period string
	// Value is read in the states value, preliminary and held_previous.
	Value                   float64
	Centre, LCL, UCL        float64
	Target, Reference       float64
	State                   State
	SigmaSignal, RunsSignal bool
	// FewCrossings says of the whole phase that its centre line is crossed too
	// rarely for chance: no single point of it is to be pointed at.
	FewCrossings bool
	Phase        int
	// Excluded points are drawn and left out of centre line, limits and signals.
	Excluded bool
	N        float64
	Href     string // relative or http(s); others are left out
	// Label is the text of the point; empty means one made of its values.
	Label string
}

// Note is an event beside the process, such as a new routine.
type Note struct {
	Start time.Time
	Label string
}

// WriteSVG draws the chart. Errors wrap ErrFigure, and nothing is written then:
// unknown states, values that are missing or beyond ±1e15 in a state that has
// one, dates outside the years 1 to 9999, options out of range.
func (c Control) WriteSVG(w io.Writer, o Options) error {
	if err := c.validate(o); err != nil {
		return err
	}
	d := newControlDrawing(&c, o)
	d.draw()
	return d.flush(w)
}

func (c *Control) validate(o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if c.Decimals < 0 || c.Decimals > 10 {
		return fmt.Errorf("%w: decimals is %d; give 0 to 10", ErrFigure, c.Decimals)
	}
	if c.Second != nil && len(c.Second) != len(c.Points) {
		return fmt.Errorf("%w: %d second values for %d points; give one each, or none", ErrFigure, len(c.Second), len(c.Points))
	}
	for i, p := range c.Points {
		where := fmt.Sprintf("point %d", i+1)
		if p.Period != "" {
			where += fmt.Sprintf(" (%s)", p.Period)
		}
		switch {
		case !p.State.known():
			return fmt.Errorf("%w: %s has the unknown state %q", ErrFigure, where, string(p.State))
		case p.State.drawn() && !(math.Abs(p.Value) <= largest):
			return fmt.Errorf("%w: %s is in state %s with the value %v; give a finite value within ±%g or the state that says why there is none", ErrFigure, where, p.State, p.Value, largest)
		case !p.Start.IsZero() && (p.Start.Year() < 1 || p.Start.Year() > 9999):
			return fmt.Errorf("%w: %s starts in the year %d; give a year from 1 to 9999", ErrFigure, where, p.Start.Year())
		}
		if c.Second != nil && p.State.drawn() && math.Abs(c.Second[i]) > largest {
			return fmt.Errorf("%w: %s has the second value %v, beyond ±%g", ErrFigure, where, c.Second[i], largest)
		}
		for _, v := range []float64{p.Centre, p.LCL, p.UCL, p.Target, p.Reference} {
			if finite(v) && math.Abs(v) > largest {
				return fmt.Errorf("%w: %s has a line at %v, beyond ±%g", ErrFigure, where, v, largest)
			}
		}
	}
	return nil
}

type controlDrawing struct {
	*frame
	c         *Control
	x         []float64 // of each point
	dates     bool
	low, high float64 // of the time axis, in days or indices
	radius    float64
}

func newControlDrawing(c *Control, o Options) *controlDrawing {
	n := number{t: c.Texts, suffix: c.Unit, decimals: c.Decimals}
	if c.Percent {
		n.suffix = c.Texts.Percent
	}
	return &controlDrawing{frame: newFrame(o, c.Texts, n), c: c}
}

// controlLine is one of the lines of a control chart.
type controlLine struct {
	class, colour, width, dash string
	name                       string
	at                         func(p *ControlPoint) float64
	stepped                    bool // moves between points by steps, breaks at phases
}

func (d *controlDrawing) controlLines() []controlLine {
	centre, reference := d.t.Centre, d.t.Reference
	if d.c.CentreName != "" {
		centre = d.c.CentreName
	}
	if d.c.ReferenceName != "" {
		reference = d.c.ReferenceName
	}
	return []controlLine{
		{"lf-limit lf-ucl", colLimit, "1.2", "", d.t.UpperLimit, func(p *ControlPoint) float64 { return p.UCL }, true},
		{"lf-limit lf-lcl", colLimit, "1.2", "", d.t.LowerLimit, func(p *ControlPoint) float64 { return p.LCL }, true},
		{"lf-centre", colCentre, "1.4", "", centre, func(p *ControlPoint) float64 { return only(!p.FewCrossings, p.Centre) }, true},
		{"lf-crossings", colRuns, "1.8", "7 4", d.t.FewCrossings, func(p *ControlPoint) float64 { return only(p.FewCrossings, p.Centre) }, true},
		{"lf-target", colTarget, "1.6", "10 3 2 3", d.t.Target, func(p *ControlPoint) float64 { return p.Target }, false},
		{"lf-reference", colReference, "1.8", "1.8 3.6", reference, func(p *ControlPoint) float64 { return p.Reference }, false},
	}
}

// only is v where it is wanted, else no number.
func only(wanted bool, v float64) float64 {
	if wanted {
		return v
	}
	return math.NaN()
}

// segment is a stretch of neighbouring points, first to last.
type segment struct{ first, last int }

// stretches are the longest stretches of points of which ok holds, broken
// between phases where asked.
func (d *controlDrawing) stretches(ok func(p *ControlPoint) bool, phases bool) []segment {
	var out []segment
	open := false
	for i := range d.c.Points {
		p := &d.c.Points[i]
		if !ok(p) {
			open = false
			continue
		}
		if open && (!phases || d.c.Points[i-1].Phase == p.Phase) {
			out[len(out)-1].last = i
		} else {
			out = append(out, segment{i, i})
		}
		open = true
	}
	return out
}

// edge is the boundary between point i-1 and point i; 0 and len are the ends of
// the plot.
func (d *controlDrawing) edge(i int) float64 {
	switch {
	case i == 0:
		return d.left
	case i == len(d.x):
		return d.right
	default:
		return (d.x[i-1] + d.x[i]) / 2
	}
}

func (d *controlDrawing) draw() {
	c := d.c
	heading, top := d.heading(c.Title, c.Subtitle)
	if c.ValueTitle != "" {
		top += d.font * 1.5
	}
	if len(c.Notes) > 0 {
		top += d.font * 1.5
	}
	const strip = 16 // for marks of points without a value
	d.top, d.bottom = top, math.Max(d.h-d.font*2.9-strip, top+60)
	low, high := d.span()
	d.axis = newValueAxis(low, high, int((d.bottom-d.top)/(d.font*3.2)), c.Percent)
	labels := d.endLabels()
	d.left = d.room()
	d.right = d.w - 10
	for _, l := range labels {
		d.right = math.Min(d.right, d.w-textWidth(l.text, d.font)-12)
	}
	d.right = math.Max(d.right, d.left+60)
	d.place()

	legend, height := d.legend(d.legendItems(), d.bottom+strip+d.font*3.6)
	links := slices.ContainsFunc(c.Points, func(p ControlPoint) bool { return link(p.Href) != "" })
	d.open(c.Title, c.Subtitle, c.Description, "control", links, math.Max(height, d.bottom+strip+d.font*2.9))
	d.lines(heading)
	d.grid(c.ValueTitle)
	d.timeAxis(strip)
	d.band()
	d.phases()
	for _, l := range d.controlLines() {
		d.line(l)
	}
	d.notes()
	d.second()
	d.moving()
	d.points(strip)
	d.ends(labels)
	if len(c.Points) == 0 || !slices.ContainsFunc(c.Points, func(p ControlPoint) bool { return p.State.drawn() }) {
		d.element("text", d.t.NoData, "class", "lf-muted lf-empty", "x", coord((d.left+d.right)/2), "y", coord((d.top+d.bottom)/2), "text-anchor", "middle", "fill", colMuted)
	}
	legend()
}

// span is the range of everything that is drawn.
func (d *controlDrawing) span() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	take := func(v float64) {
		if finite(v) {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	for i := range d.c.Points {
		p := &d.c.Points[i]
		if p.State.drawn() {
			take(p.Value)
			if d.c.Second != nil {
				take(d.c.Second[i])
			}
		}
		for _, v := range []float64{p.Centre, p.Target, p.Reference} {
			take(v)
		}
		for _, v := range []float64{p.LCL, p.UCL} {
			if d.c.Percent {
				v = math.Min(math.Max(v, 0), 100)
			}
			take(v)
		}
	}
	return low, high
}

// place puts the points on the time axis.
func (d *controlDrawing) place() {
	ps := d.c.Points
	at := make([]float64, len(ps))
	d.dates = len(ps) > 0
	for i := range ps {
		at[i] = day(ps[i].Start)
		if ps[i].Start.IsZero() || i > 0 && at[i] <= at[i-1] {
			d.dates = false
		}
	}
	if !d.dates {
		for i := range at {
			at[i] = float64(i)
		}
	}
	gap := 1.0
	if d.dates {
		gap = 30
	}
	if n := len(at); n > 0 {
		before, after := gap, gap
		if n > 1 {
			before, after = at[1]-at[0], at[n-1]-at[n-2]
		}
		d.low, d.high = at[0]-before/2, at[n-1]+after/2
		// A long gap at an end must not push the points together.
		least := (at[n-1] - at[0]) * 0.01
		most := math.Max((at[n-1]-at[0])*0.05, gap/2)
		d.low = at[0] - math.Min(math.Max(before/2, least), most)
		d.high = at[n-1] + math.Min(math.Max(after/2, least), most)
	} else {
		d.low, d.high = 0, 1
	}
	d.x = at
	for i := range at {
		at[i] = d.horizontal(at[i])
	}
	d.radius = math.Min(math.Max((d.right-d.left)/float64(max(len(at), 1))*0.36, 1.4), 4)
	if d.o.Narrow {
		d.radius = math.Min(d.radius, 3.2)
	}
}

func (d *controlDrawing) horizontal(v float64) float64 {
	return d.left + (v-d.low)/(d.high-d.low)*(d.right-d.left)
}

func (d *controlDrawing) timeAxis(strip float64) {
	base := d.bottom + strip
	d.begin("g", "class", "lf-grid", "stroke", colLimit, "stroke-width", "1")
	d.empty("line", "x1", coord(d.left), "x2", coord(d.right), "y1", coord(base), "y2", coord(base))
	ticks := d.timeTicks()
	for _, t := range ticks {
		x := coord(d.horizontal(t.at))
		d.empty("line", "x1", x, "x2", x, "y1", coord(base), "y2", coord(base+4))
	}
	d.end("g")
	d.begin("g", "class", "lf-axis lf-dates", "fill", colMuted, "text-anchor", "middle")
	free := math.Inf(-1)
	for i, t := range ticks {
		x := d.horizontal(t.at)
		half := textWidth(t.label, d.font) / 2
		if x-half < 0 || x+half > d.w {
			x = math.Min(math.Max(x, half), d.w-half)
		}
		d.element("text", t.label, "x", coord(x), "y", coord(base+d.font+5))
		if t.year == "" {
			continue
		}
		room := textWidth(t.year, d.font)
		next := math.Inf(1)
		for _, u := range ticks[i+1:] {
			if u.year != "" {
				next = d.horizontal(u.at)
				break
			}
		}
		if x-room/2 >= free && (t.major || x+room+4 <= next) {
			d.element("text", t.year, "x", coord(x), "y", coord(base+d.font*2+8), "font-weight", "600")
			free = x + room/2 + 4
		}
	}
	d.end("g")
}

func (d *controlDrawing) timeTicks() []timeTick {
	ps := d.c.Points
	if len(ps) == 0 {
		return nil
	}
	if d.dates {
		closest := 28.0
		if len(ps) > 1 {
			closest = math.Inf(1)
			for i := 1; i < len(ps); i++ {
				closest = math.Min(closest, day(ps[i].Start)-day(ps[i-1].Start))
			}
		}
		return dateTicks(d.low, d.high, closest, (d.right-d.left)/(d.font*3), d.t)
	}
	widest := 0.0
	name := func(i int) string {
		if ps[i].Period == "" {
			return strconv.Itoa(i + 1)
		}
		return fit(ps[i].Period, d.font, d.font*8)
	}
	for i := range ps {
		widest = math.Max(widest, textWidth(name(i), d.font))
	}
	room := (d.right - d.left) / (widest + 10)
	every := max(int(math.Ceil(float64(len(ps))/math.Max(room, 1))), 1)
	if every > 2 {
		every = int(niceStep(float64(every)))
	}
	var ticks []timeTick
	for i := 0; i < len(ps); i++ {
		if (i+1)%every == 0 || every == 1 {
			ticks = append(ticks, timeTick{at: float64(i), label: name(i)})
		}
	}
	return ticks
}

// band is the area between the limits.
func (d *controlDrawing) band() {
	segs := d.stretches(func(p *ControlPoint) bool { return finite(p.LCL) && finite(p.UCL) }, true)
	for _, s := range segs {
		var b strings.Builder
		d.steps(&b, s, func(p *ControlPoint) float64 { return p.UCL }, "M")
		back := segment{s.last, s.first}
		for i := back.first; i >= back.last; i-- {
			y := coord(d.y(d.c.Points[i].LCL))
			b.WriteString("L" + coord(d.edge(i+1)) + " " + y + "H" + coord(d.edge(i)))
		}
		b.WriteString("Z")
		d.empty("path", "class", "lf-band", "d", b.String(), "fill", colBand)
	}
}

// steps writes a stepped path through a stretch.
func (d *controlDrawing) steps(b *strings.Builder, s segment, at func(p *ControlPoint) float64, first string) {
	last := ""
	for i := s.first; i <= s.last; i++ {
		y := coord(d.y(at(&d.c.Points[i])))
		switch {
		case i == s.first:
			b.WriteString(first + coord(d.edge(i)) + " " + y)
		case y != last:
			b.WriteString("H" + coord(d.edge(i)) + "V" + y)
		}
		last = y
	}
	b.WriteString("H" + coord(d.edge(s.last+1)))
}

func (d *controlDrawing) line(l controlLine) {
	for _, s := range d.stretches(func(p *ControlPoint) bool { return finite(l.at(p)) }, l.stepped) {
		var b strings.Builder
		d.steps(&b, s, l.at, "M")
		a := []string{"class", l.class, "d", b.String(), "fill", "none", "stroke", l.colour, "stroke-width", l.width}
		if l.dash != "" {
			a = append(a, "stroke-dasharray", l.dash)
		}
		d.empty("path", a...)
	}
}

func (d *controlDrawing) phases() {
	for i := 1; i < len(d.c.Points); i++ {
		if d.c.Points[i].Phase != d.c.Points[i-1].Phase {
			x := coord(d.edge(i))
			d.empty("line", "class", "lf-phase", "x1", x, "x2", x, "y1", coord(d.top), "y2", coord(d.bottom), "stroke", colLimit, "stroke-width", "1", "stroke-dasharray", "1 3")
		}
	}
}

// notes draws events; a label that finds no room beside its neighbour is left to
// the title of the line.
func (d *controlDrawing) notes() {
	if !d.dates {
		return
	}
	free := math.Inf(-1)
	for _, n := range d.c.Notes {
		at := day(n.Start)
		if at < d.low || at > d.high {
			continue
		}
		x := d.horizontal(at)
		d.begin("g", "class", "lf-event")
		d.element("title", n.Label)
		d.empty("line", "class", "lf-note", "x1", coord(x), "x2", coord(x), "y1", coord(d.top-4), "y2", coord(d.bottom), "stroke", colLimit, "stroke-width", "0.8")
		label := fit(n.Label, d.font, d.w*0.4)
		width := textWidth(label, d.font)
		anchor, from := "start", x
		if x+width > d.w-4 {
			anchor, from = "end", x-width
		}
		if from >= free {
			d.element("text", label, "x", coord(x), "y", coord(d.top-8), "text-anchor", anchor, "fill", colMuted, "class", "lf-muted")
			free = from + width + 8
		}
		d.end("g")
	}
}

// moving is the line through the values: whole where both ends count, dotted
// where one is preliminary or held, absent beside a point without a value.
func (d *controlDrawing) moving() {
	ps := d.c.Points
	at := func(i int) string { return coord(d.x[i]) + " " + coord(d.y(ps[i].Value)) }
	for _, s := range d.stretches(func(p *ControlPoint) bool { return p.State.drawn() }, false) {
		for i := s.first; i < s.last; {
			soft := func(j int) bool { return ps[j].State != Value || ps[j+1].State != Value }
			kind, j := soft(i), i
			b := strings.Builder{}
			b.WriteString("M" + at(i))
			for j < s.last && soft(j) == kind {
				j++
				b.WriteString("L" + at(j))
			}
			if kind {
				d.empty("path", "class", "lf-line-soft", "d", b.String(), "fill", "none", "stroke", colLine, "stroke-width", "1.4", "stroke-dasharray", "2 3")
			} else {
				d.empty("path", "class", "lf-line", "d", b.String(), "fill", "none", "stroke", colLine, "stroke-width", "1.6", "stroke-linejoin", "round")
			}
			i = j
		}
	}
}

// second is the second line, without points of its own.
func (d *controlDrawing) second() {
	if d.c.Second == nil {
		return
	}
	i := -1
	ok := func(p *ControlPoint) bool { i++; return p.State.drawn() && finite(d.c.Second[i]) }
	for _, s := range d.stretches(ok, false) {
		b := strings.Builder{}
		for j := s.first; j <= s.last; j++ {
			b.WriteString("ML"[min(j-s.first, 1):][:1] + coord(d.x[j]) + " " + coord(d.y(d.c.Second[j])))
		}
		d.empty("path", "class", "lf-second", "d", b.String(), "fill", "none", "stroke", colPoint, "stroke-width", "1.4", "stroke-dasharray", "6 2")
	}
}

func (d *controlDrawing) points(strip float64) {
	d.begin("g", "class", "lf-points")
	for i := range d.c.Points {
		p := &d.c.Points[i]
		y := d.bottom + strip/2
		if p.State.drawn() {
			y = d.y(p.Value)
		}
		label := p.Label
		if label == "" {
			label = d.describe(i)
		}
		href := link(p.Href)
		if href != "" {
			d.begin("a", "href", href, "aria-label", label)
		}
		d.begin("g", "class", "lf-point lf-state-"+string(p.State), "transform", translate(d.x[i], y))
		d.element("title", label)
		if href != "" || len(d.x) <= 400 {
			// A generous target for pointers, and the outline of the focus.
			d.empty("circle", "class", "lf-focus", "r", coord(math.Max(d.radius*2.1, 6)), "fill", colPaper, "fill-opacity", "0", "stroke", colSigma, "stroke-opacity", "0", "stroke-width", "2")
		}
		switch {
		case !p.State.drawn():
			d.glyphAbsent(p.State, 4)
		case p.State == Preliminary:
			d.glyphPreliminary(d.radius)
		case p.State == HeldPrevious:
			d.glyphHeld(d.radius)
		case p.Excluded:
			d.glyphExcluded(d.radius)
		case p.SigmaSignal && p.RunsSignal:
			d.glyphBoth(d.radius)
		case p.SigmaSignal:
			d.glyphSigma(d.radius)
		case p.RunsSignal:
			d.glyphRuns(d.radius)
		default:
			d.glyphValue(d.radius)
		}
		d.end("g")
		if href != "" {
			d.end("a")
		}
	}
	d.end("g")
}

// describe is the text of a point.
func (d *controlDrawing) describe(i int) string {
	p := &d.c.Points[i]
	name := p.Period
	if name == "" && !p.Start.IsZero() {
		name = p.Start.Format(time.DateOnly)
	}
	if name == "" {
		name = strconv.Itoa(i + 1)
	}
	if !p.State.drawn() {
		return name + ": " + d.t.state(p.State)
	}
	s := name + ": " + d.n.value(p.Value)
	if p.N > 0 && p.N <= largest {
		whole := 0
		if p.N != math.Trunc(p.N) {
			whole = 1
		}
		s += " (" + d.t.Denominator + " " + d.n.format(p.N, whole) + ")"
	}
	for _, w := range []struct {
		on   bool
		word string
	}{
		{p.State != Value, d.t.state(p.State)},
		{p.State == Value && p.Excluded, d.t.Excluded},
		{p.State == Value && !p.Excluded && p.SigmaSignal, d.t.SigmaSignal},
		{p.State == Value && !p.Excluded && p.RunsSignal, d.t.RunsSignal},
	} {
		if w.on {
			s += " · " + w.word
		}
	}
	return s
}

type endLabel struct {
	text, class, colour string
	at                  float64 // where its line ends
}

// endLabels name the lines at the right, each by its last value.
func (d *controlDrawing) endLabels() []endLabel {
	var out []endLabel
	centred := false
	for _, l := range d.controlLines() {
		name := l.name
		switch l.class {
		case "lf-centre":
			// The newest phase says which of the two centre lines is labelled.
			if i := d.newestCentre(); i < 0 || d.c.Points[i].FewCrossings {
				continue
			}
			centred = true
		case "lf-crossings":
			if centred || d.newestCentre() < 0 {
				continue
			}
			if name = d.t.Centre; d.c.CentreName != "" {
				name = d.c.CentreName
			}
		}
		for i := len(d.c.Points) - 1; i >= 0; i-- {
			v := l.at(&d.c.Points[i])
			if !finite(v) {
				continue
			}
			text := d.n.value(v)
			if !d.o.Narrow {
				text = fit(name, d.font, d.w*0.2) + " " + text
			}
			class, colour := "lf-muted", colMuted
			switch l.class {
			case "lf-target":
				class, colour = "lf-label-target", colTarget
			case "lf-reference":
				class, colour = "lf-label-reference", colReference
			}
			out = append(out, endLabel{text, class, colour, d.y(v)})
			break
		}
	}
	return out
}

// newestCentre is the last point with a centre line; -1: none.
func (d *controlDrawing) newestCentre() int {
	for i := len(d.c.Points) - 1; i >= 0; i-- {
		if finite(d.c.Points[i].Centre) {
			return i
		}
	}
	return -1
}

// spread moves positions in ascending order apart to at least gap, as little
// as it can, within low..high as far as they fit.
func spread(labels []endLabel, gap, low, high float64) []float64 {
	at := make([]float64, len(labels))
	for i, l := range labels {
		at[i] = l.at
		if i > 0 {
			at[i] = math.Max(at[i], at[i-1]+gap)
		}
	}
	ceiling := high
	for i := len(at) - 1; i >= 0; i-- {
		at[i] = math.Min(at[i], ceiling)
		ceiling = at[i] - gap
	}
	// Pushed above the plot: start again from its top.
	for i := range at {
		floor := low
		if i > 0 {
			floor = at[i-1] + gap
		}
		at[i] = math.Max(at[i], floor)
	}
	return at
}

func (d *controlDrawing) legendItems() []legendItem {
	if d.o.NoLegend {
		return nil
	}
	var items []legendItem
	ps := d.c.Points
	has := func(f func(p *ControlPoint) bool) bool {
		for i := range ps {
			if f(&ps[i]) {
				return true
			}
		}
		return false
	}
	glyph := func(text string, g func(r float64)) {
		items = append(items, legendItem{d.glyphSample(g), text})
	}
	if has(func(p *ControlPoint) bool { return p.State == Value && !p.SigmaSignal && !p.RunsSignal && !p.Excluded }) {
		glyph(d.t.Value, d.glyphValue)
	}
	if has(func(p *ControlPoint) bool { return p.State == Value && p.SigmaSignal && !p.Excluded }) {
		glyph(d.t.SigmaSignal, d.glyphSigma)
	}
	if has(func(p *ControlPoint) bool { return p.State == Value && p.RunsSignal && !p.Excluded }) {
		glyph(d.t.RunsSignal, d.glyphRuns)
	}
	if has(func(p *ControlPoint) bool { return p.State == Value && p.Excluded }) {
		glyph(d.t.Excluded, d.glyphExcluded)
	}
	for _, s := range states()[1:] {
		if !has(func(p *ControlPoint) bool { return p.State == s }) {
			continue
		}
		switch s {
		case Preliminary:
			glyph(d.t.Preliminary, d.glyphPreliminary)
		case HeldPrevious:
			glyph(d.t.HeldPrevious, d.glyphHeld)
		default:
			glyph(d.t.state(s), func(r float64) { d.glyphAbsent(s, r) })
		}
	}
	if d.c.Second != nil {
		items = append(items, legendItem{d.lineSample("lf-second", colPoint, "1.4", "6 2"), d.t.Second})
	}
	if !d.o.Narrow && has(func(p *ControlPoint) bool { return p.FewCrossings && finite(p.Centre) }) {
		items = append(items, legendItem{d.lineSample("lf-crossings", colRuns, "1.8", "7 4"), d.t.FewCrossings})
	}
	if d.o.Narrow {
		limits := false
		for _, l := range d.controlLines() {
			if !has(func(p *ControlPoint) bool { return finite(l.at(p)) }) {
				continue
			}
			name := l.name
			if strings.HasPrefix(l.class, "lf-limit") {
				if limits {
					continue
				}
				name, limits = d.t.Limits, true
			}
			items = append(items, legendItem{d.lineSample(l.class, l.colour, l.width, l.dash), name})
		}
	}
	for i := 1; i < len(ps); i++ {
		if ps[i].Phase != ps[i-1].Phase {
			items = append(items, legendItem{d.upright("lf-phase", "1 3"), d.t.PhaseBreak})
			break
		}
	}
	if d.dates && slices.ContainsFunc(d.c.Notes, func(n Note) bool { return day(n.Start) >= d.low && day(n.Start) <= d.high }) {
		items = append(items, legendItem{d.upright("lf-note", ""), d.t.Note})
	}
	return items
}

func (d *controlDrawing) upright(class, dash string) func(x, y float64) {
	return func(x, y float64) {
		a := []string{"class", class, "x1", coord(x), "x2", coord(x), "y1", coord(y - 7), "y2", coord(y + 7), "stroke", colLimit, "stroke-width", "1"}
		if dash != "" {
			a = append(a, "stroke-dasharray", dash)
		}
		d.empty("line", a...)
	}
}
