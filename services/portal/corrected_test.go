package portal

import (
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

// A point that shows a correction says who corrected it, and why; one that
// shows what was delivered says nothing of it.
func TestCorrectedPoint(t *testing.T) {
	p := &Portal{cfg: Config{Pages: &Pages{Catalog: &catalog.Catalog{Region: catalog.Region{Code: "nord"}}}}, words: newWords("en", time.UTC)}
	day := catalog.NewDate(2026, 3, 1)
	key := cellKey{Unit: "u", Version: "1", Granularity: "month", Period: day}
	k := cell.Key{Region: "nord", Registry: "reg", Indicator: "i", Version: "1", Granularity: "month", Unit: "u", PeriodStart: day.Days()}
	old := cell.Content{Rows: 1, Numerator: cell.FixedOf(30 * cell.Micro), Denominator: cell.FixedOf(40 * cell.Micro)}
	right := event.ContentOf(old)
	right.Numerator = cell.FixedOf(3 * cell.Micro)
	c := event.Correction{Cell: event.GuardOf(k, cell.FingerprintOf(k, old, false)), Old: event.ContentOf(old), New: right}
	f := &story{Corrections: []correction{{c, "p1", "p2", gate.ExportError, "the unit's register", day}}}
	b := &pointBody{pointRow: pointRow{Fingerprint: gate.ShownAs(c, "nord", "i").String()}, Indicator: indicatorRow{ID: "i"}}
	p.fillCorrection(b, f, key)
	if b.Corrected == nil {
		t.Fatal("nothing is said of the correction")
	}
	for _, want := range []string{"p1", "p2", "1 March 2026", "the export went wrong", "the unit's register"} {
		if !strings.Contains(b.Corrected.Text, want) {
			t.Errorf("%q lacks %q", b.Corrected.Text, want)
		}
	}
	if !strings.Contains(b.Corrected.Old, "30 of 40") {
		t.Errorf("what was delivered: %q", b.Corrected.Old)
	}
	for name, change := range map[string]func(*pointBody, *cellKey){
		"the delivered version": func(b *pointBody, _ *cellKey) { b.Fingerprint = c.Cell.Fingerprint.String() },
		"another month":         func(_ *pointBody, k *cellKey) { k.Period = day.AddDays(31) },
		"another unit":          func(_ *pointBody, k *cellKey) { k.Unit = "v" },
	} {
		b, key := &pointBody{pointRow: b.pointRow, Indicator: b.Indicator}, key
		change(b, &key)
		if p.fillCorrection(b, f, key); b.Corrected != nil {
			t.Errorf("%s is said to be corrected: %+v", name, b.Corrected)
		}
	}
}
