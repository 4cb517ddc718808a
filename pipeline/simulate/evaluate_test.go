package simulate_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/simulate"
)

func night(d int) catalog.Date { return catalog.NewDate(2025, time.October, d) }

func hold(checks ...string) (out []simulate.Expectation) {
	for _, c := range checks {
		out = append(out, simulate.Expectation{Check: c, Severity: "HOLD"})
	}
	return out
}

// judged is a truth with a fault of each sort and what was found of it.
func judged() (*simulate.Truth, []simulate.Finding, []simulate.Receipt) {
	t := &simulate.Truth{Deliveries: []simulate.Delivery{
		{File: "a_14.csv", Feed: "a", AsOf: night(14)}, {File: "a_15.csv", Feed: "a", AsOf: night(15)}, {File: "b_14.csv", Feed: "b", AsOf: night(14)},
		{File: "b_15.csv", Feed: "b", AsOf: night(15)}, {File: "b_16.csv", Feed: "b", AsOf: night(16)}, {File: "b_17.csv", Feed: "b", AsOf: night(17)}}}
	fault := func(id string, feed string, n, until int, expect []simulate.Expectation, units ...string) {
		t.Faults = append(t.Faults, simulate.Fault{ID: id, Kind: simulate.Kind(id), Feed: feed, Night: night(n), Until: night(until), Units: units, Expect: expect})
	}
	fault("caught", "a", 14, 14, hold("K01", "K09"), "u1", "u2")
	fault("late", "b", 14, 16, hold("X06", "K09"), "u7")
	fault("severity", "a", 15, 15, []simulate.Expectation{{Check: "C11", Severity: "BLOCK"}}, "u3")
	fault("missed", "a", 15, 15, hold("T08", "K01"), "u4")
	fault("uncovered", "a", 15, 15, hold("P03"), "u5")
	fault("small", "a", 14, 14, append(hold("X06"), simulate.Expectation{Check: "K09", Severity: "HOLD", Also: true}), "u6")
	fault("file", "b", 15, 15, []simulate.Expectation{{Check: "C04", Severity: "REJECT"}})
	fault("again", "b", 17, 17, []simulate.Expectation{{Check: "C05", Severity: "INFO"}})
	flag := func(check, severity, unit string, n int) simulate.Finding {
		return simulate.Finding{ID: check + unit, Check: check, Severity: severity, Indicator: "a_1", Unit: unit, AsOf: night(n)}
	}
	findings := []simulate.Finding{
		flag("K09", "HOLD", "u1", 14), flag("K09", "HOLD", "u2", 14), // caught in both units
		flag("T04", "HOLD", "u1", 14), // the same fault, another check
		flag("K09", "HOLD", "u1", 15), // its mending
		flag("C11", "NOTE", "u3", 15), // another severity
		flag("K09", "HOLD", "u9", 15), // nothing happened to u9
		flag("C11", "NOTE", "u9", 15), // a remark
		flag("K01", "HOLD", "u4", 14), // a night too early
		{ID: "l", Check: "K09", Severity: "HOLD", Indicator: "b_1", Unit: "u7", AsOf: night(16)},
	}
	receipts := []simulate.Receipt{{File: "b_15.csv", Status: "waiting", Rules: map[string]int64{"C04": 1}}, {File: "b_17.csv", Status: "repeated"},
		{File: "a_14.csv", Status: "accepted"}, {File: "b_14.csv", Status: "accepted", Rules: map[string]int64{"C06": 3}}, {File: "stray.csv", Status: "rejected"}}
	return t, findings, receipts
}

func TestEvaluate(t *testing.T) {
	truth, findings, receipts := judged()
	feed := func(indicator string) string { return indicator[:1] }
	present := []string{"K01", "K09", "T04", "C11", "C04", "C05", "C06"}
	rep := simulate.Evaluate(truth, feed, findings, receipts, present)
	got := map[string]string{}
	for _, o := range rep.Outcomes {
		got[o.Fault.ID] = strings.Join([]string{string(o.Verdict), o.Check, o.Severity, o.Night.String()}, " ")
	}
	want := map[string]string{
		"caught": "caught K09 HOLD 2025-10-14", "late": "late K09 HOLD 2025-10-16", "severity": "other severity C11 NOTE 2025-10-15",
		"missed": "missed K01 HOLD 2025-10-15", "uncovered": "not covered P03 HOLD 2025-10-15", "small": "not covered X06 HOLD 2025-10-14",
		"file":  "caught C04 REJECT 2025-10-15",
		"again": "caught C05 INFO 2025-10-17",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if o := rep.Outcomes[0]; o.Findings != 2 || o.Units != 2 {
		t.Errorf("%d findings of %d units; want 2 of 2", o.Findings, o.Units)
	}
	names := func(all []simulate.Finding) (out []string) {
		for _, f := range all {
			out = append(out, f.Check+" "+f.Unit+" "+f.ID)
		}
		slices.Sort(out)
		return out
	}
	for what, v := range map[string]struct {
		got  []simulate.Finding
		want []string
	}{
		"explained":    {rep.Explained, []string{"C06  b_14.csv", "T04 u1 T04u1"}},
		"aftermath":    {rep.Aftermath, []string{"K09 u1 K09u1"}},
		"false alarms": {rep.FalseAlarms, []string{"-  stray.csv", "K01 u4 K01u4", "K09 u9 K09u9"}},
		"remarks":      {rep.Remarks, []string{"C11 u9 C11u9"}},
	} {
		if diff := cmp.Diff(v.want, names(v.got)); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	var text bytes.Buffer
	if err := rep.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"8 faults: 3 caught on their night, 1 late, 1 at another severity, 1 missed, 2 that no present check covers",
		"3 false alarms; 1 remarks", "2 of 2", "K09 HOLD 2025-10-16", "false alarm K09 HOLD, night 2025-10-15"} {
		if !strings.Contains(text.String(), s) {
			t.Errorf("the table lacks %q:\n%s", s, text.String())
		}
	}
	shuffled := slices.Clone(findings)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.Reverse(receipts)
	var again bytes.Buffer
	if err := simulate.Evaluate(truth, feed, shuffled, receipts, present).WriteText(&again); err != nil || again.String() != text.String() {
		t.Errorf("another order of the findings gives another report (%v):\n%s\n%s", err, text.String(), again.String())
	}
}
