package portal_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/spc"
	"larstrom/services/portal"
)

// decidedRegion is the region with twelve more units, and decisions of people about
// the charts of its proportion.
func decidedRegion() *catalog.Catalog {
	c := region()
	c.Indicators = c.Indicators[:1]
	ind := &c.Indicators[0]
	ind.Versions, ind.Rules = []catalog.Version{{ID: "1"}}, "nelson"
	ind.Phases = []catalog.Phase{{Unit: "u02", From: month(14), Reason: "Second <theatre>", ApprovedBy: "p-9"}}
	ind.Exclude = []catalog.Exclusion{{Unit: "u03", Period: month(28), Reason: "Strike"}}
	for i := range 12 {
		c.Units = append(c.Units, catalog.Unit{ID: fmt.Sprintf("u%02d", i), Name: catalog.Text{"en": fmt.Sprintf("Unit %02d", 11-i)}, Kind: "clinic"})
	}
	c.Units[len(c.Units)-1].To = month(29)
	c.Units[len(c.Units)-1].Successors = []catalog.Successor{{Unit: "u00", From: month(29), Policy: "break", AsOf: "period"}}
	return c
}

// decidedCells are 30 months: u03 and u04 fall far below their limits in the last
// mature month but one and the last, and u05 has months under question.
func decidedCells(string) []publication.Cell {
	var out []publication.Cell
	for u := range 12 {
		for m := range 29 {
			num := float64(600 + 12*u + (m*7+u*5)%37)
			if u == 2 && m >= 14 {
				num += 150
			}
			if u == 3 && m == 28 || u == 4 && m == 28 {
				num = 200
			}
			c := counts("care", "1", fmt.Sprintf("u%02d", u), "", month(m), num, 1000+float64(200*u))
			if u == 5 && (m == 20 || m == 21) {
				c.State = spc.StateHeldEmpty
			}
			out = append(out, c)
		}
	}
	return out
}

// What people decided of charts, and what is drawn and said because of it.
func TestDecisionsAboutCharts(t *testing.T) {
	conn := store(t, "decided")
	defer func() { _ = conn.Close() }()
	publishOf(t, conn, 1, decidedRegion(), decidedCells, nil, nil)
	h := pages(t, func(c *portal.Config) { c.Pages.Released, c.Pages.Catalog = conn, decidedRegion() }).Handler(true)
	for path, want := range map[string][]string{
		"/": {"Which charts signal", "12 charts have limits and a mature value.", "about 0.03 of their newest values would lie outside by chance if the limits were known",
			"Outside is 1.", "Care <in> time & place 1 unit By the names of units", "Unit 07 February 2026", "below the centre line", "about one in ten of those listed"},
		"/units/u02/care":            {"Phase from 2024-12-01: Second <theatre> (approved by p-9).", "Phases", "Nelson's eight tests"},
		"/units/u03/care":            {"left out", "Left out of centre line, limits and signals: 2026-02-01 (Strike)."},
		"/units/u03/care/2026-02-01": {"left out of the centre line, the limits and the signals", "None: the period was left out by a person."},
		"/indicators/care": {"Left out, because they are under question: 2 periods of 1 unit; the other periods of these units count.",
			"The lines are the limits of all units together.", "The funnel has another phi (", "winsorised"},
		"/units/u11": {"Its last day was 28 February 2026 ; carried on by Unit 11"},
		"/units/u00": {"Carries on Unit 00 ( 1 March 2026 )."},
	} {
		w := get(t, h, path)
		said := unescape(text(w.Body.String()))
		for _, s := range want {
			if !strings.Contains(said, s) {
				t.Errorf("%s does not say %q:\n%s", path, s, said)
			}
		}
	}
	// Nothing is said twice: the page of the unit tells its end once.
	if said := text(get(t, h, "/units/u11").Body.String()); strings.Count(strings.ToLower(said), "carried on by") != 1 || strings.Contains(said, "The unit ends") {
		t.Errorf("the end of u11: %s", said)
	}
	page := get(t, h, "/units/u03/care").Body.String()
	if !strings.Contains(page, "Left out of the limits") || strings.Contains(page, "Below the limits") {
		t.Error("the point that was left out is drawn as a signal")
	}
	if tonight := text(get(t, h, "/").Body.String()); strings.Contains(tonight, "Unit 08 Care") {
		t.Error("what was left out is among the signals")
	}
}

// The lines of a funnel are the limits of all units together: smooth, although the
// units' own, each of which leaves the unit out, lie on no line.
func TestFunnelLinesAreSmooth(t *testing.T) {
	conn := store(t, "smooth")
	defer func() { _ = conn.Close() }()
	c := decidedRegion()
	c.Indicators[0].Phases, c.Indicators[0].Exclude = nil, nil
	publishOf(t, conn, 1, c, func(id string) []publication.Cell {
		out := decidedCells(id)
		for i := range out { // units of nearly one size that differ much: their own limits jump
			out[i].Content.Denominator = counts("care", "1", "x", "", month(0), 0, 1000+float64(i/29)).Content.Denominator
		}
		return out
	}, nil, nil)
	h := pages(t, func(cfg *portal.Config) { cfg.Pages.Released, cfg.Pages.Catalog = conn, c }).Handler(true)
	page := get(t, h, "/indicators/care").Body.String()
	path := regexp.MustCompile(`lf-ucl998" d="([^"]+)"`).FindStringSubmatch(page)
	if path == nil {
		t.Fatal("no upper limit")
	}
	var ys []float64
	for _, xy := range strings.FieldsFunc(path[1], func(r rune) bool { return r == 'M' || r == 'L' }) {
		_, y, _ := strings.Cut(xy, " ")
		v, err := strconv.ParseFloat(y, 64)
		if err != nil {
			t.Fatal(err)
		}
		ys = append(ys, v)
	}
	for i := 1; i < len(ys); i++ {
		if ys[i] < ys[i-1]-0.2 { // downwards on the screen as units grow
			t.Errorf("the upper limit rises at %d: %v", i, ys)
			break
		}
	}
}
