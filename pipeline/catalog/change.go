package catalog

import "fmt"

// Redefinition is a change of an indicator that gives its earlier cells
// another meaning.
type Redefinition struct {
	Indicator string
	// Field is the key of the catalog, Was and Now its values.
	Field, Was, Now string
}

// String is the change in words.
func (r Redefinition) String() string {
	return fmt.Sprintf("indicator %s: %s changes from %s to %s", r.Indicator, r.Field, r.Was, r.Now)
}

// Redefined are the changes between two catalogs that earlier cells do not
// survive: what shapes a cell may not change under the same id, because cells
// of the two kinds would stand in one series. What is only shown or checked
// may change, and so may phases, exclusions and rules: they are about charts.
func Redefined(was, now *Catalog) []Redefinition {
	var all []Redefinition
	index := now.Index()
	for i := range was.Indicators {
		a := &was.Indicators[i]
		b, ok := index.Indicator(a.ID)
		if !ok {
			continue
		}
		for _, f := range []Redefinition{
			{a.ID, "registry", a.Registry, b.Registry},
			{a.ID, "type", string(a.Type), string(b.Type)},
			{a.ID, "percentile", fmt.Sprint(a.Percentile), fmt.Sprint(b.Percentile)},
			{a.ID, "measurement", a.Measurement, b.Measurement},
			{a.ID, "rolling_months", fmt.Sprint(a.RollingMonths), fmt.Sprint(b.RollingMonths)},
			{a.ID, "period", string(a.Period), string(b.Period)},
			{a.ID, "period_by", a.PeriodBy, b.PeriodBy},
			{a.ID, "missing", a.Missing, b.Missing},
		} {
			if f.Was != f.Now {
				all = append(all, f)
			}
		}
	}
	return all
}
