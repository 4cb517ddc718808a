package intake

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/record"
)

// ref is where a value of a row stands: in a column, or in the feed as a
// constant.
type ref struct {
	name     string // of the column; empty for a constant
	set      bool
	col      int // -1 for a constant
	constant []byte
	// words are what texts of the column mean; nil: they are what they say.
	words map[string][]byte
}

// strange reports whether the column has a text that the feed does not
// translate, in a column of which it translates texts.
func (r *ref) strange(fields [][]byte) bool {
	if r.words == nil || r.col < 0 {
		return false
	}
	_, ok := r.words[string(trim(fields[r.col]))]
	return !ok
}

// layout maps names to positions in one file.
type layout struct {
	columns map[string]int
	width   int // named columns
	// delivered are those of them that stand in the file; the others were
	// joined from several rows.
	delivered int
	nameless  bool // one more, without name and values, may follow
	// tail says of it that rows have it (1) or not (-1), as the header or the
	// first row does; 0: that is not known yet. Were a row free to leave it
	// out, one with a delimiter too few would still have all columns.
	tail  int
	texts []string // columns in which any text would be taken for a value
	// named are the columns whose value the file's name gives.
	named map[string][]byte
	words map[string]map[string][]byte // by column
	// added are three more columns, those of a file of rejected rows.
	added bool
}

// resolve finds a source of the feed: a column or, after "=", a constant.
func (l *layout) resolve(source string) ref {
	if source == "" {
		return ref{col: -1}
	}
	if text, ok := strings.CutPrefix(source, "="); ok {
		return ref{set: true, col: -1, constant: []byte(text)}
	}
	words := l.words[source]
	if value, ok := l.named[source]; ok {
		if word, ok := words[string(value)]; ok {
			value = word
		}
		return ref{name: source, set: true, col: -1, constant: value}
	}
	return ref{name: source, set: true, col: l.columns[source], words: words}
}

// fit takes the nameless last column off the fields of a row. They are not ok
// if they are more or fewer than the columns.
func (l *layout) fit(fields [][]byte) (row [][]byte, ok bool) {
	extra := len(fields) - l.width
	if !l.nameless || extra < 0 || extra > 1 {
		return fields, extra == 0
	}
	if extra == 1 && len(trim(fields[l.width])) > 0 {
		return fields, false
	}
	if l.tail == 0 {
		l.tail = 2*extra - 1
	}
	return fields[:l.width], (extra == 1) == (l.tail == 1)
}

// fields is how many a row has.
func (l *layout) fields() int { return l.width + max(l.tail, 0) }

// words are what the feed says that texts mean, by column.
func words(feed *catalog.Feed) map[string]map[string][]byte {
	all := map[string]map[string][]byte{}
	for _, t := range feed.Translate {
		for _, c := range t.Columns {
			if all[c] == nil {
				all[c] = map[string][]byte{}
			}
			for _, text := range t.Texts {
				all[c][text] = []byte(t.Value)
			}
		}
	}
	return all
}

// named are the columns that the feed takes from the name of the file.
func named(feed *catalog.Feed, name string) (map[string][]byte, error) {
	if feed.FromName == "" {
		return nil, nil
	}
	re, err := regexp.Compile(feed.FromName)
	if err != nil {
		return nil, fmt.Errorf("feed %s: from_name: %w", feed.ID, err)
	}
	m := re.FindStringSubmatch(name)
	if m == nil {
		return nil, fileError(event.Problem{Rule: RuleWhole,
			Text: fmt.Sprintf("the file name does not have the form %q from which columns are read", feed.FromName),
			Hint: "name the file as feed " + feed.ID + " says, or change from_name there"})
	}
	all := map[string][]byte{}
	for i, group := range re.SubexpNames() {
		if group != "" {
			all[group] = []byte(m[i])
		}
	}
	return all, nil
}

// wanted are the columns that the feed reads, in its order, each once.
func wanted(feed *catalog.Feed) []string {
	var names []string
	add := func(sources ...string) {
		for _, s := range sources {
			if s != "" && s[0] != '=' && !slices.Contains(names, s) {
				names = append(names, s)
			}
		}
	}
	c := feed.Columns
	add(c.Unit, c.Indicator, c.IndicatorVersion, c.EventDate, c.PeriodEnd, c.RegistrationDate, c.Subject)
	for _, u := range c.UnitElse {
		add(u.Column)
		add(u.Blank...)
	}
	add(c.Strata...)
	if len(feed.Measures) == 0 {
		add(c.Numerator, c.Denominator, c.Value, c.Expected, c.Rate)
	}
	for _, m := range feed.Measures {
		add(m.Numerator, m.Denominator, m.Value, m.Expected, m.Rate)
		if m.When != nil {
			add(m.When.Column)
		}
	}
	add(feed.Key...)
	for _, code := range feed.Codes {
		add(code.Column)
	}
	if feed.Operation != nil {
		add(feed.Operation.Column)
	}
	add(feed.Order.Column, feed.AsOf.Column)
	for _, o := range feed.Only {
		add(o.Column)
	}
	if feed.Reasons != nil {
		add(feed.Reasons.Column)
	}
	if feed.Instruction != nil {
		add(feed.Instruction.Column)
	}
	given := groups(feed.FromName)
	if p := feed.Pivot; p != nil {
		add(p.Name, p.Value)
		given = append(given, p.Columns...)
	}
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(given, n) })
}

