package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/fixed"
	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/record"
)

// TestReasons: a code that says why there is no number is no number, never
// zero, and not beside one (check C17).
func TestReasons(t *testing.T) {
	feed := longFeed()
	feed.Reasons = &catalog.Reasons{Codes: []string{"MSK", "NI", "INV", "UNK"}}
	head := "unit;ind;date;num;den\n"
	s, res, err := readText(t, feed, head+"SE1-N;ctl;2024-01-01;MSK;MSK\nSE1-N;strict;2024-01-02;NI;10\nSE1-N;strict;2024-01-03;;10\nSE1-N;n;2024-01-04;UNK;\nSE1-N;n;2024-01-05;0;\nSE1-N;n;2024-01-06;XXX;\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "in place of numbers", s.rows(), []string{
		"2 obs ctl@2 north 2024-01-01 missing reason masked",
		"3 rej strict@1 north 2024-01-02 badreason",
		"4 obs strict@1 north 2024-01-03 n=0 d=10 missing",
		"5 obs n@1 north 2024-01-04 missing reason",
		"6 obs n@1 north 2024-01-05 n=0",
		"7 rej n@1 north 2024-01-06",
	})
	equal(t, "faults in place", s.faults(), []string{`3 C17 den ""`, `7 C06 num "xxx"`})
	if got := fmt.Sprint(res.Reasons); got != "map[MSK:1 NI:1 UNK:1]" {
		t.Errorf("reasons %s", got)
	}
	feed.Reasons.Column = "why"
	head = "unit;ind;date;num;den;why\n"
	s, res, err = readText(t, feed, head+"SE1-N;strict;2024-01-01;;;INV\nSE1-N;ctl;2024-01-02;0;10;\nSE1-N;ctl;2024-01-03;0;;MSK\nSE1-N;ctl;2024-01-04;1;2;secret\nSE1-N;ctl;2024-01-05;MSK;2;\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "in a column", s.rows(), []string{
		"2 obs strict@1 north 2024-01-01 missing reason",
		"3 obs ctl@2 north 2024-01-02 n=0 d=10",
		"4 rej ctl@2 north 2024-01-03 badreason",
		"5 rej ctl@2 north 2024-01-04 badreason",
		"6 rej ctl@2 north 2024-01-05",
	})
	equal(t, "faults in a column", s.faults(), []string{`4 C17 num ""`, `5 C17 why "xxxxxx"`, `6 C06 num "MSK"`})
	r, err := NewReceipt(feed, delivery(), res, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "1 line has no number, for the reason INV") {
		t.Errorf("%v: %s", err, b.String())
	}
}

func TestMissingDenominatorIsOne(t *testing.T) {
	feed := longFeed()
	text := "unit;ind;date;num;den\nSE1-N;ctl;2024-01-01;1;\nSE1-N;ctl;2024-01-02;;\nSE1-N;ctl;2024-01-03;3;5\nSE1-N;strict;2024-01-04;;\n"
	s, _, err := readText(t, feed, text, delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "not declared", s.rows(), []string{"2 obs ctl@2 north 2024-01-01 missing", "3 obs ctl@2 north 2024-01-02 missing",
		"4 obs ctl@2 north 2024-01-03 n=3 d=5", "5 obs strict@1 north 2024-01-04 missing"})
	feed.MissingDenominator = "one"
	s, _, err = readText(t, feed, text, delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "declared", s.rows(), []string{"2 obs ctl@2 north 2024-01-01 n=1 d=1", "3 obs ctl@2 north 2024-01-02 missing",
		"4 obs ctl@2 north 2024-01-03 n=3 d=5", "5 obs strict@1 north 2024-01-04 n=0 d=1 missing"})
}

