package portal

import (
	"context"
	"net/http"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/run"
)

// Scope says what people may read. Who nobody knows reads nothing.
type Scope interface {
	Reader(id string) Reader
}

// Reader says what one person may read. An empty unit stands for all units of
// the registry.
type Reader interface {
	Cells(registry, unit string) bool
	Flag(registry string, units []string) bool
	Delivery(feed string) bool
}

type personKey struct{}

// as lets the pages know who asks.
func as(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, personKey{}, id)
}

// reader is what the person who asks may read; nil: everything, because nobody
// logs in here or nothing limits who does.
func (p *Portal) reader(ctx context.Context) Reader {
	id, ok := ctx.Value(personKey{}).(string)
	if !ok || p.cfg.Pages == nil || p.cfg.Pages.Scope == nil {
		return nil
	}
	return p.cfg.Pages.Scope.Reader(id)
}

// rule says whether the reader may see the page that is asked for.
type rule func(p *Portal, rd Reader, r *http.Request) bool

// forAll is for pages that show nothing of anybody, or choose by themselves what
// the reader may see.
func forAll(*Portal, Reader, *http.Request) bool { return true }

// forWhole is for pages about all units.
func forWhole(p *Portal, rd Reader, _ *http.Request) bool { return p.readsAll(rd, "") }

// forUnit is for what is about the unit in the path: who reads it in one registry
// is shown that much.
func forUnit(p *Portal, rd Reader, r *http.Request) bool { return p.readsAny(rd, r.PathValue("unit")) }

// forSeries is for what is about the unit and the indicator in the path.
func forSeries(p *Portal, rd Reader, r *http.Request) bool {
	return rd.Cells(p.registryOf(r.PathValue("indicator")), r.PathValue("unit"))
}

// forIndicator is for what is about all units of the indicator in the path.
func forIndicator(p *Portal, rd Reader, r *http.Request) bool {
	return rd.Cells(p.registryOf(r.PathValue("indicator")), "")
}

// forDelivery is for what is about the delivery in the path.
func forDelivery(p *Portal, rd Reader, r *http.Request) bool {
	feed := ""
	_ = p.ledger(r.Context(), func(s *run.State) error { // without the LEDGER nothing is known of it, and nothing is shown
		if d := s.Delivery(r.PathValue("delivery")); d != nil {
			feed = d.Feed
		}
		return nil
	})
	return rd.Delivery(feed)
}

// forFlag is for what is about the flag in the path.
func forFlag(p *Portal, rd Reader, r *http.Request) bool {
	f, err := p.storyOf(r.Context(), r.PathValue("flag"))
	if err != nil {
		return p.readsAll(rd, "") // the others learn nothing of what there is
	}
	return rd.Flag(p.registryOf(f.Indicator), unitsOf(f))
}

// within answers who may read the page by its rule, and refuses others.
func (p *Portal) within(may rule, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rd := p.reader(r.Context())
		if rd == nil || may(p, rd, r) {
			h(w, r)
			return
		}
		if r.URL.Path == "/" && r.Method == http.MethodGet {
			http.Redirect(w, r, "/flags", http.StatusSeeOther)
			return
		}
		p.show("refused", func(*http.Request) (*view, error) { return nil, errRefused })(w, r)
	}
}

// readsAny reports whether the reader may read the unit in some registry.
func (p *Portal) readsAny(rd Reader, unit string) bool {
	return slices.ContainsFunc(p.cfg.Pages.Catalog.Registries, func(reg catalog.Registry) bool { return rd.Cells(reg.Code, unit) })
}

// readableSeries leaves out the indicators of the unit that the person may not
// read.
func (p *Portal) readableSeries(ctx context.Context, unit string, points []pointRow) []pointRow {
	rd := p.reader(ctx)
	if rd == nil {
		return points
	}
	return slices.DeleteFunc(points, func(r pointRow) bool { return !rd.Cells(p.registryOf(r.Indicator), unit) })
}

// readsAll reports whether the reader may read the unit in every registry.
func (p *Portal) readsAll(rd Reader, unit string) bool {
	for _, reg := range p.cfg.Pages.Catalog.Registries {
		if !rd.Cells(reg.Code, unit) {
			return false
		}
	}
	return len(p.cfg.Pages.Catalog.Registries) > 0
}

func (p *Portal) registryOf(indicator string) string {
	if i, ok := p.cfg.Pages.Catalog.Index().Indicator(indicator); ok {
		return i.Registry
	}
	return ""
}

// readable leaves out of the flags what the person may not read.
func (p *Portal) readable(ctx context.Context, keys []flagKey) []flagKey {
	rd := p.reader(ctx)
	if rd == nil {
		return keys
	}
	return slices.DeleteFunc(keys, func(k flagKey) bool { return !rd.Flag(p.registryOf(k.Indicator), []string{k.Unit}) })
}

// readableUnits leaves out the units that the person may not read.
func (p *Portal) readableUnits(ctx context.Context, units []unitRow, counts []charted) ([]unitRow, []charted) {
	rd := p.reader(ctx)
	if rd == nil {
		return units, counts
	}
	// Names are the portal's own copy for all readers: they are not written.
	return slices.DeleteFunc(slices.Clone(units), func(u unitRow) bool { return !p.readsAny(rd, u.ID) }),
		slices.DeleteFunc(slices.Clone(counts), func(c charted) bool { return !p.readsAny(rd, c.ID) })
}
