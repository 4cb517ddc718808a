package run_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

func jan(d int) catalog.Date { return catalog.NewDate(2024, time.January, d) }

// sent is one delivery of the model.
type sent struct {
	id, order, replaces string
	snapshot            bool
	from, to            catalog.Date
	run                 int
}

// newest are the deliveries in effective order: what was read again is where
// its first reading was.
func newest(all []sent) []sent {
	type placed struct {
		sent
		place int
	}
	var ps []placed
	for i, s := range all {
		p := placed{s, i}
		ps = slices.DeleteFunc(ps, func(o placed) bool {
			again := s.replaces != "" && o.id == s.replaces
			if again {
				p.place = o.place
			}
			return again
		})
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b placed) int { return cmp.Or(strings.Compare(a.order, b.order), cmp.Compare(a.place, b.place)) })
	out := make([]sent, len(ps))
	for i, p := range ps {
		out[i] = p.sent
	}
	return out
}

// base is the id of the snapshot that holds on a day.
func base(order []sent, day catalog.Date) string {
	for _, s := range slices.Backward(order) {
		if s.snapshot && (s.from.IsZero() || !day.Before(s.from)) && (s.to.IsZero() || day.Before(s.to)) {
			return s.id
		}
	}
	return ""
}

// On every day the newest snapshot over it holds, later deltas are kept, and
// nothing that has no effect is.
func TestEffectiveDayByDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []sent
		day := rapid.IntRange(0, 12) // 0: open
		for i := range rapid.IntRange(1, 9).Draw(t, "deliveries") {
			s := sent{id: fmt.Sprint("d", i), order: rapid.SampledFrom([]string{"", "", "a", "b", "B"}).Draw(t, "order"),
				snapshot: rapid.IntRange(0, 2).Draw(t, "kind") > 0}
			if s.snapshot {
				if n := day.Draw(t, "from"); n > 0 {
					s.from = jan(n)
				}
				if n := day.Draw(t, "to"); n > 0 {
					s.to = jan(n)
				}
			}
			if i > 0 && rapid.IntRange(0, 4).Draw(t, "again") == 0 {
				old := rapid.SampledFrom(all).Draw(t, "old").id
				if !slices.ContainsFunc(all, func(o sent) bool { return o.replaces == old }) {
					s.replaces = old
				}
			}
			s.run = i
			if i > 0 && rapid.Bool().Draw(t, "same run") {
				s.run = all[i-1].run
			}
			all = append(all, s)
		}
		l := ledger{t: t}
		for _, s := range all {
			l.received(s.id, s.replaces)
			a := event.DeliveryAccepted{Delivery: s.id, Feed: "f", OrderKey: s.order, Kind: "delta", From: s.from, To: s.to}
			if s.snapshot {
				a.Kind = "snapshot"
			}
			l.apply(a)
		}
		var runs []string
		for i, s := range all {
			if i == 0 || s.run != all[i-1].run {
				runs = append(runs, "")
			}
			runs[len(runs)-1] += s.id + " "
		}
		for i, ids := range runs {
			l.apply(event.RunOpened{Run: fmt.Sprint("r", i), Ordinal: i + 1, Deliveries: strings.Fields(ids)})
		}
		n := rapid.IntRange(1, len(all)).Draw(t, "through")
		r := l.state.Run(l.state.Delivery(all[n-1].id).Run)
		until := all[n-1].id
		if n == len(all) || l.state.Delivery(all[n].id).Run != r.Run {
			until = rapid.SampledFrom([]string{until, ""}).Draw(t, "until")
		}
		e := l.state.EffectiveOf("f", r, until)
		order := newest(all[:n])

		// Segments cover all time, without gaps or overlaps, each once.
		if len(e.Segments) == 0 || !e.Segments[0].From.IsZero() || !e.Segments[len(e.Segments)-1].To.IsZero() {
			t.Fatalf("segments %v", e.Segments)
		}
		for i, g := range e.Segments[1:] {
			if was := e.Segments[i]; was.To.IsZero() || !was.To.Equal(g.From) || was.Base == g.Base || !was.From.IsZero() && !was.From.Before(was.To) {
				t.Fatalf("segments %v", e.Segments)
			}
		}
		holds := map[string]bool{}
		for d := -2; d <= 15; d++ {
			var got string
			for _, g := range e.Segments {
				if jan(d).Within(g.From, g.To) && g.Base > 0 {
					got = e.Deliveries[g.Base-1].ID
				}
			}
			want := base(order, jan(d))
			if got != want {
				t.Fatalf("on %s %q holds, want %q; %+v of %+v", jan(d), got, want, e, order)
			}
			for i, s := range order {
				if s.snapshot && s.id == want || !s.snapshot && i > slices.IndexFunc(order, func(o sent) bool { return o.id == want }) {
					holds[s.id] = true
				}
			}
		}
		var want []run.Ordered
		for _, s := range order {
			if holds[s.id] {
				want = append(want, run.Ordered{ID: s.id, Snapshot: s.snapshot})
			}
		}
		if !slices.Equal(want, e.Deliveries) {
			t.Fatalf("deliveries %v, want %v of %+v", e.Deliveries, want, order)
		}
		// What a delivery leaves without effect is what it drops.
		d := l.state.Delivery(all[n-1].id)
		dropped := l.state.Dropped(r, d)
		before := newest(all[:n-1])
		for _, s := range before {
			had := slices.ContainsFunc(effectiveIDs(before), func(id string) bool { return id == s.id })
			if slices.Contains(dropped, s.id) != (had && !holds[s.id]) {
				t.Fatalf("%s drops %v; %s had an effect: %v, has: %v", d.Delivery, dropped, s.id, had, holds[s.id])
			}
		}
	})
}

