package quality_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality"
)

// everyNight are nights that together have something for every check, with
// their names: those of fixtures begin with the check that they are for.
func everyNight() (nights []quality.Night, names []string) {
	add := func(name string, n quality.Night) { nights, names = append(nights, n), append(names, name) }
	silent, _ := silentNight()
	add("K01", quality.Night{Region: "nord", AsOf: silent.AsOf, Inputs: []quality.Input{silent}})
	for _, f := range fixtures() {
		if f.want != nil {
			add(f.name, quality.Night{Region: "nord", AsOf: f.in.AsOf, Inputs: []quality.Input{f.in}})
		}
	}
	for _, f := range acrossFixtures() {
		add(f.name, f.night)
	}
	for _, f := range nightFixtures() {
		if f.want == nil || f.change != nil {
			continue
		}
		v := small()
		f.spoil(v)
		add(f.name, nightOf(v))
	}
	return nights, names
}

// acrossFixture is a night with facts beside its cells, and what it says.
type acrossFixture struct {
	name  string
	night quality.Night
	want  []string
}

func acrossFixtures() []acrossFixture {
	asOf := catalog.NewDate(2022, 8, 3)
	inputOf := func(id string, cells ...cell.Version) quality.Input {
		in := quality.Input{Region: "nord", AsOf: asOf, Tolerance: 0.01,
			Indicator: catalog.Indicator{ID: id, Registry: "hjarta", Type: catalog.Proportion, Period: catalog.Month}}
		for _, v := range cells {
			v.Key.Indicator = id
			v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, v.Tombstone)
			in.Changed = append(in.Changed, changed(v))
		}
		return in
	}
	of := func(inputs ...quality.Input) quality.Night {
		return quality.Night{Region: "nord", AsOf: asOf, Inputs: inputs}
	}
	type n = quality.Night
	edit := func(night n, change func(*n)) n {
		change(&night)
		return night
	}
	stratum := func(v cell.Version, s string) cell.Version { v.Key.Stratum = s; return v }
	additive := func(male int64) n {
		in := inputOf("i1", version("A", 30, content(5, 200, 200)), stratum(version("A", 30, content(2, 80, 80)), "f"), stratum(version("A", 30, content(3, male, 120)), "m"))
		in.Indicator.Additive = true
		return of(in)
	}
	missing := func(m int64) n {
		c := content(5, 100, 100)
		c.Missing = m
		return of(inputOf("i1", version("A", 30, c)))
	}
	// preliminary has 40 in each month of the years before, and v in June 2022.
	preliminary := func(usual, v float64, units ...string) n {
		in := inputOf("i1")
		for _, u := range units {
			in.Series = append(in.Series, series(u, append(repeat(usual, 29), v)...))
		}
		return of(in)
	}
	closed := func(has int64, revisions ...float64) n {
		was, is := version("A", 20, content(10, 100, 100)), version("A", 20, content(10, has, has))
		in := inputOf("i1")
		in.Indicator.Checks = map[string]catalog.CheckParams{"K09": {Off: true}}
		in.Changed = []quality.Change{replaced(is, was)}
		in.Series = []quality.Series{series("A", repeat(100, 21)...)}
		in.Revisions = revisions
		return of(in)
	}
	measured := func(histogram string) n {
		c := cell.Content{Rows: 100, Histogram: histogram}
		in := inputOf("i1", version("A", 30, c))
		in.Indicator.Type = catalog.Median
		return of(in)
	}
	means := func(more int64, each int64) n {
		was := version("A", 30, cell.Content{Rows: 100, ValueCount: 100, Values: cell.FixedOf(100 * 50 * cell.Micro)})
		is := version("A", 30, cell.Content{Rows: 100 + more, ValueCount: 100 + more, Values: cell.FixedOf((100*50 + more*each/10) * cell.Micro)})
		in := inputOf("i1")
		in.Indicator.Type = catalog.Mean
		in.Changed = []quality.Change{replaced(is, was)}
		return of(in)
	}
	// byRows has wrong values of n in unit A, where others lie between 4 and 9,
	// and sums in which nothing can be seen.
	byRows := func(wrong int64, at float64, all int64) n {
		size := func(v float64) int { return int(math.Round(math.Log(v) * quality.SizesPerFold)) }
		before := map[int]int64{}
		for v := 4.0; v <= 9; v += 0.5 {
			before[size(v)] += 1000
		}
		return edit(means(5, 520), func(n *n) {
			n.Profiles = []quality.Profile{{Feed: "pv", Column: "i1", Indicator: "i1", DecimalsBefore: -1,
				Values: map[string]map[int]int64{"A": {size(6): all - wrong, size(at): wrong}}, ValuesBefore: map[string]map[int]int64{"B": before}}}
		})
	}
	incomplete := func(units ...string) n {
		var all []cell.Version
		for _, u := range units {
			c := content(5, 55, 100)
			c.Missing = 45
			all = append(all, version(u, 10, c))
		}
		return of(inputOf("i1", all...))
	}
	coverage := func(num int64) n {
		in := inputOf("i1", version("A", 30, content(5, 20, 20)))
		in.Indicator.Coverage = "tg"
		return of(in, inputOf("tg", version("A", 30, content(num, 100, 100))))
	}
	listed := func(den int64) n {
		in := inputOf("i1", version("A", 30, content(5, den, den)))
		in.Indicator.Measurement = "cross_section"
		return edit(of(in), func(n *n) { n.Population = map[string]float64{"A": 1000} })
	}
	pair := func(a, b int64) n {
		return edit(of(inputOf("i1", version("A", 30, content(5, a, a))), inputOf("i2", version("A", 30, content(5, b, b)))), func(n *n) {
			n.Pairs = []quality.Relation{{Lower: "i1", Upper: "i2"}}
		})
	}
	logic := func(a, b int64) n {
		return edit(of(inputOf("i1", version("A", 30, content(a, 50, 50))), inputOf("i2", version("A", 30, content(b, 50, 50)))), func(n *n) {
			n.Logic = []quality.Relation{{Lower: "i1", Upper: "i2"}}
		})
	}
	file := func(lines, parked, dates int64) n {
		return edit(of(inputOf("i1", version("A", 30, content(5, 20, 20)))), func(n *n) {
			n.Deliveries.Accepted = []event.DeliveryAccepted{{Delivery: "d1", Registry: "hjarta", Lines: lines, Parked: parked, Rules: map[string]int64{"T01": dates}}}
		})
	}
	feed := func(f quality.Feed) n {
		f.ID, f.Registry = "pv", "hjarta"
		return edit(of(), func(n *n) { n.Feeds = []quality.Feed{f} })
	}
	lags := func(now float64) n {
		var days []quality.FeedDay
		for range 10 {
			days = append(days, quality.FeedDay{LagP90: 10})
		}
		return feed(quality.Feed{Days: append(days, quality.FeedDay{LagP90: now})})
	}
	profile := func(p quality.Profile) n {
		p.Feed, p.Column = "pv", "k"
		if p.DecimalsBefore == 0 {
			p.DecimalsBefore = -1
		}
		return edit(of(), func(n *n) { n.Profiles = []quality.Profile{p} })
	}
	bounded := func(kind catalog.IndicatorType, rows int64) n {
		in := inputOf("i1", version("A", 30, content(5, 50, 200)), version("B", 30, content(5, 50, 50)))
		in.Indicator.Type = kind
		least := 0.0
		in.Indicator.Plausible.Min = &least
		return edit(of(in), func(n *n) {
			n.Profiles = []quality.Profile{{Feed: "pv", Column: "i1", Indicator: "i1", Outside: map[string]int64{"A": rows}, DecimalsBefore: -1}}
		})
	}
	codes := func(n int) map[string]int64 {
		m := map[string]int64{}
		for i := range n {
			m[string(rune('A'+i%26))+string(rune('A'+i/26))] = 10
		}
		return m
	}
	hours := func(midnight int64) []int64 { return append([]int64{midnight}, slices.Repeat([]int64{10}, 23)...) }
	peers := func(odd int64) n {
		in := inputOf("i1")
		for u := range 20 {
			unit := string(rune('A' + u))
			num := int64(48 + u%5)
			if u == 3 {
				num = odd
			}
			in.Changed = append(in.Changed, changed(version(unit, 10, content(num, 100, 100))))
			in.Series = append(in.Series, series(unit, repeat(100, 11)...))
		}
		return of(in)
	}
	definition := func(from catalog.Date) n {
		v := version("A", 28, content(5, 20, 20))
		v.Key.Version = "2"
		in := inputOf("i1", v)
		in.Indicator.Versions = []catalog.Version{{ID: "1"}, {ID: "2", From: from}}
		return of(in)
	}
	turned := func(rule string) n {
		return edit(of(), func(n *n) {
			n.Deliveries.Accepted = []event.DeliveryAccepted{{Delivery: "d1", Lines: 100, Rules: map[string]int64{rule: 3}}}
			n.Deliveries.Rejected = []event.DeliveryRejected{{Name: "f.csv", Feed: "pv", Problems: []event.Problem{{Rule: rule}}}}
		})
	}
	repeated := edit(of(), func(n *n) { n.Deliveries = deliveries() })
	all := []acrossFixture{
		{"C05 to C08 on record", repeated, []string{"C05 INFO - -", "C06 REJECT - -", "C07 REJECT - -", "C08 REJECT - -"}},
		{"C13 sums", additive(120), nil},
		{"C13 does not sum", additive(121), []string{"C13 HOLD i1 A"}},
		{"K03 a tenth", missing(10), nil},
		{"K03 more", missing(11), []string{"K03 NOTE i1 A"}},
		{"K03 always incomplete", incomplete("A", "B", "C", "D"), []string{"K03 NOTE i1 -"}},
		{"K08 three quarters", preliminary(400, 300, "A"), nil},
		{"K08 less", preliminary(400, 299, "A"), []string{"K08 NOTE i1 A"}},
		{"K08 less by chance", preliminary(40, 29, "A"), nil},
		{"K08 less in two units", preliminary(400, 299, "A", "B"), []string{"K08 NOTE i1 A #1", "K08 NOTE i1 B #1"}},
		{"K08 less in many units", preliminary(400, 299, "A", "B", "C"), []string{"K08 NOTE i1 -"}},
		{"K08 not mature", edit(preliminary(400, 200, "A"), func(n *n) { n.Inputs[0].Series[0].Mature[29] = false }), nil},
		{"K11 two events", closed(102), nil},
		{"K11 three events", closed(103), []string{"K11 HOLD i1 A"}},
		{"K11 what is usual for the feed", closed(103, slices.Repeat([]float64{0.05}, 60)...), nil},
		{"K11 more than is usual", closed(106, slices.Repeat([]float64{0.05}, 60)...), []string{"K11 HOLD i1 A"}},
		{"P03 one unit of measure", measured("45*30 50*40 58*30"), nil},
		{"P03 two", measured("45*30 50*37 58*30 6.7*3"), []string{"P03 HOLD i1 A"}},
		{"P03 two values", measured("45*30 50*38 58*30 6.7*2"), nil},
		{"P03 rows in two units of measure", byRows(3, 144, 150), []string{"P03 HOLD i1 A"}},
		{"P03 two of two rows in another", byRows(2, 144, 2), []string{"P03 HOLD i1 A"}},
		{"P03 one row in another", byRows(1, 144, 2), nil},
		{"P03 rows of which fewer than one in fifty are in another", byRows(3, 144, 200), nil},
		{"P03 rows that are merely large", byRows(20, 15, 150), nil},
		{"P03 rows that spread over both", edit(byRows(20, 2980, 150), func(n *n) {
			for size := -150; size <= 150; size++ {
				n.Profiles[0].ValuesBefore["B"][size] = 2000
			}
		}), nil},
		{"P03 a unit that has always sent another", edit(byRows(20, 144, 20), func(n *n) {
			n.Profiles[0].ValuesBefore["A"] = n.Profiles[0].Values["A"]
		}), []string{"P03 HOLD i1 A"}},
		{"P03 a mean of what came", means(5, 67), []string{"P03 HOLD i1 A"}},
		{"P03 a mean that stays", means(5, 520), nil},
		{"P05 small", of(inputOf("i1", version("A", 30, content(5, 14, 14)), version("B", 30, content(5, 15, 15)))), []string{"P05 NOTE - -"}},
		{"K06 covered", coverage(80), nil},
		{"K06 hardly covered", coverage(79), []string{"K06 NOTE i1 A"}},
		{"K06 not covered", coverage(59), []string{"K06 HOLD i1 A"}},
		{"K07 the listed", listed(1100), nil},
		{"K07 not the listed", listed(1140), []string{"K07 HOLD i1 A"}},
		{"K12 hidden", edit(of(), func(n *n) { n.Suppressed = map[string][2]int64{"i1": {75, 100}, "i2": {1, 500}} }), []string{"K12 NOTE - -"}},
		{"K12 not many", edit(of(), func(n *n) { n.Suppressed = map[string][2]int64{"i1": {74, 100}, "i2": {1, 500}} }), nil},
		{"K13 at the share", file(100, 5, 0), nil},
		{"K13 parked", file(100, 6, 0), []string{"K13 HOLD i1 -"}},
		{"T01 dates", file(100, 0, 6), []string{"T01 REJECT - -", "T01 HOLD i1 -"}},
		{"P04 a part", logic(9, 9), nil},
		{"P04 more than the whole", logic(10, 9), []string{"P04 HOLD i1 A"}},
		{"X01 alike", pair(110, 100), nil},
		{"X01 not alike", pair(111, 100), []string{"X01 NOTE i1 A"}},
		{"X01 far", pair(1250, 1000), []string{"X01 HOLD i1 A"}},
		{"X01 farther", pair(1340, 1000), []string{"X01 BLOCK i1 A"}},
		{"K02 in time", feed(quality.Feed{Awaited: true, Late: 1.9}), nil},
		{"K02 not come", feed(quality.Feed{Awaited: true, Late: 2}), []string{"K02 NOTE - -"}},
		{"K02 not come for a day", feed(quality.Feed{Awaited: true, Late: 24}), []string{"K02 HOLD - -"}},
		{"L01 late", feed(quality.Feed{Awaited: true, Came: true, Late: 2}), []string{"L01 NOTE - -"}},
		{"L01 not late", feed(quality.Feed{Awaited: true, Came: true, Late: 1.9}), nil},
		{"L02 as ever", lags(15), nil},
		{"L02 slower", lags(16), []string{"L02 NOTE - -"}},
		{"L04 of the future", feed(quality.Feed{Ahead: 6}), []string{"L04 INFO - -"}},
		{"L04 a slow clock", feed(quality.Feed{Ahead: 5}), nil},
		{"L03 a gap", edit(of(), func(n *n) { n.Deliveries.Gaps = []quality.Gap{{Feed: "pv", Missing: 4, Waiting: 2}} }), []string{"L03 BLOCK - -"}},
		{"K05 as allowed", profile(quality.Profile{Rows: 100, Placeholders: 15, Allowed: 0.1}), nil},
		{"K05 more", profile(quality.Profile{Rows: 100, Placeholders: 16, Allowed: 0.1}), []string{"K05 HOLD - -"}},
		{"K10 two fewer", profile(quality.Profile{Categories: codes(28), Before: codes(30)}), nil},
		{"K10 three fewer", profile(quality.Profile{Categories: codes(27), Before: codes(30)}), []string{"K10 HOLD - -"}},
		{"P01 possible", bounded(catalog.Count, 0), nil},
		{"P01 one impossible count", bounded(catalog.Count, 1), []string{"P01 BLOCK i1 A"}},
		{"P01 impossible values", bounded(catalog.Mean, 2), []string{"P01 NOTE i1 A"}},
		{"P01 many impossible values", bounded(catalog.Mean, 3), []string{"P01 HOLD i1 A"}},
		{"P02 extremes", profile(quality.Profile{Extreme: []string{"5"}, Categories: map[string]int64{"1": 89, "5": 11}}), []string{"P02 HOLD - -"}},
		{"P02 a tenth", profile(quality.Profile{Extreme: []string{"5"}, Categories: map[string]int64{"1": 90, "5": 10}}), nil},
		{"D01 rounded", profile(quality.Profile{Digits: [10]int64{31, 69}}), []string{"D01 NOTE - -"}},
		{"D01 mostly rounded", profile(quality.Profile{Digits: [10]int64{51, 49}}), []string{"D01 HOLD - -"}},
		{"D01 both rounded", profile(quality.Profile{Digits: [10]int64{30, 70}, Pairs: 100, BothZero: 26}), []string{"D01 NOTE - -"}},
		{"D01 not rounded", profile(quality.Profile{Digits: [10]int64{30, 70}, Pairs: 100, BothZero: 25}), nil},
		{"D02 heaped", profile(quality.Profile{Under: 80, Over: 40}), []string{"D02 NOTE - -"}},
		{"D02 not heaped", profile(quality.Profile{Under: 60, Over: 40}), nil},
		{"D03 Benford", profile(quality.Profile{Leading: [10]int64{0, 301, 176, 125, 97, 79, 67, 58, 51, 46}}), nil},
		{"D03 not Benford", profile(quality.Profile{Leading: [10]int64{0, 111, 111, 111, 111, 111, 111, 111, 111, 112}}), []string{"D03 INFO - -"}},
		{"D05 drifted", profile(quality.Profile{Categories: map[string]int64{"a": 600, "b": 400}, Before: map[string]int64{"a": 500, "b": 500}}), []string{"D05 NOTE - -"}},
		{"D05 by chance", profile(quality.Profile{Categories: map[string]int64{"a": 530, "b": 470}, Before: map[string]int64{"a": 500, "b": 500}}), nil},
		{"D06 appeared", profile(quality.Profile{Categories: map[string]int64{"a": 60, "b": 10}, Before: map[string]int64{"a": 70}}), []string{"D06 HOLD - -"}},
		{"D06 vanished", profile(quality.Profile{Before: map[string]int64{"a": 60, "b": 10}, Categories: map[string]int64{"a": 70}}), []string{"D06 HOLD - -"}},
		{"D06 nine", profile(quality.Profile{Categories: map[string]int64{"a": 60, "b": 9}, Before: map[string]int64{"a": 70}}), nil},
		{"D07 rounded", profile(quality.Profile{Rows: 10, Decimals: 0, DecimalsBefore: 1}), []string{"D07 NOTE - -"}},
		{"T09 at midnight", profile(quality.Profile{Hours: hours(2500)}), []string{"T09 NOTE - -"}},
		{"T09 as ever", profile(quality.Profile{Hours: hours(10), HoursBefore: hours(12)}), nil},
		{"T09 other days", profile(quality.Profile{Weekdays: []int64{40, 40, 40, 40, 40, 0, 0}, WeekdaysBefore: []int64{0, 0, 40, 40, 40, 40, 40}}), []string{"T09 NOTE - -"}},
		{"T10 a new definition", definition(catalog.NewDate(2022, 5, 1)), []string{"T10 NOTE i1 -"}},
		{"T10 an old definition", definition(catalog.NewDate(2021, 5, 1)), nil},
		{"P06 in the funnel", peers(58), nil},
		{"P06 outside", peers(90), []string{"P06 NOTE i1 D"}},
	}
	for _, rule := range []string{"C01", "C02", "C03", "C15", "C17"} {
		const severity = " REJECT - -"
		all = append(all, acrossFixture{rule + " on record", turned(rule), []string{rule + severity, rule + severity}})
	}
	return all
}

