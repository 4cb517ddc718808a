package sentence

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
)

// Languages are those that sentences are said in, English last.
func Languages() []string { return []string{"sv", "nb", "da", "en"} }

// Pattern is one kind of sentence.
//
// English has slots for what varies: {n} a number, {id} one word, {text} any
// words, {date}, {nights} ("tonight" or "in 7 nights"), {content} (what a cell
// holds), {why} a reason, {measure} two units of measure, {fault} what a receipt
// says, {unit}, {indicator} and {feed} their codes, and {a/b} one of the words a
// and b. One that begins with a semicolon goes on with the sentence before it.
//
// The others name the slots by their places: {2} is the second. {2:rad/rader} is
// the first word where the second slot is the number 1 or its own first word, else
// the second.
type Pattern struct {
	Kind                string
	English, Sv, Nb, Da string
}

// Said is a sentence: its kind and what varies, in the order of the English
// pattern, as it is kept (decimal point, dates as 2006-01-02).
type Said struct {
	Kind   string   `json:"kind"`
	Values []string `json:"values,omitempty"`
}

// Names say what units and indicators are called; what they do not know is
// named by its code.
type Names interface {
	Unit(id string) string
	Indicator(id string) string
}

// Book is patterns that are ready to be read by. It is safe for many goroutines.
type Book struct {
	all    []*entry
	kind   map[string]*entry
	places *regexp.Regexp // of slots in a pattern
	faults *Book          // what the slots {fault} say; nil: as it is
}

type entry struct {
	kind    string
	pattern *regexp.Regexp // anchored at the start
	literal string         // what the sentence begins with
	slots   []slot
	in      map[string]string // by language; English with numbered slots
}

type slot struct {
	kind string   // n, id, text, …, or choice
	of   []string // the words of a choice
}

// NewBook compiles the patterns; they are tried in their order. Two of one kind,
// an unknown slot or a place that is not there are errors.
func NewBook(patterns []Pattern) (*Book, error) {
	b := &Book{kind: map[string]*entry{}, places: regexp.MustCompile(`\{([^{}]+)\}`)}
	for _, p := range patterns {
		e, err := b.compile(p)
		if err != nil {
			return nil, fmt.Errorf("sentence %s: %w", p.Kind, err)
		}
		if b.kind[e.kind] != nil {
			return nil, fmt.Errorf("sentence %s: there are two of that kind", p.Kind)
		}
		b.all, b.kind[e.kind] = append(b.all, e), e
	}
	return b, nil
}

// WithFaults says what receipts say within a sentence by that book.
func (b *Book) WithFaults(faults *Book) *Book {
	out := *b
	out.faults = faults
	return &out
}

// compile reads one pattern.
func (b *Book) compile(p Pattern) (*entry, error) {
	e := &entry{kind: p.Kind}
	var source, numbered strings.Builder
	source.WriteString("^")
	rest := p.English
	for {
		at := b.places.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		before, name := rest[:at[0]], rest[at[2]:at[3]]
		if len(e.slots) == 0 {
			e.literal = before
		}
		s, expression, err := slotOf(name)
		if err != nil {
			return nil, err
		}
		if rest[at[1]:] == "" {
			if lazy, ok := strings.CutSuffix(expression, "+?"); ok {
				expression = lazy + "+" // all that is left
			}
		}
		e.slots = append(e.slots, s)
		source.WriteString(regexp.QuoteMeta(before) + "(" + expression + ")")
		numbered.WriteString(before + "{" + strconv.Itoa(len(e.slots)) + "}")
		rest = rest[at[1]:]
	}
	if len(e.slots) == 0 {
		e.literal = rest
	}
	source.WriteString(regexp.QuoteMeta(rest))
	numbered.WriteString(rest)
	var err error
	if e.pattern, err = regexp.Compile(source.String()); err != nil {
		return nil, err
	}
	e.in = map[string]string{"sv": p.Sv, "nb": p.Nb, "da": p.Da, "en": numbered.String()}
	for lang, text := range e.in {
		for _, m := range b.places.FindAllStringSubmatch(text, -1) {
			number, _, _ := strings.Cut(m[1], ":")
			if n, err := strconv.Atoi(number); err != nil || n < 1 || n > len(e.slots) {
				return nil, fmt.Errorf("in %s there is no slot {%s}", lang, m[1])
			}
		}
	}
	return e, nil
}

const number = `[-+]?[0-9]+(?:\.[0-9]+)?(?:e[-+][0-9]+)?`

