package stat_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"larstrom/pipeline/figure"
	"larstrom/pipeline/funnel"
	"larstrom/pipeline/spc"
	"larstrom/services/larstrom/stat"
)

func run(t *testing.T, table string, r stat.Request) stat.Result {
	t.Helper()
	res, err := stat.Run("t.csv", strings.NewReader(table), r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 5e-4*math.Max(1, math.Abs(want))) && !(math.IsNaN(got) && math.IsNaN(want)) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// monthly writes a table of months from January 2023.
func monthly(header string, n int, row func(i int) string) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i := range n {
		fmt.Fprintf(&b, "%d-%02d,%s\n", 2023+i/12, i%12+1, row(i))
	}
	return b.String()
}

// alternating is 10, 12, 10, 12 …: mean 11, every moving range 2, so sigma is
// 2 / (2/sqrt(pi)) = 1.77245 and the limits are 11 -/+ 5.31736.
func alternating(i int) string { return fmt.Sprint(10 + 2*(i%2)) }

func TestChartsByHand(t *testing.T) {
	values := monthly("month,value", 12, alternating)
	counts := monthly("month,numerator,denominator", 12, func(int) string { return "20,100" })
	events := monthly("month,events", 12, func(int) string { return "16" })
	falls := monthly("month,falls,bed_days", 12, func(int) string { return "10,1000" })
	fallsColumns := stat.Columns{Numerator: "falls", Denominator: "bed_days"}
	centre, sigma, shown := 8.0, 2.0, 40.0
	for name, c := range map[string]struct {
		table            string
		r                stat.Request
		kind             spc.Kind
		value, c, lo, hi float64 // of the first point
	}{
		"auto of values":   {values, stat.Request{}, spc.XmR, 10, 11, 5.68264, 16.31736},
		"i":                {values, stat.Request{Chart: "i"}, spc.XmR, 10, 11, 5.68264, 16.31736},
		"run":              {values, stat.Request{Chart: "run"}, spc.Run, 10, 11, math.NaN(), math.NaN()},
		"line":             {values, stat.Request{Chart: "line"}, spc.Line, 10, math.NaN(), math.NaN(), math.NaN()},
		"given":            {values, stat.Request{Chart: "i", Centre: &centre, Sigma: &sigma}, spc.XmR, 10, 8, 2, 14},
		"no value below 0": {values, stat.Request{Chart: "i", Centre: &centre, Sigma: &centre, NonNegative: true}, spc.XmR, 10, 8, 0, 32},
		"multiplied":       {values, stat.Request{Chart: "i", Multiplier: 10}, spc.XmR, 100, 110, 56.8264, 163.1736},
		"frozen":           {values, stat.Request{Chart: "i", Freeze: "12"}, spc.XmR, 10, 11, 5.68264, 16.31736},
		"p in per cent":    {counts, stat.Request{Chart: "p"}, spc.P, 20, 20, 8, 32},
		"p as a fraction":  {counts, stat.Request{Chart: "p", Multiplier: 1}, spc.P, 0.2, 0.2, 0.08, 0.32},
		// given on the scale of the chart: 40 % -/+ 3 sqrt(0.24/100)
		"p, given centre":      {counts, stat.Request{Chart: "p", Centre: &shown}, spc.P, 20, 40, 25.30306, 54.69694},
		"i, multiplied, given": {values, stat.Request{Chart: "i", Multiplier: 10, Centre: &shown, Sigma: &shown}, spc.XmR, 100, 40, -80, 160},
		"np":                   {counts, stat.Request{Chart: "np"}, spc.NP, 20, 20, 8, 32},
		"c":                    {events, stat.Request{Chart: "c"}, spc.C, 16, 16, 4, 28},
		// sqrt(0.01/1000) = 0.0031623 per bed day
		"u per thousand": {falls, stat.Request{Chart: "u", Columns: fallsColumns, Multiplier: 1000}, spc.U, 10, 10, 0.51317, 19.48683},
	} {
		t.Run(name, func(t *testing.T) {
			res := run(t, c.table, c.r)
			if len(res.Series) != 1 {
				t.Fatalf("%d series", len(res.Series))
			}
			chart := res.Series[0].Chart
			if got := chart.Parts[0].Kind; got != c.kind {
				t.Fatalf("kind %s, want %s: %s", got, c.kind, chart.Parts[0].Why())
			}
			near(t, "value", chart.Value[0], c.value)
			near(t, "centre", chart.Centre[0], c.c)
			near(t, "lower limit", chart.LCL[0], c.lo)
			near(t, "upper limit", chart.UCL[0], c.hi)
			if res.Series[0].Labels[11] != "2023-12" {
				t.Errorf("the last period is %s", res.Series[0].Labels[11])
			}
		})
	}
}

