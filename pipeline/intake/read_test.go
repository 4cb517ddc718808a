package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/intake/delimited"
)

func TestLongFile(t *testing.T) {
	s, res, err := readText(t, longFeed(), `unit;ind;date;num;den
SE1-N;ctl;2023-12-31;3;10
SE1-N;ctl;2024-01-01;3,0;10
 SE1-S ;n;2024-02-10 08:15;7;
MOVED;n;2024-02-29;1;
MOVED;n;2024-03-01;2;
SE1-N;ctl;2024-05-05;11;10
SE1-N;ratio;2024-05-05;-1;10
SE1-N;ratio;2024-05-05;1;0
SE1-N;ratio;2024-05-05;0;0
NEW7;n;2024-06-01;4;
SE1-N;unknown;2024-06-01;4;
SE1-N;foreign;2024-06-01;4;
;n;2024-06-01;4;
SE1-N;;2024-06-01;4;
SE1-N;n;2024-06-31;4;
SE1-N;n;;4;
SE1-N;n;2025-01-01;4;
SE1-N;n;2024-06-01;4.5;
NEW7;n;2024-06-01;x;
SE1-S;n;2024-12-31;1;
SE1-S;wait;2024-12-31;-3;2
`, delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{
		"2 obs ctl@1 north 2023-12-31 n=3 d=10",
		"3 obs ctl@2 north 2024-01-01 n=3 d=10",
		"4 obs n@1 south 2024-02-10 n=7",
		"5 obs n@1 north 2024-02-29 n=1",
		"6 obs n@1 south 2024-03-01 n=2",
		"7 obs ctl@2 north 2024-05-05 n=11 d=10 above",
		"8 obs ratio@1 north 2024-05-05 n=-1 d=10 negative",
		"9 obs ratio@1 north 2024-05-05 n=1 d=0 zero",
		"10 obs ratio@1 north 2024-05-05 n=0 d=0",
		"11 park n@1 * 2024-06-01 n=4",
		"12 park *@* north 2024-06-01",
		"13 park *@* north 2024-06-01",
		"14 rej n@1 * 2024-06-01",
		"15 rej *@* north 2024-06-01",
		"16 rej n@* north -",
		"17 rej n@* north -",
		"18 rej n@* north -",
		"19 rej n@1 north 2024-06-01",
		"20 rej n@1 * 2024-06-01",
		"21 obs n@1 south 2024-12-31 n=1",
		"22 obs wait@1 south 2024-12-31 n=-3 d=2",
	})
	equal(t, "faults", s.faults(), []string{
		`11 C07 unit "NEW7" parked`,
		`12 C08 ind "xxxxxxx" parked`,
		`13 C08 ind "xxxxxxx" parked`,
		`14 C07 unit ""`,
		`15 C08 ind ""`,
		`16 C06 date "2024-06-31"`,
		`17 C06 date ""`,
		`18 T01 date "2025-01-01"`,
		`19 C06 num "4.5"`,
		`20 C07 unit "NEW7" parked`,
		`20 C06 num "x"`,
	})
	want := Result{Lines: 21, Rows: 21, Blocks: 1, Observed: 11, Rejected: 7, Parked: 3, AsOf: day("2024-12-31"),
		From: day("2023-12-01"), To: day("2025-01-01"), Windows: []event.Window{{Period: catalog.Month, From: day("2023-12-01"), To: day("2025-01-01")}},
		Spreads: []Spread{{Period: catalog.Month, From: day("2023-12-01"), To: day("2025-01-01"), Line: 21, Periods: 13, With: 7}}, Faults: 11, Rules: map[string]int64{"C06": 4, "C07": 3, "C08": 3, "T01": 1},
		Layout: Layout{Columns: []string{"unit", "ind", "date", "num", "den"}, LineEnd: "\n"}}
	if got := res; !maps.Equal(got.Rules, want.Rules) || len(got.First) != 11 {
		t.Errorf("rules %v, first %d; want %v, 11", got.Rules, len(got.First), want.Rules)
	}
	if len(res.Findings) != 1 || res.Findings[0].Text != "the file replaces 13 months, from 2023-12-01 to before 2025-01-01, and has rows for 7 of them: what was there of the others is gone" {
		t.Errorf("findings %+v", res.Findings)
	}
	res.Rules, res.First, res.Findings, want.Rules = nil, nil, nil, nil
	if fmt.Sprint(res) != fmt.Sprint(want) {
		t.Errorf("result %+v, want %+v", res, want)
	}
}

func TestWideFile(t *testing.T) {
	s, res, err := readText(t, wideFeed(), wideHeader+`SE1-N;2024-05-01;p1;K;1;1;12,5;A
SE1-N;2024-05-01;p2;M;2;0;;C
SE1-N;2024-05-01;p1;K;3;;x;B
SE1-N;31.5.2024;p3;K;4;y;1;A
SE1-N;2024-05-01;;*;5;1;1;C
NOPE1;2024-05-01;p4;K;6;2;1;C
`, delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{
		"2 obs ctl@2 north/K 2024-05-01 n=1 d=1", "2 obs wait@1 north/K 2024-05-01 v=12.5", "2 obs n@1 north/K 2024-05-01 n=1",
		"3 obs ctl@2 north/M 2024-05-01 n=0 d=1", "3 obs wait@1 north/M 2024-05-01 missing",
		"4 obs ctl@2 north/K 2024-05-01 missing", "4 rej wait@1 north/K 2024-05-01", "4 obs n@1 north/K 2024-05-01 n=1",
		"5 rej ctl@* north/K -", "5 rej wait@* north/K -", "5 rej n@* north/K -",
		"6 rej ctl@2 north/* 2024-05-01", "6 rej wait@1 north/* 2024-05-01",
		"7 park ctl@2 */K 2024-05-01 n=2 d=1 above", "7 park wait@1 */K 2024-05-01 v=1",
	})
	equal(t, "faults", s.faults(), []string{
		`4 C06 days "x"`,
		`5 C06 date "dd.d.dddd"`, `5 C06 ok "x"`,
		`6 C06 sex "*"`,
		`7 C07 unit "NOPE1" parked`,
	})
	if res.Lines != 6 || res.Rejected != 3 || res.Parked != 1 || res.Observed != 7 {
		t.Errorf("%d lines, %d rejected, %d parked, %d observed", res.Lines, res.Rejected, res.Parked, res.Observed)
	}
	o := &s.obs
	if o.Subject[0] == [16]byte{} || o.Subject[0] != o.Subject[5] || o.Subject[0] == o.Subject[3] || o.Subject[11] != [16]byte{} {
		t.Errorf("subjects %q", o.Subject)
	}
	if o.Key[0] == o.Key[1] || o.Key[0] == o.Key[3] || o.Key[0] == [16]byte{} {
		t.Error("keys of other rows or indicators are equal, or zero")
	}
}

