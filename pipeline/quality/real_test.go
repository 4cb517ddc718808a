package quality_test

import (
	"cmp"
	"encoding/csv"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/quality"
)

// place is a cell of a real file.
type place struct {
	unit, stratum string
	period        catalog.Date
}

// figures are what a row of it says: the first is of what the others are shares.
type figures [4]float64

// real is a file of a registry by its cells, with what its indicators are made of.
type real struct {
	rows       map[place]figures
	indicators []catalog.Indicator
	// of says which figures are numerator and denominator of an indicator.
	of      [][2]int
	country string
}

// aeReal is the A&E file, or nil where the shared folder is absent.
func aeReal(tb testing.TB) *real {
	tb.Helper()
	records := shared(tb, "nhsr_ae_attendances.csv")
	if records == nil {
		return nil
	}
	r := &real{rows: map[place]figures{}, of: [][2]int{{1, 0}, {0, 0}, {2, 0}}, country: "GB"}
	for _, v := range []catalog.Indicator{
		{ID: "ae_over_4h", Type: catalog.Proportion, Subset: true},
		{ID: "ae_attendances", Type: catalog.Count, Additive: true},
		{ID: "ae_admitted", Type: catalog.Rate},
	} {
		v.Registry, v.Period, v.Versions = "nhs-ae", catalog.Month, []catalog.Version{{ID: "1"}}
		r.indicators = append(r.indicators, v)
	}
	for _, f := range records {
		c := figures{number(tb, f[3]), number(tb, f[4]), number(tb, f[5])}
		r.rows[place{f[1], f[2], day(tb, f[0])}] = c
	}
	return r
}

// infections is the file of hospital infections: three rates by bed-days, or nil
// where the shared folder is absent.
func infections(tb testing.TB) *real {
	tb.Helper()
	records := shared(tb, "qicharts2_hospital_infections.csv")
	if records == nil {
		return nil
	}
	r := &real{rows: map[place]figures{}, of: [][2]int{{1, 0}, {2, 0}, {3, 0}}, country: "DK"}
	kinds := []string{"BAC", "CDI", "UTI"}
	for _, kind := range kinds {
		r.indicators = append(r.indicators, catalog.Indicator{ID: kind, Type: catalog.Rate, Registry: "hospital", Period: catalog.Month, Versions: []catalog.Version{{ID: "1"}}})
	}
	for _, f := range records {
		at := place{unit: f[0], period: day(tb, f[2])}
		c := r.rows[at]
		c[0], c[1+slices.Index(kinds, f[1])] = number(tb, f[4]), number(tb, f[3])
		r.rows[at] = c
	}
	return r
}

// shared are the records of a file of the shared folder without its header, or nil
// where it is absent.
func shared(tb testing.TB, name string) [][]string {
	tb.Helper()
	dir := cmp.Or(os.Getenv("LARSTROM_SHARED"), "../../../shared")
	f, err := os.Open(filepath.Join(dir, "data", name))
	if err != nil {
		return nil
	}
	records, err := csv.NewReader(f).ReadAll()
	if err := errors.Join(err, f.Close()); err != nil {
		tb.Fatal(err)
	}
	return records[1:]
}

