package review

import (
	"net/http"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/sentence"
)

// speak says findings in the language that the request accepts, with its name in
// the answer's header; where none is accepted that is spoken they are as they
// stand in the LEDGER.
func (h *Handler) speak(w http.ResponseWriter, r *http.Request) func(text string) (string, []sentence.Said) {
	lang := sentence.Accepted(r.Header.Get("Accept-Language"))
	w.Header().Add("Vary", "Accept-Language")
	if lang != "" {
		w.Header().Set("Content-Language", lang)
	}
	return func(text string) (string, []sentence.Said) {
		said, ok := h.findings.Read(text)
		if ok && lang != "" {
			text, _ = h.findings.In(text, lang, called{h.index, lang})
		}
		return text, said
	}
}

// called are the names of the catalog in a language.
type called struct {
	index *catalog.Index
	lang  string
}

// Unit is what a unit is called.
func (c called) Unit(id string) string {
	if u, ok := c.index.Unit(id); ok {
		return u.Name.In(c.lang)
	}
	return id
}

// Indicator is what an indicator is called.
func (c called) Indicator(id string) string {
	if i, ok := c.index.Indicator(id); ok {
		return i.Name.In(c.lang)
	}
	return id
}
