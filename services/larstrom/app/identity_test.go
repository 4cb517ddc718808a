package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/pseudonym"
	"larstrom/services/larstrom/app"

	natsd "larstrom/pipeline/embedded/nats"
)

// personCatalog is a case-level feed with a subject, which is part of the key.
const personCatalog = `
region: {code: testland, name: Testland, time_zone: Europe/Stockholm}
registries: [{code: con, name: Contacts, country: SE}]
indicators:
  - {id: con_ok, registry: con, name: Good, type: proportion, subset: true, class: process, direction: up, multiplier: 100}
  - {id: con_wait, registry: con, name: Wait, type: mean, class: balancing, direction: down}
profiles: [{id: internal, rule: internal}]
units:
  - {id: unit-a, name: Unit A, kind: clinic, codes: {local: a}}
  - {id: unit-b, name: Unit B, kind: clinic, codes: {local: b}}
feeds:
  - id: con
    registry: con
    files: ["con_*.csv"]
    dialect: {delimiter: ";", decimal: ",", dates: iso}
    delivery: snapshot
    scope: file
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})[^/]*\.csv$'}
    key: [person, dag]
    columns: {unit: enhet, unit_system: local, event_date: dag, subject: person, strata: [sort]}
    measures:
      - {indicator: con_ok, numerator: ok, denominator: "=1"}
      - {indicator: con_wait, value: tid}
    ignore_columns: [anteckning]
`

// personNumber is a personnummer of its own for each i.
func personNumber(i int) string {
	n := fmt.Sprintf("%02d%02d%02d%03d", 40+i%50, 1+i%12, 1+i%28, 1+i%997)
	sum := 0
	for j := range n {
		v := int(n[j]-'0') * (2 - j%2)
		sum += v/10 + v%10
	}
	return fmt.Sprintf("19%s-%s%d", n[:6], n[6:], (10-sum%10)%10)
}

// personFile is a file of n contacts; change alters the fields of a line: date,
// unit, sort, ok, time, note.
func personFile(n, from int, change func(i int, fields []string)) string {
	var b strings.Builder
	b.WriteString("person;dag;enhet;sort;ok;tid;anteckning\n")
	for i := range n {
		fields := []string{personNumber(from + i), fmt.Sprintf("2025-%02d-%02d", 1+i%12, 1+i%28), []string{"a", "b"}[i%2], "K", fmt.Sprint(i % 2), "2,5", ""}
		if change != nil {
			change(i, fields)
		}
		b.WriteString(strings.Join(fields, ";") + "\n")
	}
	return b.String()
}

// forms are the ways in which a number may be written, as bytes.
func forms(number string) map[string][]byte {
	compact := strings.ReplaceAll(number, "-", "")
	out := map[string][]byte{"as delivered": []byte(number), "without sign": []byte(compact)}
	if strings.HasPrefix(number, "19") {
		out["ten digits"], out["ten digits with sign"] = []byte(compact[2:]), []byte(number[2:])
	}
	for name, b := range out {
		var wide []byte
		for _, u := range utf16.Encode([]rune(string(b))) {
			wide = append(wide, byte(u), byte(u>>8))
		}
		out[name+" in UTF-16"] = wide
	}
	return out
}