func TestKeysAreOfRegistryFeedIndicatorAndValues(t *testing.T) {
	seen := map[[16]byte]string{}
	read := func(name string, feed *catalog.Feed, row string) {
		t.Helper()
		s, _, err := readText(t, feed, "unit;ind;date;num;den;a;b\n"+row+"\n", delivery())
		if err != nil {
			t.Fatal(err)
		}
		if was, ok := seen[s.obs.Key[0]]; ok {
			t.Errorf("%s has the key of %s", name, was)
		}
		seen[s.obs.Key[0]] = name
	}
	feed := func(change func(*catalog.Feed)) *catalog.Feed {
		f := longFeed()
		f.Key = []string{"a", "b"}
		f.IgnoreColumns = []string{"a", "b"}
		if change != nil {
			change(f)
		}
		return f
	}
	read("x y", feed(nil), "SE1-N;n;2024-01-01;1;;x;y")
	read("y x", feed(nil), "SE1-N;n;2024-01-01;1;;y;x")
	read("xy and nothing", feed(nil), "SE1-N;n;2024-01-01;1;;xy;")
	read("nothing and xy", feed(nil), "SE1-N;n;2024-01-01;1;;;xy")
	read("another indicator", feed(nil), "SE1-N;wait;2024-01-01;1;;x;y")
	read("another feed", feed(func(f *catalog.Feed) { f.ID = "long2" }), "SE1-N;n;2024-01-01;1;;x;y")
	read("no key", feed(nil), "SE1-N;n;2024-01-01;1;;;")
	if seen[[16]byte{}] != "no key" {
		t.Error("a row without key values has a key")
	}
	s, _, _ := readText(t, feed(nil), "unit;ind;date;num;den;a;b\nSE1-S;n;2024-02-02;9;; x ;y\n", delivery())
	if seen[s.obs.Key[0]] != "x y" {
		t.Error("the key depends on more than registry, feed, indicator and its values")
	}
	s, _, _ = readText(t, longFeed(), "unit;ind;date;num;den\nSE1-N;n;2024-01-01;1;\n", delivery())
	if s.obs.Key[0] != [16]byte{} {
		t.Error("a feed without key columns gives keys")
	}
}

func TestMissingPolicies(t *testing.T) {
	feed := longFeed()
	feed.Dialect.Missing = []string{"NA", "-1"}
	s, _, err := readText(t, feed, `unit;ind;date;num;den
SE1-N;ctl;2024-01-01;NA;1
SE1-N;ctl;2024-01-01;1;-1
SE1-N;strict;2024-01-01;;1
SE1-N;strict;2024-01-01;-1;NA
SE1-N;strict;2024-01-01;1;
SE1-N;apart;2024-01-01;;1
SE1-N;n;2024-01-01;NA;
SE1-N;n;2024-01-01;2;NA
SE1-N;ratio;2024-01-01;na;5
SE1-N;apart;2024-01-01;3;1
`, delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{
		"2 obs ctl@2 north 2024-01-01 missing",
		"3 obs ctl@2 north 2024-01-01 missing",
		"4 obs strict@1 north 2024-01-01 n=0 d=1 missing",
		"5 obs strict@1 north 2024-01-01 missing",
		"6 obs strict@1 north 2024-01-01 missing",
		"7 obs apart@1 north 2024-01-01 missing",
		"8 obs n@1 north 2024-01-01 missing",
		"9 obs n@1 north 2024-01-01 n=2",
		"10 rej ratio@1 north 2024-01-01",
		"11 obs apart@1 north 2024-01-01 n=3 d=1", // no subset: not above
	})
	equal(t, "faults", s.faults(), []string{`10 C06 num "na"`})
}

func TestVersionsRatesCodesAndRegistration(t *testing.T) {
	feed := longFeed()
	feed.Columns.IndicatorVersion, feed.Columns.Rate, feed.Columns.RegistrationDate, feed.Columns.Expected = "v", "rate", "reg", "exp"
	feed.Codes = []catalog.CodeColumn{{Column: "dx", System: "icd"}}
	s, _, err := readText(t, feed, `unit;ind;v;date;reg;num;den;exp;rate;dx
SE1-N;ctl;1;2023-05-01;;1;8;;12,5;I10
SE1-N;ctl;1;2024-05-01;;1;8;;;
SE1-N;ctl;9;2024-05-01;;1;8;;;
SE1-N;ctl;;2031-05-01;;1;8;;;
SE1-N;ctl;;2024-05-01;;1;8;;0,13;E11
SE1-N;ctl;;2024-05-01;;1;8;;14;X99
SE1-N;ctl;;2024-01-31;;1;8;;abc;E11
SE1-N;smr;;2024-05-01;2024-06-02;3;;2,5;;
SE1-N;smr;;2024-05-01;;3;;2,5;;
SE1-N;smr;;2024-05-01;2024-06-02;3;;;;
SE1-N;smr;;2024-05-01;2024-06-99;3;;2,5;;
SE1-S;n;;2031-05-01;;1;;;;
`, Delivery{Region: "r1", ID: "d1", Keys: keys()})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{
		"2 obs ctl@1 north 2023-05-01 n=1 d=8",
		"3 park ctl@* north 2024-05-01 n=1 d=8",
		"4 park ctl@* north 2024-05-01 n=1 d=8",
		"5 park ctl@* north 2031-05-01 n=1 d=8",
		"6 obs ctl@2 north 2024-05-01 n=1 d=8 code",
		"7 obs ctl@2 north 2024-05-01 n=1 d=8 rate code",
		"8 rej ctl@2 north 2024-01-31",
		"9 obs smr@1 north 2024-05-01 n=3 e=2.5",
		"10 rej smr@1 north 2024-05-01",
		"11 obs smr@1 north 2024-05-01 missing",
		"12 rej smr@1 north 2024-05-01",
		"13 park n@1 * 2031-05-01 n=1",
	})
	equal(t, "faults", s.faults(), []string{
		`3 C08 v "1" parked`, `4 C08 v "9" parked`, `5 C08 date "" parked`,
		`8 C06 rate "xxx"`, `10 C06 reg ""`, `12 C06 reg "2024-06-99"`, `13 C07 unit "SE1-S" parked`,
	})
	if s.obs.RegistrationDate[7] != day("2024-06-02").Days() || s.obs.Has[7]&event.HasRegistrationDate == 0 || s.obs.Has[8]&event.HasRegistrationDate != 0 {
		t.Error("registration dates are wrong")
	}
}

func TestDelta(t *testing.T) {
	feed := wideFeed()
	feed.Delivery, feed.Scope = "delta", catalog.Scope{}
	feed.Operation = &catalog.Operation{Column: "op", Delete: []string{"D"}}
	header := strings.TrimSpace(wideHeader) + ";op\n"
	s, res, err := readText(t, feed, header+`SE1-N;2024-05-01;p1;K;1;1;2;A;U
;;;;1;;;;D
SE1-N;2024-05-01;p1;K;2;1;2;C;
SE1-N;2024-05-01;p1;K;;1;2;C;U
;;;;;;;;D
`, delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{
		"2 obs ctl@2 north/K 2024-05-01 n=1 d=1", "2 obs wait@1 north/K 2024-05-01 v=2", "2 obs n@1 north/K 2024-05-01 n=1",
		"3 del ctl@* * -", "3 del wait@* * -", "3 del n@* * -",
		"4 obs ctl@2 north/K 2024-05-01 n=1 d=1", "4 obs wait@1 north/K 2024-05-01 v=2", "4 del n@1 north/K 2024-05-01",
		"5 rej ctl@2 north/K 2024-05-01", "5 rej wait@1 north/K 2024-05-01",
		"6 rej ctl@* * -", "6 rej wait@* * -", "6 rej n@* * -",
	})
	equal(t, "faults", s.faults(), []string{`5 C06 id ""`, `6 C06 id ""`})
	if s.obs.Key[0] != s.obs.Key[3] || s.obs.Key[2] != s.obs.Key[5] || res.Deleted != 4 || res.Rejected != 2 {
		t.Errorf("keys differ or counts are wrong: %+v", res)
	}
	if from, to := Window(feed, &res); !from.IsZero() || !to.IsZero() {
		t.Error("a delta replaces a window")
	}

	long := longFeed()
	long.Delivery, long.Scope, long.Key = "delta", catalog.Scope{}, []string{"id"}
	long.Operation = &catalog.Operation{Column: "op", Delete: []string{"D"}}
	s, _, err = readText(t, long, "unit;ind;date;num;den;id;op\nSE1-N;later;2024-05-01;1;;7;\nSE1-N;later;;;;7;D\nSE1-N;n;;;;7;D\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows of a long delta", s.rows(), []string{"2 park *@* north 2024-05-01", "3 del *@* north -", "4 del n@* north -"})
	if s.obs.Key[0] != s.obs.Key[1] || s.obs.Key[1] == s.obs.Key[2] {
		t.Error("a deletion does not meet the parked row of its key, or that of another indicator")
	}
	if s, res, err := readText(t, long, "unit;ind;date;num;den;id;op\n", delivery()); err != nil || res.Lines != 0 || len(s.obs.Line) != 0 {
		t.Errorf("an empty delta: %v", err)
	}
}

