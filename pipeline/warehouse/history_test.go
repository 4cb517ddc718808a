package warehouse_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/disclosure"
	"larstrom/pipeline/warehouse"
)

// TestHistory: a history is read as it was written, once or several times; one
// that is not whole is none.
func TestHistory(t *testing.T) {
	store, conn := newWarehouse(t, "history_test")
	key := func(unit string, period int32) cell.Key {
		return cell.Key{Region: region, Registry: registry, Indicator: "i", Version: "1", Granularity: "month", Unit: unit, Stratum: "f", PeriodStart: period}
	}
	h := disclosure.History{Withheld: []cell.Key{key("a", -31), key("b", 59)}}
	for _, k := range []cell.Key{key("c", 0), key("c", 31)} {
		h.Shown = append(h.Shown, disclosure.Source{Key: k, Fingerprint: cell.FingerprintOf(k, cell.Content{Rows: 3}, false)})
	}
	for range 2 {
		name, err := store.WriteHistory(t.Context(), "SE", 1, "i", h)
		if err != nil || name != h.Sum() {
			t.Fatal(name, err)
		}
	}
	got, err := store.History(t.Context(), "SE", 1, "i", h.Sum())
	if d := cmp.Diff(h, got); err != nil || d != "" {
		t.Errorf("read back: %v\n%s", err, d)
	}
	if got, err := store.History(t.Context(), "SE", 1, "j", disclosure.History{}.Sum()); err != nil || got.Withheld != nil || got.Shown != nil {
		t.Errorf("nothing shown and nothing withheld: %+v, %v", got, err)
	}
	for what, read := range map[string]func() (disclosure.History, error){
		"another audience":  func() (disclosure.History, error) { return store.History(t.Context(), "R5", 1, "i", h.Sum()) },
		"another edition":   func() (disclosure.History, error) { return store.History(t.Context(), "SE", 2, "i", h.Sum()) },
		"another indicator": func() (disclosure.History, error) { return store.History(t.Context(), "SE", 1, "j", h.Sum()) },
	} {
		if got, err := read(); !errors.Is(err, warehouse.ErrNoHistory) || got.Withheld != nil {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	if err := conn.Exec(t.Context(), "DELETE FROM history WHERE unit = 'b' SETTINGS mutations_sync = 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.History(t.Context(), "SE", 1, "i", h.Sum()); !errors.Is(err, warehouse.ErrNoHistory) {
		t.Errorf("a withheld cell is lost: %v", err)
	}
	for range 2 {
		if err := store.DropHistory(t.Context(), "SE", 1); err != nil {
			t.Fatal(err)
		}
	}
}