// effectiveIDs are those that hold on some day.
func effectiveIDs(order []sent) []string {
	var ids []string
	for d := -2; d <= 15; d++ {
		b := base(order, jan(d))
		for i, s := range order {
			if s.snapshot && s.id == b || !s.snapshot && i > slices.IndexFunc(order, func(o sent) bool { return o.id == b }) {
				ids = append(ids, s.id)
			}
		}
	}
	return ids
}

// Other feeds and later runs do not show.
func TestEffectiveOfOneFeedUpToARun(t *testing.T) {
	l := ledger{t: t}
	for i, id := range []string{"a", "b", "c"} {
		feed := "f"
		if id == "b" {
			feed = "g"
		}
		l.apply(event.DeliveryReceived{Delivery: id, Feed: feed, Raw: id})
		l.apply(event.DeliveryAccepted{Delivery: id, Feed: feed, Kind: "snapshot", AsOf: jan(i + 1)})
		l.apply(event.RunOpened{Run: "r" + id, Ordinal: i + 1, Deliveries: []string{id}})
	}
	for _, c := range []struct{ feed, run, want string }{
		{"f", "ra", "a"}, {"f", "rb", "a"}, {"f", "rc", "c"}, {"g", "ra", ""}, {"g", "rc", "b"}, {"h", "rc", ""},
	} {
		e := l.state.EffectiveOf(c.feed, l.state.Run(c.run), "")
		got := ""
		for _, d := range e.Deliveries {
			got += d.ID
		}
		if got != c.want || len(e.Segments) != 1 || e.Feed != c.feed {
			t.Errorf("feed %s up to %s: %+v, want %q", c.feed, c.run, e, c.want)
		}
	}
	// In one run with others, what comes after a delivery is not there yet,
	// whatever its feed.
	for _, d := range []struct{ id, feed string }{{"d", "f"}, {"e", "g"}, {"h", "f"}} {
		l.apply(event.DeliveryReceived{Delivery: d.id, Feed: d.feed, Raw: d.id})
		l.apply(event.DeliveryAccepted{Delivery: d.id, Feed: d.feed, Kind: "snapshot"})
	}
	l.apply(event.RunOpened{Run: "rd", Ordinal: 4, Deliveries: []string{"d", "e", "h"}})
	for _, c := range []struct{ feed, until, want string }{
		{"f", "d", "d"}, {"g", "d", "b"}, {"f", "e", "d"}, {"g", "e", "e"}, {"f", "h", "h"}, {"g", "h", "e"}, {"f", "", "h"}, {"g", "", "e"},
	} {
		if e := l.state.EffectiveOf(c.feed, l.state.Run("rd"), c.until); len(e.Deliveries) != 1 || e.Deliveries[0].ID != c.want {
			t.Errorf("feed %s up to %q: %v, want %s", c.feed, c.until, e.Deliveries, c.want)
		}
	}
	r := l.state.Run("rb")
	if as := l.state.AsOf("f", r); as != jan(1) {
		t.Errorf("as of %s", as)
	}
	if as := l.state.AsOf("f", l.state.Run("rc")); as != jan(3) {
		t.Errorf("as of %s", as)
	}
	if l.state.FeedRev("f", r) != l.state.Delivery("a").Rev || l.state.FeedRev("h", r) != 0 || l.state.FeedRev("f", l.state.Run("rc")) != l.state.Delivery("c").Rev {
		t.Error("revisions of a feed")
	}
}
