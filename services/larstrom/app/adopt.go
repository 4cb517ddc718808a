package app

import (
	"errors"
	"fmt"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/run"
)

// ErrRedefined says that a catalog gives the cells of an indicator another
// meaning.
var ErrRedefined = errors.New("the catalog redefines an indicator that has data")

// keepsMeaning refuses a catalog that redefines an indicator of a registry from
// which a delivery was accepted.
func keepsMeaning(was, now *catalog.Catalog, state *run.State) error {
	has := map[string]bool{}
	for _, d := range state.Deliveries() {
		if d.Accepted != nil {
			has[d.Registry] = true
		}
	}
	index := was.Index()
	var errs []error
	for _, r := range catalog.Redefined(was, now) {
		if i, ok := index.Indicator(r.Indicator); ok && has[i.Registry] {
			errs = append(errs, fmt.Errorf("%w: %s; give the new measure an id of its own and end the versions of this one", ErrRedefined, r))
		}
	}
	return errors.Join(errs...)
}