// TestInstructions: the first line says what the file is, above the header or
// below it; the feed stays what it is.
func TestInstructions(t *testing.T) {
	feed := longFeed()
	feed.Key = []string{"date"}
	feed.Instruction = &catalog.Instruction{At: "above", Texts: []catalog.InstructionText{
		{Text: "ALL", Then: "replace", Scope: "all"}, {Text: "PERIODS", Then: "replace", Scope: "file"},
		{Text: "UNITS", Then: "replace", Scope: "file", Units: "file"}, {Text: "MORE", Then: "append"}}}
	head, row := "unit;ind;date;num;den\n", "SE1-N;n;2024-01-01;1;\nSE1-S;n;2024-02-01;1;\nNEW1;n;2024-02-01;1;\n"
	for text, want := range map[string]string{
		"ALL\n" + head + row: "snapshot - - []", "PERIODS;;;;\n" + head + row: "snapshot 2024-01-01 2024-03-01 []",
		"UNITS\n" + head + row: "snapshot 2024-01-01 2024-03-01 [north south]", "\"MORE\";;\n" + head + row: "delta - - []",
	} {
		_, res, err := readText(t, feed, text, delivery())
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		from, to := Window(feed, &res)
		got := strings.ReplaceAll(fmt.Sprintf("%s %s- %s- %v", Kind(feed, &res), from, to, res.Units), "1- ", "1 ")
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if feed.Delivery != "snapshot" || feed.Scope.Window != "file" {
		t.Errorf("the feed is now %s %v", feed.Delivery, feed.Scope)
	}
	for text, want := range map[string]string{
		head + row:             "C03  the line has none of the instructions of this feed, alone in its first field",
		"all\n" + head + row:   "C03  the line has none of the instructions of this feed, alone in its first field",
		"ALL;x\n" + head + row: "C03  the line has none of the instructions of this feed, alone in its first field",
		"ALL2\n" + head + row:  "C03  the line has none of the instructions of this feed, alone in its first field",
		"AL\"L\n" + head + row: "C03  the line has none of the instructions of this feed, alone in its first field",
		"":                     "C04  the file is empty",
		"\n\n":                 "C03  the file ends before its instruction",
	} {
		_, _, err := readText(t, feed, text, delivery())
		equal(t, text, problems(t, err), []string{want})
	}
	feed.Instruction.At = "below"
	if _, res, err := readText(t, feed, head+"ALL;;;;\n"+row, delivery()); err != nil || res.Lines != 3 || res.Scope.Window != "all" {
		t.Errorf("below: %+v, %v", res, err)
	}
	_, _, err := readText(t, feed, head, delivery())
	equal(t, "cut before it", problems(t, err), []string{"C03  the file ends before its instruction"})
	// An empty file that replaces everything needs a proof that it is whole.
	_, _, err = readText(t, feed, head+"ALL;;;;\n", delivery())
	equal(t, "empty", problems(t, err), []string{"C04  the file has no data rows"})
	if _, res, err := readText(t, feed, head+"MORE;;;;\n", delivery()); err != nil || Kind(feed, &res) != "delta" {
		t.Errorf("an empty delta: %v", err)
	}

	// A rejected row is added when it comes back, and takes away nothing.
	var out strings.Builder
	w := NewRejectedRows(&out, feed)
	if _, err := Read(context.Background(), strings.NewReader(head+"ALL;;;;\n"+row+"SE1-N;n;x;7;\n"), feed, world(), delivery(), rejectsOnly{w}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, res, err := readText(t, feed, strings.Replace(out.String(), ";x;", ";2024-05-05;", 1), delivery())
	if err != nil || Kind(feed, &res) != "delta" {
		t.Fatalf("%s: %+v, %v", out.String(), res, err)
	}
	equal(t, "again", s.rows(), []string{"3 park n@1 * 2024-02-01 n=1", "4 obs n@1 north 2024-05-05 n=7"})
}

// TestOnly: rows that the feed does not take are none of its rows, unless it
// says that they are wrong; in a delta they take away what they gave before.
func TestOnly(t *testing.T) {
	feed := wideFeed()
	feed.Only = []catalog.Only{{Column: "ward", In: []string{"A"}, Else: "skip"}}
	text := wideHeader + "SE1-N;2024-01-01;p1;F;1;1;2;A\nSE1-N;not a date;p2;F;2;1;2;B\n"
	s, res, err := readText(t, feed, text, delivery())
	if err != nil || res.Skipped != 1 || res.Lines != 2 {
		t.Fatalf("%+v, %v", res, err)
	}
	equal(t, "skipped", s.rows(), []string{"2 obs ctl@2 north/F 2024-01-01 n=1 d=1", "2 obs wait@1 north/F 2024-01-01 v=2", "2 obs n@1 north/F 2024-01-01 n=1"})
	if r, err := NewReceipt(feed, delivery(), res, nil); err != nil || r.Accepted != 1 || r.Skipped != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	feed.Delivery, feed.Scope = "delta", catalog.Scope{}
	s, _, err = readText(t, feed, text, delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "of a delta", s.rows()[3:], []string{"3 del ctl@* north/F -", "3 del wait@* north/F -", "3 del n@* north/F -"})
	feed.Only[0].Else = "reject"
	s, _, err = readText(t, feed, wideHeader+"SE1-N;2024-01-01;p1;F;1;1;2;B\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rejected", s.faults(), []string{`2 C06 ward "x"`})
}

func TestTranslation(t *testing.T) {
	feed := wideFeed()
	feed.Translate = []catalog.Translation{
		{Columns: []string{"ok"}, Texts: []string{"ja", "-1"}, Value: "1"}, {Columns: []string{"ok"}, Texts: []string{"nej", "0"}, Value: "0"}, {Columns: []string{"ok"}, Texts: []string{"?"}},
		{Columns: []string{"sex"}, Texts: []string{"K"}, Value: "F"}, {Columns: []string{"unit"}, Texts: []string{"Nord"}, Value: "SE1-N"}}
	s, _, err := readText(t, feed, wideHeader+"Nord;2024-01-01;p1;K;1;ja;2;C\nSE1-S;2024-01-01;p1;K;2; -1 ;;C\nNord;2024-01-01;p1;K;3;?;;C\nNord;2024-01-01;p1;K;4;;;C\n"+
		"Nord;2024-01-01;p1;K;5;1;5;C\nNord;2024-01-01;p1;M;6;0;;C\nNord;2024-01-01;p1;;7;nej;;C\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{
		"2 obs ctl@2 north/F 2024-01-01 n=1 d=1", "2 obs wait@1 north/F 2024-01-01 v=2",
		"3 obs ctl@2 south/F 2024-01-01 n=1 d=1", "3 obs wait@1 south/F 2024-01-01 missing",
		"4 obs ctl@2 north/F 2024-01-01 missing", "4 obs wait@1 north/F 2024-01-01 missing",
		"5 obs ctl@2 north/F 2024-01-01 missing", "5 obs wait@1 north/F 2024-01-01 missing",
		"6 rej ctl@2 north/F 2024-01-01", "6 obs wait@1 north/F 2024-01-01 v=5",
		"7 rej ctl@2 north/* 2024-01-01", "7 rej wait@1 north/* 2024-01-01",
		"8 obs ctl@2 north 2024-01-01 n=0 d=1", "8 obs wait@1 north 2024-01-01 missing",
	})
	equal(t, "faults", s.faults(), []string{`6 C06 ok "1"`, `7 C06 sex "x"`})
}

// TestBrokenLastField: a line end inside the last field leaves a row with all
// columns, and another that is none. Both are rejected.
func TestBrokenLastField(t *testing.T) {
	feed := longFeed()
	good := "SE1-N;n;2024-01-01;1;\n"
	s, res, err := readText(t, feed, "unit;ind;date;num;den\n"+good+"SE1-S;ctl;2024-01-02;5;1\n0\n"+good, delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{"2 obs n@1 north 2024-01-01 n=1", "3 rej ctl@2 south 2024-01-02", "4 rej *@* * -", "5 obs n@1 north 2024-01-01 n=1"})
	equal(t, "faults", s.faults(), []string{`3 C02  ""`, `4 C02  ""`})
	equal(t, "raw", s.rejects[0].Raw, []string{"SE1-S", "ctl", "2024-01-02", "5", "1"})
	if res.Rejected != 2 || res.Lines != 4 || res.Observed != 2 {
		t.Errorf("%+v", res)
	}
	// One that was rejected or parked already counts once.
	_, res, err = readText(t, feed, "unit;ind;date;num;den\nNEW1;n;2024-01-02;5;1\n0\n"+strings.Repeat(good, 300), delivery())
	if err != nil || res.Rejected != 2 || res.Parked != 0 {
		t.Errorf("parked: %+v, %v", res, err)
	}
	_, res, err = readText(t, feed, "unit;ind;date;num;den\nSE1-N;n;x;5;1\n0\n"+strings.Repeat(good, 300), delivery())
	if err != nil || res.Rejected != 2 {
		t.Errorf("rejected: %+v, %v", res, err)
	}
	// After the block has left, the file cannot be taken.
	wide := wideFeed()
	wide.Key, wide.Columns.Subject = nil, ""
	wide.IgnoreColumns = []string{"pid", "id"}
	row := "SE1-N;2024-01-01;p;F;1;1;2;A\n"
	n := MaxBlockRows/3 + 1 // the last of these rows has observations in two blocks
	_, _, err = readText(t, wide, wideHeader+strings.Repeat(row, n)+"x\n"+row, delivery())
	equal(t, "in two blocks", problems(t, err), []string{"C02  the next line is none of a row, and may be the end of this one"})
	for _, m := range []int{n - 1, n + 1} {
		if _, res, err := readText(t, wide, wideHeader+strings.Repeat(row, m)+"x\n"+row, delivery()); err != nil || res.Rejected != 2 || res.Observed != int64(m)*3 {
			t.Errorf("%d rows: %d rejected, %d observed, %v", m, res.Rejected, res.Observed, err)
		}
	}
}

func TestHeaderAgain(t *testing.T) {
	good := strings.Repeat("SE1-N;n;2024-01-01;1;\n", 150)
	head := "unit;ind;date;num;den\n"
	_, _, err := readText(t, longFeed(), head+good+head+good, delivery())
	equal(t, "without keys", problems(t, err), []string{"C02  the header stands here again"})
	if bad, ok := errors.AsType[*FileError](err); !ok || bad.Problems[0].Line != 152 {
		t.Errorf("the line is not named: %v", err)
	}

	keyed := func() *catalog.Feed {
		feed := longFeed()
		feed.Key = []string{"id"}
		return feed
	}
	head = "id;" + head
	rows := func(from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "%d;SE1-N;n;2024-01-01;1;\n", i)
		}
		return b.String()
	}
	s, res, err := readText(t, keyed(), head+rows(0, 150)+head+rows(150, 300), delivery())
	if err != nil || res.Rejected != 1 || res.Observed != 300 || res.Rows != 300 {
		t.Fatalf("%+v, %v", res, err)
	}
	equal(t, "faults", s.faults(), []string{`152 C02  ""`})
	_, _, err = readText(t, keyed(), strings.Repeat(head+rows(0, 40), 6), delivery())
	got := problems(t, err)
	equal(t, "many", got[:1], []string{"C02  5 of 245 lines read so far cannot be split into the 6 columns of the header"})
	if bad, ok := errors.AsType[*FileError](err); !ok || len(got) != 6 || bad.Problems[1].Line != 42 {
		t.Errorf("the lines are not named: %v", err)
	}
}

