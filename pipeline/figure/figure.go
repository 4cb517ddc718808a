package figure

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// State is the state of a point, as it is named everywhere in the system.
type State string

// The eight states. The first three have a value.
const (
	Value         State = "value"
	Preliminary   State = "preliminary"
	HeldPrevious  State = "held_previous"
	HeldEmpty     State = "held_empty"
	Suppressed    State = "suppressed"
	Missing       State = "missing"
	NoEligible    State = "no_eligible"
	NotApplicable State = "not_applicable"
)

// states is their order in legends.
func states() []State {
	return []State{Value, Preliminary, HeldPrevious, HeldEmpty, Suppressed, Missing, NoEligible, NotApplicable}
}

func (s State) known() bool {
	for _, k := range states() {
		if s == k {
			return true
		}
	}
	return false
}

func (s State) drawn() bool { return s == Value || s == Preliminary || s == HeldPrevious }

// ErrFigure is wrapped by errors about values that cannot be drawn; nothing has
// been written then.
var ErrFigure = errors.New("figure: cannot be drawn")

// largest is the largest magnitude that is drawn: beyond it axes lose their
// digits.
const largest = 1e15

// Options say how a figure is laid out.
type Options struct {
	// Width and Height are the units of the drawing, which scales to its
	// container; 0 means 1000 × 440, narrow 360 × 320. Height is that of the
	// drawing without its legend, which is added below.
	Width, Height float64
	// Narrow lays out for a narrow page: fewer ticks, lines named in the legend.
	Narrow bool
	// Standalone makes a document of its own: with an XML namespace, a background
	// and a style element with colours for light and dark.
	Standalone bool
	// NoHeading leaves title and subtitle to the page. They remain readable to
	// assistive technology.
	NoHeading bool
	// NoLegend leaves the legend to the page: small multiples share one.
	NoLegend bool
	// ID, where not empty, is the prefix of the element identifiers by which
	// assistive technology finds title and description; it must be unique in the
	// page and consist of letters, digits, '-' and '_'.
	ID string
}

// Validate joins everything that is wrong with the options.
func (o Options) Validate() error {
	var errs []error
	size := func(name string, v, low float64) {
		if v != 0 && !(v >= low && v <= 10000) {
			errs = append(errs, fmt.Errorf("%w: options: %s is %v; give 0 or %v to 10000", ErrFigure, name, v, low))
		}
	}
	size("width", o.Width, 200)
	size("height", o.Height, 160)
	for _, r := range o.ID {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			errs = append(errs, fmt.Errorf("%w: options: the identifier %q has %q; use letters, digits, '-' and '_'", ErrFigure, o.ID, r))
			break
		}
	}
	return errors.Join(errs...)
}