// TestIdentitiesAreInTheRawFilesAlone plants identity numbers in every place of
// deliveries, runs them through the whole process, and looks for them in every
// file of the data folder, every block and event of the log, every table, the
// logs, metrics and receipts.
func TestIdentitiesAreInTheRawFilesAlone(t *testing.T) {
	catalogDir, drop, data := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, catalogDir, "catalog.yaml", personCatalog)
	var planted []string
	plant := func(numbers ...string) string {
		planted = append(planted, numbers...)
		return numbers[0]
	}
	// Every kind, one here and one there.
	first := personFile(600, 0, func(i int, f []string) {
		plant(f[0])
		switch i {
		case 11:
			f[6] = "ring " + plant("19121212-1212") + " imorgon"
		case 12:
			f[6] = plant("19701063-2391") // samordningsnummer, alone in its field
		case 13:
			f[3] = plant("13097248022") // a stratum
		case 14:
			f[5] = plant("131052-308T") // a number
		case 15:
			f[2] = plant("070761-4285") // a unit
		case 16:
			f[4] = "ja"
		case 17:
			f[1] = plant("53097248016")
		}
	}) + plant("19121212-2343") + ";2025-01-01\n"
	write(t, drop, "con_2026-02-01.csv", first)
	write(t, drop, "con_2026-02-02.csv", personFile(300, 1000, func(i int, f []string) {
		plant(f[0])
		f[6] = "anhörig " + plant(personNumber(2000+i))
	}))
	write(t, drop, "con_2026-02-03_"+plant(personNumber(5000))+".csv", personFile(3, 3000, nil))
	var logs bytes.Buffer
	cfg := config(data, catalogDir, drop, nil)
	cfg.Logger = slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	once(t, a)
	receipts := a.Received()
	if len(receipts) != 3 || receipts[0].Status != intake.StatusAccepted || receipts[1].Status != intake.StatusRejected || receipts[2].Status != intake.StatusRejected {
		t.Fatalf("receipts %+v", receipts)
	}
	if r := receipts[0]; r.Lines != 601 || r.Rejected != 8 || r.Rules[intake.RuleIdentity] != 6 {
		t.Errorf("of %d lines %d are rejected, by rule %v", r.Lines, r.Rejected, r.Rules)
	}
	for _, i := range []int{1, 2} {
		if p := receipts[i].Problems; len(p) != 1 || p[0].Rule != intake.RuleIdentity {
			t.Errorf("problems of file %d: %+v", i, p)
		}
	}
	// What is kept, by where.
	kept := map[string][]byte{"logs": logs.Bytes(), "receipts": []byte(fmt.Sprintf("%+v", receipts))}
	raws := whatIsKept(t, a, cfg, kept)
	security := 0
	if rows := strings.Count(string(kept["warehouse.obs"]), "\n"); rows != 2*601 {
		t.Errorf("obs has %d rows", rows)
	}
	if raws != 2 {
		t.Errorf("%d raw files", raws)
	}
	for where, b := range kept {
		if strings.Contains(where, "ledger.security.testland") {
			security++
			wanted := []string{`"kind":"personnummer"`, `"outcome":"`, `"column":"anteckning"`}
			if strings.Contains(string(b), `"outcome":"name_rejected"`) {
				wanted = []string{`"name":"xxx_dddd-dd-dd_dddddddd-dddd.xxx"`}
			}
			for _, want := range wanted {
				if !strings.Contains(string(b), want) {
					t.Errorf("the security event %s lacks %s", b, want)
				}
			}
		}
	}
	if security != 3 { // a file, rows, a name
		t.Errorf("%d security events", security)
	}
	if b := kept[filepath.Join("receipts", receipts[0].Delivery, "rejected.csv")]; !strings.Contains(string(b), "dddddddd-dddd;2025-") || !strings.Contains(string(b), ";ja;") {
		t.Errorf("the file of rejected rows is %s", b)
	}
	found := map[string]bool{}
	for _, number := range planted {
		for form, b := range forms(number) {
			for where, all := range kept {
				if bytes.Contains(all, b) && !found[where] {
					found[where] = true
					i := bytes.Index(all, b)
					t.Errorf("%s, %s, stands in %s: %q", number, form, where, all[max(0, i-80):min(len(all), i+40)])
				}
			}
		}
	}
	if len(kept) < 40 || len(planted) < 900 {
		t.Errorf("looked for %d numbers in %d places", len(planted), len(kept))
	}
}

