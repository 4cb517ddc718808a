package engine

import (
	_ "embed" // functions.txt
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// This file holds what a listener with Policy.Tables lets through. It is one of
// two locks, each of which holds by itself against reading tables that are not
// named there:
//
//   - The engine's own access control. The query runs with a role that has SELECT
//     on those tables and nothing else (configuration, prepare), so that however
//     a table is reached (a subquery, a table function, a filter in a setting),
//     the engine refuses it. Views read what they are made of as their definer,
//     who has every right: CREATE VIEW … SQL SECURITY DEFINER.
//   - The guard here. It covers what grants do not: functions that read files of
//     the host, system tables, settings that reach into views, statements that
//     would change the role.
//
// The guard allows, it does not forbid: it reads a statement's tokens, and what
// it does not know it refuses. The text that the engine gets is written anew
// from those tokens, without comments, so that both see the same ones.

//go:embed functions.txt
var functionNames string

// guard is the guard of one listener. A nil guard lets everything through.
type guard struct {
	tables    []string // database.name
	database  string
	settings  []string // that a SETTINGS clause may set
	functions map[string]bool
}

func newGuard(l Listener) *guard {
	if l.Policy.Tables == nil {
		return nil
	}
	g := &guard{tables: l.Policy.Tables, database: l.Database, settings: l.Policy.settable(), functions: map[string]bool{}}
	for line := range strings.Lines(functionNames) {
		if !strings.HasPrefix(line, "#") {
			for name := range strings.FieldsSeq(line) {
				g.functions[strings.ToLower(name)] = true
			}
		}
	}
	return g
}

// tableFilters is the setting in which Grafana sends the ad-hoc filters of a
// dashboard: {'table': 'condition'}.
const tableFilters = "additional_table_filters"

// introspection are the system tables that clients build their menus from, as
// the query that stands in for each: nothing of the host, nothing of other
// databases. What is not granted is not listed.
func introspection(database string) map[string]string {
	of := " WHERE database = " + quote(database)
	return map[string]string{
		"one":       "(SELECT dummy FROM system.one)",
		"databases": "(SELECT name, engine, comment FROM system.databases WHERE name = " + quote(database) + ")",
		"tables":    "(SELECT database, name, engine, is_temporary, comment, total_rows, total_bytes, primary_key, sorting_key, partition_key FROM system.tables" + of + ")",
		"columns": "(SELECT database, table, name, type, position, default_kind, default_expression, comment, is_in_partition_key, is_in_sorting_key, is_in_primary_key" +
			" FROM system.columns" + of + ")",
		"functions": "(SELECT name, is_aggregate, case_insensitive, alias_to, origin, description, syntax, arguments, returned_value, examples, categories FROM system.functions)",
	}
}

// isKeyword reports whether a bracket may follow this word without a call.
func isKeyword(lower string) bool {
	switch lower {
	case "select", "distinct", "from", "join", "on", "using", "prewhere", "where", "by", "having", "qualify", "limit", "offset", "as", "with",
		"union", "all", "except", "intersect", "and", "or", "not", "xor", "div", "mod", "in", "between", "like", "ilike", "regexp", "is", "exists", "any", "some",
		"case", "when", "then", "else", "interval", "over", "filter", "window", "rollup", "cube", "sets", "to", "step", "interpolate", "columns", "replace",
		"extract", "trim", "both", "leading", "trailing", "array":
		return true
	}
	return isTypeName(lower) || isTableFunction(lower)
}

// isTypeName reports whether this is a type with parameters. States of
// aggregate functions are not among them: the engine takes their bytes on trust.
func isTypeName(lower string) bool {
	switch lower {
	case "array", "nullable", "lowcardinality", "tuple", "map", "datetime", "datetime32", "datetime64", "time64", "fixedstring", "enum", "enum8", "enum16",
		"decimal", "decimal32", "decimal64", "decimal128", "decimal256", "numeric", "varchar", "char":
		return true
	}
	return false
}

// isTableFunction reports those that make rows of nothing.
func isTableFunction(lower string) bool {
	switch lower {
	case "numbers", "numbers_mt", "generateseries", "generate_series", "values":
		return true
	}
	return false
}

// cutCombinator cuts an ending of aggregate functions off a name in lower case. -State and
// -Merge are not among them: see isTypeName.
func cutCombinator(lower string) (string, bool) {
	for _, c := range []string{"if", "array", "distinct", "ornull", "ordefault", "foreach", "resample", "map", "argmin", "argmax"} {
		if base, ok := strings.CutSuffix(lower, c); ok && base != "" {
			return base, true
		}
	}
	return lower, false
}

// allowsFunction reports whether a name may stand before a bracket.
func (g *guard) allowsFunction(name string, bare bool) bool {
	lower := strings.ToLower(name)
	if bare && isKeyword(lower) {
		return true
	}
	for more := true; more; lower, more = cutCombinator(lower) {
		if g.functions[lower] {
			return true
		}
	}
	return g.functions[lower]
}

// isForbiddenWord reports words, in lower case, that lead out of a SELECT: other
// statements inside of one, functions by their bare name, files.
func isForbiddenWord(lower string) bool {
	switch lower {
	case "explain", "show", "describe", "apply", "parallel", "execute", "outfile", "infile", "settings":
		return true
	}
	return false
}

// formatAllowed reports the output formats that need no file and no schema.
func formatAllowed(name string) bool {
	switch strings.ToLower(name) {
	case "native", "json", "jsoncompact", "jsonstrings", "jsoncompactstrings", "jsoneachrow", "jsonstringseachrow", "jsoncompacteachrow",
		"jsoncompacteachrowwithnames", "jsoncompacteachrowwithnamesandtypes", "csv", "csvwithnames", "csvwithnamesandtypes",
		"tsv", "tsvwithnames", "tsvwithnamesandtypes", "tabseparated", "tabseparatedwithnames", "tabseparatedwithnamesandtypes",
		"pretty", "prettycompact", "prettyspace", "vertical", "markdown", "null", "rowbinary", "rowbinarywithnamesandtypes", "arrow", "arrowstream", "parquet":
		return true
	}
	return false
}

// numberPattern is what a number looks like here. The lexer takes letters for a
// part of it; a word may not hide there.
var numberPattern = regexp.MustCompile(`^(0x[0-9a-fA-F]+|0b[01]+|[0-9][0-9_]*(\.[0-9]*)?([eE][0-9]*)?)$`)

const plainPunctuation = `()[]{},.+-*/%=<>!?:|&^`

// check returns the statement as the engine may see it, and the settings that
// its SETTINGS clause names: the engine, read-only, takes none from the text.
func (g *guard) check(st statement) (statement, []setting, error) {
	text, tokens, err := g.canonical(st.text)
	if err != nil {
		return statement{}, nil, err
	}
	var settings []setting
	switch st.kind {
	case selectStatement:
		text, tokens, settings, err = g.cutSettings(text, tokens)
		if err == nil {
			text, err = g.sql(text, tokens)
		}
	case otherStatement:
		text, err = g.question(text, tokens)
	default:
		err = errNotAQuestion()
	}
	if err != nil {
		return statement{}, nil, err
	}
	out, err := parse(text, true)
	if err == nil && out.kind != selectStatement && st.kind == selectStatement {
		err = errNotAQuestion()
	}
	return out, settings, err
}

func errNotAQuestion() error {
	return refuse(codeReadonly, "READONLY", "Only SELECT, SHOW DATABASES, SHOW TABLES and DESCRIBE TABLE are allowed here")
}

func denied(format string, args ...any) error {
	return refuse(codeAccessDenied, "ACCESS_DENIED", format, args...)
}

// canonical writes text anew: its tokens, with one blank wherever there was
// anything between two of them. Every token is of a plain kind.
func (g *guard) canonical(text string) (string, []token, error) {
	var b strings.Builder
	var tokens []token
	end := 0
	l := &lexer{text: text}
	for t := l.next(); t.kind != endToken; t = l.next() {
		if err := plain(text, t); err != nil {
			return "", nil, err
		}
		if len(tokens) > 0 && t.start > end {
			b.WriteByte(' ')
		}
		end = t.end
		at := b.Len()
		b.WriteString(text[t.start:t.end])
		tokens = append(tokens, token{t.kind, at, b.Len()})
	}
	return b.String(), tokens, nil
}

// plain refuses tokens that two readers could read differently.
func plain(text string, t token) error {
	word := text[t.start:t.end]
	switch t.kind {
	case wordToken:
		return nil
	case stringToken:
		if word[0] == '\'' {
			return nil
		}
	case quotedToken:
		if word[0] != '`' && word[0] != '"' {
			break
		}
		if inner := word[1 : len(word)-1]; inner == "" || strings.ContainsAny(inner, "\\`\"") || strings.ContainsFunc(inner, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return denied("The name %s has a character that is not allowed in names here", word)
		}
		return nil
	case numberToken:
		if numberPattern.MatchString(word) {
			return nil
		}
	case punctToken:
		if strings.IndexByte(plainPunctuation, word[0]) >= 0 {
			return nil
		}
	}
	return refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: %.40q is not allowed here; use plain SQL, text in '…' and names in \"…\"", word)
}

