package portal

import (
	"context"
	"net/http"
	"slices"

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

// within answers who may read the page of the pattern, and refuses others. What
// the lists of flags and units hold, they choose themselves; a page about all
// units is for who may read all.
func (p *Portal) within(pattern string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rd := p.reader(r.Context())
		if rd == nil || p.reads(rd, pattern, r) {
			h(w, r)
			return
		}
		if pattern == "/{$}" {
			http.Redirect(w, r, "/flags", http.StatusSeeOther)
			return
		}
		http.Error(w, "your roles do not reach this page; what you may read is under /flags and /units", http.StatusForbidden)
	}
}

func (p *Portal) reads(rd Reader, pattern string, r *http.Request) bool {
	switch pattern {
	case "/help", "/flags", "/units", "/":
		return true
	case "/units/{unit}":
		return p.readsAll(rd, r.PathValue("unit"))
	case "/units/{unit}/{indicator}", "/units/{unit}/{indicator}/{period}":
		return rd.Cells(p.registryOf(r.PathValue("indicator")), r.PathValue("unit"))
	case "/deliveries/{delivery}":
		feed := ""
		_ = p.ledger(r.Context(), func(s *run.State) error { // without the LEDGER nothing is known of it, and nothing is shown
			if d := s.Delivery(r.PathValue("delivery")); d != nil {
				feed = d.Feed
			}
			return nil
		})
		return rd.Delivery(feed)
	case "/indicators/{indicator}":
		return rd.Cells(p.registryOf(r.PathValue("indicator")), "")
	case "/flags/{flag}":
		f, err := p.storyOf(r.Context(), r.PathValue("flag"))
		if err != nil {
			return p.readsAll(rd, "") // the others learn nothing of what there is
		}
		units := []string{f.Unit}
		for _, g := range f.Guards {
			units = append(units, g.Unit)
		}
		slices.Sort(units)
		return rd.Flag(p.registryOf(f.Indicator), slices.Compact(units))
	}
	return p.readsAll(rd, "")
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
	return slices.DeleteFunc(slices.Clone(units), func(u unitRow) bool { return !p.readsAll(rd, u.ID) }),
		slices.DeleteFunc(slices.Clone(counts), func(c charted) bool { return !p.readsAll(rd, c.ID) })
}
