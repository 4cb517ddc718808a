package portal

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/figure"
	"larstrom/pipeline/sentence"
)

// words says things in one language and its conventions.
type words struct {
	lang    string
	texts   map[string]string
	zone    *time.Location
	decimal string
	group   string
	percent string // after a number, with its space
	stored  []said // what the released store says, in English only
	checks  explained
	books   books
	names   sentence.Names // what findings are about; nil: codes are said
}

// newWords speaks one of languages, with its conventions: decimal comma, thousands
// set apart (by a point in Danish) and a space before the per cent sign in the
// Nordic languages.
func newWords(lang string, zone *time.Location) *words {
	w := &words{lang: lang, texts: english(), zone: zone, decimal: ".", group: ",", percent: "%", checks: explainedIn(lang)}
	if lang == fallback {
		return w
	}
	w.decimal, w.group, w.percent = ",", "\u00a0", "\u00a0%"
	if lang == "da" {
		w.group = "."
	}
	w.stored = sentences()
	at := slices.IndexFunc(languages(), func(l crumb) bool { return l.Path == lang })
	for key, in := range nordic() {
		w.texts[key] = in[at]
	}
	return w
}

// t is the text of that key, with its verbs filled in. A text that is missing
// is our own fault, and the tests find it.
func (w *words) t(key string, args ...any) string {
	s, ok := w.texts[key]
	if !ok {
		panic("portal: no text " + strconv.Quote(key))
	}
	if len(args) == 0 || !strings.Contains(s, "%") { // "once" has no place for its number
		return s
	}
	return fmt.Sprintf(s, args...)
}

// has reports whether there is a text of that key.
func (w *words) has(key string) bool { _, ok := w.texts[key]; return ok }

// or is the text of the key, or the code itself where nobody has put it in
// words.
func (w *words) or(prefix, code string) string {
	if w.has(prefix + code) {
		return w.t(prefix + code)
	}
	return code
}

// fact is the name of a line of the status, which may end in a name of its own.
func (w *words) fact(name string) string {
	if w.has("fact." + name) {
		return w.t("fact." + name)
	}
	if kind, of, ok := strings.Cut(name, " "); ok && w.has("fact."+kind) {
		return w.t("fact."+kind) + " " + of
	}
	return name
}

// count is a number of things: the text of key.one for one, else of
// key.other; the number, in digits, is its first argument.
func (w *words) count(key string, n any, args ...any) string {
	form := ".other"
	if whole(n) == 1 {
		form = ".one"
	}
	return w.t(key+form, append([]any{w.whole(n)}, args...)...)
}

// form is the text of the key for so many things, without the number.
func (w *words) form(key string, n any) string {
	if whole(n) == 1 {
		return w.t(key + ".one")
	}
	return w.t(key + ".other")
}

func whole(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	case uint64:
		return int64(n)
	case uint32:
		return int64(n)
	}
	panic(fmt.Sprintf("portal: %T is no count", n))
}

// whole is a count with its thousands set apart.
func (w *words) whole(n any) string { return w.grouped(strconv.FormatInt(whole(n), 10)) }

func (w *words) grouped(digits string) string {
	sign := ""
	if rest, ok := strings.CutPrefix(digits, "-"); ok {
		sign, digits = "\u2212", rest
	}
	return sign + figure.Grouped(digits, w.group)
}

// num is a number with that many decimals; "–" is none.
func (w *words) num(x float64, decimals int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	if math.Abs(x) >= 1e15 {
		return strconv.FormatFloat(x, 'g', 4, 64)
	}
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-") // no negative nought
	}
	before, after, has := strings.Cut(s, ".")
	s = w.grouped(before)
	if has {
		s += w.decimal + after
	}
	return s
}

// figures is a number with about three significant digits and no nought behind.
func (w *words) figures(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	a := math.Abs(x)
	switch {
	case a != 0 && a < 0.0001:
		return strconv.FormatFloat(x, 'e', 1, 64)
	case a >= 100:
		return w.num(x, 0)
	case a == math.Trunc(a):
		return w.num(x, 0)
	case a >= 10:
		return w.num(x, 1)
	case a >= 1:
		return w.num(x, 2)
	default:
		return w.num(x, max(2, 2-int(math.Floor(math.Log10(a)))))
	}
}

// measure is how the values of an indicator are written.
type measure struct {
	w        *words
	percent  bool
	decimals int
	per      string // "per 100" and the like
}

// measureOf reads it from the indicator; the values decide the decimals where
// it says nothing.
func (w *words) measureOf(i indicatorRow, values []float64) measure {
	m := measure{w: w}
	switch {
	case i.Type == string(catalog.Proportion) && i.Multiplier == 100:
		m.percent, m.decimals = true, 1
		return m
	case i.Multiplier != 1 && i.Multiplier > 0:
		m.per = w.t("measure.per", w.figures(i.Multiplier))
	case i.Type == string(catalog.TimeBetween):
		m.per = w.t("measure.days")
	}
	if i.Type == string(catalog.Count) {
		return m
	}
	largest := 0.0
	for _, v := range values {
		if a := math.Abs(v); a > largest {
			largest = a
		}
	}
	switch {
	case largest >= 1000:
	case largest >= 10:
		m.decimals = 1
	default:
		m.decimals = 2
	}
	return m
}