// nameOf is an identifier as the engine reads it, and whether it is a bare word.
func nameOf(text string, t token) (string, bool) {
	switch word := text[t.start:t.end]; t.kind {
	case wordToken:
		return word, true
	case quotedToken:
		return word[1 : len(word)-1], false
	}
	return "", false
}

// cutSettings takes the SETTINGS clause at the end of a SELECT out of it.
func (g *guard) cutSettings(text string, tokens []token) (string, []token, []setting, error) {
	l := lexer{text: text}
	depth, first := 0, -1
	for i, t := range tokens {
		switch {
		case l.punct(t, '('), l.punct(t, '['), l.punct(t, '{'):
			depth++
		case l.punct(t, ')'), l.punct(t, ']'), l.punct(t, '}'):
			depth--
		case depth == 0 && l.is(t, "SETTINGS") && i > 0:
			first = i
		}
		if first >= 0 {
			break
		}
	}
	if first < 0 {
		return text, tokens, nil, nil
	}
	var settings []setting
	i := first + 1
	for {
		if i+2 >= len(tokens) || tokens[i].kind != wordToken || !l.punct(tokens[i+1], '=') {
			return "", nil, nil, refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: SETTINGS is followed by name = value, at the end of the query")
		}
		s := setting{name: text[tokens[i].start:tokens[i].end]}
		i += 2
		from, depth := i, 0
		for ; i < len(tokens); i++ {
			t := tokens[i]
			if depth == 0 && i > from && (l.punct(t, ',') || t.kind == wordToken) {
				break
			}
			switch {
			case l.punct(t, '('), l.punct(t, '['), l.punct(t, '{'):
				depth++
			case l.punct(t, ')'), l.punct(t, ']'), l.punct(t, '}'):
				depth--
			}
		}
		s.value = text[tokens[from].start:tokens[i-1].end]
		if tokens[from].kind == stringToken && i == from+1 {
			s.value = unquote(s.value)
		}
		settings = append(settings, s)
		if i < len(tokens) && l.punct(tokens[i], ',') {
			i++
			continue
		}
		break
	}
	for _, s := range settings {
		if !slices.Contains(g.settings, s.name) {
			return "", nil, nil, errSetting(s.name)
		}
	}
	// Only FORMAT may follow.
	rest := ""
	if i < len(tokens) {
		if !l.is(tokens[i], "FORMAT") || i+2 != len(tokens) || tokens[i+1].kind != wordToken {
			return "", nil, nil, refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: SETTINGS must stand once, at the end of the query")
		}
		rest = " " + text[tokens[i].start:]
	}
	text, tokens, err := g.canonical(text[:tokens[first-1].end] + rest)
	return text, tokens, settings, err
}