func TestCumulativeByHand(t *testing.T) {
	values := monthly("month,value", 12, alternating) // z = -/+ 1/1.77245 = -/+ 0.56419
	cusum := run(t, values, stat.Request{Chart: "cusum"}).Series[0].Cumulative
	near(t, "lower sum 1", cusum.Lower[0], -0.06419)
	near(t, "upper sum 2", cusum.Upper[1], 0.06419)
	near(t, "limit", cusum.UCL[0], 5)
	ewma := run(t, values, stat.Request{Chart: "ewma"}).Series[0].Cumulative
	near(t, "average 1", ewma.Upper[0], -0.11284)
	near(t, "average 2", ewma.Upper[1], 0.02257)
	near(t, "its first limit", ewma.UCL[0], 0.6)

	cases := "case,outcome,risk\n1,0,0.1\n2,1,0.1\n3,1,0.1\n"
	vlad := run(t, cases, stat.Request{Chart: "vlad"}).Series[0].Cumulative
	for i, want := range []float64{0.1, -0.8, -1.7} {
		near(t, "vlad", vlad.Upper[i], want)
	}
	p := 0.1
	for _, r := range []stat.Request{{Chart: "racusum"}, {Chart: "bcusum"}, {Chart: "bcusum", Centre: &p}} {
		sums := run(t, cases, r).Series[0].Cumulative
		// log(1/1.1) is below 0; log(2/1.1) = 0.59784
		for i, want := range []float64{0, 0.59784, 1.19568} {
			near(t, r.Chart, sums.Upper[i], want)
		}
	}
}

func TestSubgroups(t *testing.T) {
	table := "date,value\n"
	for i := range 12 {
		// Within 2023-01 to 2023-12: mean 2 + i, standard deviation 1, range 2.
		for j := range 3 {
			table += fmt.Sprintf("2023-%02d-01,%d\n", i+1, 1+i+j)
		}
	}
	for chart, want := range map[string]float64{"xbar": 2, "i": 2} {
		s := run(t, table, stat.Request{Chart: chart}).Series[0]
		if len(s.Labels) != 12 || s.Labels[0] != "2023-01" {
			t.Fatalf("%s: points %v", chart, s.Labels)
		}
		near(t, chart, s.Chart.Value[0], want)
	}
	// c4(3) = 0.886227, so that S made unbiased is 1/0.886227.
	near(t, "s", run(t, table, stat.Request{Chart: "s"}).Series[0].Chart.Value[0], 1.128379)
	// d2(3) = 1.692569
	near(t, "r", run(t, table, stat.Request{Chart: "r"}).Series[0].Chart.Value[0], 2/1.692569)

	named := "batch,value\nb,1\nb,3\na,5\na,7\n"
	s := run(t, named, stat.Request{}).Series[0]
	if len(s.Labels) != 2 || s.Labels[0] != "b" || s.Chart.Value[1] != 6 {
		t.Errorf("subgroups without dates: %v, values %v", s.Labels, s.Chart.Value)
	}
}