// groups are the named groups of a pattern.
func groups(pattern string) []string {
	if pattern == "" {
		return nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(re.SubexpNames(), func(s string) bool { return s == "" })
}

// texts are the columns in which any text would be taken for a value.
func texts(feed *catalog.Feed) []string {
	c := feed.Columns
	all := []string{c.Unit, c.Indicator, c.IndicatorVersion, c.Subject, feed.Order.Column, feed.AsOf.Column}
	all = append(append(all, c.Strata...), feed.Key...)
	for _, o := range feed.Only {
		all = append(all, o.Column)
	}
	if feed.Instruction != nil {
		all = append(all, feed.Instruction.Column)
	}
	for _, m := range feed.Measures {
		if m.When != nil {
			all = append(all, m.When.Column)
		}
	}
	for _, code := range feed.Codes {
		all = append(all, code.Column)
	}
	if feed.Operation != nil {
		all = append(all, feed.Operation.Column)
	}
	return all
}

// header holds the columns of a file against those of the feed (check C03).
// Every column that the feed reads must be there once; every other must be
// one that it ignores. A column that is ignored may be absent: no fact
// depends on it.
func header(feed *catalog.Feed, names []string) (*layout, []event.Problem) {
	l := &layout{columns: make(map[string]int, len(names)), texts: texts(feed), words: words(feed)}
	var problems []event.Problem
	bad := func(column, text, hint string) {
		problems = append(problems, event.Problem{Line: 1, Column: column, Rule: RuleHeader, Text: text, Hint: hint})
	}
	want := wanted(feed)
	known := func(name string) bool {
		return slices.Contains(want, name) || slices.Contains(feed.IgnoreColumns, name)
	}
	typed := feed.Format == "parquet" || feed.Format == "arrow" // whose schema names them
	if n := len(names) - len(addedColumns()); n > 0 && (feed.Dialect.Header || typed) && slices.Equal(names[n:], addedColumns()) && !slices.ContainsFunc(names[n:], known) {
		l.added, names = true, names[:n]
	}
	count := 0
	for _, n := range names {
		if known(n) {
			count++
		}
	}
	// If hardly any name is known, the first line is data, and its texts are
	// nobody's to repeat.
	isHeader := 2*count >= len(names) || 2*count >= len(want) || !feed.Dialect.Header
	show := func(name string) string {
		if !isHeader || digits(name) >= maxDigits || utf8.RuneCountInString(name) > 64 {
			return shape([]byte(name))
		}
		return strings.Map(visible, name) // it is told in one line
	}
	if !isHeader {
		bad("", fmt.Sprintf("the first line does not look like the header of this feed: %d of its %s name a column of it", count, record.Count(int64(len(names)), "field")),
			"send the header line; or, if the file has none, declare header: false and its names in the feed; or check the delimiter")
	}
	var missing, unknown []string
	for i, n := range names {
		switch _, twice := l.columns[n]; {
		case n == "" && i == len(names)-1 && feed.Dialect.NamelessLast && i > 0:
			l.nameless, l.tail = true, 1
			continue
		case n == "":
			bad("", fmt.Sprintf("column %d has no name", i+1), "name it; or, if it is a last column without values, declare nameless_last: true in the feed")
		case twice:
			bad(show(n), "the column stands twice in the header", "each column has a name of its own")
		case !known(n):
			unknown = append(unknown, n)
		}
		if _, twice := l.columns[n]; !twice {
			l.columns[n] = i
		}
		l.width = i + 1
	}
	for _, n := range want {
		if _, ok := l.columns[n]; !ok {
			missing = append(missing, n)
		}
	}
	for _, n := range missing {
		hint := "the feed reads it; let the sender write it, or change the feed"
		if near := nearest(n, unknown); near != "" && isHeader {
			hint = fmt.Sprintf("did you mean it by the file's column %q?", show(near))
		}
		bad(n, "the column is missing", hint)
	}
	if isHeader {
		for _, n := range unknown {
			hint := "list it under ignore_columns of the feed if it is not used"
			if near := nearest(n, missing); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			bad(show(n), "the feed does not know the column", hint)
		}
	}
	if feed.Dialect.NamelessLast {
		l.nameless = true
	}
	l.delivered = l.width
	return l, problems
}

// addedColumns stand behind those of the file in its file of rejected rows.
func addedColumns() []string { return []string{"rule", "column", "hint"} }

func digits(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsNumber(r) {
			n++
		}
	}
	return n
}

// nearest is the candidate that a misspelt name most likely means, or "": at
// most a third of its characters differ, letter case aside.
func nearest(name string, candidates []string) string {
	best, least := "", max(1, utf8.RuneCountInString(name)/3)+1
	for _, c := range candidates {
		if d := edits(strings.ToLower(name), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > 64 || len(t) > 64 {
		return 64 // no slip of a key
	}
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := range s {
		diagonal := row[0]
		row[0] = i + 1
		for j := range t {
			cost := diagonal
			if s[i] != t[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(t)]
}