func errSetting(name string) error {
	return refuse(codeConstraint, "SETTING_CONSTRAINT_VIOLATION", "Setting %s should not be changed here; leave it out of the query and of the data source", name)
}

// sql checks a SELECT, or an expression, and puts in what stands for the system
// tables.
func (g *guard) sql(text string, tokens []token) (string, error) {
	l := lexer{text: text}
	at := func(i int) token {
		if i >= 0 && i < len(tokens) {
			return tokens[i]
		}
		return token{kind: endToken, start: len(text), end: len(text)}
	}
	tables := introspection(g.database)
	var b strings.Builder
	written := 0
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if l.punct(t, '{') {
			if err := parameterType(text, tokens[i:]); err != nil {
				return "", err
			}
			continue
		}
		if l.punct(t, '(') && l.is(at(i+1), "DESC") {
			return "", errNotAQuestion()
		}
		if t.kind != wordToken && t.kind != quotedToken {
			continue
		}
		name, bare := nameOf(text, t)
		lower := strings.ToLower(name)
		switch {
		case bare && isForbiddenWord(lower):
			return "", denied("%s is not allowed here; a column of that name is written \"%s\"", strings.ToUpper(name), name)
		case l.punct(at(i+1), '(') && !g.allowsFunction(name, bare):
			return "", denied("The function %s is not allowed here", name)
		case !namesSystem(lower):
			continue
		}
		table, _ := nameOf(text, at(i+2))
		query, ok := tables[table]
		if name != "system" || l.punct(at(i-1), '.') || !l.punct(at(i+1), '.') || !ok || l.punct(at(i+3), '.') || l.punct(at(i+3), '(') {
			return "", denied("Of the system tables there are system.columns, system.databases, system.functions and system.tables")
		}
		b.WriteString(text[written:t.start])
		b.WriteString(query)
		written = at(i + 2).end
		i += 2
	}
	b.WriteString(text[written:])
	return b.String(), nil
}