// say is a value with its unit of measure.
func (m measure) say(x float64) string {
	s := m.w.num(x, m.decimals)
	switch {
	case s == "–":
		return s
	case m.percent:
		return s + m.w.percent
	case m.per != "":
		return s + " " + m.per
	}
	return s
}

// bare is a value without its unit of measure.
func (m measure) bare(x float64) string {
	s := m.w.num(x, m.decimals)
	if m.percent && s != "–" {
		return s + m.w.percent
	}
	return s
}

// title names the unit of measure, for an axis or the head of a column.
func (m measure) title() string {
	if m.percent {
		return m.w.t("measure.percent")
	}
	return m.per
}

func (w *words) month(m time.Month) string { return w.t("month." + strconv.Itoa(int(m))) }

// date is a civil date in words.
func (w *words) date(d catalog.Date) string {
	if d.IsZero() {
		return "–"
	}
	y, m, day := d.Time().Date()
	return w.t("date", day, w.month(m), y)
}

// period is a period in words.
func (w *words) period(granularity string, start catalog.Date) string {
	if start.IsZero() {
		return "–"
	}
	y, m, _ := start.Time().Date()
	switch catalog.Granularity(granularity) {
	case catalog.Week:
		year, week := start.Time().ISOWeek()
		return w.t("period.week", week, year)
	case catalog.Month:
		return fmt.Sprintf("%s %d", w.month(m), y)
	case catalog.Quarter:
		return w.t("period.quarter", (int(m)-1)/3+1, y)
	case catalog.Tertial:
		return w.t("period.tertial", (int(m)-1)/4+1, y)
	case catalog.HalfYear:
		return w.t("period.half_year", (int(m)-1)/6+1, y)
	case catalog.Year:
		return strconv.Itoa(y)
	default:
		return w.date(start)
	}
}

// span is a half-open stretch of periods in words.
func (w *words) span(granularity string, from, to catalog.Date) string {
	last := catalog.Granularity(granularity).PeriodStart(to.AddDays(-1))
	if !from.Before(last) {
		return w.period(granularity, from)
	}
	return w.t("period.span", w.period(granularity, from), w.period(granularity, last))
}

// clock is an instant in the zone of the region.
func (w *words) clock(at time.Time) string {
	at = at.In(w.zone)
	return w.t("clock", w.date(catalog.DateOf(at)), at.Format(w.t("clock.format")))
}

// ago is how many days ago a date was, seen from another.
func (w *words) ago(d, today catalog.Date) string {
	switch n := int(today.Days()) - int(d.Days()); {
	case n < 0:
		return w.t("ago.future")
	case n == 0:
		return w.t("ago.today")
	case n == 1:
		return w.t("ago.yesterday")
	default:
		return w.count("ago", n)
	}
}

// kindOfChart names a chart; the store's short names are those of package spc
// and of two exact ones.
func (w *words) kindOfChart(chart string) string { return w.or("chart.kind.", chart) }

func (w *words) state(state string) string { return w.or("state.", state) }

// figureTexts are the words of drawings.
func (w *words) figureTexts() figure.Texts {
	t := figure.EnglishTexts()
	t.Centre, t.UpperLimit, t.LowerLimit, t.Limits = w.t("col.centre"), w.t("col.ucl"), w.t("col.lcl"), w.t("figure.limits")
	t.Target, t.Reference, t.SigmaSignal, t.RunsSignal = w.t("chart.target"), w.t("chart.ref"), w.t("spc.sigma3"), w.t("figure.runs")
	t.PhaseBreak, t.Note, t.FewCrossings, t.Excluded, t.Second = w.t("figure.phase"), w.t("figure.note"), w.t("figure.crossings"), w.t("figure.excluded"), w.t("figure.second")
	t.Denominator, t.Limits95, t.Limits998, t.Outlier = w.t("denominator"), w.t("figure.limits95"), w.t("figure.limits998"), w.t("figure.outlier")
	t.Unit, t.Highlight, t.OutliersListed, t.NamesInFull = w.t("col.unit"), w.t("figure.highlight"), w.t("figure.listed"), w.t("figure.full")
	t.NotShown, t.NoData = w.t("figure.hidden"), w.t("figure.none")
	t.Language, t.Decimal, t.Thousands, t.Percent = w.lang, w.decimal, w.group, w.percent
	t.Value, t.Preliminary, t.HeldPrevious, t.HeldEmpty = w.state("value"), w.state("preliminary"), w.state("held_previous"), w.state("held_empty")
	t.Suppressed, t.Missing, t.NoEligible, t.NotApplicable = w.state("suppressed"), w.state("missing"), w.state("no_eligible"), w.state("not_applicable")
	for i := range t.Months {
		t.Months[i] = w.t("month.short." + strconv.Itoa(i+1))
	}
	return t
}

// collator compares names as the language sorts them: Å, Ä and Ö, or Æ, Ø and Å,
// come last, and the case of letters does not matter. It is for one goroutine.
func (w *words) collator() *collate.Collator {
	tag := language.Make(w.lang)
	if w.lang == "nb" {
		tag = language.Danish // the tables have no Norwegian, whose alphabet ends as this one does
	}
	return collate.New(tag, collate.IgnoreCase)
}
