package app_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larstrom/pipeline/intake"
)

// cutFeeds are feeds of registry r00 whose files say by themselves, or by
// what comes with them, that they are whole.
const cutFeeds = `  - id: packed
    registry: r00
    files: ["packed_*.csv.gz"]
    compression: gzip
    dialect: {encoding: utf-8, delimiter: ";", decimal: ",", dates: dd.mm.yyyy}
    delivery: delta
    key: [id]
    operation: {column: op, delete: [D]}
    columns: {unit: unit, unit_system: resh, event_date: day}
    measures: [{indicator: ok00, numerator: ok, denominator: "=1"}]
    ignore_columns: [stay, cost]
  - id: listed
    registry: r00
    files: ["listed_*.csv"]
    dialect: {encoding: utf-8, delimiter: ";", decimal: ",", dates: dd.mm.yyyy}
    delivery: snapshot
    scope: all
    complete: manifest
    columns: {unit: unit, unit_system: resh, event_date: day}
    measures: [{indicator: stay00, value: stay}]
    ignore_columns: [id, ok, cost, op]
`

// TestCutArchivesAndListedFilesLeaveNoFact: a compressed file that was cut at
// any byte is rejected or waits; so is a file that is shorter, or longer, than
// its manifest says, or whose manifest was cut. Nothing of any becomes a fact.
func TestCutArchivesAndListedFilesLeaveNoFact(t *testing.T) {
	catalogDir, drop := twinRegistries(t, 1), t.TempDir()
	b, err := os.ReadFile(filepath.Join(catalogDir, "catalog.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, catalogDir, "catalog.yaml", string(b)+cutFeeds)
	a := open(t, t.TempDir(), catalogDir, "")
	r := rand.New(rand.NewPCG(4, 4))
	var ops []caseOp
	for id := range 4 {
		ops = append(ops, caseOp{id: id, row: randomRow(r)})
	}
	text := deltaFile(ops)
	text = text[:strings.LastIndex(text, "END")]
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Sprintf(`{"sha256": "%x", "rows": %d}`, sha256.Sum256([]byte(text)), len(ops))
	var paths []string
	file := func(name, text, manifest string) {
		write(t, drop, name, text)
		if manifest != "" {
			write(t, drop, intake.ManifestName(name), manifest)
		}
		paths = append(paths, filepath.Join(drop, name))
	}
	for n := range packed.Len() {
		file(fmt.Sprintf("packed_%03d.csv.gz", n), packed.String()[:n], "")
	}
	for n := range len(text) {
		file(fmt.Sprintf("listed_%03d.csv", n), text[:n], manifest)
	}
	file("listed_long.csv", text+strings.SplitAfter(text, "\n")[1], manifest)
	for n := range len(manifest) {
		// Other bytes than before each time, or the file would only be noted.
		own := text + fmt.Sprintf("k9%02d;%s;U\n", n, randomRow(r))
		whole := fmt.Sprintf(`{"sha256": "%x", "rows": %d}`, sha256.Sum256([]byte(own)), len(ops)+1)
		file(fmt.Sprintf("listed_m%03d.csv", n), own, whole[:n]+" ")
	}
	for i, receipt := range submit(t, a, false, paths...) {
		if receipt.Status == intake.StatusAccepted || receipt.Accepted > 0 {
			t.Errorf("%s: %s with %d accepted lines", filepath.Base(paths[i]), receipt.Status, receipt.Accepted)
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
	// Whole, they are taken: it was the cut that was refused.
	paths = nil
	file("packed_999.csv.gz", packed.String(), "")
	file("listed_999.csv", text, manifest)
	for _, receipt := range submit(t, a, false, paths...) {
		if receipt.Status != intake.StatusAccepted || receipt.Accepted != int64(len(ops)) {
			t.Errorf("%s: %+v", receipt.File, receipt)
		}
	}
}
