package engine

import (
	"strings"
)

// This file reads just enough SQL to carry a request to the engine: where a
// statement ends, whether it is one, what kind it is, which output format it
// names, and where the data of an INSERT begins. It follows the engine's own
// lexer (the table in sql_test.go runs against the engine); what it cannot read
// it passes on for the engine to refuse.

// token is one lexical element of a query; comments and blanks are not tokens.
type token struct {
	kind       tokenKind
	start, end int
}

type tokenKind uint8

const (
	endToken tokenKind = iota
	wordToken
	quotedToken // `name`, "name", “name”
	stringToken // 'text', ‘text’, $tag$text$tag$
	numberToken
	semicolonToken
	punctToken
	brokenToken // an unclosed quote or comment: everything to the end
)

// lexer yields the tokens of text from pos on, on demand: what follows the data
// mark of an INSERT is not SQL and must not be looked at.
type lexer struct {
	text string
	pos  int
}

func (l *lexer) next() token {
	for l.pos < len(l.text) {
		switch c := l.text[l.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			l.pos++
		case strings.HasPrefix(l.text[l.pos:], "\u00a0"):
			l.pos += len("\u00a0")
		case strings.HasPrefix(l.text[l.pos:], "--"), strings.HasPrefix(l.text[l.pos:], "//"),
			strings.HasPrefix(l.text[l.pos:], "# "), strings.HasPrefix(l.text[l.pos:], "#!"):
			if i := strings.IndexByte(l.text[l.pos:], '\n'); i >= 0 {
				l.pos += i + 1
			} else {
				l.pos = len(l.text)
			}
		case strings.HasPrefix(l.text[l.pos:], "/*"):
			if start := l.pos; !l.skipBlockComment() {
				return token{brokenToken, start, len(l.text)}
			}
		default:
			return l.scan()
		}
	}
	return token{endToken, len(l.text), len(l.text)}
}

// skipBlockComment steps over a comment; the engine's comments nest.
func (l *lexer) skipBlockComment() bool {
	depth := 0
	for l.pos < len(l.text) {
		switch rest := l.text[l.pos:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			l.pos += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.pos += 2
			if depth == 0 {
				return true
			}
		default:
			l.pos++
		}
	}
	return false
}

func (l *lexer) scan() token {
	start := l.pos
	take := func(kind tokenKind, end int) token {
		l.pos = end
		return token{kind, start, end}
	}
	rest := l.text[start:]
	switch c := rest[0]; {
	case c == '\'':
		return l.quoted(stringToken, '\'')
	case c == '`' || c == '"':
		return l.quoted(quotedToken, c)
	case strings.HasPrefix(rest, "‘"):
		return l.until(stringToken, "‘", "’")
	case strings.HasPrefix(rest, "“"):
		return l.until(quotedToken, "“", "”")
	case c == ';':
		return take(semicolonToken, start+1)
	case isDigit(c):
		end := start + 1
		for end < len(l.text) && (isWord(l.text[end]) || l.text[end] == '.') {
			end++
		}
		return take(numberToken, end)
	case c == '$':
		if tag := heredocTag(rest); tag != "" {
			if i := strings.Index(rest[len(tag):], tag); i >= 0 {
				return take(stringToken, start+len(tag)+i+len(tag))
			}
		}
		fallthrough
	case isWordStart(c):
		end := start + 1
		for end < len(l.text) && (isWord(l.text[end]) || l.text[end] == '$') {
			end++
		}
		return take(wordToken, end)
	}
	return take(punctToken, start+1)
}

// quoted scans text in q, where a backslash escapes and a doubled q is one q.
func (l *lexer) quoted(kind tokenKind, q byte) token {
	start := l.pos
	for i := start + 1; i < len(l.text); i++ {
		switch l.text[i] {
		case '\\':
			i++
		case q:
			if i+1 < len(l.text) && l.text[i+1] == q {
				i++
				continue
			}
			l.pos = i + 1
			return token{kind, start, i + 1}
		}
	}
	l.pos = len(l.text)
	return token{brokenToken, start, len(l.text)}
}