// namesSystem reports whether a name, or a part of one with dots, is that of a
// database of the engine's own.
func namesSystem(lower string) bool {
	for part := range strings.SplitSeq(lower, ".") {
		switch strings.TrimSpace(part) {
		case "system", "information_schema", "_temporary_and_external_tables":
			return true
		}
	}
	return false
}

// parameterType refuses {name:Identifier}: the guard must see every name.
func parameterType(text string, tokens []token) error {
	l := lexer{text: text}
	for _, t := range tokens[1:] {
		if l.punct(t, '}') {
			return nil
		}
		if word, _ := nameOf(text, t); strings.EqualFold(word, "Identifier") {
			return denied("Parameters of type Identifier are not allowed here")
		}
	}
	return nil
}

// question answers the statements other than SELECT that clients ask for their
// menus.
func (g *guard) question(text string, tokens []token) (string, error) {
	var words []string // bare words in upper case, names after a blank
	for _, t := range tokens {
		word, bare := nameOf(text, t)
		switch {
		case t.kind == punctToken:
			word = text[t.start:t.end]
		case bare && len(words) < 3:
			word = strings.ToUpper(word)
		}
		words = append(words, word)
	}
	is := func(from int, want ...string) bool {
		return len(words) == from+len(want) && slices.Equal(words[from:], want)
	}
	switch {
	case is(0, "SHOW", "DATABASES"):
		return "SELECT name FROM system.databases WHERE name = " + quote(g.database), nil
	case is(0, "SHOW", "TABLES"),
		len(words) == 4 && slices.Equal(words[:2], []string{"SHOW", "TABLES"}) && (words[2] == "FROM" || words[2] == "IN") && words[3] == g.database:
		return "SELECT name FROM system.tables WHERE database = " + quote(g.database) + " ORDER BY name", nil
	case len(words) == 4 && slices.Equal(words[:2], []string{"SHOW", "TABLES"}):
		return "", g.errDatabase(words[3])
	}
	if len(words) == 0 || words[0] != "DESC" && words[0] != "DESCRIBE" {
		return "", errNotAQuestion()
	}
	names := tokens[1:]
	if l := (lexer{text: text}); len(names) > 1 && l.is(names[0], "TABLE") {
		names = names[1:]
	}
	database, table := g.database, ""
	switch {
	case len(names) == 1:
		table, _ = nameOf(text, names[0])
	case len(names) == 3 && text[names[1].start:names[1].end] == ".":
		database, _ = nameOf(text, names[0])
		table, _ = nameOf(text, names[2])
	}
	if !slices.Contains(g.tables, database+"."+table) {
		return "", denied("There is no table of that name to describe; SHOW TABLES lists what there is")
	}
	return "DESCRIBE TABLE " + quoteIdentifier(database) + "." + quoteIdentifier(table), nil
}