func TestAcrossFixtures(t *testing.T) {
	for _, f := range acrossFixtures() {
		t.Run(f.name, func(t *testing.T) {
			r := quality.EvaluateNight(f.night, quality.Catalogue())
			if got := asks(r); !slices.Equal(got, f.want) {
				t.Errorf("got  %q\nwant %q", got, f.want)
			}
			wholesome(t, r)
		})
	}
}

// Every conversion that units of measure are mixed up by is found and named.
func TestConversionsAreNamed(t *testing.T) {
	for _, c := range []struct {
		name         string
		right, wrong float64
	}{
		{"HbA1c in % (NGSP) and mmol/mol (IFCC)", 50, 6.72}, {"HbA1c in % (NGSP) and mmol/mol (IFCC)", 6.72, 50},
		{"glucose in mmol/l and mg/dl", 6, 108}, {"glucose in mmol/l and mg/dl", 108, 6},
		{"cholesterol in mmol/l and mg/dl", 5, 193}, {"creatinine in mg/dl and µmol/l", 0.9, 79.6}, {"creatinine in mg/dl and µmol/l", 80, 0.905},
		{"days and hours", 6, 144}, {"hours and minutes", 3, 180}, {"hours and minutes", 180, 3},
		{"a factor of 10", 5, 50}, {"a factor of 100", 5, 500}, {"a factor of 1000", 5, 5000},
	} {
		size := func(v float64) int { return int(math.Round(math.Log(v) * quality.SizesPerFold)) }
		before := map[int]int64{}
		for v := 0.85; v <= 1.15; v += 0.05 {
			before[size(c.right*v)] += 1000
		}
		v := version("A", 30, cell.Content{Rows: 100, ValueCount: 100, Values: cell.FixedOf(int64(100 * c.right * cell.Micro))})
		n := quality.Night{Region: "nord", AsOf: catalog.NewDate(2022, 8, 4), Inputs: []quality.Input{{Region: "nord", AsOf: catalog.NewDate(2022, 8, 4), Tolerance: 0.01,
			Indicator: catalog.Indicator{ID: "i1", Registry: "hjarta", Type: catalog.Mean, Period: catalog.Month}, Changed: []quality.Change{changed(v)}}},
			Profiles: []quality.Profile{{Feed: "pv", Column: "i1", Indicator: "i1", DecimalsBefore: -1,
				Values: map[string]map[int]int64{"A": {size(c.right): 95, size(c.wrong): 5}}, ValuesBefore: map[string]map[int]int64{"B": before}}}}
		found := false
		for _, f := range quality.EvaluateNight(n, quality.Catalogue()).Findings {
			if f.Check == "P03" && f.Status == quality.Flagged {
				found = true
				if !strings.Contains(f.Text, "("+c.name+")") || f.Observed != 5 {
					t.Errorf("%v among %v is said to be: %s", c.wrong, c.right, f.Text)
				}
			}
		}
		if !found {
			t.Errorf("%v among %v: %s is not found", c.wrong, c.right, c.name)
		}
	}
}