func TestTimesBetweenEvents(t *testing.T) {
	s := run(t, "date\n2024-03-01\n2024-01-01\n2024-01-31\n", stat.Request{Chart: "t"}).Series[0]
	if len(s.Labels) != 2 || s.Labels[0] != "2024-01-31" || s.Chart.Value[0] != 30 || s.Chart.Value[1] != 30 {
		t.Errorf("days between events: %v at %v", s.Chart.Value, s.Labels)
	}
	g := run(t, "value\n3\n0\n7\n", stat.Request{Chart: "g"}).Series[0]
	if g.Chart.Value[2] != 7 || g.Labels[2] != "3" {
		t.Errorf("cases between events: %v at %v", g.Chart.Value, g.Labels)
	}
}

func TestMissingStaysMissing(t *testing.T) {
	table := "month;n;d\n2023-01;1;10\n2023-02;;10\n2023-03;NA;10\n2023-06;2;10\n2023-05;0;0\n"
	res := run(t, table, stat.Request{Columns: stat.Columns{Numerator: "n", Denominator: "d"}, Missing: []string{"NA"}})
	s := res.Series[0]
	want := []spc.State{spc.StateValue, spc.StateMissing, spc.StateMissing, spc.StateMissing, spc.StateNoEligible, spc.StateValue}
	if fmt.Sprint(s.Chart.State) != fmt.Sprint(want) {
		t.Errorf("states %v, want %v", s.Chart.State, want)
	}
	if s.Labels[3] != "2023-04" || !strings.Contains(strings.Join(res.Notes, "\n"), "periods without a row are missing: 2023-04") {
		t.Errorf("the month without a row: %v, notes %q", s.Labels, res.Notes)
	}
	near(t, "value", s.Chart.Value[5], 20)
	// A sum with a part missing is no sum.
	s = run(t, "month,n,d\n2023-01,1,10\n2023-01,,10\n2023-02,1,10\n2023-02,2,10\n", stat.Request{Columns: stat.Columns{Numerator: "n", Denominator: "d"}}).Series[0]
	if s.Chart.State[0] != spc.StateMissing || s.Chart.Value[1] != 15 {
		t.Errorf("states %v, values %v", s.Chart.State, s.Chart.Value)
	}
}

func TestPhasesAndExclusions(t *testing.T) {
	table := monthly("month,value", 30, alternating)
	for _, part := range []string{"14", "2024-03"} {
		s := run(t, table, stat.Request{Chart: "i", Parts: []string{part}, Exclude: []string{"3", "2024-06"}}).Series[0]
		if len(s.Chart.Parts) != 2 || s.Chart.Parts[1].First != 14 {
			t.Fatalf("--part %s: %+v", part, s.Chart.Parts)
		}
		for i, x := range s.Chart.Excluded {
			if x != (i == 2 || i == 17) {
				t.Errorf("point %d excluded: %v", i+1, x)
			}
		}
	}
	s := run(t, table, stat.Request{Chart: "i", Freeze: "2023-12"}).Series[0]
	if p := s.Chart.Parts[0]; p.BaselinePoints != 12 || p.BaselineTo != 11 {
		t.Errorf("baseline %d points to %d", p.BaselinePoints, p.BaselineTo)
	}
	step := monthly("month,value", 40, func(i int) string { return fmt.Sprint(10 + 2*(i%2) + i/20*6) })
	var text bytes.Buffer
	if res := run(t, step, stat.Request{Chart: "i"}); res.WriteText(&text) != nil || !strings.Contains(text.String(), "a change of level is likely at 2024-09") || !strings.Contains(text.String(), "--part 20 would") {
		t.Errorf("a step after point 20 is not proposed:\n%s", text.String())
	}
	target, high := 11.0, 30.0
	s = run(t, table, stat.Request{Chart: "i", Direction: "up", Target: &high}).Series[0]
	if s.Variation != spc.CommonCause || s.Assurance != spc.Fail {
		t.Errorf("icons %s, %s", s.Variation, s.Assurance)
	}
	if s = run(t, table, stat.Request{Chart: "i", Target: &target, Rules: "nelson"}).Series[0]; s.Variation != spc.IconNone || len(s.Signals) == 0 || s.Signals[0].Rule != spc.RuleAlternating {
		t.Errorf("alternating values: %s, %+v", s.Variation, s.Signals)
	}
}