// slotOf is a slot and the expression of what may stand there.
func slotOf(name string) (slot, string, error) {
	switch name {
	case "n":
		return slot{kind: name}, number, nil
	case "id":
		return slot{kind: name}, `[^ ]+?`, nil
	case "text", "unit", "indicator", "feed", "why", "measure", "fault":
		return slot{kind: name}, `.+?`, nil
	case "date":
		return slot{kind: name}, `[0-9]{4}-[0-9]{2}-[0-9]{2}`, nil
	case "nights":
		return slot{kind: name}, `tonight|in [0-9]+ nights`, nil
	case "content":
		return slot{kind: name}, `nothing|(?:` + number + ` of ` + number + ` in )?[0-9]+ rows`, nil
	}
	words := strings.Split(name, "/")
	if len(words) < 2 {
		return slot{}, "", fmt.Errorf("no slot is of the kind {%s}", name)
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = regexp.QuoteMeta(w)
	}
	slices.SortStableFunc(quoted, func(a, b string) int { return len(b) - len(a) }) // the first that fits is taken
	return slot{kind: "choice", of: words}, strings.Join(quoted, "|"), nil
}

// deepest is how many sentences are read in one text.
const deepest = 8

// Read is the text as sentences; false: there is something in it that is no
// pattern's.
func (b *Book) Read(text string) ([]Said, bool) { return b.read(strings.TrimSpace(text), 0) }

func (b *Book) read(text string, depth int) ([]Said, bool) {
	if text == "" {
		return nil, true
	}
	if depth == deepest {
		return nil, false
	}
	for _, e := range b.all {
		if !strings.HasPrefix(text, e.literal) {
			continue
		}
		m := e.pattern.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		more := text[len(m[0]):]
		if more != "" && !strings.HasPrefix(more, " ") && !strings.HasPrefix(more, ";") {
			continue
		}
		rest, ok := b.read(strings.TrimPrefix(more, " "), depth+1)
		if !ok {
			continue
		}
		return append([]Said{{Kind: e.kind, Values: m[1:]}}, rest...), true
	}
	return nil, false
}

// Say is the sentence in the language, English where it is none of Languages;
// names may be nil. A kind that is in no book is said as nothing.
func (b *Book) Say(s Said, lang string, names Names) string {
	e := b.kind[s.Kind]
	if e == nil || len(s.Values) != len(e.slots) {
		return ""
	}
	if !slices.Contains(Languages(), lang) {
		lang = "en"
	}
	percent := "\u00a0%"
	if lang == "en" {
		percent = "%"
	}
	out := b.places.ReplaceAllStringFunc(e.in[lang], func(place string) string {
		at, forms, choose := strings.Cut(place[1:len(place)-1], ":")
		n, err := strconv.Atoi(at)
		if err != nil {
			return place
		}
		value, sl := s.Values[n-1], e.slots[n-1]
		if choose {
			return chosen(sl, value, strings.Split(forms, "/"))
		}
		if sl.kind == "fault" && b.faults != nil {
			said, _ := b.faults.In(value, lang, names)
			return said
		}
		return sl.say(value, lang, names)
	})
	return strings.ReplaceAll(out, " %", percent)
}

// chosen is the form that goes with the value.
func chosen(s slot, value string, forms []string) string {
	at := 0
	switch {
	case s.kind == "choice":
		at = slices.Index(s.of, value)
	case value != "1":
		at = 1
	}
	return forms[min(max(at, 0), len(forms)-1)]
}

func (s slot) say(value, lang string, names Names) string {
	switch s.kind {
	case "n":
		return Number(value, lang)
	case "date":
		if d, err := catalog.ParseDate(value); err == nil {
			return Date(d, lang)
		}
	case "nights":
		return nights(value, lang)
	case "content":
		return content(value, lang)
	case "why":
		return reason(value, lang)
	case "measure":
		return measure(value, lang)
	case "unit":
		if names != nil {
			return names.Unit(value)
		}
	case "indicator":
		if names != nil {
			return names.Indicator(value)
		}
	}
	return value
}

// In reads the text and says it in the language; where it cannot be read it is
// the text itself, and english says so.
func (b *Book) In(text, lang string, names Names) (said string, english bool) {
	all, ok := b.Read(text)
	if !ok {
		return text, true
	}
	var out strings.Builder
	for i, s := range all {
		part := b.Say(s, lang, names)
		if i > 0 && !strings.HasPrefix(part, ";") {
			out.WriteByte(' ')
		}
		out.WriteString(part)
	}
	return out.String(), false
}

// Kinds are those of the book, in the order in which they are tried.
func (b *Book) Kinds() []string {
	out := make([]string, len(b.all))
	for i, e := range b.all {
		out[i] = e.kind
	}
	return out
}

// Slots are what a sentence of the kind has places for, as in its pattern.
func (b *Book) Slots(kind string) []string {
	var out []string
	if e := b.kind[kind]; e != nil {
		for _, s := range e.slots {
			if s.kind == "choice" {
				out = append(out, strings.Join(s.of, "/"))
				continue
			}
			out = append(out, s.kind)
		}
	}
	return out
}