// A snapshot that changes nothing is asked about where those before it changed
// much, and remarked on where they changed some: it guards nothing, for nothing
// came.
func TestSnapshotThatChangesNothing(t *testing.T) {
	for cells, want := range map[int64][]string{14: {"T08 HOLD i1 - #1"}, 10: {"T08 NOTE i1 - #1"}, 6: nil} {
		var days []quality.FeedDay
		for i, changed := range []int64{500, cells, cells + 3, 0} {
			days = append(days, quality.FeedDay{AsOf: catalog.NewDate(2022, 8, 1+i), Snapshot: true, Changed: changed})
		}
		n := quality.Night{Region: "nord", AsOf: catalog.NewDate(2022, 8, 4), Inputs: []quality.Input{{Region: "nord", AsOf: catalog.NewDate(2022, 8, 4), Indicator: catalog.Indicator{ID: "i1", Registry: "hjarta", Type: catalog.Proportion, Period: catalog.Month}}},
			Feeds: []quality.Feed{{ID: "pv", Registry: "hjarta", Came: true, Indicators: []string{"i1"}, Days: days}}}
		if got := asks(quality.EvaluateNight(n, quality.Catalogue())); !slices.Equal(got, want) {
			t.Errorf("%d cells: got %q, want %q", cells, got, want)
		}
	}
}
