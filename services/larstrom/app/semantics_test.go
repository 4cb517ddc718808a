package app_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"larstrom/pipeline/intake"
	"larstrom/services/larstrom/app"
)

// twinRegistries is a catalog of n registries that differ in nothing but
// their names: what must be equal however it was delivered can be compared in
// one process.
func twinRegistries(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("region: {code: twins, name: Twins, time_zone: Europe/Oslo}\nprofiles: [{id: internal, rule: internal}]\nregistries:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {code: r%02d, name: R, country: \"NO\"}\n", i)
	}
	b.WriteString("indicators:\n")
	for i := range n {
		fmt.Fprintf(&b, `  - {id: ok%02[1]d, registry: r%02[1]d, name: Good, type: proportion, subset: true, class: process, direction: up}
  - {id: stay%02[1]d, registry: r%02[1]d, name: Stay, type: median, class: outcome, direction: down, period: quarter}
  - {id: cost%02[1]d, registry: r%02[1]d, name: Cost, type: mean, class: balancing, direction: down, period: week}
`, i)
	}
	b.WriteString("units:\n")
	for _, u := range testUnits {
		fmt.Fprintf(&b, "  - {id: %[1]s, name: %[1]s, kind: clinic, codes: {resh: %[1]s}}\n", u)
	}
	b.WriteString("feeds:\n")
	for i := range n {
		fmt.Fprintf(&b, `  - id: delta%02[1]d
    registry: r%02[1]d
    files: ["delta%02[1]d_*.csv"]
    dialect: {encoding: utf-8, delimiter: ";", decimal: ",", dates: dd.mm.yyyy}
    delivery: delta
    order: {by: name, pattern: '_(\d{3})'}
    complete: {by: trailer, pattern: '^END (\d+)'}
    key: [id]
    operation: {column: op, delete: [D]}
    columns: {unit: unit, unit_system: resh, event_date: day}
    measures:
      - {indicator: ok%02[1]d, numerator: ok, denominator: "=1"}
      - {indicator: stay%02[1]d, value: stay}
      - {indicator: cost%02[1]d, value: cost}
`, i)
	}
	dir := t.TempDir()
	write(t, dir, "catalog.yaml", b.String())
	return dir
}

// caseOp is one operation on one case; a case with gone set is deleted.
type caseOp struct {
	id   int
	row  string
	gone bool
}

func (o caseOp) line() string {
	op := "U"
	if o.gone {
		op = "D"
	}
	return fmt.Sprintf("k%03d;%s;%s", o.id, o.row, op)
}

func deltaFile(ops []caseOp) string {
	var b strings.Builder
	b.WriteString("id;day;unit;ok;stay;cost;op\n")
	for _, o := range ops {
		b.WriteString(o.line() + "\n")
	}
	fmt.Fprintf(&b, "END %d\n", len(ops))
	return b.String()
}

func randomRow(r *rand.Rand) string {
	return fmt.Sprintf("%02d.%02d.2025;%s;%d;%d;%d,%02d", 1+r.IntN(28), 1+r.IntN(4), testUnits[r.IntN(5)], r.IntN(2), r.IntN(9), r.IntN(500), r.IntN(100))
}

// contents are the current cells of a registry without what names it.
func contents(t *testing.T, a *app.App, registry int) string {
	t.Helper()
	return sql(t, a, "warehouse", fmt.Sprintf(`SELECT substring(indicator, 1, length(indicator) - 2) AS i, version, granularity, stratum, unit, period_start,
		argMax((tombstone, rows, numerator, denominator, value_count, values, value_squares, histogram, missing, rejected, duplicates), rev) AS c
		FROM cell WHERE registry = 'r%02d' GROUP BY ALL HAVING c.1 = 0 ORDER BY ALL`, registry))
}

// histories is how many random histories the property is tried on.
func histories(t *testing.T) uint64 {
	n, err := strconv.ParseUint(os.Getenv("LARSTROM_CRASH_RUNS"), 10, 64)
	if err != nil {
		return 1
	}
	t.Logf("%d histories", n/20+1)
	return n/20 + 1
}

