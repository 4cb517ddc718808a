package portal

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/figure"
	"larstrom/services/portal/web"
)

//go:embed page
var pageText embed.FS

// asset is a file that pages are made of; it holds no data.
type asset struct {
	kind string
	body []byte
}

func (a asset) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	_, _ = w.Write(a.body)
}

// assets are the style, the script and the sign of all pages.
func assets() (map[string]asset, error) {
	out := map[string]asset{}
	out["/portal.js"] = asset{"text/javascript; charset=utf-8", web.Script()}
	for path, a := range map[string]struct{ file, kind string }{
		"/page.css": {"page/page.css", "text/css; charset=utf-8"},
		"/icon.svg": {"page/icon.svg", "image/svg+xml"},
	} {
		body, err := pageText.ReadFile(a.file)
		if err != nil {
			return nil, err
		}
		if path == "/page.css" {
			body = append(body, figure.Stylesheet()...)
		}
		out[path] = asset{a.kind, body}
	}
	return out, nil
}

// view is what a page shows.
type view struct {
	Title  string
	Crumbs []crumb // from the start to the page above this one
	// Section is the entry of the navigation that the page is in.
	Section string
	// Publication is the one that is shown; nil: none yet, or none is.
	Publication *publication
	Status      int // 0: 200
	Body        any
}

// crumb is a page above another.
type crumb struct{ Path, Title string }

// layout is the pages' templates, with the words that are in them.
type layout struct {
	words *words
	pages map[string]*template.Template
}

func newLayout(w *words) (*layout, error) {
	funcs := template.FuncMap{
		"t": w.t, "lang": func() string { return w.lang }, "count": w.count, "form": w.form, "whole": w.whole, "num": w.num, "figures": w.figures, "say": w.or,
		"date": func(d any) template.HTML { return timeElement(dateOf(d).String(), w.date(dateOf(d))) },
		"period": func(granularity string, d any) template.HTML {
			return timeElement(periodValue(granularity, dateOf(d)), w.period(granularity, dateOf(d)))
		},
		"span":  func(granularity string, from, to any) string { return w.span(granularity, dateOf(from), dateOf(to)) },
		"clock": func(at time.Time) template.HTML { return timeElement(at.UTC().Format(time.RFC3339), w.clock(at)) },
		"short": short,
		"pair": func(of *evidence, lines []monthLine, caption string) monthTable {
			return monthTable{of, lines, caption}
		},
		"of":    func(p panel, kind string) panelForm { return panelForm{p, kind} },
		"lower": strings.ToLower,
		"check": func(id string) string { return w.checks.title[id] },
		"advice": func(rule string) string {
			if w.has("advice." + rule) {
				return w.t("advice." + rule)
			}
			return ""
		},
		"fact": w.fact, "isWebAddress": isWebAddress, "detail": w.detail, "receipt": w.receipt, "finding": w.finding, "facttext": w.factText,
	}
	l := &layout{words: w, pages: map[string]*template.Template{}}
	base, err := template.New("layout").Funcs(funcs).ParseFS(pageText, "page/layout.html", "page/parts.html")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"tonight", "deliveries", "delivery", "flags", "flag", "units", "unit", "chart", "point",
		"indicators", "indicator", "help", "keys", "status", "missing", "refused", "failed", "unpublished"} {
		page, err := base.Clone()
		if err != nil {
			return nil, err
		}
		if l.pages[name], err = page.ParseFS(pageText, "page/"+name+".html"); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func dateOf(d any) catalog.Date {
	switch d := d.(type) {
	case catalog.Date:
		return d
	case time.Time:
		return catalog.DateOf(d)
	case *time.Time:
		if d != nil {
			return catalog.DateOf(*d)
		}
	}
	return catalog.Date{}
}

// timeElement says a time to people and to machines.
func timeElement(value, text string) template.HTML {
	text = template.HTMLEscapeString(text)
	if value == "" {
		return template.HTML(text) //nolint:gosec // escaped
	}
	return template.HTML(`<time datetime="` + template.HTMLEscapeString(value) + `">` + text + `</time>`) //nolint:gosec // escaped
}

// periodValue is a period as HTML knows it, where it knows it.
func periodValue(granularity string, d catalog.Date) string {
	switch catalog.Granularity(granularity) {
	case catalog.Month:
		return d.Time().Format("2006-01")
	case catalog.Year:
		return d.Time().Format("2006")
	default:
		return d.String()
	}
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}

// frame is what the layout is filled with.
type frame struct {
	*view
	// Page is its kind, which the body carries for those who test pages.
	Page         string
	Lang, Region string
	Pages        bool
	Navigation   []navigation
	Tongues      []tongueLink
}

type navigation struct {
	crumb
	Here bool
}

func (p *Portal) frame(name string, v *view, r *http.Request) frame {
	f := frame{view: v, Page: name, Lang: p.words.lang, Tongues: p.tongues(r, name == "refused")}
	if p.cfg.Pages == nil {
		if b, ok := v.Body.(statusBody); ok {
			f.Region = b.Of
		}
		return f
	}
	f.Pages, f.Region = true, textOf(p.cfg.Pages.Catalog.Region.Name, p.words.lang)
	for _, n := range []crumb{{"/", "tonight"}, {"/deliveries", "deliveries"}, {"/flags", "flags"}, {"/units", "units"}, {"/indicators", "indicators"}, {"/help", "help"}} {
		f.Navigation = append(f.Navigation, navigation{crumb{n.Path, p.words.t("nav." + n.Title)}, n.Title == v.Section})
	}
	return f
}

// textOf is a text of the catalog in the language, or in any.
func textOf(t catalog.Text, lang string) string {
	for _, l := range []string{lang, "en", "sv", "nb", "da", "fi", "is"} {
		if s := t[l]; s != "" {
			return s
		}
	}
	return ""
}

// errMissing says that there is no such page.
var errMissing = errors.New("no such page")

// errRefused says that the roles of who asks do not reach the page.
var errRefused = errors.New("not for who asks")

// show answers with a page. What went wrong is in the log; the page says that
// it cannot be shown.
func (p *Portal) show(page string, read func(*http.Request) (*view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, stop := context.WithTimeout(r.Context(), pageTime)
		defer stop()
		v, err := read(r.WithContext(ctx))
		name := page
		switch {
		case errors.Is(err, errRefused):
			name, v = "refused", &view{Title: p.words.t("refused.title"), Status: http.StatusForbidden}
		case errors.Is(err, errMissing):
			was := v
			name, v = "missing", &view{Title: p.words.t("missing.title"), Status: http.StatusNotFound}
			if was != nil {
				v.Publication, v.Section, v.Crumbs = was.Publication, was.Section, was.Crumbs
			}
		case err != nil:
			if r.Context().Err() == nil {
				p.cfg.Logger.Error("the page cannot be read", "page", page, "error", err)
			}
			name, v = "failed", &view{Title: p.words.t("failed.title"), Status: http.StatusServiceUnavailable, Body: errors.Is(err, errRenewed)}
		case v.Body == nil:
			name = "unpublished"
		}
		var text bytes.Buffer
		if err := p.layout.pages[name].ExecuteTemplate(&text, "layout", p.frame(name, v, r)); err != nil {
			p.cfg.Logger.Error("the page cannot be written", "page", name, "error", err)
			http.Error(w, "the page cannot be written", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if v.Status != 0 {
			w.WriteHeader(v.Status)
		}
		_, _ = text.WriteTo(w)
	}
}
