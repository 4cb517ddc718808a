package figure_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/figure"
)

// node is one element of a drawing.
type node struct {
	name     string
	attr     map[string]string
	text     string
	children []*node
}

func parse(t testing.TB, drawing string) *node {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(drawing))
	root := &node{}
	stack := []*node{root}
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, drawing)
		}
		top := stack[len(stack)-1]
		switch e := tok.(type) {
		case xml.StartElement:
			n := &node{name: e.Name.Local, attr: map[string]string{}}
			for _, a := range e.Attr {
				if _, twice := n.attr[a.Name.Local]; twice {
					t.Fatalf("attribute %s twice", a.Name.Local)
				}
				n.attr[a.Name.Local] = a.Value
			}
			top.children = append(top.children, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(e)
		}
	}
	if len(root.children) != 1 || root.children[0].name != "svg" {
		t.Fatalf("want one svg element, got %d elements", len(root.children))
	}
	return root.children[0]
}

// all are the elements, in document order, that carry a class.
func (n *node) all(class string) []*node {
	var out []*node
	if slices.Contains(strings.Fields(n.attr["class"]), class) {
		out = append(out, n)
	}
	for _, c := range n.children {
		out = append(out, c.all(class)...)
	}
	return out
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (n *node) walk(f func(*node)) {
	f(n)
	for _, c := range n.children {
		c.walk(f)
	}
}

func num(t testing.TB, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(strings.Replace(s, "−", "-", 1), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func at(t testing.TB, n *node) (x, y float64) {
	t.Helper()
	m := regexp.MustCompile(`^translate\(([-\d.]+) ([-\d.]+)\)$`).FindStringSubmatch(n.attr["transform"])
	if m == nil {
		t.Fatalf("no position in %q", n.attr["transform"])
	}
	return num(t, m[1]), num(t, m[2])
}

// scale is the mapping that the labels of an axis tell the reader.
func scale(t testing.TB, root *node, axis, coordinate string) func(position float64) float64 {
	t.Helper()
	labels := root.all(axis)[0].children
	if len(labels) < 2 {
		t.Fatalf("%d labels on %s", len(labels), axis)
	}
	clean := func(n *node) float64 {
		return num(t, strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(n.text, ",", ""), "\u00a0", ""), "%"))
	}
	a, b := labels[0], labels[len(labels)-1]
	pa, pb := num(t, a.attr[coordinate]), num(t, b.attr[coordinate])
	va, vb := clean(a), clean(b)
	shift := 0.0
	if coordinate == "y" { // the baseline of a text lies below its middle
		shift = num(t, root.attr["font-size"]) * 0.35
	}
	return func(p float64) float64 { return va + (p+shift-pa)/(pb-pa)*(vb-va) }
}

func control(t testing.TB, c figure.Control, o figure.Options) *node {
	t.Helper()
	var b bytes.Buffer
	if err := c.WriteSVG(&b, o); err != nil {
		t.Fatal(err)
	}
	return parse(t, b.String())
}

func funnel(t testing.TB, f figure.Funnel, o figure.Options) *node {
	t.Helper()
	var b bytes.Buffer
	if err := f.WriteSVG(&b, o); err != nil {
		t.Fatal(err)
	}
	return parse(t, b.String())
}

func TestPositionsTellTheValues(t *testing.T) {
	for _, o := range []figure.Options{{}, {Narrow: true}, {Width: 700, Height: 300}} {
		c := controls()["every_state"]
		root := control(t, c, o)
		value := scale(t, root, "lf-values", "y")
		points := root.all("lf-point")
		if len(points) != len(c.Points) {
			t.Fatalf("%d points drawn of %d", len(points), len(c.Points))
		}
		last := math.Inf(-1)
		for i, p := range c.Points {
			x, y := at(t, points[i])
			if x <= last {
				t.Errorf("point %d at x %v, not after %v", i, x, last)
			}
			last = x
			if math.IsNaN(p.Value) {
				continue
			}
			if got := value(y); math.Abs(got-p.Value) > 0.2 {
				t.Errorf("point %d at height %v reads as %v, is %v", i, y, got, p.Value)
			}
		}

		f := funnels()["named"]
		root = funnel(t, f, o)
		value, size := scale(t, root, "lf-values", "y"), scale(t, root, "lf-sizes", "x")
		found := 0
		for _, p := range root.all("lf-point") {
			for _, u := range f.Units {
				if !strings.HasPrefix(p.child("title").text, u.Name+":") {
					continue
				}
				found++
				x, y := at(t, p)
				if math.Abs(value(y)-u.Value) > 0.2 || math.Abs(size(x)-u.Denominator) > 2 {
					t.Errorf("%s reads as %v of %v, is %v of %v", u.Name, value(y), size(x), u.Value, u.Denominator)
				}
			}
		}
		if found != 34 {
			t.Errorf("%d units found, want the 34 with a value", found)
		}
	}
}

// path is a path of moves, lines, and horizontal and vertical steps.
func path(t testing.TB, d string) (xs, ys []float64) {
	t.Helper()
	x, y := 0.0, 0.0
	for _, m := range regexp.MustCompile(`([MLHV])([^MLHVZ]+)`).FindAllStringSubmatch(d, -1) {
		parts := strings.Fields(m[2])
		switch m[1] {
		case "H":
			x = num(t, parts[0])
		case "V":
			y = num(t, parts[0])
		default:
			x, y = num(t, parts[0]), num(t, parts[1])
		}
		xs, ys = append(xs, x), append(ys, y)
	}
	return xs, ys
}

func TestStatesWithoutAValueBreakTheLine(t *testing.T) {
	for _, state := range []figure.State{figure.HeldEmpty, figure.Suppressed, figure.Missing, figure.NoEligible, figure.NotApplicable} {
		c := controls()["run"]
		c.Points[4].State = state // its value is there and must not be drawn
		c.Points[7].State = figure.Preliminary
		root := control(t, c, figure.Options{})
		points := root.all("lf-point")
		gap, _ := at(t, points[4])
		_, axis := at(t, points[4])
		lines := append(root.all("lf-line"), root.all("lf-line-soft")...)
		solid := len(root.all("lf-line"))
		if solid != 3 || len(lines) != 4 {
			t.Fatalf("%s: %d solid and %d soft lines, want 3 (0–3, 5–6, 8–10) and 1 (6–8)", state, solid, len(lines)-solid)
		}
		for _, l := range lines {
			xs, _ := path(t, l.attr["d"])
			if slices.Min(xs) <= gap && gap <= slices.Max(xs) {
				t.Errorf("%s: the line %s spans the point at %v", state, l.attr["d"], gap)
			}
		}
		bottom := 0.0
		for _, g := range root.all("lf-values")[0].children {
			bottom = max(bottom, num(t, g.attr["y"]))
		}
		if axis < bottom {
			t.Errorf("%s: its mark stands at %v, above the axis at %v", state, axis, bottom)
		}
	}
}

func TestMarksOfStatesDiffer(t *testing.T) {
	shape := map[string]figure.State{}
	for _, state := range []figure.State{figure.Value, figure.Preliminary, figure.HeldPrevious, figure.HeldEmpty, figure.Suppressed, figure.Missing, figure.NoEligible, figure.NotApplicable} {
		c := controls()["run"]
		c.Points[4].State = state
		root := control(t, c, figure.Options{})
		var b strings.Builder
		for _, g := range root.all("lf-point")[4].children {
			if g.name != "title" && g.attr["class"] != "lf-focus" {
				fmt.Fprint(&b, g.name, g.attr["d"], g.attr["rx"], g.attr["r"], g.attr["fill"] == "#ffffff")
			}
		}
		if other, ok := shape[b.String()]; ok {
			t.Errorf("%s and %s look the same: %s", state, other, b.String())
		}
		shape[b.String()] = state
	}
	c := controls()["run"]
	c.Points[4].Excluded, c.Second = true, make([]float64, len(c.Points))
	c.Points[6].State = figure.Missing
	root := control(t, c, figure.Options{})
	if n := len(root.all("lf-second")); n != 3 { // two pieces and the sample
		t.Errorf("%d pieces of the second line", n)
	}
	if got := root.all("lf-point")[4].child("path"); got == nil || !strings.HasSuffix(root.all("lf-point")[4].child("title").text, "Left out of the limits") {
		t.Error("an excluded point looks like another")
	}
	c.Second = c.Second[1:]
	if err := c.WriteSVG(io.Discard, figure.Options{}); !errors.Is(err, figure.ErrFigure) {
		t.Errorf("a short second line: %v", err)
	}
	// Signals differ by shape as well.
	shapes := map[string]bool{}
	for i := range 4 {
		c := controls()["run"]
		c.Points[4].SigmaSignal, c.Points[4].RunsSignal = i&1 != 0, i&2 != 0
		var b strings.Builder
		for _, g := range control(t, c, figure.Options{}).all("lf-point")[4].children {
			if g.name != "title" && g.attr["class"] != "lf-focus" {
				b.WriteString(g.name + ";")
			}
		}
		shapes[b.String()] = true
	}
	if len(shapes) != 4 {
		t.Errorf("signals have the shapes %v", shapes)
	}
}

func TestLimits(t *testing.T) {
	c := controls()["phases_swedish"]
	root := control(t, c, figure.Options{})
	value := scale(t, root, "lf-values", "y")
	paths := root.all("lf-ucl")
	if len(paths) != 2 {
		t.Fatalf("%d pieces of the upper limit, want one a phase", len(paths))
	}
	points := root.all("lf-point")
	for i, p := range c.Points {
		x, _ := at(t, points[i])
		seen := false
		for _, l := range paths {
			xs, ys := path(t, l.attr["d"])
			for k := 1; k < len(xs); k++ {
				if xs[k-1] < x && x < xs[k] {
					seen = true
					if got := value(ys[k]); math.Abs(got-p.UCL) > 0.3 {
						t.Errorf("upper limit of point %d reads as %v, is %v", i, got, p.UCL)
					}
				}
			}
		}
		if !seen {
			t.Errorf("point %d has no upper limit", i)
		}
	}
	a, _ := path(t, paths[0].attr["d"])
	b, _ := path(t, paths[1].attr["d"])
	if slices.Max(a) != slices.Min(b) || len(root.all("lf-phase")) != 2 { // the line and its sample
		t.Errorf("phases end at %v and begin at %v, marked %d times", slices.Max(a), slices.Min(b), len(root.all("lf-phase")))
	}
	if n := len(control(t, controls()["run"], figure.Options{}).all("lf-limit")); n != 0 {
		t.Errorf("a run chart shows %d limits", n)
	}
}

func TestLegendListsWhatOccurs(t *testing.T) {
	text := figure.EnglishTexts()
	words := func(root *node) (out []string) {
		for _, l := range root.all("lf-legend") {
			for _, c := range l.children {
				if c.name == "text" {
					out = append(out, c.text)
				}
			}
		}
		return out
	}
	all := words(control(t, controls()["every_state"], figure.Options{}))
	want := []string{text.Value, text.SigmaSignal, text.RunsSignal, text.Preliminary, text.HeldPrevious, text.HeldEmpty, text.Suppressed, text.Missing, text.NoEligible, text.NotApplicable, text.Note}
	if !slices.Equal(all, want) {
		t.Errorf("legend %q, want %q", all, want)
	}
	if got := words(control(t, controls()["run"], figure.Options{})); !slices.Equal(got, []string{text.Value}) {
		t.Errorf("legend %q, want only the value", got)
	}
	if got := words(control(t, controls()["run"], figure.Options{Narrow: true})); !slices.Equal(got, []string{text.Value, "Median"}) {
		t.Errorf("narrow legend %q, want the value and its median", got)
	}
	f := words(funnel(t, funnels()["one"], figure.Options{}))
	if !slices.Equal(f, []string{text.Unit, text.Limits95, text.Limits998}) {
		t.Errorf("funnel legend %q", f)
	}
}

func TestFunnelLabels(t *testing.T) {
	for _, o := range []figure.Options{{}, {Narrow: true}} {
		for name, f := range funnels() {
			root := funnel(t, f, o)
			shown := map[string]bool{}
			type rect struct{ x0, y0, x1, y1 float64 }
			var boxes []rect
			size := num(t, root.attr["font-size"])
			for _, l := range root.all("lf-name") {
				shown[l.text] = true
				x, y := num(t, l.attr["x"]), num(t, l.attr["y"])
				boxes = append(boxes, rect{x, y - size*0.8, x + size*0.5*float64(len([]rune(l.text))), y + size*0.2})
			}
			for i, a := range boxes {
				for _, b := range boxes[:i] {
					if a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1 {
						t.Errorf("%s: names overlap: %v and %v", name, a, b)
					}
				}
			}
			below := ""
			for _, l := range root.all("lf-muted") {
				below += l.text + " "
			}
			for _, u := range f.Units {
				named := u.State == figure.Value && u.Outlier != 0 || u.Highlight
				if named && !shown[u.Name] && !strings.Contains(below, u.Name) {
					t.Errorf("%s: the outlier %s is named nowhere", name, u.Name)
				}
				if !named && shown[u.Name] {
					t.Errorf("%s: %s is no outlier and labelled", name, u.Name)
				}
			}
			if name == "named" && !strings.Contains(below, "Suppressed, too few 2, Not delivered 1") {
				t.Errorf("units without a value are not told: %s", below)
			}
		}
	}
}

func TestFunnelOrder(t *testing.T) {
	f := funnels()["named"]
	root := funnel(t, f, figure.Options{})
	var names []string
	for _, p := range root.all("lf-point") {
		name, _, _ := strings.Cut(p.child("title").text, ":")
		names = append(names, name)
	}
	// Ordinary units in the given order, then the emphasised ones in that order.
	var want []string
	for _, emphasised := range []bool{false, true} {
		for _, u := range f.Units {
			if !math.IsNaN(u.Value) && (u.Outlier != 0 && u.State == figure.Value || u.Highlight) == emphasised {
				want = append(want, u.Name)
			}
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("order %v, want %v", names, want)
	}
}

func TestFunnelLimitsPassTheUnits(t *testing.T) {
	f := funnels()["named"]
	root := funnel(t, f, figure.Options{})
	value, size := scale(t, root, "lf-values", "y"), scale(t, root, "lf-sizes", "x")
	var xs, ys []float64
	for _, l := range root.all("lf-lcl998") {
		x, y := path(t, l.attr["d"])
		xs, ys = append(xs, x...), append(ys, y...)
	}
	if !slices.IsSorted(xs) {
		t.Fatal("the limit runs backwards")
	}
	for _, u := range f.Units {
		if math.IsNaN(u.Value) {
			continue
		}
		for i, x := range xs {
			if math.Abs(size(x)-u.Denominator) < 0.6 && math.Abs(value(ys[i])-u.LCL998) > 0.5 {
				t.Errorf("lower limit at %v reads as %v, is %v", u.Denominator, value(ys[i]), u.LCL998)
			}
		}
	}
	for i := 1; i < len(ys); i++ {
		if ys[i] > ys[i-1]+0.02 {
			t.Fatalf("the lower limit swings at x %v", xs[i])
		}
	}
}

func TestPercentStaysInRange(t *testing.T) {
	c := controls()["run"]
	for i := range c.Points {
		c.Points[i].Value, c.Points[i].Centre, c.Points[i].UCL, c.Points[i].LCL = 99, 99, 104, 94
	}
	root := control(t, c, figure.Options{})
	value := scale(t, root, "lf-values", "y")
	for _, l := range root.all("lf-ucl") {
		_, ys := path(t, l.attr["d"])
		if got := value(slices.Min(ys)); got > 100.001 {
			t.Errorf("the upper limit is drawn at %v %%", got)
		}
	}
	for _, l := range root.all("lf-values")[0].children {
		if v := num(t, strings.TrimSuffix(l.text, "%")); v < 0 || v > 100 {
			t.Errorf("the axis shows %v", v)
		}
	}
}

func TestNaughtyWords(t *testing.T) {
	const naughty = "<script>alert(1)</script>&\"'\x00\x1b\xff]]>åäöøæ\n\u202e🩺{{x}}"
	c := controls()["every_state"]
	c.Title, c.Subtitle, c.Description, c.Unit, c.ValueTitle, c.CentreName, c.ReferenceName = naughty, naughty, naughty, naughty, naughty, naughty, naughty
	c.Percent = false
	c.Texts.Value, c.Texts.Language, c.Texts.Months[0] = naughty, naughty, naughty
	c.Notes[0].Label = naughty
	c.Points[0].Label, c.Points[1].Period, c.Points[2].Href = naughty, naughty, "/a?b=\"><script>&c"
	c.Points[3].Href, c.Points[4].Href, c.Points[5].Href = "javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x"
	f := funnels()["named"]
	f.Title, f.DenominatorTitle, f.Texts.NotShown = naughty, naughty, naughty
	for i := range f.Units {
		f.Units[i].Name, f.Units[i].Outlier = naughty+strconv.Itoa(i), 1
	}
	for _, o := range []figure.Options{{}, {Narrow: true, ID: "a"}} {
		for _, root := range []*node{control(t, c, o), funnel(t, f, o)} {
			root.walk(func(n *node) {
				if n.name == "script" || n.name == "style" || n.attr["style"] != "" {
					t.Errorf("<%s style=%q> in a figure for a strict page", n.name, n.attr["style"])
				}
				for k := range n.attr {
					if strings.HasPrefix(k, "on") {
						t.Errorf("attribute %s", k)
					}
				}
				if h := strings.ToLower(n.attr["href"]); strings.Contains(h, "javascript:") || strings.Contains(h, "data:") {
					t.Errorf("link to %q", h)
				}
			})
			if got := root.child("title").text; !strings.Contains(got, "<script>alert(1)</script>&\"'") || !strings.Contains(got, "åäöøæ") {
				t.Errorf("the title became %q", got)
			}
		}
	}
}

func TestAccessible(t *testing.T) {
	c := controls()["every_state"]
	root := control(t, c, figure.Options{ID: "x"})
	if root.attr["role"] != "group" || root.attr["aria-labelledby"] != root.child("title").attr["id"] || root.attr["aria-describedby"] != root.child("desc").attr["id"] {
		t.Errorf("a chart with links is %v", root.attr)
	}
	links := 0
	root.walk(func(n *node) {
		if n.name == "a" {
			links++
			if n.attr["aria-label"] == "" || n.attr["href"] == "" {
				t.Errorf("a link without a name: %v", n.attr)
			}
		}
	})
	if links != len(c.Points) {
		t.Errorf("%d links for %d points", links, len(c.Points))
	}
	for i := range c.Points {
		c.Points[i].Href = ""
	}
	root = control(t, c, figure.Options{})
	if root.attr["role"] != "img" || root.attr["aria-label"] != c.Title || root.child("desc").text != c.Subtitle {
		t.Errorf("a chart without links is %v", root.attr)
	}
	if got, want := root.all("lf-point")[5].child("title").text, "2022-06: 84.0% (Denominator 115) · Outside the limits"; got != want {
		t.Errorf("point text %q, want %q", got, want)
	}
	for _, w := range []string{"width", "height"} {
		if root.attr[w] != "" {
			t.Errorf("the root has a fixed %s", w)
		}
	}
}

func TestRefused(t *testing.T) {
	ok := func() figure.Control { return controls()["run"] }
	for name, c := range map[string]struct {
		chart  func() figure.Control
		o      figure.Options
		expect string
	}{
		"unknown state":     {func() figure.Control { c := ok(); c.Points[2].State = "odd"; return c }, figure.Options{}, `point 3 (2022-03) has the unknown state "odd"`},
		"value missing":     {func() figure.Control { c := ok(); c.Points[2].Value = nan; return c }, figure.Options{}, "state value with the value NaN"},
		"value infinite":    {func() figure.Control { c := ok(); c.Points[2].Value = math.Inf(1); return c }, figure.Options{}, "+Inf"},
		"limit far away":    {func() figure.Control { c := ok(); c.Points[2].UCL = 1e200; return c }, figure.Options{}, "line at 1e+200"},
		"year":              {func() figure.Control { c := ok(); c.Points[2].Start = time.Unix(1e15, 0); return c }, figure.Options{}, "year"},
		"decimals":          {func() figure.Control { c := ok(); c.Decimals = -1; return c }, figure.Options{}, "decimals is -1"},
		"width":             {ok, figure.Options{Width: 5}, "width is 5"},
		"height not finite": {ok, figure.Options{Height: nan}, "height is NaN"},
		"identifier":        {ok, figure.Options{ID: `a"b`}, "identifier"},
	} {
		var b bytes.Buffer
		err := c.chart().WriteSVG(&b, c.o)
		if !errors.Is(err, figure.ErrFigure) || !strings.Contains(err.Error(), c.expect) {
			t.Errorf("%s: %v", name, err)
		}
		if b.Len() != 0 {
			t.Errorf("%s: %d bytes written", name, b.Len())
		}
	}
	f := funnels()["one"]
	f.Units[0].Denominator = -1
	if err := f.WriteSVG(io.Discard, figure.Options{}); !errors.Is(err, figure.ErrFigure) || !strings.Contains(err.Error(), "unit 1 (Lund)") {
		t.Errorf("a negative denominator: %v", err)
	}
	if err := ok().WriteSVG(broken{}, figure.Options{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestDateAxis(t *testing.T) {
	labels := func(step func(i int) time.Time, n int, o figure.Options) (dates []string) {
		c := controls()["run"]
		p := c.Points[0]
		c.Points = nil
		for i := range n {
			p.Start = step(i)
			c.Points = append(c.Points, p)
		}
		for _, l := range control(t, c, o).all("lf-dates")[0].children {
			dates = append(dates, l.text)
		}
		return dates
	}
	for name, c := range map[string]struct {
		step func(i int) time.Time
		n    int
		want string
	}{
		"days":     {func(i int) time.Time { return time.Date(2024, 2, 27+i, 0, 0, 0, 0, time.UTC) }, 5, "27 Feb 2024 28 Feb 29 Feb 1 Mar 2 Mar"},
		"weeks":    {func(i int) time.Time { return time.Date(2024, 12, 16+7*i, 0, 0, 0, 0, time.UTC) }, 4, "16 Dec 2024 23 Dec 30 Dec 6 Jan 2025"},
		"months":   {month, 4, "Jan 2022 Feb Mar Apr"},
		"quarters": {func(i int) time.Time { return month(3 * i) }, 6, "Jan 2022 Apr Jul Oct Jan 2023 Apr"},
		"years":    {func(i int) time.Time { return month(12 * i) }, 4, "2022 2023 2024 2025"},
	} {
		if got := strings.Join(labels(c.step, c.n, figure.Options{}), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzControl(f *testing.F) {
	f.Add("title", 1.5, 2.0, 0.5, 3.0, int64(1700000000), uint8(3), uint8(0), "/x")
	f.Add("<&>\xff", math.NaN(), math.Inf(1), math.Inf(-1), 1e300, int64(-1<<60), uint8(200), uint8(255), "javascript:x")
	f.Add("", 1e15, 1e15, -1e15, 0.0, int64(0), uint8(1), uint8(7), "")
	f.Add("", 5e-324, 0.0, 0.0, 1e-300, int64(86400), uint8(9), uint8(16), "//h")
	f.Fuzz(func(t *testing.T, words string, a, b, c, d float64, seconds int64, n, bits uint8, href string) {
		states := []figure.State{figure.Value, figure.Preliminary, figure.HeldPrevious, figure.HeldEmpty, figure.Suppressed, figure.Missing, figure.NoEligible, figure.NotApplicable, "odd"}
		chart := figure.Control{Title: words, Percent: bits&1 != 0, Decimals: int(bits >> 5), Texts: figure.EnglishTexts(), Unit: words}
		plot := figure.Funnel{Title: words, Percent: bits&1 != 0, Centre: b, Texts: figure.EnglishTexts()}
		step := seconds % (1 << 33)
		for i := range int(n) {
			v := []float64{a, b, c, d}[i%4]
			state := states[(i*int(bits)/7)%9]
			if state == "odd" && bits&8 != 0 {
				state = figure.Missing
			}
			chart.Points = append(chart.Points, figure.ControlPoint{Start: time.Unix(seconds%(1<<37)+step*int64(i), 0).UTC(), Period: words, Value: v, Centre: b, LCL: c * float64(i%3), UCL: d,
				Target: a, Reference: nan, State: state, SigmaSignal: i%2 == 0, RunsSignal: i%3 == 0, Phase: i / 5, N: a, Href: href})
			plot.Units = append(plot.Units, figure.FunnelUnit{Name: words, Href: href, Value: v, Denominator: math.Abs(d) * float64(i), LCL95: a, UCL95: b, LCL998: c, UCL998: d * float64(i),
				Outlier: int8(i%3 - 1), State: state, Highlight: i%5 == 0})
		}
		o := figure.Options{Narrow: bits&2 != 0, Standalone: bits&4 != 0}
		for _, w := range []interface {
			WriteSVG(io.Writer, figure.Options) error
		}{chart, plot} {
			var b bytes.Buffer
			if err := w.WriteSVG(&b, o); err != nil {
				if !errors.Is(err, figure.ErrFigure) || b.Len() > 0 {
					t.Fatalf("%v after %d bytes", err, b.Len())
				}
				continue
			}
			parse(t, b.String()).walk(func(n *node) {
				for k, v := range n.attr {
					if k != "href" && k != "aria-label" && (strings.Contains(v, "NaN") || strings.Contains(v, "Inf")) {
						t.Fatalf("%s has %s=%q", n.name, k, v)
					}
				}
			})
		}
	})
}

// On a narrow page nothing that a reader needs is cut short without being said in
// full: a long word of the legend goes on below itself, long names stand below.
func TestLongLabelsOnNarrowPages(t *testing.T) {
	const source = "Reference (the national quality register of emergency care, report for the year 2025)"
	const name = "The university hospital of the northern region, department of emergency medicine"
	nan := math.NaN()
	f := figure.Funnel{Texts: figure.EnglishTexts(), Percent: true, Centre: 50, Reference: new(float64), ReferenceName: source, Units: []figure.FunnelUnit{
		{Name: name, Value: 90, Denominator: 200, LCL95: 43, UCL95: 57, LCL998: 39, UCL998: 61, Outlier: 1, State: figure.Value},
		{Name: "B", Value: 50, Denominator: 400, LCL95: 45, UCL95: 55, LCL998: 42, UCL998: 58, State: figure.Value},
		{Name: "C", Value: nan, Denominator: nan, State: figure.Missing},
	}}
	*f.Reference = 55
	var b strings.Builder
	if err := f.WriteSVG(&b, figure.Options{Narrow: true, NoHeading: true}); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, part := range strings.Split(b.String(), "<text ")[1:] {
		_, after, _ := strings.Cut(part, ">")
		words, _, _ := strings.Cut(after, "<")
		texts = append(texts, words)
	}
	all := strings.Join(texts, " ")
	if !strings.Contains(all, source) {
		t.Errorf("the legend does not say %q: %q", source, texts)
	}
	if !strings.Contains(all, "In full: "+name) {
		t.Errorf("the name stands nowhere in full: %q", texts)
	}
}
