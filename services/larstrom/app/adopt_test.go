package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larstrom/services/larstrom/app"
)

// TestACatalogKeepsTheMeaningOfCells: what shapes the cells of an indicator
// that has data cannot change under its id; what is shown of it can, and so
// can everything before the first delivery.
func TestACatalogKeepsTheMeaningOfCells(t *testing.T) {
	dir := writeCatalog(t, "")
	changed := func(old, now string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, "catalog.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(b), old, now, 1)
		if text == string(b) {
			t.Fatalf("the catalog has no %q", old)
		}
		to := t.TempDir()
		write(t, to, "catalog.yaml", text)
		return to
	}
	quarterly := changed("name: Visits, type: count", "name: Visits, type: count, period: quarter")
	renamed := changed("name: Visits, type: count", "name: All visits, type: count, direction: up")
	decided := changed("name: Visits, type: count", "name: Visits, rules: nelson, phases: [{unit: unit-a1, from: 2023-01-01, reason: moved, approved_by: p-1}], exclude: [{period: 2023-03-01, reason: strike}], type: count")
	data := t.TempDir()
	adopt := func(catalog, drop string) error {
		t.Helper()
		a, err := app.Open(t.Context(), config(data, catalog, drop, nil))
		if err == nil && drop != "" {
			once(t, a)
		}
		if err == nil {
			err = a.Close()
		}
		return err
	}
	for _, step := range []struct {
		name, catalog, drop string
		refused             bool
	}{
		{"before the first delivery", quarterly, "", false},
		{"back, still without data", dir, threeNights(t), false},
		{"another period", quarterly, "", true},
		{"another name", renamed, "", false},
		{"phases, exclusions and rules of charts", decided, "", false},
	} {
		err := adopt(step.catalog, step.drop)
		if errors.Is(err, app.ErrRedefined) != step.refused || err != nil && !step.refused {
			t.Errorf("%s: %v", step.name, err)
		}
		if step.refused && !strings.Contains(err.Error(), "indicator adm_visits: period changes from month to quarter") {
			t.Errorf("%s: the error does not say what changes: %v", step.name, err)
		}
	}
}
