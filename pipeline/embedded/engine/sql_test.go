package engine

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text       string
		incomplete bool
		kind       statementKind
		format     string
		becomes    string // with a file or pipe named F
		data       string // what follows in the text
		code       int    // of a refusal
	}{
		{text: "", kind: emptyStatement},
		{text: " ; ", kind: emptyStatement},
		{text: "-- nothing", kind: emptyStatement},
		{text: "SELECT 1", kind: selectStatement, becomes: "SELECT 1 INTO OUTFILE 'F' APPEND FORMAT X"},
		{text: "select 1;", kind: selectStatement, becomes: "select 1 INTO OUTFILE 'F' APPEND FORMAT X"},
		{text: "/* a /* nested */ comment */ SELECT 1 -- end", kind: selectStatement, becomes: "/* a /* nested */ comment */ SELECT 1 INTO OUTFILE 'F' APPEND FORMAT X -- end"},
		{text: "(SELECT 1) UNION ALL (SELECT 2)", kind: selectStatement},
		{text: "WITH 1 AS x SELECT x", kind: selectStatement},
		{text: "WITH t AS (SELECT 1) INSERT INTO u SELECT * FROM t", kind: otherStatement},
		{text: "FROM t SELECT a", kind: selectStatement},
		{text: "SELECT 1 FORMAT JSON", kind: selectStatement, format: "JSON", becomes: "SELECT 1  INTO OUTFILE 'F' APPEND FORMAT JSON"},
		{text: "SELECT 1 format CSV settings max_threads = 1;", kind: selectStatement, format: "CSV", becomes: "SELECT 1  INTO OUTFILE 'F' APPEND format CSV settings max_threads = 1"},
		{text: "SELECT 1 SETTINGS max_threads = 1 FORMAT CSV", kind: selectStatement, format: "CSV"},
		{text: "SELECT a AS format FROM t ORDER BY format DESC", kind: selectStatement},
		{text: "SELECT 'FORMAT CSV'", kind: selectStatement},
		{text: "SELECT 1 FROM (SELECT 2 FORMAT CSV)", kind: selectStatement},
		{text: "SELECT ';'", kind: selectStatement},
		{text: "SELECT $tag$;$tag$, ‘;’, 1 AS “;”", kind: selectStatement},
		{text: `SELECT 'it''s;', 'back\';', 1 AS ` + "`a;`" + ` -- ;`, kind: selectStatement},
		{text: "SELECT 1; SELECT 2", code: codeSyntaxError},
		{text: "SELECT 1 // it's\n; SELECT 2", code: codeSyntaxError},
		{text: "SELECT 1 # it's\n; SELECT 2", code: codeSyntaxError},
		{text: "SELECT 1;;", kind: selectStatement},
		{text: "quit", code: codeSyntaxError},
		{text: "SELECT 1 INTO OUTFILE '/tmp/x'", code: codeNotImplemented},
		{text: "SELECT 1 into /* */ outfile '/tmp/x' FORMAT CSV", code: codeNotImplemented},
		{text: "SHOW TABLES FORMAT TSV", kind: otherStatement, format: "TSV"},
		{text: "CREATE TABLE t (a Int8) ENGINE = File(CSV)", kind: otherStatement},
		{text: "KILL QUERY WHERE query_id = 'x' ASYNC", kind: killStatement},
		{text: "SELECT 1", incomplete: true, code: codeSyntaxError},

		{text: "INSERT INTO t FORMAT CSV\n1,2\n", kind: insertData, format: "CSV", becomes: "INSERT INTO t  FROM INFILE 'F' COMPRESSION 'none'  FORMAT CSV", data: "1,2\n"},
		{text: "INSERT INTO t FORMAT CSV 1,2", kind: insertData, format: "CSV", data: "1,2"},
		{text: "INSERT INTO t FORMAT Native\n\x01;\x00'", incomplete: true, kind: insertData, format: "Native", data: "\x01;\x00'"},
		{text: "INSERT INTO t (a, `b)`) FORMAT CSV\r\n1", kind: insertData, format: "CSV", becomes: "INSERT INTO t (a, `b)`)  FROM INFILE 'F' COMPRESSION 'none'  FORMAT CSV", data: "1"},
		{text: "INSERT INTO TABLE d.t (a) SETTINGS max_threads = 1, s = 'FORMAT CSV' FORMAT TSV\n1", kind: insertData, format: "TSV", becomes: "INSERT INTO TABLE d.t (a)  FROM INFILE 'F' COMPRESSION 'none' SETTINGS max_threads = 1, s = 'FORMAT CSV'  FORMAT TSV", data: "1"},
		{text: "insert into format format CSV\n1", kind: insertData, format: "CSV", data: "1"},
		{text: "INSERT INTO `values` VALUES\n", incomplete: true, kind: insertData, format: "Values", data: "\n"},
		{text: "INSERT INTO t VALUES", kind: insertData, format: "Values"},
		{text: "INSERT INTO t FORMAT Values", kind: insertData, format: "Values"},
		{text: "INSERT INTO t VALUES (1, 'a;b'), (2, {x:String})", kind: insertValues},
		{text: "INSERT INTO t VALUES (1); DROP TABLE t", code: codeSyntaxError},
		{text: "INSERT INTO {d:Identifier}.{t:Identifier} FORMAT CSV\n1", kind: insertData, format: "CSV", data: "1"},
		{text: "INSERT INTO FUNCTION null('a Int8') FORMAT CSV\n1", kind: insertData, format: "CSV", data: "1"},
		{text: "INSERT INTO t SELECT 1", kind: otherStatement},
		{text: "INSERT INTO t (a) (SELECT 1)", kind: otherStatement},
		{text: "INSERT INTO t (a) WITH 1 AS x SELECT x", kind: otherStatement},
		{text: "INSERT INTO t SELECT 1; SELECT 2", code: codeSyntaxError},
		{text: "INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV\n1", kind: insertData, format: "CSV", becomes: "INSERT INTO t SELECT a FROM file('F', CSV, 'a Int8') ", data: "1"},
		{text: "INSERT INTO t SELECT a FROM input() WHERE (a IN (1)) FORMAT CSV\n1", incomplete: true, kind: insertData, format: "CSV", becomes: "INSERT INTO t SELECT a FROM file('F', CSV) WHERE (a IN (1)) ", data: "1"},
		{text: "INSERT INTO t SELECT a FROM input('a Int8')", code: codeSyntaxError},
		{text: "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", code: codeNotImplemented},
		{text: "INSERT INTO t", kind: otherStatement},
	} {
		st, err := parse(c.text, !c.incomplete)
		var e *exception
		if c.code != 0 {
			if !errors.As(err, &e) || e.code != c.code {
				t.Errorf("%q: %v, want code %d", c.text, err, c.code)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if st.kind != c.kind || st.format != c.format {
			t.Errorf("%q: kind %d format %q, want %d %q", c.text, st.kind, st.format, c.kind, c.format)
		}
		if st.kind == insertData && c.text[st.dataAt:] != c.data {
			t.Errorf("%q: data %q, want %q", c.text, c.text[st.dataAt:], c.data)
		}
		becomes := ""
		switch st.kind {
		case insertData:
			becomes = st.withInfile("F")
		case selectStatement:
			becomes = st.withOutfile("F", "X")
		}
		if c.becomes != "" && becomes != c.becomes {
			t.Errorf("%q becomes\n%q, want\n%q", c.text, becomes, c.becomes)
		}
	}
}

func TestParseKill(t *testing.T) {
	for _, c := range []struct{ text, killed, becomes string }{
		{"KILL QUERY WHERE query_id = 'x'", "x", "KILL QUERY WHERE E = 'x'"},
		{"KILL QUERY WHERE query_id='it\\'s' ASYNC", "it's", "KILL QUERY WHERE E='it\\'s' ASYNC"},
		{"kill query where QUERY_ID = 'x' sync;", "x", "kill query where E = 'x' sync"},
		{"KILL QUERY WHERE query_id = 'x' AND user = 'y'", "", "KILL QUERY WHERE E = 'x' AND user = 'y'"},
		{"KILL QUERY WHERE query_id = 'x' TEST", "", "KILL QUERY WHERE E = 'x' TEST"},
		{"KILL QUERY WHERE query LIKE '%query_id%'", "", "KILL QUERY WHERE query LIKE '%query_id%'"},
	} {
		st, err := parse(c.text, true)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if st.killed != c.killed || st.withQueryIDs("E") != c.becomes {
			t.Errorf("%q: kills %q and becomes %q, want %q and %q", c.text, st.killed, st.withQueryIDs("E"), c.killed, c.becomes)
		}
	}
}

// FuzzParse holds for any bytes: no panic, offsets within the text, and whatever
// is passed on as one statement has no semicolon outside of quotes and comments.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"SELECT 1; SELECT 2", "INSERT INTO t (a) SETTINGS x=1 FORMAT CSV\n1;2", "INSERT INTO t SELECT * FROM input('a Int8') FORMAT CSV\n1",
		"KILL QUERY WHERE query_id='a'", "SELECT ‘’ “” $a$ $a$ /* /* */ */ # \n // \n", "INSERT INTO FUNCTION f(", "WITH (", "INSERT INTO t VALUES ('", "SELECT 1 FORMAT TSV SETTINGS a={'b':1}",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, complete bool) {
		st, err := parse(text, complete)
		if err != nil || st.kind == emptyStatement {
			return
		}
		switch st.kind {
		case insertData:
			if st.dataAt < 0 || st.dataAt > len(text) {
				t.Fatalf("data at %d of %d", st.dataAt, len(text))
			}
			if got := st.withInfile("F"); !strings.Contains(got, "'F'") {
				t.Fatalf("%q does not read the file", got)
			}
			return
		case selectStatement:
			_ = st.withOutfile("F", "X")
			_ = st.withoutFormat()
		case killStatement:
			_ = st.withQueryIDs("E")
		}
		l := &lexer{text: st.text}
		for tok := l.next(); tok.kind != endToken; tok = l.next() {
			if tok.kind == semicolonToken {
				t.Fatalf("%q is passed on as one statement", st.text)
			}
			if tok.end <= tok.start {
				t.Fatalf("empty token at %d", tok.start)
			}
		}
	})
}

// FuzzQuote holds for any text: its literal is exactly one string to the lexer,
// and reads back as itself. Settings and markers rest on this.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "'", "\\", "\\'", "a', b = '", "\x00\n\r\t", "’", "$$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		literal := quote(text)
		l := &lexer{text: literal + ", x"}
		if tok := l.next(); tok.kind != stringToken || tok.end != len(literal) {
			t.Fatalf("%q: the literal %s ends at %d", text, literal, tok.end)
		}
		if got := unquote(literal); got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
	})
}