func (g *guard) errDatabase(name string) error {
	return refuse(codeUnknownDatabase, "UNKNOWN_DATABASE", "Database %q does not exist here; there is %s", name, g.database)
}

// checkDatabase refuses requests for another database: bare names would be of it.
func (g *guard) checkDatabase(name string) error {
	if g == nil || name == g.database {
		return nil
	}
	return g.errDatabase(name)
}

// filters checks the value of additional_table_filters: conditions on tables
// that may be read. One on a table inside of a view would change what the view
// means: which publication it takes for the newest, for instance.
func (g *guard) filters(value string) (string, error) {
	bad := func(format string, args ...any) (string, error) {
		return "", refuse(codeBadArguments, "BAD_ARGUMENTS", tableFilters+": "+format, args...)
	}
	text, tokens, err := g.canonical(value)
	if err != nil {
		return "", err
	}
	l := lexer{text: text}
	if len(tokens) < 2 || !l.punct(tokens[0], '{') || !l.punct(tokens[len(tokens)-1], '}') {
		return bad("want {'table': 'condition'}")
	}
	tokens = tokens[1 : len(tokens)-1]
	var out []string
	for len(tokens) > 0 {
		if len(tokens) < 3 || tokens[0].kind != stringToken || !l.punct(tokens[1], ':') || tokens[2].kind != stringToken {
			return bad("want {'table': 'condition'}")
		}
		table, ok := literal(text[tokens[0].start:tokens[0].end])
		condition, ok2 := literal(text[tokens[2].start:tokens[2].end])
		if !ok || !ok2 {
			return bad("a text in it has an escape that is not allowed here")
		}
		full := table
		if !strings.Contains(table, ".") {
			full = g.database + "." + table
		}
		if !slices.Contains(g.tables, full) {
			return bad("there is no table %q", table)
		}
		if condition, err = g.condition(condition); err != nil {
			return "", err
		}
		out = append(out, quote(table)+" : "+quote(condition))
		if tokens = tokens[3:]; len(tokens) > 0 {
			if !l.punct(tokens[0], ',') {
				return bad("want {'table': 'condition'}")
			}
			tokens = tokens[1:]
		}
	}
	return "{" + strings.Join(out, ", ") + "}", nil
}

// condition checks an expression without subqueries.
func (g *guard) condition(expression string) (string, error) {
	text, tokens, err := g.canonical(expression)
	if err != nil {
		return "", err
	}
	l := lexer{text: text}
	depth := 0
	for _, t := range tokens {
		switch {
		case l.punct(t, '('):
			depth++
		case l.punct(t, ')'):
			depth--
		case l.is(t, "SELECT"), l.is(t, "WITH"), l.is(t, "FROM"):
			return "", denied("A filter holds a condition on columns, and no subquery")
		}
		if depth < 0 {
			break
		}
	}
	if depth != 0 || len(tokens) == 0 {
		return "", refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: %q is no condition", expression)
	}
	return g.sql(text, tokens)
}

// literal reads a string literal that has no escapes but those that unquote
// knows.
func literal(s string) (string, bool) {
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' {
			i++
			if !strings.ContainsRune(`'\ntr0`, rune(s[i])) {
				return "", false
			}
		}
	}
	return unquote(s), true
}

// roleOf names the role with which the queries of a listener run, by its place
// in the configuration of the child.
func roleOf(listener int) string { return fmt.Sprintf("listener_%d", listener) }

// ownerRole has every right. It is the engine's user's own unless a query gives
// it up.
const ownerRole = "owner"