func (l *lexer) until(kind tokenKind, open, closing string) token {
	start := l.pos
	if i := strings.Index(l.text[start+len(open):], closing); i >= 0 {
		l.pos = start + len(open) + i + len(closing)
		return token{kind, start, l.pos}
	}
	l.pos = len(l.text)
	return token{brokenToken, start, len(l.text)}
}

// heredocTag returns "$tag$" when text begins with one.
func heredocTag(text string) string {
	for i := 1; i < len(text); i++ {
		if text[i] == '$' {
			return text[:i+1]
		}
		if !isWord(text[i]) {
			break
		}
	}
	return ""
}

func isDigit(c byte) bool     { return c >= '0' && c <= '9' }
func isWordStart(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isWord(c byte) bool      { return isWordStart(c) || isDigit(c) }

func (l *lexer) is(t token, keyword string) bool {
	return t.kind == wordToken && strings.EqualFold(l.text[t.start:t.end], keyword)
}

func (l *lexer) punct(t token, c byte) bool {
	return t.kind == punctToken && l.text[t.start] == c
}

// statementKind is how a statement is carried out.
type statementKind uint8

const (
	emptyStatement  statementKind = iota
	selectStatement               // streams a result
	insertData                    // INSERT whose rows follow in the text and the body
	insertValues                  // INSERT … VALUES with everything in the text
	killStatement                 // KILL QUERY
	otherStatement                // anything else: small or no result
)

// statement is a query text, read.
type statement struct {
	kind statementKind
	// text is the statement without the semicolon that ended it; for insertData
	// up to the word FORMAT or VALUES.
	text string
	// format is the output format that the statement names, or the input format
	// of insertData.
	format string
	// outfileAt is where INTO OUTFILE goes in a selectStatement.
	outfileAt int
	// infileAt is where FROM INFILE goes in insertData, or -1 when the rows come
	// in through input() calls.
	infileAt int
	// inputs are the input(…) calls of an INSERT … SELECT … FROM input(…) FORMAT.
	inputs []span
	// dataAt is where in the text given to parse the rows begin.
	dataAt int
	// words are the identifiers query_id of a killStatement.
	queryIDs []span
	// killed is the query id of KILL QUERY WHERE query_id = '…' in just that form.
	killed string
}

// span is a piece of a text.
type span struct{ start, end int }

// parse reads one statement. complete says whether text is all of the request;
// when it is not, only an INSERT whose data mark lies within text can be read.
func parse(text string, complete bool) (statement, error) {
	l := &lexer{text: text}
	first := l.next()
	for l.punct(first, '(') { // (SELECT …) UNION ALL (SELECT …)
		first = l.next()
	}
	switch {
	case first.kind == endToken || first.kind == semicolonToken:
		if complete {
			return statement{kind: emptyStatement}, nil
		}
	case l.is(first, "INSERT"):
		return parseInsert(l, complete)
	}
	if !complete {
		return statement{}, refuse(codeSyntaxError, "SYNTAX_ERROR", "the query is larger than %d bytes, and is no INSERT whose data begin within them", maxQueryText)
	}
	switch {
	case l.is(first, "SELECT"), l.is(first, "FROM"):
		return parseWhole(text, selectStatement)
	case l.is(first, "WITH"):
		return parseWhole(text, withKind(l))
	case l.is(first, "KILL"):
		return parseWhole(text, killStatement)
	}
	return parseWhole(text, otherStatement)
}

// withKind tells what follows WITH …: a SELECT, or an INSERT … SELECT.
func withKind(l *lexer) statementKind {
	depth := 0
	for t := l.next(); t.kind != endToken; t = l.next() {
		switch {
		case l.punct(t, '('):
			depth++
		case l.punct(t, ')'):
			depth--
		case depth == 0 && l.is(t, "INSERT"):
			return otherStatement
		case depth == 0 && l.is(t, "SELECT"):
			return selectStatement
		}
	}
	return selectStatement
}

// parseWhole reads a statement that has no data in it, to its end.
func parseWhole(text string, kind statementKind) (statement, error) {
	l := &lexer{text: text}
	var tokens []token
	end := -1
	for t := l.next(); t.kind != endToken; t = l.next() {
		switch {
		case t.kind == semicolonToken:
			if end < 0 {
				end = t.start
			}
			continue
		case end >= 0:
			return statement{}, errMultiStatement()
		}
		tokens = append(tokens, t)
	}
	if end < 0 {
		end = len(text)
	}
	if len(tokens) == 1 && tokens[0].kind == wordToken {
		// The engine is driven through its client, which takes words such as
		// "quit" for itself.
		return statement{}, refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: %q is no statement", text[tokens[0].start:tokens[0].end])
	}
	st := statement{kind: kind, text: text[:end]}
	depth := 0
	for i, t := range tokens {
		next := func(n int) token {
			if i+n < len(tokens) {
				return tokens[i+n]
			}
			return token{kind: endToken}
		}
		switch {
		case l.punct(t, '('), l.punct(t, '['), l.punct(t, '{'):
			depth++
		case l.punct(t, ')'), l.punct(t, ']'), l.punct(t, '}'):
			depth--
		case l.is(t, "INTO") && l.is(next(1), "OUTFILE"), l.is(t, "FROM") && l.is(next(1), "INFILE"):
			return statement{}, errHostFile()
		case depth == 0 && l.is(t, "FORMAT") && next(1).kind == wordToken && !l.is(next(1), "ASC") && !l.is(next(1), "DESC") &&
			(next(2).kind == endToken || l.is(next(2), "SETTINGS")):
			st.format = text[next(1).start:next(1).end]
			st.outfileAt = t.start
		case kind == killStatement && l.is(t, "query_id"):
			st.queryIDs = append(st.queryIDs, span{t.start, t.end})
			if i > 0 && l.is(tokens[i-1], "WHERE") && l.punct(next(1), '=') && next(2).kind == stringToken &&
				(next(3).kind == endToken || l.is(next(3), "ASYNC") || l.is(next(3), "SYNC")) {
				st.killed = unquote(text[next(2).start:next(2).end])
			}
		}
	}
	if st.outfileAt == 0 {
		// After the last token rather than at the end: a comment may end the text.
		st.outfileAt = tokens[len(tokens)-1].end
	}
	return st, nil
}

// parseInsert reads INSERT up to its data.
func parseInsert(l *lexer, complete bool) (statement, error) {
	text := l.text
	incomplete := func() (statement, error) {
		if !complete {
			return statement{}, refuse(codeSyntaxError, "SYNTAX_ERROR", "the data of the INSERT do not begin within %d bytes", maxQueryText)
		}
		// Let the engine say what is wrong with it.
		return parseWhole(text, otherStatement)
	}
	t := l.next()
	if l.is(t, "INTO") {
		t = l.next()
	}
	if l.is(t, "TABLE") {
		t = l.next()
	}
	isFunction := l.is(t, "FUNCTION")
	if isFunction {
		t = l.next()
	}
	// The target: db.table, {param:Identifier}, or name(arguments).
	for {
		switch {
		case t.kind == wordToken, t.kind == quotedToken:
		case l.punct(t, '{'):
			if !l.skipTo('{', '}') {
				return incomplete()
			}
		default:
			return incomplete()
		}
		if t = l.next(); !l.punct(t, '.') {
			break
		}
		t = l.next()
	}
	if isFunction {
		if !l.punct(t, '(') || !l.skipTo('(', ')') {
			return incomplete()
		}
		t = l.next()
	}
	st := statement{kind: insertData, infileAt: t.start}
	for {
		switch {
		case l.punct(t, '('):
			inner := *l
			if word := inner.next(); l.is(word, "SELECT") || l.is(word, "WITH") {
				return parseInsertSelect(l, st, complete)
			}
			if !l.skipTo('(', ')') {
				return incomplete()
			}
			// Columns, or a part of PARTITION BY: what follows comes after it.
			t = l.next()
			st.infileAt = t.start
			continue
		case l.is(t, "FROM"):
			if following := *l; l.is(following.next(), "INFILE") {
				return statement{}, errHostFile()
			}
		case l.is(t, "SELECT"), l.is(t, "WITH"), l.is(t, "WATCH"):
			return parseInsertSelect(l, st, complete)
		case l.is(t, "SETTINGS"):
			// The list may name a setting like a clause; it ends where one
			// follows that is no name of a setting.
			t = l.skipSettings()
			continue
		case l.is(t, "VALUES"):
			return parseValues(l, st, t.start, complete)
		case l.is(t, "FORMAT"):
			name := l.next()
			if name.kind != wordToken {
				return incomplete()
			}
			if l.is(name, "VALUES") {
				return parseValues(l, st, t.start, complete)
			}
			st.format, st.text = text[name.start:name.end], text[:t.start]
			st.dataAt = dataStart(text, name.end)
			return st, nil
		case t.kind == endToken, t.kind == semicolonToken, t.kind == brokenToken:
			return incomplete()
		}
		t = l.next()
	}
}

// parseValues reads INSERT … VALUES after that word. Rows that are all in the
// text are SQL, with expressions and parameters, and run as they are; rows that
// come in a body, or none, go the way of every other format. The engine must not
// see an INSERT without rows: it would read them from its standard input.
func parseValues(l *lexer, st statement, end int, complete bool) (statement, error) {
	st.format, st.text, st.dataAt = "Values", l.text[:end], l.pos
	if complete {
		if t := l.next(); t.kind != endToken && t.kind != semicolonToken {
			return parseWhole(l.text, insertValues)
		}
		st.dataAt = len(l.text)
	}
	return st, nil
}

// skipSettings steps over "name = value, …" and returns the token after it.
func (l *lexer) skipSettings() token {
	for {
		l.next() // name
		t := l.next()
		if !l.punct(t, '=') {
			return t
		}
		depth := 0
		for t = l.next(); t.kind != endToken && t.kind != semicolonToken; t = l.next() {
			switch {
			case l.punct(t, '('), l.punct(t, '['), l.punct(t, '{'):
				depth++
			case l.punct(t, ')'), l.punct(t, ']'), l.punct(t, '}'):
				depth--
			}
			// A value is one token, a sign and a number, a call, or a literal in
			// brackets; a word after it that stands outside begins a clause.
			if depth == 0 {
				following := *l
				if n := following.next(); l.punct(n, ',') || n.kind == wordToken {
					break
				}
			}
		}
		if t = l.next(); !l.punct(t, ',') {
			return t
		}
	}
}

// parseInsertSelect reads INSERT … SELECT. It takes data only through input().
func parseInsertSelect(l *lexer, st statement, complete bool) (statement, error) {
	if !complete {
		// input() with a body: the mark must be within the text. Without one the
		// whole text is SQL, and too large.
		return scanInput(l.text, st, false)
	}
	in, err := scanInput(l.text, st, true)
	if err != nil || in.kind == insertData {
		return in, err
	}
	return parseWhole(l.text, otherStatement)
}

// scanInput looks for input(…) calls and the FORMAT after them. Without both it
// returns a statement of kind otherStatement.
func scanInput(text string, st statement, complete bool) (statement, error) {
	l := &lexer{text: text}
	depth := 0
	for t := l.next(); t.kind != endToken && t.kind != brokenToken; t = l.next() {
		switch {
		case l.punct(t, '('):
			depth++
		case l.punct(t, ')'):
			depth--
		case l.is(t, "input"):
			ahead := *l
			if open := ahead.next(); l.punct(open, '(') {
				if !ahead.skipTo('(', ')') {
					break
				}
				st.inputs = append(st.inputs, span{t.start, ahead.pos})
				l.pos = ahead.pos
			}
		case depth == 0 && len(st.inputs) > 0 && l.is(t, "FORMAT"):
			name := l.next()
			if name.kind != wordToken {
				break
			}
			st.format, st.text, st.infileAt = text[name.start:name.end], text[:t.start], -1
			st.dataAt = dataStart(text, name.end)
			return st, nil
		}
	}
	if !complete {
		return statement{}, refuse(codeSyntaxError, "SYNTAX_ERROR", "the query is larger than %d bytes", maxQueryText)
	}
	if len(st.inputs) > 0 {
		// The engine would read its standard input.
		return statement{}, refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: input() needs FORMAT and data after the SELECT")
	}
	st.kind = otherStatement
	return st, nil
}

// skipTo moves behind the closing bracket of one that was just read.
func (l *lexer) skipTo(open, closing byte) bool {
	depth := 1
	for t := l.next(); t.kind != endToken && t.kind != brokenToken; t = l.next() {
		switch {
		case l.punct(t, open):
			depth++
		case l.punct(t, closing):
			if depth--; depth == 0 {
				return true
			}
		}
	}
	return false
}

// dataStart is where rows begin after the name of their format: after blanks and
// one line end.
func dataStart(text string, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\f') {
		at++
	}
	if at < len(text) && text[at] == ';' {
		at++
		for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
			at++
		}
	}
	if at < len(text) && text[at] == '\r' {
		at++
	}
	if at < len(text) && text[at] == '\n' {
		at++
	}
	return at
}