// whatIsKept adds every table, metric and file of the data folder, and every block
// and event of the log, to what the numbers are looked for in. It closes the
// process, and gives the number of raw files, which lie sealed.
func whatIsKept(t *testing.T, a *app.App, cfg app.Config, kept map[string][]byte) (raws int) {
	t.Helper()
	for _, store := range []string{"warehouse", "released"} {
		for _, table := range strings.Fields(sql(t, a, store, "SELECT name FROM system.tables WHERE database = '"+store+"'")) {
			kept[store+"."+table] = []byte(sql(t, a, store, "SELECT * FROM "+table))
		}
	}
	families, err := cfg.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	kept["metrics"] = []byte(fmt.Sprint(families))
	if p := verified(t, a); len(p) != 0 {
		t.Errorf("verify: %v", p)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(cfg.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(cfg.Data, path)
		kept["name of "+name] = []byte(name)
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		kept[name] = b
		if strings.HasPrefix(name, "raw/") {
			raws++
			if !bytes.HasPrefix(b, []byte("age-encryption.org/v1\n")) {
				t.Errorf("%s is not encrypted", name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, b := range logContents(t, cfg.Data) {
		kept[where] = b
	}
	return raws
}

// logContents is every message of the log as text, blocks decoded.
func logContents(t *testing.T, data string) map[string][]byte {
	t.Helper()
	client, err := natsd.Start(natsd.Config{StoreDir: filepath.Join(data, "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Shutdown()
	log, err := eventlog.Open(t.Context(), client.JetStream(), eventlog.Config{Replicas: client.Replicas()})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for e, err := range log.Events(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		out[fmt.Sprintf("event %d on %s", e.Sequence, e.Subject)] = fmt.Appendf(nil, "%s %s %s %s %s", e.ID, e.Type, e.Subject, e.Cause, e.Data)
		if e.Type != event.TypeDeliveryAccepted {
			continue
		}
		accepted, err := event.Decode[event.DeliveryAccepted](e)
		if err != nil {
			t.Fatal(err)
		}
		var o event.Observations
		err = log.ReadRange(t.Context(), eventlog.OBS, accepted.Blocks, func(seq uint64, payload []byte) error {
			err := block.DecodeObservations(payload, &o)
			out[fmt.Sprintf("block %d", seq)] = fmt.Appendf(nil, "%+v", o)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestCellsDoNotDependOnTheKeys: two regions with the same numbers and other
// keys have the same cells, and no pseudonym in common.
func TestCellsDoNotDependOnTheKeys(t *testing.T) {
	catalogDir, drop := t.TempDir(), t.TempDir()
	write(t, catalogDir, "catalog.yaml", personCatalog)
	write(t, drop, "con_2026-02-01.csv", personFile(400, 0, nil))
	write(t, drop, "con_2026-02-02.csv", personFile(400, 7, func(i int, f []string) { f[6] = "" }))
	var cells, subjects []string
	for range 2 {
		a := open(t, t.TempDir(), catalogDir, drop)
		once(t, a)
		cells = append(cells, current(t, a))
		subjects = append(subjects, sql(t, a, "warehouse", "SELECT DISTINCT subject, hex(key) FROM obs ORDER BY ALL"))
	}
	if cells[0] != cells[1] || cells[0] == "" {
		t.Errorf("the cells differ:\n%s", diff(cells[0], cells[1]))
	}
	one := strings.Split(strings.TrimSpace(subjects[0]), "\n")
	if len(one) < 800 {
		t.Errorf("%d pseudonyms and keys", len(one))
	}
	for _, s := range one {
		if strings.Contains(subjects[1], s) {
			t.Errorf("%s is in both", s)
		}
	}
}

// TestKeysAreNeverChangedInSilence: keys that are gone are not made anew and stop
// the intake before it reads a row, and everything goes on when they are back.
func TestKeysAreNeverChangedInSilence(t *testing.T) {
	catalogDir, drop, data := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, catalogDir, "catalog.yaml", personCatalog)
	write(t, drop, "con_2026-02-01.csv", personFile(50, 0, nil))
	a, err := app.Open(t.Context(), config(data, catalogDir, drop, nil))
	if err != nil {
		t.Fatal(err)
	}
	once(t, a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(data, "keys", "larstrom.keys")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info, err)
	}
	mine, err := pseudonym.Load(path, "testland")
	if err != nil {
		t.Fatal(err)
	}
	write(t, drop, "con_2026-02-02.csv", personFile(60, 0, nil))
	deliveries := func(a *app.App) int {
		s, err := a.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range s.Deliveries() {
			if d.Keys != mine.ID() {
				t.Errorf("delivery %s names the keys %q", d.Delivery, d.Keys)
			}
		}
		return len(s.Deliveries())
	}
	refused := func(what string, want error) {
		t.Helper()
		a, err := app.Open(t.Context(), config(data, catalogDir, drop, nil))
		if err == nil {
			if err = a.Once(t.Context()); err == nil {
				t.Errorf("%s: read", what)
			}
			if _, err := a.Submit(t.Context(), []string{filepath.Join(drop, "con_2026-02-02.csv")}, false); !errors.Is(err, want) {
				t.Errorf("%s: submitted: %v", what, err)
			}
			if n := deliveries(a); n != 1 {
				t.Errorf("%s: %d deliveries", what, n)
			}
			report, verr := a.Verify(t.Context(), func(string) {})
			if verr != nil || len(report.Problems) != 0 || len(report.Unchecked) != 1 {
				t.Errorf("%s: verify finds %v, unchecked are %v, %v", what, report.Problems, report.Unchecked, verr)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	refused("a file that others may read", pseudonym.ErrMode)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "mine.keys")
	if err := os.Rename(path, elsewhere); err != nil {
		t.Fatal(err)
	}
	refused("keys that are gone", app.ErrKeyFile)
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
		t.Errorf("new keys were made: %v, %v", entries, err)
	}
	cfg := config(data, catalogDir, drop, nil)
	cfg.KeyFile = elsewhere
	b, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	once(t, b)
	if n := deliveries(b); n != 2 || !slices.Equal(verified(t, b), nil) {
		t.Errorf("%d deliveries, %v", n, verified(t, b))
	}
}