func TestUnits(t *testing.T) {
	table := "month,unit,value\n2024-01,Örebro,1\n2024-01,Lund,2\n2024-01,Älvsjö,3\n2024-02,Lund,4\n"
	res := run(t, table, stat.Request{})
	var names []string
	for _, s := range res.Series {
		names = append(names, s.Unit)
	}
	if strings.Join(names, " ") != "Lund Älvsjö Örebro" || len(res.Series[0].Labels) != 2 {
		t.Errorf("units %v", names)
	}
	if err := res.WriteSVG(io.Discard, "", figure.Options{}); !errors.Is(err, stat.ErrRequest) || !strings.Contains(err.Error(), "3 (Lund, Älvsjö, Örebro)") {
		t.Errorf("a drawing of three units: %v", err)
	}
	if got := run(t, table, stat.Request{Where: []string{"unit=Lund"}}); len(got.Series) != 1 || got.Series[0].Unit != "Lund" {
		t.Errorf("--where: %+v", got)
	}
}

func TestFunnel(t *testing.T) {
	table := "hospital,numerator,denominator\nB,20,50\nA,30,100\nB,30,50\nC,0,0\nD,,10\n"
	res := run(t, table, stat.Request{})
	f := res.Funnel
	if f == nil || strings.Join(f.Names, "") != "ABCD" || res.Measure != "proportion" {
		t.Fatalf("%+v", res)
	}
	near(t, "centre", f.Result.Centre, 40) // 80 of 200
	near(t, "value of B", f.Result.Value[1], 50)
	// A is judged by B, 50 of 100; together by 80 of 200.
	near(t, "lower limit of A", f.Result.LCL998[0], 100*funnel.BinomialLimit(0.001, 100, 0.5))
	near(t, "together", run(t, table, stat.Request{Together: true}).Funnel.Result.LCL998[0], 100*funnel.BinomialLimit(0.001, 100, 0.4))
	if s := f.Result.State; s[2] != spc.StateNoEligible || s[3] != spc.StateMissing {
		t.Errorf("states %v", s)
	}
	ratio := run(t, "unit,observed,expected\nA,12,10\nB,8,10\n", stat.Request{})
	near(t, "ratio", ratio.Funnel.Result.Value[0], 1.2)
	near(t, "its centre", ratio.Funnel.Result.Centre, 1)
	counts := run(t, "unit,numerator,denominator\nA,30,20\nB,10,20\n", stat.Request{Chart: "funnel", Measure: "count-ratio"})
	near(t, "ratio of counts", counts.Funnel.Result.Value[0], 1.5)
	near(t, "its centre", counts.Funnel.Result.Centre, 1) // 40 to 40
	v := run(t, table, stat.Request{Chart: "variation"}).Variation
	if v.Result.Units != 2 {
		t.Errorf("%d units", v.Result.Units)
	}
	near(t, "mean", v.Result.Mean, 40)
	means := run(t, "unit,value,sd,n\nA,10,3,9\nB,12,4,16\n", stat.Request{}).Funnel
	// Both standard errors are 1, so the centre is the plain mean.
	near(t, "mean of means", means.Result.Centre, 11)
	near(t, "its limit", means.Result.UCL95[0], 12+1.959964)
}