// TestBlankLines: what a spreadsheet leaves behind a table is no row, and the
// receipt says so.
func TestBlankLines(t *testing.T) {
	s, res, err := readText(t, longFeed(), "unit;ind;date;num;den\nSE1-N;n;2024-01-01;1;\n;;;;\n  ; ;;;\nSE1-N;n;2024-02-01;2;\n   \n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{"2 obs n@1 north 2024-01-01 n=1", "5 obs n@1 north 2024-02-01 n=2"})
	if res.Lines != 2 || res.Rejected != 0 || len(res.Findings) != 1 || res.Findings[0].Line != 3 || !strings.HasSuffix(res.Findings[0].Text, ": 3") {
		t.Errorf("%+v", res)
	}
}

// TestFineNumbers: what is rounded is said once, with its first line.
func TestFineNumbers(t *testing.T) {
	feed := longFeed()
	s, res, err := readText(t, feed, "unit;ind;date;num;den\nSE1-N;n;2024-01-01;1,500000000;\nSE1-N;n;2024-01-01;0,12345678;0,1234567\nSE1-N;n;2024-01-01;0,1234565;\n", delivery())
	if err != nil || len(s.faults()) != 0 {
		t.Fatal(err, s.faults())
	}
	if len(res.Findings) != 1 || res.Findings[0].Line != 3 || !strings.HasSuffix(res.Findings[0].Text, ": 2") {
		t.Errorf("%+v", res.Findings)
	}
}

// TestRejectedRowsWithoutHeader: the columns that were added are told by the
// rule in the first.
func TestRejectedRowsWithoutHeader(t *testing.T) {
	feed := longFeed()
	feed.Delivery, feed.Scope = "delta", catalog.Scope{}
	feed.Dialect.Header, feed.Dialect.Names = false, []string{"unit", "ind", "date", "num", "den"}
	s, _, err := readText(t, feed, "SE1-N;n;2024-01-01;1;;C06 | C07 (parked);num;mended\nSE1-N;n;2024-01-01;1;;a;b;c\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{"1 obs n@1 north 2024-01-01 n=1", "2 rej *@* * -"})
}

// TestRejectedRowsOfASnapshot: rejected rows that come back are a few of a
// snapshot, and are never taken for the whole: they are added by their keys, or
// refused.
func TestRejectedRowsOfASnapshot(t *testing.T) {
	for _, keyed := range []bool{true, false} {
		for name, change := range map[string]func(*catalog.Feed) string{
			"header": func(*catalog.Feed) string {
				return "unit;ind;date;num;den;rule;column;hint\nSE1-N;n;2024-01-01;1;;C06;num;mended\n"
			},
			"no header": func(f *catalog.Feed) string {
				f.Dialect.Header, f.Dialect.Names = false, []string{"unit", "ind", "date", "num", "den"}
				return "SE1-N;n;2024-01-01;1;;C06;num;mended\n"
			},
			"fixed width": func(f *catalog.Feed) string {
				f.Format, f.Dialect.Header, f.Columns.Indicator, f.Columns.Denominator = "fixed", false, "=n", ""
				f.Fixed = []catalog.FixedColumn{{Name: "unit", From: 1, Width: 6}, {Name: "date", From: 7, Width: 10}, {Name: "num", From: 17, Width: 5}}
				return "SE1-N 2024-01-011     C06                      num                                      mended\n"
			},
			"months": func(f *catalog.Feed) string {
				f.Scope = catalog.Scope{Window: "months", Months: 2}
				return "unit;ind;date;num;den;rule;column;hint\nSE1-N;n;2024-01-01;1;;C06;num;mended\n"
			},
		} {
			feed := longFeed()
			text := change(feed)
			if keyed {
				feed.Key = []string{"date"}
			}
			s, res, err := readText(t, feed, text, delivery())
			var bad *FileError
			switch {
			case !keyed && (!errors.As(err, &bad) || bad.Problems[0].Rule != RuleWhole):
				t.Errorf("%s without keys: %+v, %v", name, res, err)
			case keyed && (err != nil || res.Kind != "delta" || len(s.rows()) != 1 || len(res.Findings) != 1):
				t.Errorf("%s with keys: %+v, %v", name, res, err)
			}
		}
	}
}

// TestCountsAreWhole: a count of cases that a wrong decimal sign has made a
// thousandth of itself is rejected with its place; other measures may have parts.
func TestCountsAreWhole(t *testing.T) {
	feed := longFeed()
	feed.Dialect.Decimal = "."
	s, _, err := readText(t, feed, "unit;ind;date;num;den\nSE1-N;ctl;2024-01-01;1.234;2.345\nSE1-N;ctl;2024-01-02;12.0;24\nSE1-N;ctl;2024-01-03;1;2.5\nSE1-N;n;2024-01-02;1.5;\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{"2 rej ctl@2 north 2024-01-01", "3 obs ctl@2 north 2024-01-02 n=12 d=24", "4 rej ctl@2 north 2024-01-03", "5 obs n@1 north 2024-01-02 n=1.5"})
	if len(s.rejects) != 3 || s.rejects[0].Column != "num" || s.rejects[1].Column != "den" || s.rejects[2].Line != 4 || s.rejects[2].Rule != RuleType || s.rejects[2].Value != "2.5" {
		t.Errorf("rejects %v", s.faults())
	}
}

func TestFromName(t *testing.T) {
	feed := longFeed()
	feed.FromName = `^(?P<unit>[A-Z0-9-]+)_(?P<date>\d{8})`
	feed.Dialect.Dates = "yyyymmdd"
	d := delivery()
	d.Name = "SE1-S_20240501.csv"
	s, _, err := readText(t, feed, "ind;num;den\nn;4;\n", d)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{"2 obs n@1 south 2024-05-01 n=4"})
	d.Name = "x.csv"
	_, _, err = readText(t, feed, "ind;num;den\nn;4;\n", d)
	if got := problems(t, err); len(got) != 1 || !strings.HasPrefix(got[0], "C04  the file name does not have the form") {
		t.Errorf("%v", got)
	}
}

// TestCutReadyFeeds: the beginning of a file is never taken for the whole one,
// where its end is known; and never half a row.
func TestCutReadyFeeds(t *testing.T) {
	for _, c := range []struct{ name, file string }{
		{"primarvardskvalitet", "sample/pvk_diabetes_20240531.csv"}, {"vis", "sample/vis_svehip_keep.csv"}, {"qof", "sample/ACHIEVEMENT_NORTH_2324.csv"}, {"oqr", "sample/AblaNor_pros_datadump_2024-05-31.csv"}} {
		fsys, cat := readyFeed(t, c.name)
		f, err := fsys.Open(c.file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		all := readCut(t, cat, c.file, text)
		if all == nil {
			t.Fatalf("%s: the whole file is rejected", c.name)
		}
		taken := 0
		for n := range text {
			part := readCut(t, cat, c.file, text[:n])
			if part == nil {
				continue
			}
			taken++
			if c.name == "primarvardskvalitet" {
				t.Errorf("%s: cut at %d of %d it is taken", c.name, n, len(text))
			}
			for _, row := range part {
				if !strings.Contains(row, " rej ") && !slices.Contains(all, row) {
					t.Errorf("%s: cut at %d it has %s, which the whole has not", c.name, n, row)
				}
			}
		}
		if rows := strings.Count(string(text), "\n"); taken >= rows {
			t.Errorf("%s: %d cuts are taken of a file of %d lines", c.name, taken, rows)
		}
	}
}

func readCut(t *testing.T, c *catalog.Catalog, file string, text []byte) []string {
	d := delivery()
	d.Name = file[strings.LastIndexByte(file, '/')+1:]
	s := &taken{}
	_, err := Read(context.Background(), strings.NewReader(string(text)), &c.Feeds[0], c.Index(), d, s)
	if _, ok := errors.AsType[*FileError](err); ok {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.rows()
}

// FuzzReadyFeeds: no bytes make a reader of a ready feed panic, and what it
// takes adds up.
func FuzzReadyFeeds(f *testing.F) {
	names := []string{"imongr", "vis", "mrs", "oqr", "fingertips", "qof", "primarvardskvalitet"}
	var all []*catalog.Catalog
	for i, name := range names {
		fsys, c := readyFeed(f, name)
		all = append(all, c)
		f.Add([]byte("a;b\n\"c\";=\"d\"\n"), uint8(i))
		files, err := fs.Glob(fsys, "*/*.csv")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			b, err := fs.ReadFile(fsys, file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		c := all[int(which)%len(all)]
		d := delivery()
		d.Name = "x_2024-05-31_0430_2324.csv"
		s := &taken{}
		res, err := Read(context.Background(), strings.NewReader(string(b)), &c.Feeds[0], c.Index(), d, s)
		if _, ok := errors.AsType[*FileError](err); ok {
			return
		}
		if _, ok := errors.AsType[*Reread](err); ok {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkSum(t, s, res)
	})
}

// FuzzPreamble: what stands above the rows changes nothing of them.
func FuzzPreamble(f *testing.F) {
	f.Add("a;b\n", "x\ny;z", uint8(1))
	f.Add("\"a\";b\r\nc;d\r\n", "title\r\n\r\n", uint8(2))
	f.Add("a\rb\r", "t\r", uint8(1))
	f.Fuzz(func(t *testing.T, text, above string, chunk uint8) {
		if strings.Contains(text+above, "\x00") || !utf8.ValidString(text) || !utf8.ValidString(above) || !strings.HasSuffix(above, "\n") || strings.HasPrefix(above+text, "\ufeff") || len(above) > 1000 {
			return
		}
		n := 0
		for rest := []byte(above); len(rest) > 0; n++ {
			_, next, ok := record.Line(rest, true)
			if !ok {
				return
			}
			rest = rest[next:]
		}
		d := dialect()
		opt := delimited.Options{Chunk: int(chunk) + 1}
		want := recordsOf(t, text, d, opt)
		opt.Preamble.Lines = n
		got := recordsOf(t, above+text, d, opt)
		if !slices.Equal(got, want) {
			t.Errorf("%q above %q: %q, want %q", above, text, got, want)
		}
		columns := []catalog.FixedColumn{{Name: "a", From: 1, Width: 1}}
		wantFixed := fixedOf(t, text, columns, lines.Options{Chunk: opt.Chunk})
		gotFixed := fixedOf(t, above+text, columns, lines.Options{Chunk: opt.Chunk, Preamble: opt.Preamble})
		if !slices.Equal(gotFixed, wantFixed) {
			t.Errorf("fixed: %q above %q: %q, want %q", above, text, gotFixed, wantFixed)
		}
	})
}

func recordsOf(t *testing.T, text string, d catalog.Dialect, opt delimited.Options) []string {
	r, err := delimited.NewReader(strings.NewReader(text), d, opt)
	if err != nil {
		t.Fatal(err)
	}
	return drain(r)
}

func fixedOf(t *testing.T, text string, columns []catalog.FixedColumn, opt lines.Options) []string {
	r, err := fixed.NewReader(strings.NewReader(text), "utf-8", columns, false, opt)
	if err != nil {
		t.Fatal(err)
	}
	return drain(r)
}

func drain(r rows) []string {
	var out []string
	for {
		rec, err := r.Next()
		if err != nil {
			if bad, ok := errors.AsType[*record.Error](err); ok {
				out = append(out, bad.Text)
			}
			return out
		}
		if rec.Malformed != "" {
			out = append(out, fmt.Sprintf("%q %s", rec.Raw, rec.Malformed))
			continue
		}
		out = append(out, fmt.Sprintf("%q", rawOf(rec.Fields)))
	}
}

// TestFixedRejectedRows: rows of fixed width go back as such, and are read
// again once they are mended.
func TestFixedRejectedRows(t *testing.T) {
	for _, enc := range []string{"utf-8", "windows-1252", "utf-16le"} {
		for _, header := range []bool{false, true} {
			feed := longFeed()
			feed.Format, feed.Dialect.Encoding, feed.Dialect.Header = "fixed", enc, header
			feed.Dialect.Preamble.Lines = 1
			feed.Delivery, feed.Scope = "delta", catalog.Scope{}
			feed.Columns = catalog.Columns{Unit: "unit", UnitSystem: "hsa", Indicator: "=n", EventDate: "date", Strata: []string{"kön"}, Numerator: "num"}
			feed.Fixed = []catalog.FixedColumn{{Name: "unit", From: 1, Width: 6}, {Name: "date", From: 8, Width: 10}, {Name: "kön", From: 18, Width: 3}, {Name: "num", From: 22, Width: 5}}
			text := "Körning\r\n"
			if header {
				text += "unit   date      kön num  \r\n"
			}
			text += "SE1-N  2024-01-01Å       1\r\nSE1-N  2024-01-02Ö    1,x5\r\nSE1-S  2024-01-0\r\nSE1-S  2024-02-03K       3\r\n"
			var out strings.Builder
			w := NewRejectedRows(&out, feed)
			if _, err := Read(context.Background(), strings.NewReader(string(bytesIn(enc, text))), feed, world(), delivery(), rejectsOnly{w}); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil || w.Rows() != 2 {
				t.Fatalf("%d rows, %v", w.Rows(), err)
			}
			back := textOf(enc, []byte(out.String()))
			if !strings.HasPrefix(back, "Körning\r\n") || !strings.Contains(back, "Ö    1,x5 C06                      num ") {
				t.Fatalf("%s: %q", enc, back)
			}
			back = strings.Replace(strings.Replace(back, "1,x5", "1,25", 1), "SE1-S  2024-01-0          ", "SE1-S  2024-01-09K       4", 1)
			s, _, err := readText(t, feed, string(bytesIn(enc, back)), delivery())
			if err != nil {
				t.Fatalf("%q: %v", back, err)
			}
			line := 2
			if header {
				line = 3
			}
			equal(t, enc, s.rows(), []string{fmt.Sprintf("%d obs n@1 north/Ö 2024-01-02 n=1.25", line), fmt.Sprintf("%d obs n@1 south/K 2024-01-09 n=4", line+1)})
		}
	}
}

// TestRejectedRowsOfPivot: the rows of an observation go back together.
func TestRejectedRowsOfPivot(t *testing.T) {
	fsys, c := readyFeed(t, "qof")
	text, err := fs.ReadFile(fsys, "faulty/ACHIEVEMENT_NORTH_2324_V2.csv")
	if err != nil {
		t.Fatal(err)
	}
	d := delivery()
	d.Name = "ACHIEVEMENT_NORTH_2324_V2.csv"
	var out strings.Builder
	w := NewRejectedRows(&out, &c.Feeds[0])
	if _, err := Read(context.Background(), strings.NewReader(string(text)), &c.Feeds[0], c.Index(), d, rejectsOnly{w}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil || w.Rows() != 10 {
		t.Fatalf("%d rows, %v:\n%s", w.Rows(), err, out.String())
	}
	s := &taken{}
	mended := strings.NewReplacer("twelve", "12", "Z81001,DM020,REGISTER,402", "Z81001,DM020,NUMERATOR,4", "Z81002,AF007,NUMERATOR,13", "Z81002,AF007,PCAS,13", "Z81009", "Z81002").Replace(out.String())
	if _, err := Read(context.Background(), strings.NewReader(mended), &c.Feeds[0], c.Index(), d, s); err != nil {
		t.Fatalf("%s: %v", mended, err)
	}
	equal(t, "mended", s.rows(), []string{"2 obs qof_dm020@1 Z81001 2023-04-01 n=4 d=402", "4 obs qof_dm020@1 Z81002 2023-04-01 n=12 d=310",
		"6 rej qof_af007@1 Z81002 2023-04-01", "11 rej *@* * -"})
}