func number(tb testing.TB, s string) float64 {
	tb.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func day(tb testing.TB, s string) catalog.Date {
	tb.Helper()
	d, err := catalog.ParseDate(s)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// but is the file with a change.
func (r *real) but(change func(rows map[place]figures)) *real {
	c := *r
	c.rows = maps.Clone(r.rows)
	change(c.rows)
	return &c
}

// newest is the newest period.
func (r *real) newest() (d catalog.Date) {
	for p := range r.rows {
		if d.Before(p.period) {
			d = p.period
		}
	}
	return d
}

func (r *real) version(i int, p place, rev uint64) *cell.Version {
	ind := &r.indicators[i]
	k := cell.Key{Region: "r", Registry: ind.Registry, Indicator: ind.ID, Version: "1", Granularity: string(ind.Period), Unit: p.unit, Stratum: p.stratum, PeriodStart: p.period.Days()}
	c, ok := r.rows[p]
	if !ok {
		return &cell.Version{Key: k, Fingerprint: cell.FingerprintOf(k, cell.Content{}, true), Rev: rev, Tombstone: true}
	}
	content := cell.Content{Rows: 1, Numerator: cell.FixedOf(int64(c[r.of[i][0]] * cell.Micro)), Denominator: cell.FixedOf(int64(c[r.of[i][1]] * cell.Micro))}
	if ind.Type == catalog.Count {
		content.Denominator = cell.FixedOf(cell.Micro)
	}
	if ind.Subset && content.Numerator.Cmp(content.Denominator) > 0 {
		content.NumeratorAbove = 1
	}
	return &cell.Version{Key: k, Content: content, Fingerprint: cell.FingerprintOf(k, content, false), Rev: rev}
}

// night is the file as a delivery, laid out as the validator does: the first, or
// after before, of which everything was released.
func (r *real) night(before *real) quality.Night {
	series := map[[2]string][]catalog.Date{}
	for _, f := range []*real{r, before} {
		if f == nil {
			continue
		}
		for p := range f.rows {
			at := [2]string{p.unit, p.stratum}
			series[at] = append(series[at], p.period)
		}
	}
	newest := r.newest()
	n := quality.Night{Region: "r", AsOf: newest.AddDays(60)}
	here := map[string]bool{}
	for p := range r.rows {
		here[p.unit] = here[p.unit] || p.period == newest
	}
	two := r.indicators[0].Period.PeriodStart(r.indicators[0].Period.PeriodStart(newest.AddDays(-1)).AddDays(-1))
	absent := map[string]bool{}
	for i := range r.indicators {
		in := quality.Input{Region: "r", Tolerance: 1, Indicator: r.indicators[i], AsOf: n.AsOf, Country: r.country}
		if before != nil {
			in.Reached = n.AsOf
		}
		for _, at := range slices.SortedFunc(maps.Keys(series), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
			s := quality.Series{Registry: in.Indicator.Registry, Version: "1", Unit: at[0], Stratum: at[1]}
			lately := false
			periods := series[at]
			slices.SortFunc(periods, catalog.Date.Compare)
			for _, period := range slices.Compact(periods) {
				p := place{at[0], at[1], period}
				v := r.version(i, p, 2)
				s.Period, s.Mature, s.Excluded = append(s.Period, period.Days()), append(s.Mature, true), append(s.Excluded, false)
				s.Fingerprint, s.Tombstone = append(s.Fingerprint, v.Fingerprint), append(s.Tombstone, v.Tombstone)
				volume, numerator := 0.0, 0.0
				if !v.Tombstone {
					volume, numerator = quality.Volume(in.Indicator.Type, v.Content), quality.Numerator(in.Indicator.Type, v.Content)
				}
				s.Volume, s.Numerator = append(s.Volume, volume), append(s.Numerator, numerator)
				lately = lately || !period.Before(two)
				c := quality.Change{Current: *v}
				if before != nil {
					if _, ok := before.rows[p]; ok {
						c.Previous = before.version(i, p, 1)
						c.Released = c.Previous
						if c.Previous.Fingerprint == v.Fingerprint {
							continue
						}
					}
				}
				in.Changed = append(in.Changed, c)
			}
			if lately {
				s.Expected = []int32{newest.Days()}
				absent[at[0]] = !here[at[0]]
			}
			in.Series = append(in.Series, s)
		}
		n.Inputs = append(n.Inputs, in)
	}
	var silent []string
	for u, v := range absent {
		if v {
			silent = append(silent, u)
		}
	}
	slices.Sort(silent)
	if len(silent) > 0 {
		weighed := quality.Silences(silent, n.Inputs)
		for i := range n.Inputs {
			n.Inputs[i].Silent = weighed
		}
	}
	return n
}

// heldIn are the cells that a night holds, or asks for, by check and place, with the number of
// incidents and flags without one.
func heldIn(n quality.Night) (held map[string]map[place]bool, questions int) {
	held = map[string]map[place]bool{}
	tasks := map[string]bool{}
	for _, f := range quality.EvaluateNight(n, quality.Catalogue()).Findings {
		if !f.Raises() || f.Severity != "HOLD" && f.Severity != "BLOCK" && f.Check != "T04" {
			continue
		}
		tasks[cmp.Or(f.Incident, quality.FlagID(f))] = true
		if held[f.Check] == nil {
			held[f.Check] = map[place]bool{}
		}
		for _, g := range f.Guards {
			held[f.Check][place{g.Unit, g.Stratum, g.Period}] = true
		}
	}
	return held, len(tasks)
}

// fault is what may be wrong with a month of a unit, or of all where that is empty.
type fault func(rows map[place]figures, unit string, at catalog.Date)

// eachRow does something with the rows of a month of a unit, or of all.
func eachRow(rows map[place]figures, unit string, at catalog.Date, do func(p place, c figures)) {
	for p, c := range maps.Clone(rows) {
		if (unit == "" || p.unit == unit) && p.period == at {
			do(p, c)
		}
	}
}

// multiplied multiplies the figures, each by its factor or else by the last.
func multiplied(by ...float64) fault {
	return func(rows map[place]figures, unit string, at catalog.Date) {
		eachRow(rows, unit, at, func(p place, c figures) {
			for i := range c {
				c[i] = math.Round(c[i]*by[min(i, len(by)-1)]*1e4) / 1e4
			}
			rows[p] = c
		})
	}
}

func exchanged(a, b int) fault {
	return func(rows map[place]figures, unit string, at catalog.Date) {
		eachRow(rows, unit, at, func(p place, c figures) {
			c[a], c[b] = c[b], c[a]
			rows[p] = c
		})
	}
}

func copyOf(back int) fault {
	return func(rows map[place]figures, unit string, at catalog.Date) {
		gone(rows, unit, at)
		eachRow(rows, unit, at.AddMonths(-back), func(p place, c figures) {
			p.period = at
			rows[p] = c
		})
	}
}

func gone(rows map[place]figures, unit string, at catalog.Date) {
	eachRow(rows, unit, at, func(p place, _ figures) { delete(rows, p) })
}

// whole are the units that have a month, those beside it and enough in all that a
// fault of it can be told from chance, in their order.
func (r *real) whole(at catalog.Date, least float64) []string {
	has, total := map[string]int{}, map[string]float64{}
	for p, c := range r.rows {
		total[p.unit] += c[0]
	}
	for _, d := range []int{-1, 0, 1} {
		seen := map[string]bool{}
		for p := range r.rows {
			if p.period == at.AddMonths(d) && !seen[p.unit] {
				seen[p.unit] = true
				has[p.unit]++
			}
		}
	}
	var out []string
	for _, u := range slices.Sorted(maps.Keys(has)) {
		if has[u] == 3 && total[u] >= least {
			out = append(out, u)
		}
	}
	return out
}

// TestFaultsInRealHistories plants faults in a first delivery of real data, one in a
// month of every sixteenth unit at a time and then in a month of all, newer and
// older, and holds which of them are noticed.
func TestFaultsInRealHistories(t *testing.T) {
	r := aeReal(t)
	if r == nil {
		t.Log("the shared data folder is absent: nothing was tried")
		return
	}
	base, questions := heldIn(r.night(nil))
	t.Logf("as it is: T03 holds %d months, T05 %d, K01 and T04 ask of %d that are missing; %d questions", len(base["T03"]), len(base["T05"]), len(base["K01"])+len(base["T04"]), questions)
	if n := len(base["T03"]) + len(base["T05"]) + len(base["T06"]) + len(base["T08"]) + len(base["P03"]); n > 14 || len(base["T04"]) > 20 || questions > 15 {
		t.Errorf("%d months of departments are held, %d asked for, in %d questions", n, len(base["T04"]), questions)
	}
	for _, c := range []struct {
		name  string
		plant fault
		check string
		share float64 // of the units in which it must be noticed
		least float64 // attendances of those in three years
	}{
		{"missing", gone, "T04", 0.95, 20_000},                     // of who misses another too, nothing is known
		{"copy of the month before", copyOf(1), "T08", 1, 500_000}, // of a smaller one it is less than 1e-6 improbable
		{"ten times", multiplied(10), "T03", 1, 50_000},
	} {
		at := map[string]catalog.Date{}
		night := r.but(func(rows map[place]figures) {
			for k, months := range []int{1, 4, 9, 15, 21, 27} {
				of := r.newest().AddMonths(-months)
				for i, u := range r.whole(of, c.least) {
					if _, twice := at[u]; i%16 == k && !twice {
						c.plant(rows, u, of)
						at[u] = of
					}
				}
			}
		}).night(nil)
		noticed, beside := map[string]bool{}, 0
		held, _ := heldIn(night)
		for check, places := range held {
			for p := range places {
				switch {
				case base[check][p]:
				case at[p.unit] != p.period:
					beside++
				case c.check == "" || check == c.check:
					noticed[p.unit] = true
				}
			}
		}
		t.Logf("%s: noticed in %d of %d units", c.name, len(noticed), len(at))
		if len(at) == 0 || float64(len(noticed)) < c.share*float64(len(at)) || beside > 0 {
			t.Errorf("%s: noticed in %d of %d units, and %d other months are held", c.name, len(noticed), len(at), beside)
		}
	}
	for _, c := range []struct {
		name   string
		months int
		plant  fault
		check  string
	}{{"is missing", 20, gone, "T04"}, {"is the month before", 5, copyOf(1), "T08"}} {
		at := r.newest().AddMonths(-c.months)
		held, questions := heldIn(r.but(func(rows map[place]figures) { c.plant(rows, "", at) }).night(nil))
		n, of, units := 0, 0, r.whole(at, 20_000)
		for p := range r.rows {
			if p.period == at && slices.Contains(units, p.unit) {
				of++
			}
		}
		for p := range held[c.check] {
			if p.period == at {
				n++
			}
		}
		t.Logf("the month %d back %s, of all: %d cells are held, %d questions", c.months, c.name, n, questions)
		if n < of || questions > 15 {
			t.Errorf("the month %d back %s, of all: %d cells are held, not %d, in %d questions", c.months, c.name, n, of, questions)
		}
	}
}

// TestFaultsInRealRates does the same with six hospitals' rates.
func TestFaultsInRealRates(t *testing.T) {
	r := infections(t)
	if r == nil {
		t.Log("the shared data folder is absent: nothing was tried")
		return
	}
	if held, _ := heldIn(r.night(nil)); len(held) > 0 {
		t.Errorf("as it is: %v", held)
	}
	better := r.but(func(rows map[place]figures) {
		for p, c := range r.rows {
			fall := math.Pow(0.93, float64(max(0, int(p.period.Days()-catalog.NewDate(2015, 12, 1).Days())/30)))
			for i := 1; i < len(c); i++ {
				c[i] = math.Round(c[i] * fall)
			}
			rows[p] = c
		}
	})
	if held, _ := heldIn(better.night(nil)); len(held) > 0 {
		t.Errorf("infections fell by 60 %% in a year: %v", held)
	}
	for _, c := range []struct {
		name  string
		plant fault
		check string // of one unit
		all   string // of all, within a year
		never bool   // a rate alone is no reason to hold
	}{
		{"days ten times", multiplied(10, 1), "T03", "T06", false},
		{"a tenth of the days", multiplied(0.1, 1), "T03", "T06", false},
		{"hours for days", multiplied(24, 1), "T03", "T06", false},
		{"infections a hundred times", multiplied(1, 100), "P03", "P03", false},
		{"everything ten times", multiplied(10), "T03", "T06", false},
		{"zeros", multiplied(0), "T04", "T04", false},
		{"missing", gone, "T04", "T04", false},
		{"a copy of the month before", copyOf(1), "T08", "T08", false},
		{"infections and days changed places", exchanged(0, 1), "any", "", false},
		{"two infections changed places", exchanged(1, 3), "T05", "T05", false},
		{"no infections", multiplied(1, 0), "", "", true},
		{"half of them", multiplied(1, 0.5), "", "", true},
	} {
		noticed, tried := 0, 0
		for _, months := range []int{1, 14} {
			at := r.newest().AddMonths(-months)
			for _, unit := range append(r.whole(at, 0)[:4], "") {
				held, _ := heldIn(r.but(func(rows map[place]figures) { c.plant(rows, unit, at) }).night(nil))
				hit, beside := false, 0
				for check, places := range held {
					for p := range places {
						if p.period != at || unit != "" && p.unit != unit {
							beside++
						} else if check == c.check || c.check == "any" || unit == "" && check == c.all {
							hit = true
						}
					}
				}
				if beside > 0 || c.never && len(held) > 0 && unit != "" {
					t.Errorf("%s of %q in %s: %v", c.name, unit, at, held)
				}
				if unit != "" {
					tried++
					if hit {
						noticed++
					}
				} else if !hit && c.all != "" && months < 12 {
					t.Errorf("%s of all in %s is not noticed: %v", c.name, at, held)
				}
			}
		}
		t.Logf("%s: noticed in %d of %d months of a hospital", c.name, noticed, tried)
		least := tried * 9 / 10
		switch {
		case c.never:
			least = 0
		case c.check == "T05": // two that are alike may change places unseen
			least = tried / 2
		case c.check == "T08": // of the smallest it is less than 1e-6 improbable
			least = tried * 3 / 4
		}
		if noticed < least {
			t.Errorf("%s: noticed in %d of %d months", c.name, noticed, tried)
		}
	}
}