func TestDialects(t *testing.T) {
	want := []float64{1.5, 2.25}
	for name, c := range map[string]struct {
		table string
		r     stat.Request
	}{
		"comma":         {"date,value\n2024-01-01,1.5\n2024-01-02,2.25\n", stat.Request{}},
		"semicolon":     {"date;value\n2024-01-01;1,5\n2024-01-02;2,25\n", stat.Request{}},
		"tab, crlf":     {"date\tvalue\r\n01.01.2024\t1.5\r\n02.01.2024\t2.25\r\n", stat.Request{}},
		"byte order":    {"\xef\xbb\xbfdate;value\n2024-01-01;1,5\n2024-01-02;2,25\n", stat.Request{}},
		"windows-1252":  {"date;v\xe4rde\n2024-01-01;1,5\n2024-01-02;2,25\n", stat.Request{Encoding: "windows-1252"}},
		"quoted":        {"\"date\",\"value\"\n2024-01-01,\"1,5\"\n2024-01-02,\"2,25\"\n", stat.Request{}},
		"day and month": {"date,value\n01/01/2024,1.5\n02/01/2024,2.25\n", stat.Request{DateFormat: "%d/%m/%Y"}},
		"weeks":         {"week,value\n2024-W01,1.5\n2024-W02,2.25\n", stat.Request{}},
		"quarters":      {"kvartal,value\n2023-Q4,1.5\n2024-Q1,2.25\n", stat.Request{}},
		"years":         {"year,value\n2023,1.5\n2024,2.25\n", stat.Request{}},
		"numbers":       {"x,value\n11,2.25\n7,1.5\n", stat.Request{}},
		"no dates":      {"value\n1.5\n2.25\n", stat.Request{}},
		"nameless last": {"date;value;\n2024-01-01;1,5;\n2024-01-02;2,25;\n", stat.Request{}},
	} {
		s := run(t, c.table, c.r).Series[0]
		if len(s.Chart.Value) != 2 || s.Chart.Value[0] != want[0] || s.Chart.Value[1] != want[1] {
			t.Errorf("%s: %v at %v, want %v", name, s.Chart.Value, s.Labels, want)
		}
	}
}

