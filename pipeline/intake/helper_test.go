package intake

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/pseudonym"
)

func day(s string) catalog.Date {
	d, err := catalog.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

// world is a catalog of one registry with indicators of each kind.
func world() *catalog.Index {
	ind := func(id string, typ catalog.IndicatorType, change func(*catalog.Indicator)) catalog.Indicator {
		i := catalog.Indicator{ID: id, Registry: "reg", Type: typ, Period: catalog.Month, PeriodBy: "event_date",
			Missing: "exclude", Multiplier: 1, Versions: []catalog.Version{{ID: "1"}}}
		if change != nil {
			change(&i)
		}
		return i
	}
	c := &catalog.Catalog{
		Registries: []catalog.Registry{{Code: "reg"}, {Code: "other"}},
		Indicators: []catalog.Indicator{
			ind("ctl", catalog.Proportion, func(i *catalog.Indicator) {
				i.Subset, i.Multiplier = true, 100
				i.Versions = []catalog.Version{{ID: "1", To: day("2024-01-01")}, {ID: "2", From: day("2024-01-01"), To: day("2030-01-01")}}
			}),
			ind("strict", catalog.Proportion, func(i *catalog.Indicator) { i.Subset, i.Missing = true, "not_met" }),
			ind("apart", catalog.Proportion, func(i *catalog.Indicator) { i.Missing = "separate" }),
			ind("ratio", catalog.Rate, func(i *catalog.Indicator) { i.Subset = true }), // means nothing for a rate
			ind("wait", catalog.Mean, nil),
			ind("dose", catalog.Mean, func(i *catalog.Indicator) {
				least, most := 0.5, 100.0
				i.Plausible = catalog.Bounds{Min: &least, Max: &most}
			}),
			ind("n", catalog.Count, nil),
			ind("smr", catalog.StandardisedRatio, func(i *catalog.Indicator) { i.PeriodBy = "registration_date" }),
			ind("foreign", catalog.Count, func(i *catalog.Indicator) { i.Registry = "other" }),
		},
		Units: []catalog.Unit{
			{ID: "north", Codes: []catalog.Code{{System: "hsa", Code: "SE1-N"}, {System: "hsa", Code: "MOVED", To: day("2024-03-01")}}},
			{ID: "south", To: day("2025-01-01"), Codes: []catalog.Code{{System: "hsa", Code: "SE1-S"}, {System: "hsa", Code: "MOVED", From: day("2024-03-01")}}},
		},
		CodeSystems: []catalog.CodeSystem{{ID: "icd", Codes: []catalog.DatedCode{{Code: "I10"}, {Code: "E11", To: day("2024-02-01")}}}},
	}
	return c.Index()
}

// dialect is the usual one of the region.
func dialect() catalog.Dialect {
	return catalog.Dialect{Encoding: "utf-8", Delimiter: ";", Quote: `"`, Decimal: ",", Dates: "iso", Header: true}
}

// longFeed names one indicator a row.
func longFeed() *catalog.Feed {
	return &catalog.Feed{ID: "long", Registry: "reg", Format: "delimited", Dialect: dialect(), TimeZone: "Europe/Stockholm",
		Delivery: "snapshot", Scope: catalog.Scope{Window: "file"}, Complete: catalog.Complete{By: "newline"},
		Columns: catalog.Columns{Unit: "unit", UnitSystem: "hsa", Indicator: "ind", EventDate: "date", Numerator: "num", Denominator: "den"}}
}

// wideFeed has a column for each number.
func wideFeed() *catalog.Feed {
	f := longFeed()
	f.ID = "wide"
	f.Columns = catalog.Columns{Unit: "unit", UnitSystem: "hsa", EventDate: "date", Subject: "pid", Strata: []string{"sex"}}
	f.Key = []string{"id"}
	f.Measures = []catalog.Measure{
		{Indicator: "ctl", Numerator: "ok", Denominator: "=1"},
		{Indicator: "wait", Value: "days"},
		{Indicator: "n", Numerator: "=1", When: &catalog.When{Column: "ward", In: []string{"A", "B"}}},
	}
	return f
}

const wideHeader = "unit;date;pid;sex;id;ok;days;ward\n"

// keys are the same in every test, so that what follows from them is, too.
func keys() *pseudonym.Keys {
	k, err := pseudonym.Parse(strings.NewReader("r subject "+strings.Repeat("a1", 31)+"00\nr key "+strings.Repeat("b2", 31)+"00\n"+
		"r raw age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z\n"), "r")
	if err != nil {
		panic(err)
	}
	return k
}

// otherKeys are new at each call.
func otherKeys(t testing.TB) *pseudonym.Keys {
	t.Helper()
	k, err := pseudonym.New("r1", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// taken is what a sink got, copied out.
type taken struct {
	obs     event.Observations
	blocks  []int
	rejects []Reject
}

func (s *taken) Block(o *event.Observations) error {
	t := &s.obs
	t.Region, t.Registry, t.Feed, t.Delivery = o.Region, o.Registry, o.Feed, o.Delivery
	t.Line = append(t.Line, o.Line...)
	t.Kind = append(t.Kind, o.Kind...)
	for i := range o.Line {
		t.Indicator.Add(o.Indicator.At(i))
		t.Version.Add(o.Version.At(i))
		t.Unit.Add(o.Unit.At(i))
		t.Stratum.Add(o.Stratum.At(i))
	}
	t.EventDate = append(t.EventDate, o.EventDate...)
	t.RegistrationDate = append(t.RegistrationDate, o.RegistrationDate...)
	t.Subject = append(t.Subject, o.Subject...)
	t.Key = append(t.Key, o.Key...)
	t.Has = append(t.Has, o.Has...)
	t.Finding = append(t.Finding, o.Finding...)
	t.Numerator = append(t.Numerator, o.Numerator...)
	t.Denominator = append(t.Denominator, o.Denominator...)
	t.Value = append(t.Value, o.Value...)
	t.Expected = append(t.Expected, o.Expected...)
	if int(o.Block) != len(s.blocks) {
		return fmt.Errorf("block %d came as number %d", o.Block, len(s.blocks))
	}
	s.blocks = append(s.blocks, o.Len())
	return nil
}

func (s *taken) Reject(r *Reject) error {
	s.rejects = append(s.rejects, *r)
	return nil
}

// rows writes one observation a line: line kind indicator@version unit
// stratum date, numbers that are present, flags.
func (s *taken) rows() []string {
	var out []string
	o := &s.obs
	for i := range o.Line {
		var b strings.Builder
		date := "-"
		if o.Has[i]&event.HasEventDate != 0 {
			date = catalog.DateOfDays(o.EventDate[i]).String()
		}
		fmt.Fprintf(&b, "%d %s %s@%s %s", o.Line[i], [...]string{"obs", "del", "rej", "park"}[o.Kind[i]], o.Indicator.At(i), o.Version.At(i), o.Unit.At(i))
		if o.Stratum.At(i) != "" {
			fmt.Fprintf(&b, "/%s", o.Stratum.At(i))
		}
		fmt.Fprintf(&b, " %s", date)
		for j, n := range []int64{o.Numerator[i], o.Denominator[i], o.Value[i], o.Expected[i]} {
			if o.Has[i]&(event.HasNumerator<<j) != 0 {
				fmt.Fprintf(&b, " %c=%g", "ndve"[j], float64(n)/1e6)
			} else if n != 0 && o.Finding[i] == event.Implausible && j == 2 {
				fmt.Fprintf(&b, " (v=%g)", float64(n)/1e6)
			} else if n != 0 {
				fmt.Fprintf(&b, " ABSENT%c=%d", "ndve"[j], n)
			}
		}
		if o.Has[i]&event.HasMissing != 0 {
			b.WriteString(" missing")
		}
		if o.Has[i]&event.HasReason != 0 {
			b.WriteString(" reason")
		}
		for j, name := range []string{"above", "negative", "zero", "rate", "code", "badreason", "masked", "implausible"} {
			if o.Finding[i]&(1<<j) != 0 {
				b.WriteString(" " + name)
			}
		}
		out = append(out, b.String())
	}
	return out
}

func (s *taken) faults() []string {
	var out []string
	for _, r := range s.rejects {
		t := fmt.Sprintf("%d %s %s %q", r.Line, r.Rule, r.Column, r.Value)
		if r.Parked {
			t += " parked"
		}
		out = append(out, t)
	}
	return out
}

// delivery is one of the last day of 2024.
func delivery() Delivery {
	return Delivery{Region: "r1", ID: "d1", Name: "x.csv", AsOf: day("2024-12-31"), Keys: keys()}
}

func readText(t testing.TB, feed *catalog.Feed, text string, d Delivery) (*taken, Result, error) {
	t.Helper()
	s := &taken{}
	res, err := Read(context.Background(), strings.NewReader(text), feed, world(), d, s)
	if again, ok := errors.AsType[*Reread](err); ok && d.Looked == nil {
		*s, d.Looked = taken{}, again.Looked
		res, err = Read(context.Background(), strings.NewReader(text), feed, world(), d, s)
	}
	if err == nil {
		checkSum(t, s, res)
	}
	return s, res, err
}

// checkSum holds what every result must hold.
func checkSum(t testing.TB, s *taken, res Result) {
	t.Helper()
	count := map[event.Kind]int64{}
	lines := map[event.Kind]map[uint64]bool{}
	for i, k := range s.obs.Kind {
		count[k]++
		if lines[k] == nil {
			lines[k] = map[uint64]bool{}
		}
		lines[k][s.obs.Line[i]] = true
	}
	if res.Rows != int64(len(s.obs.Line)) || res.Blocks != len(s.blocks) || res.Observed != count[event.Observed] || res.Deleted != count[event.Deleted] {
		t.Errorf("the result says %d rows in %d blocks, %d observed, %d deleted; the sink has %d in %d, %d, %d", res.Rows, res.Blocks,
			res.Observed, res.Deleted, len(s.obs.Line), len(s.blocks), count[event.Observed], count[event.Deleted])
	}
	if res.Rejected+res.Parked > res.Lines || int64(len(lines[event.Rejected])) > res.Rejected || res.Faults != int64(len(s.rejects)) {
		t.Errorf("of %d lines %d are rejected and %d parked; %d lines have rejected rows, %d faults, %d rejects",
			res.Lines, res.Rejected, res.Parked, len(lines[event.Rejected]), res.Faults, len(s.rejects))
	}
	for l := range lines[event.Rejected] {
		if !slices.ContainsFunc(s.rejects, func(r Reject) bool { return r.Line <= l }) {
			t.Errorf("line %d is rejected without a reason", l)
		}
	}
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// problems of a *FileError, as "rule column text".
func problems(t testing.TB, err error) []string {
	t.Helper()
	var fe *FileError
	if !errors.As(err, &fe) {
		t.Fatalf("error %v, want a FileError", err)
	}
	var out []string
	for _, p := range fe.Problems {
		out = append(out, strings.TrimSpace(p.Rule+" "+p.Column+" "+p.Text))
	}
	return out
}

func sharedFile(t testing.TB, name string) ([]byte, bool) {
	root := os.Getenv("LARSTROM_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	b, err := os.ReadFile(filepath.Join(root, "data", name))
	if err != nil {
		fmt.Printf("%s: %s is absent; not read\n", t.Name(), name)
		return nil, false
	}
	fmt.Printf("%s: %s, %d bytes\n", t.Name(), name, len(b))
	return b, true
}

func stockholm(t testing.TB) *time.Location {
	z, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	return z
}
