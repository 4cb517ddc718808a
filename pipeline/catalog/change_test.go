package catalog_test

import (
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
)

// What is decided about charts may change while there are data; what shapes
// their cells may not.
func TestChartsMayChangeAndCellsMayNot(t *testing.T) {
	was, problems, err := loadText(base)
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	for name, c := range map[string]struct{ old, new, field string }{
		"phases, exclusions and rules": {"    coverage: cov\n", "    coverage: cov\n    rules: nelson\n    phases: [{from: 2023-01-01, reason: r, approved_by: p1}]\n    exclude: [{period: 2022-01-01, reason: r}]\n", ""},
		"period":                       {"    coverage: cov\n", "    coverage: cov\n    period: quarter\n", "period"},
	} {
		now, problems, err := loadText(strings.Replace(base, c.old, c.new, 1))
		if err != nil || problems != nil {
			t.Fatal(err, problems)
		}
		if now.Hash == was.Hash {
			t.Errorf("%s: the hash stays", name)
		}
		var got []string
		for _, r := range catalog.Redefined(was, now) {
			got = append(got, r.Field)
		}
		if strings.Join(got, " ") != c.field {
			t.Errorf("%s: redefines %q; want %q", name, got, c.field)
		}
	}
}