func (o Options) size() (w, h float64) {
	w, h = 1000, 440
	if o.Narrow {
		w, h = 360, 320
	}
	if o.Width != 0 {
		w = o.Width
	}
	if o.Height != 0 {
		h = o.Height
	}
	return w, h
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// frame is what control charts and funnels share: heading, plot area, value
// axis, legend.
type frame struct {
	canvas
	o                        Options
	t                        Texts
	n                        number
	w, h                     float64
	left, right, top, bottom float64 // edges of the plot area
	font                     float64
	axis                     valueAxis
}

func newFrame(o Options, t Texts, n number) *frame {
	f := &frame{o: o, t: t, n: n, font: 13}
	f.w, f.h = o.size()
	if o.Narrow {
		f.font = 12
	}
	return f
}

// y is the vertical position of a value, kept within the plot.
func (f *frame) y(v float64) float64 {
	p := f.bottom - (v-f.axis.low)/(f.axis.high-f.axis.low)*(f.bottom-f.top)
	return math.Min(math.Max(p, f.top), f.bottom)
}

// heading lays title and subtitle out and returns the height they take.
func (f *frame) heading(title, subtitle string) ([]textLine, float64) {
	if f.o.NoHeading {
		return nil, 8
	}
	var lines []textLine
	y := 8.0
	add := func(s string, size float64, class string, most int) {
		width := f.w - 16
		if class == "lf-title" {
			width /= bold
		}
		for _, l := range wrap(s, size, width, most) {
			y += size * 1.3
			lines = append(lines, textLine{x: 8, y: y - size*0.25, size: size, class: class, text: l})
		}
	}
	add(title, f.font+4, "lf-title", 2)
	add(subtitle, f.font, "lf-muted", 2)
	return lines, y + 12
}

type textLine struct {
	x, y, size float64
	class      string
	text       string
}

// open writes the root element with title and description.
func (f *frame) open(title, subtitle, description, kind string, links bool, height float64) {
	if title == "" {
		title = kind
	}
	if description == "" {
		description = subtitle
	}
	if description == "" {
		description = title
	}
	// Elements that can have focus must not stand inside an image: the parts of an
	// image are not presented.
	role := "img"
	if links {
		role = "group"
	}
	a := []string{"class", "lf lf-" + kind, "viewBox", "0 0 " + coord(f.w) + " " + coord(height)}
	if f.o.Standalone {
		a = append([]string{"xmlns", "http://www.w3.org/2000/svg"}, a...)
	}
	if f.t.Language != "" {
		a = append(a, "lang", f.t.Language)
	}
	a = append(a, "role", role)
	if id := f.o.ID; id != "" {
		a = append(a, "aria-labelledby", id+"-title", "aria-describedby", id+"-desc",
			"font-family", fontFamily, "font-size", coord(f.font), "fill", colText)
		f.begin("svg", a...)
		f.element("title", title, "id", id+"-title")
		f.element("desc", description, "id", id+"-desc")
	} else {
		a = append(a, "aria-label", title, "font-family", fontFamily, "font-size", coord(f.font), "fill", colText)
		f.begin("svg", a...)
		f.element("title", title)
		f.element("desc", description)
	}
	if f.o.Standalone {
		f.element("style", Stylesheet())
		f.empty("rect", "class", "lf-background", "width", coord(f.w), "height", coord(height), "fill", colPaper)
	}
}

func (f *frame) lines(ls []textLine) {
	for _, l := range ls {
		fill, weight := colText, "400"
		switch l.class {
		case "lf-title":
			weight = "600"
		case "lf-muted":
			fill = colMuted
		}
		f.element("text", l.text, "class", l.class, "x", coord(l.x), "y", coord(l.y), "font-size", coord(l.size), "font-weight", weight, "fill", fill)
	}
}

// grid draws the value axis: faint lines, labels at their left.
func (f *frame) grid(title string) {
	f.begin("g", "class", "lf-grid", "stroke", colGrid, "stroke-width", "1")
	for _, v := range f.axis.ticks {
		y := coord(f.y(v))
		f.empty("line", "x1", coord(f.left), "x2", coord(f.right), "y1", y, "y2", y)
	}
	f.end("g")
	f.begin("g", "class", "lf-axis lf-values", "fill", colMuted, "text-anchor", "end")
	for _, v := range f.axis.ticks {
		f.element("text", f.n.tick(v, f.axis.step), "x", coord(f.left-6), "y", coord(f.y(v)+f.font*0.35))
	}
	f.end("g")
	if title != "" {
		f.element("text", fit(title, f.font, f.w-16), "class", "lf-muted", "x", "8", "y", coord(f.top-f.font), "fill", colMuted)
	}
}

// room is the width of the labels of the value axis.
func (f *frame) room() float64 {
	w := 0.0
	for _, v := range f.axis.ticks {
		w = math.Max(w, textWidth(f.n.tick(v, f.axis.step), f.font))
	}
	return w + 16
}

type legendItem struct {
	draw func(x, y float64) // centred at x, y; 22 wide
	text string
}

// legend lays the items out in rows from y downwards; the second result is
// where the figure goes on.
func (f *frame) legend(items []legendItem, y float64) (draw func(), next float64) {
	const sample, gap = 28.0, 18.0
	type placed struct {
		x, y float64
		item legendItem
		text string
	}
	var all []placed
	row, x := f.font*1.7, 8.0
	for _, it := range items {
		w := sample + textWidth(it.text, f.font)
		if x > 8 && x+w > f.w-8 {
			x, y = 8, y+row
		}
		// A text that is longer than a row goes on below itself.
		for i, text := range wrap(it.text, f.font, f.w-16-sample, math.MaxInt) {
			if i > 0 {
				y += f.font * 1.3
				it = legendItem{}
			}
			all = append(all, placed{x, y, it, text})
		}
		x += w + gap
	}
	if len(items) > 0 {
		y += row
	}
	return func() {
		if len(all) == 0 {
			return
		}
		f.begin("g", "class", "lf-legend", "fill", colMuted)
		for _, p := range all {
			if p.item.draw != nil {
				p.item.draw(p.x+11, p.y)
			}
			f.element("text", p.text, "x", coord(p.x+sample), "y", coord(p.y+f.font*0.35))
		}
		f.end("g")
	}, y
}

func (f *frame) lineSample(class, colour, width, dash string) func(x, y float64) {
	return func(x, y float64) {
		a := []string{"class", class, "x1", coord(x - 11), "x2", coord(x + 11), "y1", coord(y), "y2", coord(y), "stroke", colour, "stroke-width", width}
		if dash != "" {
			a = append(a, "stroke-dasharray", dash)
		}
		f.empty("line", a...)
	}
}

func (f *frame) glyphSample(g func(r float64)) func(x, y float64) {
	return func(x, y float64) {
		f.begin("g", "transform", translate(x, y))
		g(4)
		f.end("g")
	}
}

// ends writes the names of lines at the right of the plot, moved apart.
func (f *frame) ends(labels []endLabel) {
	slices.SortStableFunc(labels, func(a, b endLabel) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	at := spread(labels, f.font*1.15, f.top, f.bottom)
	for i, l := range labels {
		f.element("text", l.text, "class", "lf-end "+l.class, "x", coord(f.right+5), "y", coord(at[i]+f.font*0.35), "fill", l.colour)
	}
}

func (f *frame) flush(w io.Writer) error {
	f.end("svg")
	if f.o.Standalone {
		f.buf.WriteByte('\n')
	}
	if _, err := w.Write(f.buf.Bytes()); err != nil {
		return fmt.Errorf("write the figure: %w", err)
	}
	return nil
}