// TestDeliveriesHaveNoHistory: any split into deltas, any permutation that the
// feed's order allows and any repetition give the current cells of one
// delivery of the union.
func TestDeliveriesHaveNoHistory(t *testing.T) {
	const twins = 6
	a := open(t, t.TempDir(), twinRegistries(t, twins), "")
	drop := t.TempDir()
	for seed := range histories(t) {
		r := rand.New(rand.NewPCG(seed, 42))
		// Each case has up to three operations, in files of rising number.
		files := make([][]caseOp, 9)
		final := map[int]caseOp{}
		for id := range 120 {
			at := r.IntN(3)
			for range 1 + r.IntN(3) {
				op := caseOp{id: id + int(seed)*1000, row: randomRow(r), gone: final[id].row != "" && r.IntN(4) == 0}
				files[at] = append(files[at], op)
				final[id] = op
				at += 1 + r.IntN(3)
				if at >= len(files) {
					break
				}
			}
		}
		var union []caseOp
		for _, op := range final {
			if !op.gone {
				union = append(union, op)
			}
		}
		base := 100 * int(seed)
		put := func(twin, number int, ops []caseOp) string {
			name := fmt.Sprintf("delta%02d_%03d.csv", twin, base+number)
			write(t, drop, name, deltaFile(ops))
			return filepath.Join(drop, name)
		}
		submit(t, a, false, put(0, 0, union))
		// Every twin has its own order of arrival; the twins' groups arrive
		// side by side.
		arrivals := make([][]string, twins)
		for twin := 1; twin < twins; twin++ {
			for number, ops := range files {
				if len(ops) > 0 {
					r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
					arrivals[twin] = append(arrivals[twin], put(twin, number, ops))
				}
			}
			r.Shuffle(len(arrivals[twin]), func(i, j int) {
				arrivals[twin][i], arrivals[twin][j] = arrivals[twin][j], arrivals[twin][i]
			})
		}
		for waiting := true; waiting; {
			waiting = false
			var now, repeated []string
			for twin, paths := range arrivals {
				n := min(len(paths), 1+r.IntN(4))
				now = append(now, paths[:n]...)
				if n > 0 && r.IntN(2) == 0 {
					repeated = append(repeated, paths[r.IntN(n)])
				}
				arrivals[twin] = paths[n:]
				waiting = waiting || len(paths) > n
			}
			submit(t, a, false, now...)
			submit(t, a, r.IntN(2) == 0, repeated...)
		}
		want := contents(t, a, 0)
		if strings.Count(want, "\n") < 50 {
			t.Fatalf("only %d cells to compare", strings.Count(want, "\n"))
		}
		for twin := 1; twin < twins; twin++ {
			if got := contents(t, a, twin); got != want {
				t.Errorf("seed %d, registry %d: the cells depend on how they were delivered:\n%s", seed, twin, diff(want, got))
			}
		}
	}
}

// submit hands in files and lets the work be done.
func submit(t *testing.T, a *app.App, again bool, paths ...string) []intake.Receipt {
	t.Helper()
	receipts, err := a.Submit(t.Context(), paths, again)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	return receipts
}

// TestCutFileLeavesNoFact: a file that was cut short at any byte is rejected
// or waits, and nothing of it becomes a fact.
func TestCutFileLeavesNoFact(t *testing.T) {
	drop := t.TempDir()
	a := open(t, t.TempDir(), twinRegistries(t, 1), drop)
	r := rand.New(rand.NewPCG(3, 3))
	var ops []caseOp
	for id := range 6 {
		ops = append(ops, caseOp{id: id, row: randomRow(r)})
	}
	whole := deltaFile(ops)
	var paths []string
	for n := range len(whole) - 1 {
		name := fmt.Sprintf("delta00_%03d.csv", n)
		write(t, drop, name, whole[:n])
		paths = append(paths, filepath.Join(drop, name))
	}
	once(t, a)
	for i, receipt := range submit(t, a, false, paths...) {
		if receipt.Status == intake.StatusAccepted || receipt.Accepted > 0 {
			t.Errorf("cut after %d bytes: %s with %d accepted lines", i, receipt.Status, receipt.Accepted)
		}
	}
	s, err := a.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.Deliveries() {
		if d.Accepted != nil || d.Rejected == nil {
			t.Errorf("delivery %s of %s is not rejected", d.Delivery, d.Name)
		}
	}
	if n := len(s.Runs()); n != 0 {
		t.Errorf("%d runs came of it", n)
	}
	if rows := sql(t, a, "warehouse", "SELECT count() FROM obs"); rows != "0\n" {
		t.Errorf("%s rows came of it", rows)
	}
	report, err := a.Verify(t.Context(), func(string) {})
	if err != nil || len(report.Problems) > 0 || report.Checked["OBS blocks"] != 0 {
		t.Errorf("verify: %v %v", report, err)
	}
	// The same bytes whole are accepted: it was the cut that was refused.
	name := filepath.Join(drop, "delta00_999.csv")
	if err := os.WriteFile(name, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := submit(t, a, false, name); r[0].Status != intake.StatusAccepted || r[0].Accepted != int64(len(ops)) {
		t.Errorf("the whole file: %+v", r[0])
	}
}

// TestOrderKeyBeatsArrival: of two snapshots the later by the feed's order
// holds, whichever came first.
func TestOrderKeyBeatsArrival(t *testing.T) {
	drop := threeNights(t)
	var want string
	for i, order := range [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}} {
		a := open(t, t.TempDir(), writeCatalog(t, ""), "")
		names := []string{"adm_2026-02-01.csv", "adm_2026-02-02.csv", "adm_2026-02-03.csv"}
		for _, n := range order {
			submit(t, a, false, filepath.Join(drop, names[n]))
		}
		// What is known is of the newest file, whichever came last.
		if as := strings.TrimSpace(sql(t, a, "released", "SELECT as_of FROM run ORDER BY publication DESC LIMIT 1")); as != "2026-02-03" {
			t.Errorf("arrival in the order %v: what was known on %s is shown", order, as)
		}
		got := current(t, a)
		if i == 0 {
			want = got
		} else if got != want {
			t.Errorf("arrival in the order %v:\n%s", order, diff(want, got))
		}
	}
	if !slices.Contains(strings.Split(want, "\t"), "adm_late") {
		t.Error("no cells were compared")
	}
}