// withInfile is the statement that reads the rows from a file instead. name is
// one of ours: it needs no quoting, and has no character of a glob.
func (st statement) withInfile(name string) string {
	if st.infileAt < 0 {
		var b strings.Builder
		at := 0
		for _, in := range st.inputs {
			b.WriteString(st.text[at:in.start])
			arguments := strings.TrimSpace(st.text[strings.IndexByte(st.text[in.start:], '(')+in.start+1 : in.end-1])
			b.WriteString("file('" + name + "', " + st.format)
			if arguments != "" {
				b.WriteString(", " + arguments)
			}
			b.WriteString(")")
			at = in.end
		}
		b.WriteString(st.text[at:])
		return b.String()
	}
	return st.text[:st.infileAt] + " FROM INFILE '" + name + "' COMPRESSION 'none' " + st.text[st.infileAt:] + " FORMAT " + st.format
}

// withOutfile is the statement that writes its result into an existing file or
// named pipe.
func (st statement) withOutfile(name, format string) string {
	s := st.text[:st.outfileAt] + " INTO OUTFILE '" + name + "' APPEND "
	if st.format == "" {
		s += "FORMAT " + format
	}
	return s + st.text[st.outfileAt:]
}

// withoutFormat is the SELECT itself, for use as a subquery.
func (st statement) withoutFormat() string { return st.text[:st.outfileAt] }

// withQueryIDs replaces the identifier query_id by an expression: the ids that
// clients gave are not the engine's own.
func (st statement) withQueryIDs(expression string) string {
	var b strings.Builder
	at := 0
	for _, s := range st.queryIDs {
		b.WriteString(st.text[at:s.start])
		b.WriteString(expression)
		at = s.end
	}
	b.WriteString(st.text[at:])
	return b.String()
}

// quote makes an SQL string literal of any text.
func quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('\'')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\'', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case 0:
			b.WriteString(`\0`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// unquote reads a plain string literal; it knows the escapes that quote writes.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '\'' {
		return s
	}
	s = s[1 : len(s)-1]
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c == '\\' || c == '\'') && i+1 < len(s) {
			i++
			switch c = s[i]; c {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			case '0':
				c = 0
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

func errMultiStatement() error {
	return refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: Multi-statements are not allowed; send one statement for each request")
}

func errHostFile() error {
	return refuse(codeNotImplemented, "NOT_IMPLEMENTED", "INTO OUTFILE and FROM INFILE name files of the client, and are not allowed over HTTP; send or read the data in the request")
}
