package app_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/run"
	"larstrom/services/ingest"
	"larstrom/services/larstrom/app"
)

// numberedRegistries is twinRegistries with feeds that count their deliveries,
// and people who may take something back.
func numberedRegistries(t *testing.T, n int) string {
	t.Helper()
	dir := twinRegistries(t, n)
	path := filepath.Join(dir, "catalog.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(b), `order: {by: name, pattern: '_(\d{3})'}`, `order: {by: name, pattern: '_(\d+)'}
    sequence: {step: 1, first: 1}`)
	text += `people:
  - {id: steward, name: S, roles: [{role: region_steward, registries: [r00, r01]}]}
  - {id: operator, name: O, roles: [source_operator]}
  - {id: clerk, name: C, roles: [{role: region_steward, units: [` + testUnits[0] + `]}]}
  - {id: admin, name: A, roles: [region_steward, administrator]}
`
	write(t, dir, "catalog.yaml", text)
	return dir
}

func person(t *testing.T, a *app.App, id string) catalog.Person {
	t.Helper()
	p, ok := a.Catalog.Index().Person(id)
	if !ok {
		t.Fatalf("the catalog has no person %s", id)
	}
	return *p
}

// ops is a delta about the first cases, in their order: - leaves one out, and x
// before its row deletes it.
func ops(cases ...string) string {
	var out []caseOp
	for i, row := range cases {
		if row, gone := strings.CutPrefix(row, "x"); row != "-" {
			out = append(out, caseOp{id: i, row: row, gone: gone})
		}
	}
	return deltaFile(out)
}

// TestMissingNumberKeepsBackTheNext: where a feed counts its deliveries, what
// comes behind a gap waits until the gap is filled or a steward skips it, and
// what comes in the place of another waits until one of the two is retracted
// (check L03). At the end the cells are those of the deliveries in their order.
func TestMissingNumberKeepsBackTheNext(t *testing.T) {
	drop := t.TempDir()
	a := open(t, t.TempDir(), numberedRegistries(t, 3), "")
	hand := func(twin int, name, text string) intake.Receipt {
		t.Helper()
		name = fmt.Sprintf("delta%02d_%s.csv", twin, name)
		write(t, drop, name, text)
		return submit(t, a, false, filepath.Join(drop, name))[0]
	}
	u := testUnits
	one := ops("01.01.2025;"+u[0]+";1;3;1,5", "02.01.2025;"+u[0]+";0;4;2,5", "03.02.2025;"+u[1]+";1;5;3,5")
	two := ops("-", "02.01.2025;"+u[0]+";1;4;2,5", "x03.02.2025;"+u[1]+";1;5;3,5")
	three := ops("01.01.2025;" + u[2] + ";1;3;1,5")
	seven := ops("-", "07.03.2025;"+u[3]+";0;1;1,5")
	ten := ops("-", "05.03.2025;"+u[1]+";0;9;1,5")
	other := ops("-", "-", "05.03.2025;"+u[4]+";1;9;1,5")
	eleven := ops("-", "-", "-", "11.03.2025;"+u[2]+";1;1;1,5")
	sequence := func() (run.Sequence, *run.State) {
		t.Helper()
		s, err := a.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		q, ok := s.Sequence("delta00")
		if !ok {
			t.Fatal("the feed does not count its deliveries")
		}
		return q, s
	}
	names := func(ds []*run.Delivery) string {
		var out []string
		for _, d := range ds {
			out = append(out, d.Name)
		}
		return strings.Join(out, " ")
	}
	expect := func(what string, missing []run.Gap, held string) {
		t.Helper()
		q, s := sequence()
		if !slices.Equal(q.Missing, missing) || names(q.Held) != held {
			t.Errorf("%s: missing %v, held %q; want %v, %q", what, q.Missing, names(q.Held), missing, held)
		}
		if !s.Idle() {
			t.Errorf("%s: something is left to do", what)
		}
	}
	// Everything at once, in a registry of its own: what is right.
	together := func(twin int, texts ...string) string {
		t.Helper()
		var paths []string
		for i, text := range texts {
			if text == "" { // a number that holds nothing
				text = ops()
			}
			name := fmt.Sprintf("delta%02d_%d.csv", twin, i+1)
			write(t, drop, name, text)
			paths = append(paths, filepath.Join(drop, name))
		}
		submit(t, a, false, paths...)
		return contents(t, a, twin)
	}
	want := together(1, one, two, three)

	if r := hand(0, "3", three); r.Status != intake.StatusAccepted || !strings.Contains(r.Note, "delivery 1 to 2") {
		t.Errorf("receipt before the first: %s %q", r.Status, r.Note)
	}
	expect("before the first", []run.Gap{{From: 1, Through: 2}}, "delta00_3.csv")
	if got := contents(t, a, 0); got != "" {
		t.Errorf("what waits is in cells:\n%s", got)
	}
	hand(0, "1", one)
	expect("the first", []run.Gap{{From: 2, Through: 2}}, "delta00_3.csv")
	first := contents(t, a, 0)
	if first == "" || first == want {
		t.Error("the first delivery alone gives no cells, or all")
	}
	hand(0, "2", two)
	expect("the gap is filled", nil, "")
	if got := contents(t, a, 0); got != want {
		t.Errorf("cells of 3, 1, 2:\n%s", diff(want, got))
	}

	// Behind 4 to 9 waits 10, which is behind 9 as a number and before it as a
	// text.
	hand(0, "10", ten)
	expect("a longer gap", []run.Gap{{From: 4, Through: 9}}, "delta00_10.csv")
	for who, wrong := range map[string]error{"operator": gate.ErrForbidden, "clerk": gate.ErrForbidden, "admin": gate.ErrForbidden} {
		if _, err := a.SkipNumbers(t.Context(), person(t, a, who), "delta00", 0, 0, "lost"); !errors.Is(err, wrong) {
			t.Errorf("%s skips: %v", who, err)
		}
	}
	steward := person(t, a, "steward")
	for _, c := range []struct {
		feed          string
		from, through int64
		note          string
		is            error
	}{{"delta00", 3, 4, "x", gate.ErrInvalid}, {"delta00", 9, 10, "x", gate.ErrInvalid}, {"delta00", 8, 5, "x", gate.ErrInvalid}, {"delta00", 0, 0, " ", gate.ErrInvalid},
		{"delta01", 0, 0, "x", gate.ErrInvalid}, {"nothing", 0, 0, "x", ingest.ErrUnknown}, {"delta02", 0, 0, "x", gate.ErrForbidden}} {
		if _, err := a.SkipNumbers(t.Context(), steward, c.feed, c.from, c.through, c.note); !errors.Is(err, c.is) {
			t.Errorf("skip %d to %d of %s, note %q: %v", c.from, c.through, c.feed, c.note, err)
		}
	}
	if k, err := a.SkipNumbers(t.Context(), steward, "delta00", 5, 9, "the sender lost them"); err != nil || k.By != "steward" {
		t.Fatal(k, err)
	}
	expect("a part is skipped", []run.Gap{{From: 4, Through: 4}}, "delta00_10.csv")
	if k, err := a.SkipNumbers(t.Context(), steward, "delta00", 0, 0, "this one too"); err != nil || k.From != 4 || k.Through != 4 {
		t.Fatal(k, err)
	}
	expect("all are skipped", nil, "")

	// What was skipped and comes at last takes its place: before 10.
	before := contents(t, a, 0)
	hand(0, "7", seven)
	expect("a late one", nil, "")
	if got := contents(t, a, 0); got != before {
		t.Errorf("7 is older than 10 and changes its case:\n%s", diff(before, got))
	}

	// Two deliveries of one number: the second waits, and so does what follows.
	r := hand(0, "010", other)
	expect("the same number again", nil, "delta00_010.csv")
	if !strings.Contains(r.Note, "twice") {
		t.Errorf("receipt of a number that came before: %q", r.Note)
	}
	hand(0, "11", eleven)
	expect("behind a dispute", nil, "delta00_010.csv delta00_11.csv")
	if got := contents(t, a, 0); got != before {
		t.Errorf("a disputed delivery changes cells:\n%s", diff(before, got))
	}
	_, s := sequence()
	ten10 := slices.IndexFunc(s.Deliveries(), func(d *run.Delivery) bool { return d.Name == "delta00_10.csv" })
	if _, err := a.Retract(t.Context(), person(t, a, "operator"), s.Deliveries()[ten10].Delivery, "an old file under a new name"); err != nil {
		t.Fatal(err)
	}
	expect("the first of the two is retracted", nil, "")

	// A registry that got everything once has the same cells, also where the
	// names of the files sort in another order than their numbers and several
	// are empty, and so equal.
	want = together(2, one, two, three, "", "", "", seven, "", "", other, eleven)
	if got := contents(t, a, 0); got != want {
		t.Errorf("after gaps, skips, a late delivery and a retraction:\n%s", diff(want, got))
	}
	if p := verified(t, a); len(p) > 0 {
		t.Errorf("verify: %v", p)
	}
	report, err := a.Replay(t.Context(), func(string) {})
	if err != nil || report.Before != report.After {
		t.Errorf("replay: %v, before %s, after %s", err, report.Before, report.After)
	}
}

const releasedCells = "SELECT indicator, unit, period_start, state, numerator, denominator, value, maturity FROM cell ORDER BY ALL"

// TestRetractedDeliveryCountsNoMore: a snapshot that is withdrawn gives back
// what it had replaced, once, for good, and for those who may; the bytes
// themselves come back only on purpose.
func TestRetractedDeliveryCountsNoMore(t *testing.T) {
	drop, catalogDir, data := t.TempDir(), writeCatalog(t, ""), t.TempDir()
	a, err := app.Open(t.Context(), config(data, catalogDir, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	all := months(date(2023, 11, 1), 27)
	write(t, drop, "adm_2026-02-01.csv", admFile(all, 1, nil))
	write(t, drop, "adm_2026-02-02.csv", admFile(all[:20], 2, nil)) // another region's file
	first := submit(t, a, false, filepath.Join(drop, "adm_2026-02-01.csv"))[0]
	want, shown := current(t, a), sql(t, a, "released", releasedCells)
	wrong := submit(t, a, false, filepath.Join(drop, "adm_2026-02-02.csv"))[0]
	if current(t, a) == want {
		t.Fatal("the second delivery changes nothing")
	}
	changes, err := a.Restatements(t.Context(), wrong.Delivery)
	if err != nil {
		t.Fatal(err)
	}
	closed := 0
	for _, c := range changes {
		if c.Before == nil || c.After == nil || c.Before.Fingerprint == c.After.Fingerprint {
			t.Errorf("%s: before %v, after %v", c.Key, c.Before, c.After)
		}
		if c.Closed {
			closed++
		}
	}
	if n := 20 * len(testUnits); closed < n || closed != len(changes) {
		t.Errorf("%d of %d changed cells are of closed periods, want all of %d", closed, len(changes), n)
	}
	s, err := a.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Delivery(wrong.Delivery).Cells; c.Restated != int64(closed) || s.Delivery(first.Delivery).Cells.Restated != 0 {
		t.Errorf("the ledger counts %d restated cells, and %d of the first delivery", c.Restated, s.Delivery(first.Delivery).Cells.Restated)
	}

	steward := person(t, a, "p-1")
	if _, err := a.Retract(t.Context(), steward, wrong.Delivery, ""); !errors.Is(err, gate.ErrInvalid) {
		t.Errorf("a retraction without a note: %v", err)
	}
	if _, err := a.Retract(t.Context(), steward, "nothing", "x"); !errors.Is(err, ingest.ErrUnknown) {
		t.Errorf("a retraction of nothing: %v", err)
	}
	done, err := a.Retract(t.Context(), steward, wrong.Delivery, "another region's file")
	if err != nil {
		t.Fatal(err)
	}
	if got := current(t, a); got != want {
		t.Errorf("after the retraction:\n%s", diff(want, got))
	}
	if got := sql(t, a, "released", releasedCells); got != shown {
		t.Errorf("released after the retraction:\n%s", diff(shown, got))
	}
	if got := sql(t, a, "released", "SELECT delivery, state, reason FROM delivery ORDER BY as_of"); got != first.Delivery+"\taccepted\t\n"+wrong.Delivery+"\tretracted\twithdrawn on 2026-03-02\n" {
		t.Errorf("released deliveries:\n%s", got)
	}
	if again, err := a.Retract(t.Context(), person(t, a, "p-2"), wrong.Delivery, "me too"); err != nil || again != done {
		t.Errorf("a second retraction: %v %v", again, err)
	}
	if _, err := a.Retract(t.Context(), steward, done.Retraction, "no"); !errors.Is(err, gate.ErrInvalid) {
		t.Errorf("a retraction of a retraction: %v", err)
	}
	if back, err := a.Restatements(t.Context(), done.Retraction); err != nil || len(back) != len(changes) {
		t.Errorf("the retraction changes %d cells, the delivery had changed %d: %v", len(back), len(changes), err)
	}
	if p := verified(t, a); len(p) > 0 {
		t.Errorf("verify: %v", p)
	}

	// The file still lies there, and a catalog that knows more is no reason.
	if r := submit(t, a, false, filepath.Join(drop, "adm_2026-02-02.csv"))[0]; r.Status != intake.StatusRepeated || !strings.Contains(r.Note, "retracted") {
		t.Errorf("the same bytes: %s %q", r.Status, r.Note)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(t, data, writeCatalog(t, "  - {id: unit-new, name: New, kind: clinic, codes: {local: NEW}}\n"), "")
	once(t, a)
	if got := current(t, a); got != want {
		t.Errorf("after a restart with another catalog:\n%s", diff(want, got))
	}
	report, err := a.Replay(t.Context(), func(string) {})
	if err != nil || report.Before != report.After {
		t.Errorf("replay: %v, before %s, after %s", err, report.Before, report.After)
	}
	submit(t, a, true, filepath.Join(drop, "adm_2026-02-02.csv"))
	if current(t, a) == want {
		t.Error("--again takes nothing")
	}
}