func TestPeriods(t *testing.T) {
	for name, c := range map[string]struct{ dates, every, want string }{
		"months":           {"2024-03-01 2024-01-01 2024-02-01", "", "2024-01 2024-02 2024-03"},
		"a month missing":  {"2024-01 2024-02 2024-04", "", "2024-01 2024-02 2024-03 2024-04"},
		"quarters":         {"2024-01-01 2024-04-01 2024-10-01", "", "2024-Q1 2024-Q2 2024-Q3 2024-Q4"},
		"said to be":       {"2024-01-01 2024-04-01", "month", "2024-01 2024-02 2024-03 2024-04"},
		"weeks":            {"2024-12-23 2024-12-30 2025-01-13", "", "2024-W52 2025-W01 2025-W02 2025-W03"},
		"days":             {"2024-02-28 2024-02-29 2024-03-02", "", "2024-02-28 2024-02-29 2024-03-01 2024-03-02"},
		"days as they are": {"2024-02-28 2024-02-29 2024-05-02", "", "2024-02-28 2024-02-29 2024-05-02"},
		"none":             {"2024-01 2024-04", "none", "2024-01-01 2024-04-01"},
	} {
		table := "date,value\n"
		for i, d := range strings.Fields(c.dates) {
			table += fmt.Sprintf("%s,%d\n", d, i)
		}
		if got := strings.Join(run(t, table, stat.Request{Every: c.every}).Series[0].Labels, " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestNothingIsDropped(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		r     stat.Request
		want  string
	}{
		"no number":      {"value\n1\nmany\n", stat.Request{}, `t.csv:3 column value value "xxxx": not a number with the decimal sign "."; write digits`},
		"decimal comma":  {"date,value\n2024-01,1.5\n2024-02,\"1,5\"\n", stat.Request{}, `t.csv:3 column value value "1,5": not a number with the decimal sign "."; if "," is the decimal sign, say --decimal ','`},
		"per cent":       {"value\n12%\n", stat.Request{}, `value "12%": not a number`},
		"infinite":       {"value\nInf\n", stat.Request{}, `value "Inf": not a number`},
		"huge":           {"value\n1e300\n", stat.Request{}, `value "1e300": not a number`},
		"negative count": {"events,n\n-1,5\n", stat.Request{}, `t.csv:2 column events value "-1": a count below 0`},
		"above one":      {"events,n\n2,5\n6,5\n", stat.Request{Chart: "p"}, `t.csv:3 column events value "6": more than its denominator 5`},
		"no date":        {"date,value\n2024-13-01,1\n", stat.Request{}, `t.csv:2 column date value "2024-13-01": not a date`},
		"two readings":   {"date,value\n03/04/2024,1\n", stat.Request{}, "say --date-format %d/%m/%Y or %m/%d/%Y"},
		"two forms":      {"date,value\n2024-01,1\n2024-02-01,1\n", stat.Request{}, `t.csv:3 column date value "2024-02-01": a date in another form`},
		"date missing":   {"date,value\n2024-01,1\n,1\n", stat.Request{}, `t.csv:3 column date value "": a row without a date`},
		"identity":       {"value\n19121212-1212\n", stat.Request{}, `value "dddddddd-dddd"`},
		"short row":      {"a,value\n1\n", stat.Request{}, "t.csv:2: 1 fields, and the header has 2"},
		"quote":          {"value\n\"1\n", stat.Request{}, "t.csv:"},
		"encoding":       {"v\xe4rde\n1\n", stat.Request{}, "name the encoding with --encoding"},
		"empty":          {"", stat.Request{}, "the table is empty"},
		"header alone":   {"value\n", stat.Request{}, "no rows"},
		"twice":          {"value,value\n1,2\n", stat.Request{}, `two columns have the name "value"`},
		"unknown column": {"value\n1\n", stat.Request{Columns: stat.Columns{Numerator: "x"}}, `t.csv has no column "x" (--numerator); its columns are: value`},
		"two of a kind":  {"n,N\n1,2\n", stat.Request{}, "could both be the denominator; name one with --denominator"},
		"nothing":        {"a,b\n1,2\n", stat.Request{}, "no column to chart"},
		"no condition":   {"value\n1\n", stat.Request{Where: []string{"value=2"}}, `no row with value = "2"`},
		"no such point":  {"value\n1\n", stat.Request{Exclude: []string{"2"}}, "there is no point 2 (--exclude)"},
		"negative time":  {"value\n3\n-1\n", stat.Request{Chart: "t"}, "t.csv:3: "},
		"outcome":        {"outcome,risk\n2,0.5\n", stat.Request{Chart: "vlad"}, "neither 0 nor 1"},
		"risk":           {"outcome,risk\n1,1.5\n", stat.Request{Chart: "racusum"}, "a risk that is not between 0 and 1"},
		"unit":           {"unit,events,n\n,1,2\n", stat.Request{}, "a row without a unit belongs nowhere"},
		"state":          {"value,state\n1,odd\n", stat.Request{}, "not a state"},
		"far away":       {"date,value\n2024-02,2\n2024-01,1\n9999-12,3\n", stat.Request{}, `t.csv:4 column date value "9999-12": 95710 months after the date before it`},
		"second mean":    {"date,value,n\n2024-01,1,2\n2024-01,2,2\n", stat.Request{Measure: "mean"}, "t.csv:3 column value"},
	} {
		_, err := stat.Run("t.csv", strings.NewReader(c.table), c.r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestRequestsRefused(t *testing.T) {
	bad := math.NaN()
	for name, r := range map[string]stat.Request{
		"chart": {Chart: "pie"}, "measure": {Measure: "x"}, "both": {Freeze: "3", Parts: []string{"4"}}, "delimiter": {Delimiter: "ab"},
		"same": {Delimiter: ",", Decimal: ","}, "condition": {Where: []string{"x"}}, "target": {Target: &bad}, "rules": {Rules: "all"}, "every": {Every: "hour"},
		"multiplier": {Multiplier: -1}, "point": {Exclude: []string{"soon"}}, "ratio": {Measure: "ratio"},
		"lambda below 0": {Lambda: -0.2}, "lambda above 1": {Lambda: 1.2}, "width": {Width: -3}, "allowance": {Allowance: -1}, "interval": {Interval: -4},
		"head start": {HeadStart: -1}, "odds": {Odds: 0.5}, "limit": {Limit: -1}, "sustained": {Sustained: -9}, "its baseline alone": {SustainedBaseline: 13},
		"bootstrap": {Bootstrap: -1}, "no point": {Targets: []string{"85"}}, "no target": {Targets: []string{"2024-01="}}, "season": {Season: "winter"},
		"season and since": {Season: "adjust", Since: "1"}, "since": {Since: "soon"}, "target at": {Targets: []string{"soon=3"}},
	} {
		if _, err := stat.Run("t.csv", strings.NewReader("value\n1\n"), r); !errors.Is(err, stat.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOutputs(t *testing.T) {
	counts := "month,unit,numerator,denominator\n"
	for i := range 26 {
		counts += fmt.Sprintf("%d-%02d,Å & <B>,%d,80\n", 2022+i/12, i%12+1, 40+i%7)
	}
	units := "unit,numerator,denominator\n"
	for i := range 14 {
		units += fmt.Sprintf("U%02d,%d,%d\n", i, 20+3*i, 40+5*i)
	}
	for _, chart := range stat.Charts() {
		for _, c := range []struct {
			table string
			r     stat.Request
		}{
			{counts, stat.Request{Chart: chart}},
			{units, stat.Request{Chart: chart}},
			{"date,value\n" + strings.TrimPrefix(monthly("", 14, alternating), "\n"), stat.Request{Chart: chart}},
			{"outcome,risk\n0,0.2\n1,0.3\n,0.1\n", stat.Request{Chart: chart, Columns: stat.Columns{Numerator: "outcome"}}},
		} {
			res, err := stat.Run("a table.csv", strings.NewReader(c.table), c.r)
			if err != nil {
				continue // what a chart needs is told; TestChartsByHand has those that must work
			}
			var text, drawing bytes.Buffer
			if err := res.WriteText(&text); err != nil || text.Len() == 0 {
				t.Errorf("%s: %v", chart, err)
			}
			if strings.Contains(text.String(), "NaN") {
				t.Errorf("%s prints NaN:\n%s", chart, text.String())
			}
			if b, err := json.Marshal(res.JSON()); err != nil || !json.Valid(b) {
				t.Errorf("%s: %v", chart, err)
			}
			err = res.WriteSVG(&drawing, "", figure.Options{Standalone: true})
			if errors.Is(err, stat.ErrRequest) {
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", chart, err)
			}
			d := xml.NewDecoder(&drawing)
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", chart, err)
				}
			}
		}
	}
}

func FuzzRun(f *testing.F) {
	f.Add("date,value\n2024-01,1\n2024-02,2\n", "auto", "")
	f.Add("month;n;d\n2024-01;1;10\n2024-02;2;10\n", "p", "2")
	f.Add("unit,observed,expected\na,1,2\nb,3,2\n", "funnel", "")
	f.Add("date\n2024-01-01\n2024-02-01\n9999-12-31\n", "t", "2024-02")
	f.Add("x,value\n1,1\n1,2\n2,3\n2,4\n", "xbar", "1")
	f.Fuzz(func(t *testing.T, table, chart, point string) {
		r := stat.Request{Chart: chart, Direction: "up"}
		if point != "" {
			r.Parts, r.Exclude = []string{point}, []string{point}
			r.Targets, r.Sustained, r.SustainedBaseline, r.Guarantee = []string{point + "=3"}, 2, 2, 0.9
			if len(table)%2 == 0 {
				r.Since = point
			} else {
				r.Season = "adjust"
			}
			r.Bootstrap, r.Areas = 2, true
		}
		res, err := stat.Run("t", strings.NewReader(table), r)
		if err != nil {
			return
		}
		if err := res.WriteText(io.Discard); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(res.JSON()); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := res.WriteSVG(&b, "", figure.Options{}); err != nil && !errors.Is(err, stat.ErrRequest) && !errors.Is(err, figure.ErrFigure) {
			t.Fatal(err)
		}
	})
}
