package intake

import (
	"fmt"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// A snapshot of its own periods replaces of every length of period what occurs
// in it, and by rows of indicators that nobody knows nothing at all.
func TestWindowsByLengthOfPeriod(t *testing.T) {
	idx := world()
	for id, g := range map[string]catalog.Granularity{"wait": catalog.Year, "n": catalog.Quarter} {
		i, ok := idx.Indicator(id)
		if !ok {
			t.Fatal(id)
		}
		i.Period = g
	}
	const header = "unit;ind;date;num;den\n"
	for _, c := range []struct{ name, rows, want string }{
		{"one length", "SE1-N;ctl;2024-02-05;1;2\nSE1-S;ctl;2024-03-05;1;2\n", "month 2024-02-01 2024-04-01"},
		{"two lengths", "SE1-N;ctl;2024-02-05;1;2\nSE1-N;n;2024-02-07;1;2\n", "month 2024-02-01 2024-03-01 quarter 2024-01-01 2024-04-01"},
		{"an unknown indicator", "SE1-N;ctl;2024-02-05;1;2\nSE1-N;new;2024-11-05;1;2\n", "month 2024-02-01 2024-03-01"},
		{"nothing else", "SE1-N;new;2024-11-05;1;2\n", "day 2024-11-05 2024-11-05"},
	} {
		feed := longFeed()
		feed.Tolerance = 1
		var s taken
		res, err := Read(t.Context(), strings.NewReader(header+c.rows), feed, idx, Delivery{Region: "r", ID: "d", Name: "n.csv", AsOf: day("2024-12-01")}, &s)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		said := func(ws []event.Window) string {
			var out []string
			for _, w := range ws {
				out = append(out, fmt.Sprint(w.Period, " ", w.From, " ", w.To))
			}
			return strings.Join(out, " ")
		}
		if got := said(Windows(feed, &res)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		from, to := Window(feed, &res)
		for _, w := range Windows(feed, &res) {
			if w.From.Before(from) || to.Before(w.To) {
				t.Errorf("%s: %v is not in %s..%s", c.name, w, from, to)
			}
		}
		feed.Scope.Window = "all"
		if got := Windows(feed, &res); got != nil {
			t.Errorf("%s: a snapshot of everything has windows %v", c.name, got)
		}
	}
}

func TestNumbersOfDeliveries(t *testing.T) {
	feed := func(q *catalog.Sequence, layout string) *catalog.Feed {
		return &catalog.Feed{ID: "f", Sequence: q, Order: catalog.Extract{By: "name", Layout: layout}}
	}
	for _, c := range []struct {
		key, layout string
		q           *catalog.Sequence
		want        int64
		says        string
	}{
		{"x", "", nil, 0, ""},
		{"007", "", &catalog.Sequence{Step: 1}, 7, ""},
		{"0", "", &catalog.Sequence{Step: 1}, 0, ""},
		{"x7", "", &catalog.Sequence{Step: 1}, 0, "not a number"},
		{"-7", "", &catalog.Sequence{Step: 1}, 0, "not a number"},
		{"", "", &catalog.Sequence{Step: 1}, 0, "not a number"},
		{"99999999999999999999", "", &catalog.Sequence{Step: 1}, 0, "not a number"},
		{"4", "", &catalog.Sequence{Step: 2, First: 5}, 0, "before the first"},
		{"6", "", &catalog.Sequence{Step: 2, First: 5}, 0, "no delivery 6"},
		{"7", "", &catalog.Sequence{Step: 2, First: 5}, 7, ""},
	} {
		n, numbered, err := Number(feed(c.q, c.layout), c.key)
		if n != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || numbered != (c.q != nil && err == nil) {
			t.Errorf("%q by %v: %d, %v, %v; want %d, %q", c.key, c.q, n, numbered, err, c.want, c.says)
		}
	}
	// Days follow each other over the end of a month and of winter time.
	f := feed(&catalog.Sequence{Step: 1}, "2006-01-02")
	var last int64
	for i, d := range []string{"2024-02-28", "2024-02-29", "2024-03-01", "2024-03-31", "2024-04-01"} {
		key, ok := orderKey(f.Order, d)
		n, _, err := Number(f, key)
		if !ok || err != nil {
			t.Fatal(d, err)
		}
		if step := map[bool]int64{true: 30, false: 1}[d == "2024-03-31"]; i > 0 && n != last+step {
			t.Errorf("%s is number %d after %d", d, n, last)
		}
		last = n
	}
}