func TestStrataStayApart(t *testing.T) {
	feed := longFeed()
	feed.Columns.Strata = []string{"s1", "s2"}
	s, _, err := readText(t, feed, "unit;ind;date;num;den;s1;s2\nSE1-N;n;2024-01-01;1;;a/b;c\nSE1-N;n;2024-01-01;1;;a;b/c\nSE1-N;n;2024-01-01;1;;a%2Fb;c\nSE1-N;n;2024-01-01;1;;;x\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a%2Fb/c", "a/b%2Fc", "a%252Fb/c", "/x"}; !slices.Equal(s.obs.Stratum.Rows(), want) {
		t.Errorf("strata %q, want %q", s.obs.Stratum.Rows(), want)
	}
}

func TestConstants(t *testing.T) {
	feed := longFeed()
	feed.Columns.Unit, feed.Columns.Indicator, feed.Columns.Denominator = "=SE1-N", "=n", ""
	s, _, err := readText(t, feed, "date;num\n2024-01-01;5\n2024-01-02;6;7\n2024-01-03;8\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{"2 obs n@1 north 2024-01-01 n=5", "3 rej n@* north -", "4 obs n@1 north 2024-01-03 n=8"})
}

func TestRaggedAndMalformedRows(t *testing.T) {
	feed := longFeed()
	good := strings.Repeat("SE1-N;n;2024-01-01;1;\n", 300)
	text := "unit;ind;date;num;den\nSE1-N;n;2024-01-01;1\nSE1-N;\"n\nx\"y;1;;\n" + good
	s, res, err := readText(t, feed, text, delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows()[:4], []string{"2 rej *@* * -", "3 rej *@* * -", "4 rej *@* * -", "5 obs n@1 north 2024-01-01 n=1"})
	if res.Lines != 303 || res.Rejected != 3 || res.Rules["C02"] != 3 || len(s.rejects) != 2 || !strings.Contains(s.rejects[1].Text, "2 lines go with it") {
		t.Errorf("%+v, %v", res, s.faults())
	}
	wide, _, err := readText(t, wideFeed(), wideHeader+"SE1-N;2024-05-01\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows of a wide file", wide.rows(), []string{"2 rej ctl@* */* -", "2 rej wait@* */* -", "2 rej n@* */* -"})

	for _, c := range []struct {
		ragged, good int
		rejected     bool
	}{{1, 1, false}, {2, 198, false}, {2, 197, true}, {50, 4950, false}, {51, 100_000, true}} {
		text := "unit;ind;date;num;den\n" + strings.Repeat("SE1-N;n;2024-01-01;1;\n", c.good) + strings.Repeat("a;b\n", c.ragged)
		_, _, err := readText(t, feed, text, delivery())
		if (err != nil) != c.rejected {
			t.Errorf("%d ragged and %d good rows: %v", c.ragged, c.good, err)
		}
		if err != nil && !strings.HasPrefix(problems(t, err)[0], "C02") {
			t.Error(err)
		}
	}
}

// A malformed record counts as many rows as it has lines, for the share that
// a file may have of them and for its trailer.
func TestMalformedRecordsCountTheirLines(t *testing.T) {
	feed := longFeed()
	good := strings.Repeat("SE1-N;n;2024-01-01;1;\n", 10_000)
	for lines, rejected := range map[int]bool{50: false, 51: true} {
		text := "unit;ind;date;num;den\n" + good + "\"" + strings.Repeat("a;b\n", lines-1) + "\"x;\n"
		if _, res, err := readText(t, feed, text, delivery()); (err != nil) != rejected || err == nil && res.Rejected != int64(lines) {
			t.Errorf("%d lines: %d rejected, %v", lines, res.Rejected, err)
		}
	}
	feed.Complete = catalog.Complete{By: "trailer", Pattern: `^END;(\d+)$`}
	for count, ok := range map[int]bool{10_001: false, 10_002: true} {
		text := "unit;ind;date;num;den\n" + good + "\"a\nb\"c\n" + fmt.Sprintf("END;%d\n", count)
		if _, _, err := readText(t, feed, text, delivery()); (err == nil) != ok {
			t.Errorf("a trailer of %d: %v", count, err)
		}
	}
}

func TestNamelessLast(t *testing.T) {
	feed := longFeed()
	feed.Dialect.NamelessLast = true
	row := "SE1-N;n;2024-01-01;1;"
	for text, faults := range map[string]int{
		"unit;ind;date;num;den;\n" + row + ";\n":       0,
		"unit;ind;date;num;den;\n" + row + "\n":        1,
		"unit;ind;date;num;den\n" + row + ";\n":        0,
		"unit;ind;date;num;den;\n" + row + ";x\n":      1,
		"unit;ind;date;num;den;\n" + row + ";;\n":      1,
		"unit;ind;date;num;den;\nSE1-N;n;2024-01-01\n": 1,
	} {
		s, _, err := readText(t, feed, text, delivery())
		if err != nil || len(s.rejects) != faults {
			t.Errorf("%q: %v, %v", text, s.faults(), err)
		}
	}
	feed.Dialect.NamelessLast = false
	_, _, err := readText(t, feed, "unit;ind;date;num;den;\n"+row+";\n", delivery())
	equal(t, "not declared", problems(t, err), []string{"C03  column 6 has no name"})
}

func TestHeaderProblems(t *testing.T) {
	feed := longFeed()
	feed.IgnoreColumns = []string{"note", "extra"}
	for header, want := range map[string][]string{
		"unit;ind;date;num;den;note": nil,
		"den;num;date;ind;unit":      nil,
		"unit ;ind;date;num; den":    nil,
		"unit;ind;date;nun;den;x1":   {"C03 num the column is missing", "C03 nun the feed does not know the column", "C03 x1 the feed does not know the column"},
		"unit;ind;date;num;den;num":  {"C03 num the column stands twice in the header"},
		"unit;ind;;num;den":          {"C03  column 3 has no name", "C03 date the column is missing"},
		"Unit;ind;date;num;den":      {"C03 unit the column is missing", "C03 Unit the feed does not know the column"},
		"Anna Svensson;191212121212;2024-01-01;1;2": {"C03  the first line does not look like the header of this feed: 0 of its 5 fields name a column of it",
			"C03 unit the column is missing", "C03 ind the column is missing", "C03 date the column is missing", "C03 num the column is missing", "C03 den the column is missing",
			"C15  the header, or what stands in its place, holds what looks like a personal identity number"},
		"unit;ind;date;num;den;\uff11\uff19121212-1212": {"C03 dddddddd-dddd the feed does not know the column", "C15  the header, or what stands in its place, holds what looks like a personal identity number"},
		"Anna;Anna;1;1;2": {"C03  the first line does not look like the header of this feed: 0 of its 5 fields name a column of it",
			"C03 xxxx the column stands twice in the header", "C03 d the column stands twice in the header",
			"C03 unit the column is missing", "C03 ind the column is missing", "C03 date the column is missing", "C03 num the column is missing", "C03 den the column is missing"},
		"unit;ind;date;num;den;a;b;c;d;e;f": {"C03 a the feed does not know the column", "C03 b the feed does not know the column", "C03 c the feed does not know the column",
			"C03 d the feed does not know the column", "C03 e the feed does not know the column", "C03 f the feed does not know the column"},
		"unit;ind;date;num;den;p191212121212": {"C03 xdddddddddddd the feed does not know the column"},
	} {
		_, _, err := readText(t, feed, header+"\nSE1-N;n;2024-01-01;1;;\n", delivery())
		if want == nil {
			var fe *FileError
			if errors.As(err, &fe) {
				t.Errorf("%s: %v", header, err)
			}
			continue
		}
		got := problems(t, err)
		equal(t, header, got, want)
	}
	_, _, err := readText(t, feed, "unit;ind;date;nun;den\n", delivery())
	if !strings.Contains(err.Error(), `did you mean "num"?`) || !strings.Contains(err.Error(), `did you mean it by the file's column "nun"?`) {
		t.Errorf("no suggestion: %v", err)
	}
}

func TestWithoutHeader(t *testing.T) {
	feed := longFeed()
	feed.Dialect.Header, feed.Dialect.Names = false, []string{"unit", "ind", "date", "num", "den"}
	s, res, err := readText(t, feed, "SE1-N;n;2024-01-01;1;\r\nSE1-N;n;x;1;\r\n", delivery())
	if err != nil || res.Lines != 2 || res.Layout.LineEnd != "\r\n" || len(s.rejects) != 1 || s.rejects[0].Layout.LineEnd != "\r\n" {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestColumnsThatDateAndOrder(t *testing.T) {
	feed := longFeed()
	feed.AsOf = catalog.Extract{By: "column", Column: "made", Layout: "02.01.2006"}
	feed.Order = catalog.Extract{By: "column", Column: "seq"}
	head := "unit;ind;date;num;den;made;seq\n"
	d := Delivery{Region: "r1", ID: "d1", Keys: keys()}
	s, res, err := readText(t, feed, head+"SE1-N;n;2024-01-01;1;;05.01.2024;17\nSE1-N;n;2024-01-06;1;;05.01.2024;17\n", d)
	if err != nil || res.AsOf != day("2024-01-05") || res.OrderKey != "17" {
		t.Fatalf("%+v, %v", res, err)
	}
	equal(t, "faults", s.faults(), []string{`3 T01 date "2024-01-06"`})
	for row, want := range map[string]string{
		"SE1-N;n;2024-01-01;1;;05.01.2024;18": "C04 seq the column, from which order is read, has another value than in the first row",
		"SE1-N;n;2024-01-01;1;;06.01.2024;17": "C04 made the column, from which as_of is read, has another value than in the first row",
	} {
		_, _, err := readText(t, feed, head+"SE1-N;n;2024-01-01;1;;05.01.2024;17\n"+row+"\n", d)
		equal(t, row, problems(t, err), []string{want})
	}
	_, _, err = readText(t, feed, head+"SE1-N;n;2024-01-01;1;;;17\n", d)
	equal(t, "no date", problems(t, err), []string{"C04 made the column, from which as_of is read, has no value of the form 02.01.2006"})
	_, _, err = readText(t, feed, head+"SE1-N;n;2024-01-01;1;;05.01.2024;\n", d)
	equal(t, "no order", problems(t, err), []string{"C04 seq the column, from which order is read, has no value"})
}

func TestMonthsWindow(t *testing.T) {
	feed := longFeed()
	feed.Scope = catalog.Scope{Window: "months", Months: 3}
	s, res, err := readText(t, feed, "unit;ind;date;num;den\nSE1-N;n;2024-09-30;1;\nSE1-N;n;2024-10-01;1;\nSE1-N;n;2024-12-31;1;\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{"3 obs n@1 north 2024-10-01 n=1", "4 obs n@1 north 2024-12-31 n=1"})
	equal(t, "faults", s.faults(), []string{`2 C04 date ""`})
	if from, to := Window(feed, &res); from != day("2024-10-01") || to != day("2025-01-01") || res.Rejected != 1 {
		t.Errorf("window %s to %s, %d rejected", from, to, res.Rejected)
	}
	feed.Scope = catalog.Scope{Window: "all"}
	if from, to := Window(feed, &res); !from.IsZero() || !to.IsZero() {
		t.Error("the scope of everything is bounded")
	}
}

func TestFilesWithoutRows(t *testing.T) {
	header := "unit;ind;date;num;den\n"
	for _, c := range []struct {
		name, text, by, window string
		manifest               *int64
		ok                     bool
	}{
		{"zero bytes", "", "newline", "all", nil, false},
		{"zero bytes, none", "", "none", "all", nil, false},
		{"blank", "\n\n", "newline", "all", nil, false},
		{"header", header, "newline", "all", nil, false},
		{"header, none", header, "none", "all", nil, false},
		{"header, trailer, all", header + "END;0\n", "trailer", "all", nil, true},
		{"header, trailer, months", header + "END;0\n", "trailer", "months", nil, true},
		{"header, trailer, file", header + "END;0\n", "trailer", "file", nil, false},
		{"header as trailer", header, "trailer", "all", nil, false},
		{"header, manifest, all", header, "manifest", "all", new(int64), true},
		{"header, manifest, file", header, "manifest", "file", new(int64), false},
	} {
		feed := longFeed()
		feed.Complete = catalog.Complete{By: c.by}
		feed.Scope = catalog.Scope{Window: c.window, Months: 2}
		if c.by == "trailer" {
			feed.Complete.Pattern = `^END;(\d+)$`
		}
		d := delivery()
		if c.manifest != nil {
			sum := sha256.Sum256([]byte(c.text))
			d.Manifest = &Manifest{SHA256: hex.EncodeToString(sum[:]), Rows: *c.manifest}
		}
		_, res, err := readText(t, feed, c.text, d)
		if c.ok != (err == nil) || err == nil && res.Lines != 0 {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && !strings.HasPrefix(problems(t, err)[0], "C04") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	feed := longFeed()
	feed.Complete = catalog.Complete{By: "trailer", Pattern: "^unit"}
	feed.Delivery = "delta"
	_, _, err := readText(t, feed, header, delivery())
	equal(t, "a trailer and no header", problems(t, err), []string{"C03  the file has a trailer and no header"})
}

// A file with a trailer or manifest is taken only whole: cut at any byte it is
// refused, in every encoding and with every line end. Without either it is
// taken only where a line ends.
func TestCutAtEveryByte(t *testing.T) {
	base := "unit;ind;date;num;den\nSE1-N;n;2024-01-01;1;\n\"SE1-N\";\"n\";2024-01-02;2;\nSE1-S;n;2024-01-03;33;\n\"SE1-S\n\";n;2024-01-03;3;\n"
	for _, enc := range []string{"utf-8", "utf-8-bom", "windows-1252", "utf-16le"} {
		for _, eol := range []string{"\n", "\r\n", "\r"} {
			for _, by := range []string{"trailer", "manifest", "newline"} {
				feed := longFeed()
				feed.Dialect.Encoding = enc
				feed.Complete = catalog.Complete{By: by}
				text := base
				if by == "trailer" {
					feed.Complete.Pattern = `^END;(\d+)`
					text += "END;4\n"
				}
				whole := encode(t, feed.Dialect, strings.ReplaceAll(text, "\n", eol))
				d := delivery()
				if by == "manifest" {
					sum := sha256.Sum256(whole)
					d.Manifest = &Manifest{SHA256: hex.EncodeToString(sum[:]), Rows: 4}
				}
				if _, res, err := readText(t, feed, string(whole), d); err != nil || res.Lines != 4 {
					t.Fatalf("%s %q %s: the whole file: %v", enc, eol, by, err)
				}
				accepted := 0
				for n := range whole {
					_, res, err := readText(t, feed, string(whole[:n]), d)
					var fe *FileError
					switch {
					case err == nil && by != "newline":
						t.Errorf("%s %q %s: cut at %d of %d it is taken with %d lines", enc, eol, by, n, len(whole), res.Lines)
					case err == nil:
						accepted++
					case !errors.As(err, &fe):
						t.Errorf("%s %q %s: cut at %d: %v", enc, eol, by, n, err)
					}
				}
				// After each of three rows; the last one is the whole file. A
				// CR may be half of a CRLF, but only before the kind is known.
				if by == "newline" && accepted != 3 {
					t.Errorf("%s %q: %d cuts are taken, want 3", enc, eol, accepted)
				}
			}
		}
	}
}

func encode(t testing.TB, d catalog.Dialect, text string) []byte {
	t.Helper()
	// A writer whose line end is the text: one field, no quotes.
	d.Quote, d.Delimiter = "", "\x01"
	var b strings.Builder
	w, err := delimited.NewWriter(&b, d, "\n")
	if err != nil {
		t.Fatal(err)
	}
	// Line ends survive as two control characters, swapped back below.
	if err := w.Write([]string{strings.NewReplacer("\n", "\x02", "\r", "\x03").Replace(text)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	out := strings.NewReplacer("\x02", "\n", "\x03", "\r").Replace(b.String())
	end := 1
	if strings.HasPrefix(d.Encoding, "utf-16") {
		end = 2
	}
	return []byte(out[:len(out)-end])
}

func TestCompleteness(t *testing.T) {
	text := "unit;ind;date;num;den\nSE1-N;n;2024-01-01;1;\n"
	feed := longFeed()
	feed.Complete = catalog.Complete{By: "none"}
	if _, res, err := readText(t, feed, strings.TrimSpace(text), delivery()); err != nil || res.Lines != 1 {
		t.Errorf("complete: none: %v", err)
	}
	feed.Complete = catalog.Complete{By: "newline"}
	_, _, err := readText(t, feed, strings.TrimSpace(text), delivery())
	equal(t, "newline", problems(t, err), []string{"C04  the last line does not end"})
	var fe *FileError
	if !errors.As(err, &fe) || !fe.Incomplete || fe.Problems[0].Hint == "" || fe.Problems[0].Line != 2 {
		t.Errorf("%+v", fe)
	}

	feed.Complete = catalog.Complete{By: "trailer", Pattern: `^# rows (\d+)$`}
	for tail, want := range map[string]string{
		"# rows 1\n": "", "# rows 1\n\n": "", "# rows 2\n": "C04  the trailer does not count what the file has: 1 data row",
		"# rows x\n": "C04  the last line is not the trailer", "": "C04  the last line is not the trailer",
		"# rows 99999999999999999999\n":     "C04  the trailer does not count what the file has: 1 data row",
		"# rows 1\nSE1-N;n;2024-01-01;1;\n": "C04  the last line is not the trailer",
	} {
		_, _, err := readText(t, feed, text+tail, delivery())
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", tail, err)
			}
			continue
		}
		equal(t, tail, problems(t, err), []string{want})
	}

	feed.Complete = catalog.Complete{By: "manifest"}
	_, _, err = readText(t, feed, text, delivery())
	if errors.As(err, &fe); !fe.Incomplete {
		t.Errorf("without its manifest: %v", err)
	}
	sum := sha256.Sum256([]byte(text))
	d := delivery()
	d.Manifest = &Manifest{SHA256: hex.EncodeToString(sum[:]), Rows: 1}
	for _, raw := range []string{"", d.Manifest.SHA256} {
		d.Raw = raw
		if _, _, err := readText(t, feed, text, d); err != nil {
			t.Error(err)
		}
	}
	d.Manifest.Rows = 2
	_, _, err = readText(t, feed, text, d)
	equal(t, "rows", problems(t, err), []string{"C04  the file has 1 data row, the manifest says 2"})
	d.Raw = strings.Repeat("0", 64)
	_, _, err = readText(t, feed, text, d)
	if got := problems(t, err); !strings.HasPrefix(got[0], "C04  the file's SHA-256 begins with 000000000000, ") {
		t.Error(got)
	}
}

func TestManifests(t *testing.T) {
	sum := strings.Repeat("aB", 32)
	m, err := ParseManifest([]byte("\xef\xbb\xbf" + `{"sha256":"` + sum + `","rows":12,"order":7,"as_of":"2024-05-06","units":{"a":1}}` + "\n"))
	if err != nil || m.Rows != 12 || m.SHA256 != strings.ToLower(sum) || m.Fields["order"] != "7" {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"sha256":"` + sum + `"}`, `{"sha256":"` + sum + `","rows":"12"}`, `{"sha256":"` + sum + `","rows":-1}`,
		`{"sha256":"` + sum + `","rows":1.5}`, `{"sha256":"ab","rows":1}`, `{"sha256":"` + sum + `","rows":1} {}`, `{"sha256":"` + sum + `","rows":1`} {
		var fe *FileError
		if m, err := ParseManifest([]byte(bad)); !errors.As(err, &fe) {
			t.Errorf("%s: %+v, %v", bad, m, err)
		}
	}
	if f, ok := IsManifest(ManifestName("x.csv")); !ok || f != "x.csv" {
		t.Error(f, ok)
	}
	if _, ok := IsManifest(".manifest.json"); ok {
		t.Error("a manifest of nothing")
	}
	feed := longFeed()
	feed.Complete = catalog.Complete{By: "manifest"}
	feed.AsOf = catalog.Extract{By: "manifest", Field: "as_of"}
	feed.Order = catalog.Extract{By: "manifest", Field: "order"}
	if d, in, err := AsOf(feed, "x", m, time.Time{}); d != day("2024-05-06") || in || err != nil {
		t.Error(d, in, err)
	}
	if k, in, err := OrderKey(feed, "x", m); k != "7" || in || err != nil {
		t.Error(k, in, err)
	}
	var fe *FileError
	if _, _, err := AsOf(feed, "x", nil, time.Time{}); !errors.As(err, &fe) || !fe.Incomplete {
		t.Error(err)
	}
	feed.Order.Field = "nothing"
	if _, _, err := OrderKey(feed, "x", m); !errors.As(err, &fe) || fe.Incomplete {
		t.Error(err)
	}
}

func TestAsOfAndOrder(t *testing.T) {
	feed := longFeed()
	arrival := time.Date(2024, 5, 31, 22, 30, 0, 0, time.UTC)
	if d, in, err := AsOf(feed, "x", nil, arrival); d != day("2024-06-01") || in || err != nil {
		t.Error(d, in, err)
	}
	feed.AsOf = catalog.Extract{By: "name", Pattern: `_(\d{8})\.csv$`, Layout: "20060102"}
	if d, _, err := AsOf(feed, "x_20240506.csv", nil, arrival); d != day("2024-05-06") || err != nil {
		t.Error(d, err)
	}
	var fe *FileError
	for _, name := range []string{"x.csv", "x_20241306.csv", "x_00000000.csv"} {
		if _, _, err := AsOf(feed, name, nil, arrival); !errors.As(err, &fe) {
			t.Errorf("%s: %v", name, err)
		}
	}
	feed.AsOf.By = "column"
	if _, in, err := AsOf(feed, "x", nil, arrival); !in || err != nil {
		t.Error(in, err)
	}
	if k, in, err := OrderKey(feed, "x", nil); k != "" || in || err != nil {
		t.Error(k, in, err)
	}
	feed.Order = catalog.Extract{By: "name", Pattern: `(\d+-\d+-\d+)`, Layout: "2-1-2006"}
	a, _, err1 := OrderKey(feed, "x9-12-2023", nil)
	b, _, err2 := OrderKey(feed, "x10-1-2024", nil)
	if a >= b || err1 != nil || err2 != nil {
		t.Errorf("%q is not before %q", a, b)
	}
	feed.Order.By = "guess"
	if _, _, err := OrderKey(feed, "x", nil); err == nil || errors.As(err, &fe) {
		t.Error(err)
	}
}

// However the bytes come, the same file gives the same blocks.
func TestBlocksDependOnTheFileAlone(t *testing.T) {
	var b strings.Builder
	b.WriteString(wideHeader)
	for i := range 45_000 {
		fmt.Fprintf(&b, "SE1-N;2024-05-%02d;p%d;K;%d;%d;%d,25;%c\n", i%30+1, i%1000, i, i%3, i, 'A'+i%3)
	}
	text := b.String()
	want, res, err := readText(t, wideFeed(), text, delivery())
	if err != nil {
		t.Fatal(err)
	}
	blocks, hashes := []int{0}, 0
	for i := range 45_000 {
		if hashes >= maxBlockHashes { // no row is in two
			blocks, hashes = append(blocks, 0), 0
		}
		observations := 3 - i%3/2 // ward C has one less
		blocks[len(blocks)-1] += observations
		hashes += 1 + observations
	}
	if rows := 45_000*2 + 30_000; res.Rows != int64(rows) || !slices.Equal(want.blocks, blocks) {
		t.Errorf("%d rows in blocks of %v, want %v", res.Rows, want.blocks, blocks)
	}
	keyless := wideFeed()
	keyless.Key, keyless.Columns.Subject, keyless.IgnoreColumns = nil, "", []string{"pid", "id"}
	if large, _, err := readText(t, keyless, text, delivery()); err != nil || !slices.Equal(large.blocks, []int{MaxBlockRows, 120_000 - MaxBlockRows}) {
		t.Errorf("without hashes: blocks of %v, %v", large.blocks, err)
	}
	got := &taken{}
	again, err := Read(context.Background(), iotest.HalfReader(strings.NewReader(text)), wideFeed(), world(), delivery(), got)
	if err != nil || fmt.Sprint(res) != fmt.Sprint(again) || fmt.Sprint(want.obs) != fmt.Sprint(got.obs) || !slices.Equal(want.blocks, got.blocks) {
		t.Errorf("read in other pieces it differs: %v", err)
	}
}

func TestErrorsThatAreNotTheFiles(t *testing.T) {
	text := "unit;ind;date;num;den\n" + strings.Repeat("SE1-N;n;2024-01-01;1;\nSE1-N;n;x;1;\n", 10)
	var fe *FileError
	boom := errors.New("full")
	for name, s := range map[string]Sink{"block": failing{block: boom}, "reject": failing{reject: boom}} {
		if _, err := Read(context.Background(), strings.NewReader(text), longFeed(), world(), delivery(), s); !errors.Is(err, boom) || errors.As(err, &fe) {
			t.Errorf("a sink that fails at a %s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(boom)
	if _, err := Read(ctx, strings.NewReader(text), longFeed(), world(), delivery(), &taken{}); !errors.Is(err, boom) {
		t.Errorf("an ended context: %v", err)
	}
	if _, err := Read(context.Background(), io.MultiReader(strings.NewReader(text), iotest.ErrReader(boom)), longFeed(), world(), delivery(), &taken{}); !errors.Is(err, boom) {
		t.Errorf("a reader that fails: %v", err)
	}
	for _, change := range []func(*catalog.Feed){
		func(f *catalog.Feed) { f.TimeZone = "Nowhere/City" }, func(f *catalog.Feed) { f.Dialect.Decimal = "" },
		func(f *catalog.Feed) { f.Dialect.Encoding = "ebcdic" }, func(f *catalog.Feed) { f.Format = "sas" },
		func(f *catalog.Feed) { f.Complete = catalog.Complete{By: "trailer", Pattern: "("} },
		func(f *catalog.Feed) {
			f.Measures = []catalog.Measure{{Indicator: "gone", Numerator: "num", Denominator: "den"}}
			f.IgnoreColumns = []string{"ind"}
		},
	} {
		f := longFeed()
		change(f)
		if _, err := Read(context.Background(), strings.NewReader(text), f, world(), delivery(), &taken{}); err == nil || errors.As(err, &fe) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

type failing struct{ block, reject error }

func (f failing) Block(*event.Observations) error { return f.block }
func (f failing) Reject(*Reject) error            { return f.reject }

// No identity number of a file shows in anything but the sender's own
// rejected rows, wherever it stands.
func TestIdentitiesAppearNowhere(t *testing.T) {
	feed := wideFeed()
	feed.Columns.RegistrationDate = "reg"
	header := strings.TrimSpace(wideHeader) + ";reg\n"
	good := []string{"SE1-N", "2024-05-01", "p", "K", "1", "1", "2", "A", "2024-05-02"}
	for _, id := range ids() {
		var b strings.Builder
		b.WriteString(header)
		for col := range good {
			row := slices.Clone(good)
			row[col] = id
			if col == 3 {
				row[col] = "K" // a stratum is the feed's to declare; see below
			}
			b.WriteString(strings.Join(row, ";") + "\n")
		}
		every := slices.Repeat([]string{id}, len(good))
		every[3] = "*"
		all := strings.Join(every, ";") + "\n"
		b.WriteString(strings.Repeat(strings.Join(good, ";")+"\n", 300) + all)
		b.WriteString(id + ";" + id + "\n")
		b.WriteString("\"" + id + "\"" + id + ";;;;;;;;\n")
		s, res, err := readText(t, feed, b.String(), delivery())
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		receipt, err := NewReceipt(feed, delivery(), res, nil)
		if err != nil {
			t.Fatal(err)
		}
		hide(t, id, s, receipt)

		for _, text := range []string{
			id + strings.Repeat(";"+id, 8) + "\n",                // data where the header is awaited
			header[:len(header)-1] + ";" + id + "\n" + all,       // a column of that name
			header + "\"" + id + "\n",                            // an open quote
			header + id + ";\x00\n",                              // a byte that is none
			header + id,                                          // a line that does not end
			header + strings.Repeat(id+";"+id+"\n", 60),          // ragged rows
			"\"" + id + "\"" + id + "\n",                         // a malformed header
			header + strings.Repeat("\""+id+"\n", 7) + "\"x\"\n", // quotes out of step
		} {
			_, _, err := readText(t, feed, text, delivery())
			if err == nil {
				t.Errorf("%q is taken", text)
				continue
			}
			receipt, rerr := NewReceipt(feed, delivery(), Result{}, err)
			if rerr != nil {
				t.Fatal(rerr)
			}
			hide(t, id, &taken{}, receipt, err.Error())
		}
	}
}

// hide fails where an identity, or its digits, stand in what leaves.
func hide(t *testing.T, id string, s *taken, r Receipt, more ...string) {
	t.Helper()
	j, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	outputs := append(more, string(j), text.String(), fmt.Sprint(s.obs.Indicator.Values, s.obs.Version.Values, s.obs.Unit.Values, s.obs.Stratum.Values, s.obs.Subject, s.obs.Delivery, s.obs.Feed))
	for _, rej := range s.rejects {
		outputs = append(outputs, rej.Column, rej.Value, rej.Rule, rej.Text, rej.Hint)
	}
	compact := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
				return r
			}
			return -1
		}, s)
	}
	for _, out := range outputs {
		if strings.Contains(out, id) || len(out) < 200 && strings.Contains(compact(out), compact(id)) {
			at := max(0, strings.Index(out, id))
			t.Errorf("%q shows in %.200q", id, out[max(0, at-80):])
		}
	}
}

func TestRejectedRows(t *testing.T) {
	for _, enc := range []string{"utf-8", "utf-8-bom", "windows-1252", "iso-8859-1", "utf-16le"} {
		for _, eol := range []string{"\n", "\r\n", "\r"} {
			feed := longFeed()
			feed.Dialect.Encoding = enc
			text := "unit;ind;date;num;den\nNEWÅ1;n;2024-01-01;1;\n\"SE1;x\";n;31/12;y;\nSE1-N;n\nSE1-N;\"n\"n;2024-01-01;1;\n" + strings.Repeat("SE1-N;n;2024-01-01;1;\n", 300)
			raw := encode(t, feed.Dialect, strings.ReplaceAll(text, "\n", eol))
			var out strings.Builder
			w := NewRejectedRows(&out, feed)
			if _, err := Read(context.Background(), strings.NewReader(string(raw)), feed, world(), delivery(), rejectsOnly{w}); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := delimited.NewReader(strings.NewReader(out.String()), feed.Dialect, delimited.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for {
				rec, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil || rec.Malformed != "" {
					t.Fatalf("%s %q: %v %s", enc, eol, err, rec.Malformed)
				}
				var fields []string
				for i, f := range rec.Fields {
					if i < 7 {
						fields = append(fields, string(f))
					} else if len(f) == 0 {
						fields = append(fields, "no hint")
					}
				}
				got = append(got, strings.Join(fields, "^"))
			}
			raw5 := `SE1-N;"n"n;2024-01-01;1;`
			equal(t, enc, got, []string{
				"unit^ind^date^num^den^rule^column",
				"NEWÅ1^n^2024-01-01^1^^C07 (parked)^unit",
				"SE1;x^n^31/12^y^^C06 | C06^date | num",
				"SE1-N^n^^^^C02^",
				raw5 + "^^^^^C02^",
			})
			if r.LineEnd() != eol || w.Rows() != 4 {
				t.Errorf("%s: line end %q, want %q; %d rows", enc, r.LineEnd(), eol, w.Rows())
			}
		}
	}
	var out strings.Builder
	w := NewRejectedRows(&out, longFeed())
	if err := w.Close(); err != nil || out.Len() != 0 {
		t.Error("a file without rejects is not empty")
	}
}

type rejectsOnly struct{ *RejectedRows }

func (rejectsOnly) Block(*event.Observations) error { return nil }

func TestReceipt(t *testing.T) {
	text := "unit;ind;date;num;den\nSE1-N;n;2024-01-01;1;\n" + strings.Repeat("SE1-N;n;2024-01-01;1.0;\n", 150) + "NEW1;n;2024-01-01;1;\n"
	_, res, err := readText(t, longFeed(), text, delivery())
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReceipt(longFeed(), delivery(), res, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RejectedRows = "x.csv.rejected.csv"
	if r.Lines != 152 || r.Accepted != 1 || r.Rejected != 150 || r.Parked != 1 || len(r.Problems) != MaxFirst || r.Further != 51 {
		t.Errorf("%+v", r)
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"x.csv: accepted, feed long, as of 2024-12-31\n", "152 lines: 1 accepted, 150 rejected, 1 parked; 1 observation\n",
		"periods from 2024-01-01 to before 2024-02-01\n", "rule C06: 150 lines\n",
		"x.csv:3 column num value \"1.0\": not a number in the declared form (C06); digits with the decimal sign ,", "and 51 more\n", "x.csv.rejected.csv\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%.600s", want, b.String())
		}
	}
	if _, err := NewReceipt(longFeed(), delivery(), Result{}, errors.New("disk")); err == nil {
		t.Error("our own failure has a receipt")
	}
	j, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(j), `"as_of":"2024-12-31"`) || !strings.Contains(string(j), `"format":1`) {
		t.Errorf("%.300s, %v", j, err)
	}
}

// Memory does not grow with the file: what lives while the last block is
// taken is what lived at the tenth.
func TestMemoryIsFlat(t *testing.T) {
	const rows = maxBlockHashes / 2 // a block: each has a key and a subject
	feed, idx, text := caseLevel(rows)
	head := bytes.IndexByte(text, '\n') + 1
	const times = 24
	parts := []io.Reader{bytes.NewReader(text)}
	for range times {
		parts = append(parts, bytes.NewReader(text[head:]))
	}
	var live [times + 1]uint64
	at := 0
	sink := blocksOnly(func(*event.Observations) error {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		live[at] = m.HeapAlloc
		at++
		return nil
	})
	res, err := Read(context.Background(), io.MultiReader(parts...), feed, idx, Delivery{Region: "r", ID: "d", AsOf: day("2026-01-01"), Keys: keys()}, sink)
	if err != nil || res.Lines != (times+1)*rows || at != times+1 {
		t.Fatalf("%d lines, %d blocks, %v", res.Lines, at, err)
	}
	if grown := int64(live[times]) - int64(live[9]); grown > 4<<20 { // how far is read ahead differs
		t.Errorf("%d bytes more live after %d rows than after %d", grown, res.Lines, 10*rows)
	}
}

type blocksOnly func(*event.Observations) error

func (f blocksOnly) Block(o *event.Observations) error { return f(o) }
func (blocksOnly) Reject(*Reject) error                { return nil }

// A block of the widest rows fits the log after the encoder has cut it, and
// the encoder takes every kind of row.
func TestBlocksEncode(t *testing.T) {
	feed, idx, text := caseLevel(20_000)
	cut := block.NewSplitter()
	rows := 0
	sink := blocksOnly(func(o *event.Observations) error {
		return cut.Observations(o, func(b []byte, n int) error {
			if len(b) > block.MaxBytes {
				t.Errorf("a block of %d bytes", len(b))
			}
			rows += n
			return nil
		})
	})
	if _, err := Read(context.Background(), bytes.NewReader(text), feed, idx, Delivery{Region: "r", ID: "d", AsOf: day("2023-01-01"), Keys: keys()}, sink); err != nil || rows != 20_000 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// The real attendances, against a sum by another reader.
func TestRealAttendances(t *testing.T) {
	b, ok := sharedFile(t, "nhsr_ae_attendances.csv")
	if !ok {
		return
	}
	theirs, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	units := map[string]bool{}
	for _, r := range theirs[1:] {
		units[r[1]] = true
	}
	c := &catalog.Catalog{
		Registries: []catalog.Registry{{Code: "ae"}},
		Indicators: []catalog.Indicator{{ID: "four-hours", Registry: "ae", Type: catalog.Proportion, Subset: true, Period: catalog.Month,
			PeriodBy: "event_date", Missing: "exclude", Versions: []catalog.Version{{ID: "1"}}}},
	}
	for u := range units {
		c.Units = append(c.Units, catalog.Unit{ID: "u-" + u, Codes: []catalog.Code{{System: "ods", Code: u}}})
	}
	feed := &catalog.Feed{ID: "ae", Registry: "ae", Dialect: catalog.Dialect{Encoding: "utf-8", Delimiter: ",", Quote: `"`, Decimal: ".", Dates: "iso", Header: true},
		Delivery: "snapshot", Scope: catalog.Scope{Window: "file"}, Complete: catalog.Complete{By: "newline"}, IgnoreColumns: []string{"admissions"},
		Columns:  catalog.Columns{Unit: "org_code", UnitSystem: "ods", EventDate: "period", Strata: []string{"type"}},
		Measures: []catalog.Measure{{Indicator: "four-hours", Numerator: "breaches", Denominator: "attendances"}}}
	s := &taken{}
	res, err := Read(context.Background(), strings.NewReader(string(b)), feed, c.Index(), Delivery{Region: "r", ID: "d", Keys: keys()}, s)
	if err != nil {
		t.Fatal(err)
	}
	checkSum(t, s, res)
	if res.Lines != 12765 || res.Observed != 12765 || res.Faults != 0 || res.From != day("2016-04-01") || res.To != day("2019-04-01") {
		t.Errorf("%+v", res)
	}
	rows := s.rows()
	for i, r := range theirs[1:] {
		want := fmt.Sprintf("%d obs four-hours@1 u-%s/%s %s n=%s d=%s", i+2, r[1], r[2], r[0], r[4], r[3])
		if got := rows[i]; got != want {
			t.Fatalf("%s; want %s", got, want)
		}
	}
}

// The Norwegian files are refused by a feed that declares another encoding,
// and read by the one that declares theirs.
func TestRealEncodings(t *testing.T) {
	for name, c := range map[string]struct {
		enc   string
		quote string
		wrong map[string]string
		lines int
	}{
		"skde_raw_eksempel_aggr_latin1.csv":   {"iso-8859-1", `"`, map[string]string{"utf-8": "UTF-8 does not have", "utf-8-bom": "no byte order mark"}, 5},
		"skde_raw_indbeskr_decimalcomma.csv":  {"utf-8", `"`, map[string]string{"windows-1252": "text in utf-8", "iso-8859-1": "text in utf-8"}, 120},
		"skde_raw_resh_orgnr_mapping_BOM.csv": {"utf-8-bom", "", map[string]string{"utf-8": "byte order mark of utf-8-bom", "windows-1252": "byte order mark of utf-8-bom"}, 54},
	} {
		b, ok := sharedFile(t, name)
		if !ok {
			continue
		}
		read := func(enc string) (int, error) {
			r, err := delimited.NewReader(strings.NewReader(string(b)), catalog.Dialect{Encoding: enc, Delimiter: ";", Quote: c.quote, Header: true}, delimited.Options{})
			if err != nil {
				t.Fatal(err)
			}
			n, width := -1, 0
			for {
				rec, err := r.Next()
				if err == io.EOF {
					return n, nil
				}
				if err != nil {
					return n, err
				}
				if n++; n == 0 {
					width = len(rec.Fields)
				}
				if rec.Malformed != "" || len(rec.Fields) != width {
					t.Errorf("%s: line %d has %d fields of %d: %s", name, rec.Line, len(rec.Fields), width, rec.Malformed)
				}
			}
		}
		if n, err := read(c.enc); err != nil || n != c.lines {
			t.Errorf("%s as %s: %d lines, %v", name, c.enc, n, err)
		}
		for enc, text := range c.wrong {
			if _, err := read(enc); err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s as %s: %v, want %q", name, enc, err, text)
			}
		}
	}
}

// FuzzRead: whatever the bytes, Read neither panics nor loses a line, and the
// pieces in which they come change nothing.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		wideHeader + "SE1-N;2024-05-01;p1;K;1;1;12,5;A\nSE1-N;x;p;K;2;;;\n", "unit;ind;date;num;den\nSE1-N;n;2024-01-01;1;\n\"a\nb\"c;\n",
		"unit;ind;date;num;den\nSE1-N;n;2024-01-01;1;\nEND;1\n", "", "\xef\xbb\xbfunit", "unit;ind;date;num;den\r\nMOVED;ctl;2024-03-01;\"1,5\";0\r\n",
	} {
		for kind := range uint8(6) {
			f.Add([]byte(text), kind)
		}
	}
	idx := world()
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		feed := longFeed()
		switch kind % 6 {
		case 1:
			feed = wideFeed()
		case 2:
			feed.Complete = catalog.Complete{By: "trailer", Pattern: `^END;(\d+)$`}
		case 3:
			feed = wideFeed()
			feed.Delivery, feed.Scope = "delta", catalog.Scope{}
			feed.Operation = &catalog.Operation{Column: "ward", Delete: []string{"D"}}
		case 4:
			feed.Dialect.Encoding = "windows-1252"
			feed.Scope = catalog.Scope{Window: "months", Months: 2}
		case 5:
			feed.Dialect.Header, feed.Dialect.Names = false, []string{"unit", "ind", "date", "num", "den"}
			feed.Complete = catalog.Complete{By: "none"}
		}
		s := &taken{}
		res, err := Read(context.Background(), strings.NewReader(string(b)), feed, idx, delivery(), s)
		again := &taken{}
		res2, err2 := Read(context.Background(), iotest.OneByteReader(strings.NewReader(string(b))), feed, idx, delivery(), again)
		if fmt.Sprint(res, err) != fmt.Sprint(res2, err2) || err == nil && fmt.Sprint(s.obs) != fmt.Sprint(again.obs) {
			t.Fatalf("in other pieces: %v, %v; %v, %v", res, err, res2, err2)
		}
		if err != nil {
			var fe *FileError
			if !errors.As(err, &fe) || len(fe.Problems) == 0 {
				t.Fatalf("%v is no FileError", err)
			}
			return
		}
		checkSum(t, s, res)
		var out strings.Builder
		w := NewRejectedRows(&out, feed)
		for i := range s.rejects {
			if err := w.Reject(&s.rejects[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestUnplaced: a snapshot that replaces the periods of its own rows has to
// have some; without any it would replace all.
func TestUnplaced(t *testing.T) {
	text := "unit;ind;date;num;den\nSE1-N;ctl;03/2024;1;2\nSE1-N;ctl;04/2024;1;2\n"
	for window, refused := range map[string]bool{"file": true, "all": false} {
		feed := longFeed()
		feed.Scope.Window = window
		_, res, err := readText(t, feed, text, Delivery{AsOf: day("2024-06-01"), Keys: keys()})
		if err != nil {
			t.Fatal(err)
		}
		if err := Unplaced(feed, &res); (err != nil) != refused {
			t.Errorf("scope %s: %v", window, err)
		}
	}
	_, res, err := readText(t, longFeed(), text+"SE1-N;ctl;2024-04-01;1;2\n", Delivery{AsOf: day("2024-06-01"), Keys: keys()})
	if err != nil || Unplaced(longFeed(), &res) != nil {
		t.Errorf("one dated row: %v %v", err, Unplaced(longFeed(), &res))
	}
}

// TestValueBound: the exact sum of squares has to fit.
func TestValueBound(t *testing.T) {
	for value, rejected := range map[string]int64{"1000000000": 0, "-1000000000": 0, "1000000000,000001": 1, "-1000000001": 1} {
		text := wideHeader + "SE1-N;2024-02-03;p;k;1;1;" + value + ";A\n"
		_, res, err := readText(t, wideFeed(), text, Delivery{AsOf: day("2024-06-01"), Keys: keys()})
		if err != nil || res.Rejected != rejected {
			t.Errorf("%s: %v, %d rejected", value, err, res.Rejected)
		}
	}
}
