package quality_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/quality/surveil"
	"larstrom/pipeline/spc"
)

// What a night brought is what its versions hold beyond those before, over all
// periods of a unit; the night on which the past came is unknown, and so is one
// that took away.
func TestArrivals(t *testing.T) {
	day := func(n int) catalog.Date { return catalog.NewDate(2022, 8, n) }
	at := func(m int, den, missing int64, rev uint64) cell.Version {
		v := version("A", m, content(den/2, den, den))
		v.Content.Missing = missing
		v.Rev = rev
		return v
	}
	gone := tombstone("B", 30)
	gone.Rev = 30
	b := version("B", 30, content(4, 8, 8))
	b.Rev = 21
	versions := []cell.Version{
		at(29, 100, 1, 10), at(30, 40, 0, 10), // the first night brings the past
		at(30, 50, 2, 20),                     // 10 more
		at(29, 104, 1, 25), at(30, 53, 2, 25), // 4 and 3 more
		at(30, 51, 2, 41), // 2 fewer
		b, gone,
	}
	past := []quality.Past{{Indicator: proportion(), Cells: table(t, versions), Rebased: map[string]catalog.Date{"A": day(3)}}}
	seen := []quality.Seen{{AsOf: day(1), Rev: 10}, {AsOf: day(2), Rev: 20}, {AsOf: day(3), Rev: 25}, {AsOf: day(5), Rev: 30}, {AsOf: day(6), Rev: 41}}
	p := quality.Arrivals(past, seen, map[string]string{"A": "v1", "B": "v2"}, func(d catalog.Date) bool { return d == day(5) })
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	u := surveil.Unknown
	// Nothing came on the 4th: no delivery is no night without records.
	if want := []int32{u, 10, 7, u, 0, u, u, 0, 8, u, u, 0}; !slices.Equal(p.Volume, want) {
		t.Errorf("volume %v, want %v", p.Volume, want)
	}
	if want := []int32{u, 5, 3, u, 0, u, u, 0, 4, u, u, 0}; !slices.Equal(p.Numerator, want) {
		t.Errorf("numerator %v, want %v", p.Numerator, want)
	}
	if want := []int32{u, 2, 0, u, 0, u, u, 0, 0, u, u, 0}; !slices.Equal(p.Missing, want) {
		t.Errorf("missing %v, want %v", p.Missing, want)
	}
	if !slices.Equal(p.Rebased, []int32{2, 0}) || !slices.Equal(p.Free, []bool{false, false, false, false, true, false}) ||
		!slices.Equal(p.Sources, []string{"v1", "v2"}) || !slices.Equal(p.UnitSource, []int32{0, 1}) {
		t.Errorf("%+v", p)
	}
	// Withdrawn versions make their night unknown; order does not matter.
	past[0].Excluded = func(fp cell.Fingerprint) bool { return fp == versions[2].Fingerprint }
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(versions), func(i, j int) { versions[i], versions[j] = versions[j], versions[i] })
	past[0].Cells = table(t, slices.Clone(versions))
	versions[2] = versions[slices.IndexFunc(versions, func(v cell.Version) bool { return v.Rev == 20 })]
	if q := quality.Arrivals(past, seen, nil, nil); !slices.Equal(q.Volume[:6], []int32{u, u, 7, u, 0, u}) || q.UnitSource != nil || q.Free != nil {
		t.Errorf("%+v", q)
	}
	if quality.Arrivals(past, nil, nil, nil) != nil {
		t.Error("a panel of no nights")
	}
}

func table(t *testing.T, versions []cell.Version) *cell.Table {
	t.Helper()
	out, err := cell.TableOf(versions[0].Key.Region, versions[0].Key.Indicator, versions)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHolidays(t *testing.T) {
	from, to := catalog.NewDate(2024, 1, 1), catalog.NewDate(2026, 12, 31)
	for country, days := range map[string][]catalog.Date{
		"SE": {catalog.NewDate(2025, 6, 6), catalog.NewDate(2025, 6, 20), catalog.NewDate(2024, 3, 29), catalog.NewDate(2026, 12, 24)},
		"NO": {catalog.NewDate(2025, 5, 17), catalog.NewDate(2024, 3, 28), catalog.NewDate(2025, 5, 29)},
		"DK": {catalog.NewDate(2025, 4, 17), catalog.NewDate(2025, 12, 25), catalog.NewDate(2026, 5, 14)},
		"FI": {catalog.NewDate(2025, 12, 6), catalog.NewDate(2025, 6, 20), catalog.NewDate(2024, 1, 6)},
		"IS": {catalog.NewDate(2025, 6, 17), catalog.NewDate(2025, 4, 24), catalog.NewDate(2024, 8, 5), catalog.NewDate(2025, 4, 17)},
	} {
		free := quality.Holidays(country, from, to)
		for _, d := range days {
			if !free(d) {
				t.Errorf("%s is no holiday in %s", d, country)
			}
		}
		n := 0
		for d := from; !to.Before(d); d = d.AddDays(1) {
			if free(d) {
				n++
			}
		}
		if n < 3*11 || n > 3*20 {
			t.Errorf("%s has %d holidays in three years", country, n)
		}
		if free(catalog.NewDate(2025, 10, 15)) {
			t.Errorf("a Wednesday in October is a holiday in %s", country)
		}
	}
	if quality.Holidays("GB", from, to)(catalog.NewDate(2025, 12, 25)) {
		t.Error("a holiday of a country that is not known")
	}
}

// The charts of a feed signal when the newest delivery is unlike the others,
// and only the chart of what is unlike.
func TestFeedCharts(t *testing.T) {
	days := func(change func(*quality.FeedDay)) *quality.Feed {
		r := rand.New(rand.NewPCG(3, 3))
		f := &quality.Feed{ID: "pv"}
		for k := range 40 {
			rows := int64(10_000 + r.IntN(600))
			f.Days = append(f.Days, quality.FeedDay{AsOf: catalog.NewDate(2025, 1, 1).AddDays(k), Rows: rows, Missing: rows/50 + int64(r.IntN(30)),
				Unknown: rows/100 + int64(r.IntN(20)), Late: -1 + r.Float64()})
		}
		change(&f.Days[39])
		return f
	}
	for name, c := range map[string]struct {
		change func(*quality.FeedDay)
		want   []string
	}{
		"as ever":        {func(*quality.FeedDay) {}, nil},
		"half the rows":  {func(d *quality.FeedDay) { d.Rows, d.Missing, d.Unknown = d.Rows/2, d.Missing/2, d.Unknown/2 }, []string{"volume"}},
		"values missing": {func(d *quality.FeedDay) { d.Missing *= 3 }, []string{"completeness"}},
		"unknown codes":  {func(d *quality.FeedDay) { d.Unknown *= 4 }, []string{"unknown_codes"}},
		"six hours late": {func(d *quality.FeedDay) { d.Late = 6 }, []string{"lateness"}},
		"withdrawn":      {func(d *quality.FeedDay) { d.Late, d.Excluded = 6, true }, nil},
	} {
		charts, err := quality.FeedCharts(days(c.change))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, ch := range charts {
			if ch.Signal {
				got = append(got, ch.Kind)
			}
			if len(ch.AsOf) != 40 || len(ch.Chart.Value) != 40 || ch.Feed != "pv" {
				t.Errorf("%+v", ch)
			}
			if name == "withdrawn" && ch.Chart.State[39] != spc.StateHeldEmpty {
				t.Errorf("state %v", ch.Chart.State[39])
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if charts, err := quality.FeedCharts(&quality.Feed{}); err != nil || charts != nil {
		t.Errorf("%v %v", charts, err)
	}
}
