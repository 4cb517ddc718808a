package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
)

func logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// start runs an engine for one test.
func start(t testing.TB, change ...func(*Config)) *Engine {
	t.Helper()
	cfg := Config{Path: filepath.Join(t.TempDir(), "it's a \"path\" <&> 100 % å"), Databases: []string{"db", "other"}, Logger: logger(t), MaxBackoff: 100 * time.Millisecond}
	for _, c := range change {
		c(&cfg)
	}
	e, err := Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// call is one request as a client without a driver makes it.
type call struct {
	method   string // default POST
	path     string
	params   map[string]string
	header   map[string]string
	body     io.Reader
	noAuth   bool
	listener int           // 0 is the private one
	patience time.Duration // default: as long as the test
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (e *Engine) do(t testing.TB, c call) answer {
	t.Helper()
	address := e.Addr()
	if c.listener > 0 {
		address = e.ListenerAddrs()[c.listener-1]
	}
	params := url.Values{}
	for k, v := range c.params {
		params.Set(k, v)
	}
	if c.method == "" {
		c.method = http.MethodPost
	}
	ctx := t.Context()
	if c.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.patience)
		defer cancel()
	}
	r, err := http.NewRequestWithContext(ctx, c.method, "http://"+address+"/"+c.path+"?"+params.Encode(), c.body)
	if err != nil {
		t.Fatal(err)
	}
	if !c.noAuth && c.listener == 0 {
		r.SetBasicAuth(e.User(), e.Secret())
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return answer{err: err}
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	return answer{response.StatusCode, response.Header, string(body), err}
}

// sql runs a statement that must succeed and returns its result in TSV.
func (e *Engine) sql(t testing.TB, text string) string {
	t.Helper()
	a := e.do(t, call{body: strings.NewReader(text)})
	if a.status != http.StatusOK || a.err != nil {
		t.Fatalf("%s: %d %s %v", text, a.status, a.body, a.err)
	}
	return strings.TrimSuffix(a.body, "\n")
}

func TestHTTP(t *testing.T) {
	e := start(t)
	e.sql(t, "CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	gz := func(s string) io.Reader {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, s)
		_ = w.Close()
		return &b
	}
	text := func(s string) io.Reader { return strings.NewReader(s) }
	type m = map[string]string
	for _, c := range []struct {
		name   string
		call   call
		status int
		code   string // of the exception
		body   string // whole, or a part with a leading …
	}{
		{name: "ping needs no name", call: call{method: "GET", path: "ping", noAuth: true}, status: 200, body: "Ok.\n"},
		{name: "nothing asked", call: call{method: "GET"}, status: 200, body: "Ok.\n"},
		{name: "another path", call: call{method: "GET", path: "play"}, status: 404, body: "…There is no handle"},
		{name: "another method", call: call{method: "PUT", body: text("SELECT 1")}, status: 405, body: "…POST"},
		{name: "nobody", call: call{noAuth: true, body: text("SELECT 1")}, status: 401, code: "516", body: "…Code: 516. DB::Exception: Authentication failed"},
		{name: "wrong password", call: call{noAuth: true, params: m{"user": user, "password": "x"}, body: text("SELECT 1")}, status: 403, code: "516", body: "…Code: 516"},
		{name: "wrong user", call: call{noAuth: true, params: m{"user": "default", "password": e.Secret()}, body: text("SELECT 1")}, status: 403, code: "516", body: "…Code: 516"},
		{name: "name in parameters", call: call{noAuth: true, params: m{"user": user, "password": e.Secret()}, body: text("SELECT 1")}, status: 200, body: "1\n"},
		{name: "name in headers", call: call{noAuth: true, header: m{"X-ClickHouse-User": user, "X-ClickHouse-Key": e.Secret()}, body: text("SELECT 1")}, status: 200, body: "1\n"},
		{name: "headers win", call: call{header: m{"X-ClickHouse-User": user, "X-ClickHouse-Key": "x"}, body: text("SELECT 1")}, status: 403, code: "516", body: "…Code: 516"},

		{name: "query in the URL", call: call{params: m{"query": "SELECT 1"}}, status: 200, body: "1\n"},
		{name: "query in both", call: call{params: m{"query": "SELECT 1"}, body: text(", 2")}, status: 200, body: "1\t2\n"},
		{name: "GET reads", call: call{method: "GET", params: m{"query": "SELECT 1"}}, status: 200, body: "1\n"},
		{name: "GET does not write", call: call{method: "GET", params: m{"query": "DROP TABLE t"}}, status: 500, code: "164", body: "…readonly"},
		{name: "GET does not insert", call: call{method: "GET", params: m{"query": "INSERT INTO t FORMAT CSV 1,1"}}, status: 500, code: "164", body: "…readonly"},
		{name: "default database", call: call{body: text("SELECT currentDatabase()")}, status: 200, body: "db\n"},
		{name: "another database", call: call{params: m{"database": "other"}, body: text("SELECT currentDatabase()")}, status: 200, body: "other\n"},
		{name: "no such database", call: call{params: m{"database": "x`; DROP TABLE db.t; --"}, body: text("SELECT 1")}, status: 500, code: "81", body: "…Code: 81"},
		{name: "default format", call: call{params: m{"default_format": "JSONEachRow"}, body: text("SELECT 1 AS x")}, status: 200, body: "{\"x\":1}\n"},
		{name: "own format wins", call: call{params: m{"default_format": "Native"}, body: text("SELECT 1 AS x FORMAT CSV")}, status: 200, body: "1\n"},
		{name: "format with settings", call: call{body: text("SELECT 1 AS x FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 1")}, status: 200, body: "{\"x\":1}\n"},
		{name: "unknown format", call: call{body: text("SELECT 1 FORMAT NoSuch")}, status: 500, code: "73", body: "…Code: 73"},
		{name: "a format that is none", call: call{params: m{"default_format": "CSV' --"}, body: text("SELECT 1")}, status: 500, code: "73", body: "…Code: 73"},
		{name: "native", call: call{body: text("SELECT 1 AS x FORMAT Native")}, status: 200, body: "\x01\x01\x01x\x05UInt8\x01"},
		{name: "native at a revision", call: call{params: m{"client_protocol_version": "54460"}, body: text("SELECT 1 AS x FORMAT Native")}, status: 200, body: "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x01x\x05UInt8\x00\x01"},
		{name: "native without rows", call: call{params: m{"client_protocol_version": "54460"}, body: text("SELECT 1 AS x WHERE 0 FORMAT Native")}, status: 200, body: "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x00\x01x\x05UInt8\x00"},
		{name: "native of a show", call: call{params: m{"default_format": "Native"}, body: text("EXISTS TABLE t")}, status: 200, body: "\x01\x01\x06result\x05UInt8\x01"},
		{name: "native JSON", call: call{params: m{"default_format": "Native", "client_protocol_version": "54460"}, body: text(`SELECT '{"a":1}'::JSON AS j`)}, status: 200, body: "…{\"a\":1}"},
		{name: "native of a state", call: call{params: m{"default_format": "Native", "client_protocol_version": "54460"}, body: text("SELECT sumState(1)")}, status: 500, code: "48", body: "…AggregateFunction(sum, UInt8) cannot be sent"},
		{name: "settings", call: call{params: m{"max_threads": "7"}, body: text("SELECT getSetting('max_threads')")}, status: 200, body: "7\n"},
		{name: "unknown setting", call: call{params: m{"nope": "7"}, body: text("SELECT 1")}, status: 500, code: "115", body: "…nope"},
		{name: "a setting that is none", call: call{params: m{"a = 1, readonly": "7"}, body: text("SELECT 1")}, status: 500, code: "115", body: "…Code: 115"},
		{name: "the engine's setting", call: call{params: m{markerSetting: "7"}, body: text("SELECT 1")}, status: 500, code: "452", body: "…Code: 452"},
		{name: "async inserts are off", call: call{params: m{"async_insert": "1"}, body: text("INSERT INTO t VALUES (1, '')")}, status: 500, code: "452", body: "…async_insert"},
		{name: "async inserts are off in SQL", call: call{body: text("INSERT INTO t SETTINGS async_insert = 1 VALUES (1, '')")}, status: 500, code: "452", body: "…async_insert"},
		{name: "a setting that deadlocks", call: call{body: text("SELECT 1 SETTINGS output_format_arrow_parallel_encoding = 1 FORMAT ArrowStream")}, status: 500, code: "452", body: "…output_format_arrow_parallel_encoding"},
		{name: "memory is bounded", call: call{params: m{"max_memory_usage": "0"}, body: text("SELECT 1")}, status: 500, code: "452", body: "…max_memory_usage"},
		{name: "parameters", call: call{params: m{"param_x": `a\'b`}, body: text("SELECT {x:String}")}, status: 200, body: "a\\'b\n"},
		{name: "a parameter that is none", call: call{params: m{"param_x y": "1"}, body: text("SELECT 1")}, status: 500, code: "36", body: "…Code: 36"},
		{name: "sessions", call: call{params: m{"session_id": "1"}, body: text("SELECT 1")}, status: 500, code: "48", body: "…session"},
		{name: "external tables", call: call{header: m{"Content-Type": "multipart/form-data; boundary=x"}, body: text("--x--")}, status: 500, code: "48", body: "…multipart"},
		{name: "two statements", call: call{body: text("SELECT 1; SELECT 2")}, status: 500, code: "62", body: "…Multi-statements"},
		{name: "files of the host", call: call{body: text("SELECT 1 INTO OUTFILE 'x'")}, status: 500, code: "48", body: "…OUTFILE"},
		{name: "empty", call: call{body: text(" ")}, status: 500, code: "62", body: "…Empty query"},
		{name: "query too large", call: call{body: text("SELECT '" + strings.Repeat("x", maxQueryText) + "'")}, status: 500, code: "62", body: "…larger than"},
		{name: "unknown encoding", call: call{header: m{"Content-Encoding": "snappy"}, body: text("SELECT 1")}, status: 500, code: "48", body: "…snappy"},
		{name: "unknown compression", call: call{params: m{"compress": "1", "network_compression_method": "T64"}, body: text("SELECT 1")}, status: 500, code: "36", body: "…T64"},
		{name: "encoded query", call: call{header: m{"Content-Encoding": "gzip"}, body: gz("SELECT 1")}, status: 200, body: "1\n"},
		{name: "not encoded", call: call{header: m{"Content-Encoding": "gzip"}, body: text("SELECT 1")}, status: 500, code: "117", body: "…Code: 117"},
		{name: "HTTP/1.0 semantics", call: call{params: m{"wait_end_of_query": "1"}, body: text("SELECT throwIf(number = 500000) FROM numbers(600000)")}, status: 500, code: "395", body: "Code: 395. DB::Exception: Value passed to 'throwIf' function is non-zero: while executing 'FUNCTION throwIf(equals(__table1.number, 500000_UInt32) :: 0) -> throwIf(equals(__table1.number, 500000_UInt32)) UInt8 : 1'. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := e.do(t, c.call)
			if a.err != nil {
				t.Fatal(a.err)
			}
			if a.status != c.status || a.header.Get("X-ClickHouse-Exception-Code") != c.code {
				t.Errorf("status %d, code %q; want %d, %q", a.status, a.header.Get("X-ClickHouse-Exception-Code"), c.status, c.code)
			}
			part, isPart := strings.CutPrefix(c.body, "…")
			if isPart && !strings.Contains(a.body, part) || !isPart && a.body != c.body {
				t.Errorf("body %q, want %q", a.body, c.body)
			}
		})
	}
	if got := e.sql(t, "SELECT count() FROM t"); got != "0" {
		t.Errorf("%s rows were inserted by what was refused", got)
	}
}

// TestLexerIsTheEngines compares what the lexer takes for comments, strings and
// statements with the engine itself: a difference would let a second statement
// through, or refuse what is one.
func TestLexerIsTheEngines(t *testing.T) {
	e := start(t)
	for text, want := range map[string]string{
		"SELECT 1 -- ; x\n, 2":           "1\t2",
		"SELECT 1 --; x\n, 2":            "1\t2",
		"SELECT 1 // ; it's\n, 2":        "1\t2",
		"SELECT 1 # ; it's\n, 2":         "1\t2",
		"SELECT 1 #! ; it's\n, 2":        "1\t2",
		"SELECT 1 /* ; /* ; */ ; */, 2":  "1\t2",
		"SELECT 'a\\';b', 'c'';d'":       "a\\';b\tc\\';d",
		"SELECT ‘a;'b’":                  "a;\\'b",
		"SELECT 1 AS “a;b”":              "1",
		"SELECT 1 AS `a\\`;b`":           "1",
		"SELECT $$a;b$$, $t$c;'d$t$":     "a;b\tc;\\'d",
		"SELECT 1\u00a0;":                "1",
		"SELECT 1 AS $a":                 "1",
		"SELECT 1 AS format":             "1",
		"SELECT 1 AS a ORDER BY a -- ;;": "1",
		"SELECT 'FORMAT CSV' -- FORMAT":  "FORMAT CSV",
		"SELECT 1; /* ; */ -- ;":         "1",
	} {
		if got := e.sql(t, text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	// And what the engine would run as two statements never reaches it.
	e.sql(t, "CREATE TABLE victim (a Int8) ENGINE = Memory")
	for _, text := range []string{
		"SELECT 1 # it's\n; DROP TABLE victim -- '", "SELECT 1 // it's\n; DROP TABLE victim -- '", "SELECT 1 /* /* */ it's */; DROP TABLE victim -- '",
		"SELECT ‘'’; DROP TABLE victim -- '", "SELECT 1 AS “`”; DROP TABLE victim -- `", "SELECT $$'$$; DROP TABLE victim -- '", "SELECT $a$'$a$; DROP TABLE victim -- '",
		"INSERT INTO victim VALUES (1); DROP TABLE victim", "INSERT INTO victim SELECT 1; DROP TABLE victim", "SELECT '\\'; DROP TABLE victim -- '",
	} {
		_ = e.do(t, call{body: strings.NewReader(text)})
		if got := e.sql(t, "EXISTS TABLE victim"); got != "1" {
			t.Fatalf("%q dropped the table", text)
		}
	}
}

func TestHTTPInserts(t *testing.T) {
	e := start(t)
	e.sql(t, "CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	count := func() string { return e.sql(t, "SELECT count(), sum(a) FROM t") }
	insert := map[string]string{"query": "INSERT INTO t (a, b) FORMAT CSV"}
	var csv strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&csv, "%d,;'%d\n", i, i)
	}
	rows := csv.String()
	wholeSum := strconv.Itoa(299_999 * 150_000)

	frames := func(s string) []byte {
		w := compress.NewWriter(0, compress.LZ4)
		var out []byte
		for chunk := range strings.SplitSeq(s, "\n") {
			if chunk == "" {
				continue
			}
			if err := w.Compress([]byte(chunk + "\n")); err != nil {
				t.Fatal(err)
			}
			out = append(out, w.Data...)
		}
		return out
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(w, rows)
	_ = w.Close()

	small := "1,a\n2,b\n3,c\n"
	frame := frames(small)
	half := func(b []byte) io.Reader { return bytes.NewReader(b[:len(b)/2]) }
	for _, c := range []struct {
		name string
		call call
		code string
		want string
	}{
		{"statement and rows in the body", call{body: strings.NewReader("INSERT INTO t FORMAT CSV\n" + rows)}, "", "300000\t" + wholeSum},
		{"rows in the body", call{params: insert, body: strings.NewReader(rows)}, "", "300000\t" + wholeSum},
		{"gzip", call{params: insert, header: map[string]string{"Content-Encoding": "gzip"}, body: bytes.NewReader(zipped.Bytes())}, "", "300000\t" + wholeSum},
		{"half of a gzip", call{params: insert, header: map[string]string{"Content-Encoding": "gzip"}, body: half(zipped.Bytes())}, "117", "0\t0"},
		{"frames", call{params: map[string]string{"query": insert["query"], "decompress": "1"}, body: bytes.NewReader(frame)}, "", "3\t6"},
		{"half of a frame", call{params: map[string]string{"query": insert["query"], "decompress": "1"}, body: bytes.NewReader(frame[:len(frame)-1])}, "117", "0\t0"},
		{"a frame's head", call{params: map[string]string{"query": insert["query"], "decompress": "1"}, body: bytes.NewReader(frame[:len(frame)/3+25])}, "117", "0\t0"},
		{"a broken frame", call{params: map[string]string{"query": insert["query"], "decompress": "1"}, body: bytes.NewReader(append(bytes.Clone(frame[:len(frame)-1]), 0))}, "117", "0\t0"},
		{"values", call{body: strings.NewReader("INSERT INTO t VALUES (1, ';'), (2, 'it''s'),\n (3, 'x');")}, "", "3\t6"},
		{"values in the body", call{params: map[string]string{"query": "INSERT INTO t VALUES"}, body: strings.NewReader("(1, ';'), (2, 'x')")}, "", "2\t3"},
		{"values with a parameter", call{params: map[string]string{"param_a": "5"}, body: strings.NewReader("INSERT INTO t VALUES ({a:UInt64}, 'x')")}, "", "1\t5"},
		{"no rows", call{params: insert}, "", "0\t0"},
		{"no values", call{body: strings.NewReader("INSERT INTO t VALUES")}, "", "0\t0"},
		{"a bad last row", call{params: insert, body: strings.NewReader(rows + "x,y\n")}, "27", "0\t0"},
		{"settings before the format", call{params: map[string]string{"query": "INSERT INTO t (b, a) SETTINGS format_csv_delimiter = '|' FORMAT CSV"}, body: strings.NewReader("x|1\n")}, "", "1\t1"},
		{"computed", call{params: map[string]string{"query": "INSERT INTO t SELECT a + 1, 'x' FROM input('a UInt64') FORMAT CSV"}, body: strings.NewReader("1\n2\n")}, "", "2\t5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := e.do(t, c.call)
			if code := a.header.Get("X-ClickHouse-Exception-Code"); a.err != nil || code != c.code {
				t.Errorf("%d %q %v %.300q, want code %q", a.status, code, a.err, a.body, c.code)
			}
			if strings.Contains(a.body, spoolDir+"/") {
				t.Errorf("the answer names the spool: %.400q", a.body)
			}
			if got := count(); got != c.want {
				t.Errorf("rows and sum %q, want %q", got, c.want)
			}
			e.sql(t, "TRUNCATE TABLE t")
		})
	}
	t.Run("a client that breaks off", func(t *testing.T) {
		conn, err := net.Dial("tcp", e.Addr())
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "POST /?user=%s&password=%s&query=INSERT%%20INTO%%20t%%20FORMAT%%20CSV HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n1,a\n2,b\n\r\n", user, e.Secret())
		if err := errors.Join(err, conn.Close()); err != nil {
			t.Fatal(err)
		}
		// Whatever the server makes of it is made when nothing of it is left in
		// the spool.
		until(t, "the spool is empty", func() bool {
			left, err := filepath.Glob(escapeGlob(filepath.Join(e.cfg.Path, spoolDir)) + "/*.in")
			return err == nil && len(left) == 0
		})
		if got := count(); got != "0\t0" {
			t.Errorf("rows and sum %q, want nothing", got)
		}
	})
	entries, err := os.ReadDir(filepath.Join(e.cfg.Path, spoolDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, ".xml") {
			t.Errorf("%s was left in the spool", name)
		}
	}
}

func escapeGlob(s string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(s)
}

func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func TestHTTPResults(t *testing.T) {
	e := start(t)
	const sql = "SELECT number FROM numbers(1000000)"
	want := e.sql(t, sql) + "\n"
	t.Run("compressed for HTTP", func(t *testing.T) {
		a := e.do(t, call{header: map[string]string{"Accept-Encoding": "br, gzip;q=0.5"}, body: strings.NewReader(sql)})
		if a.err != nil || a.header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%v %v", a.err, a.header)
		}
		r, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
		}
	})
	t.Run("not compressed unless asked", func(t *testing.T) {
		for _, c := range []call{{}, {header: map[string]string{"Accept-Encoding": "gzip"}, params: map[string]string{"enable_http_compression": "0"}}} {
			c.body = strings.NewReader(sql)
			if a := e.do(t, c); a.body != want || a.header.Get("Content-Encoding") != "" {
				t.Errorf("%d bytes, %v", len(a.body), a.header)
			}
		}
	})
	t.Run("compressed in frames", func(t *testing.T) {
		for _, method := range []string{"LZ4", "ZSTD", "NONE"} {
			a := e.do(t, call{params: map[string]string{"compress": "1", "network_compression_method": method}, body: strings.NewReader(sql)})
			got, err := io.ReadAll(&frameReader{source: &countingReader{r: strings.NewReader(a.body)}, frames: compress.NewReader(strings.NewReader(a.body))})
			if string(got) != want {
				t.Errorf("%s: %d bytes, %v; want %d", method, len(got), err, len(want))
			}
		}
	})
	t.Run("held to the end", func(t *testing.T) {
		a := e.do(t, call{params: map[string]string{"wait_end_of_query": "1"}, body: strings.NewReader(sql)})
		if a.err != nil || a.body != want {
			t.Errorf("%d bytes, %v", len(a.body), a.err)
		}
	})
	t.Run("exception in the middle", func(t *testing.T) {
		for _, format := range []string{"Native", "TSV", "JSON"} {
			for _, header := range []map[string]string{nil, {"Accept-Encoding": "gzip"}} {
				a := e.do(t, call{header: header, body: strings.NewReader("SELECT throwIf(number = 500000), randomString(20) FROM numbers(600000) FORMAT " + format)})
				if a.status != http.StatusOK || !errors.Is(a.err, io.ErrUnexpectedEOF) {
					t.Fatalf("%s %v: %d %v, want the connection to break", format, header, a.status, a.err)
				}
				body := a.body
				if header != nil {
					r, err := gzip.NewReader(strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					plain, err := io.ReadAll(r)
					if !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("%s: the gzip ends with %v", format, err)
					}
					body = string(plain)
				}
				tag := a.header.Get("X-ClickHouse-Exception-Tag")
				if len(tag) != 16 || !strings.Contains(body, "\r\n__exception__\r\n"+tag+"\r\nCode: 395. DB::Exception: ") || !strings.HasSuffix(body, " "+tag+"\r\n__exception__\r\n") {
					t.Errorf("%s %v: no exception block at the end: %.200q", format, header, body[max(0, len(body)-300):])
				}
			}
		}
	})
	t.Run("HTTP/1.0", func(t *testing.T) {
		conn, err := net.Dial("tcp", e.Addr())
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "GET /?user=%s&password=%s&query=SELECT+throwIf(number=500000)+FROM+numbers(600000) HTTP/1.0\r\n\r\n", user, e.Secret())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if err := errors.Join(err, conn.Close()); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(got), "HTTP/1.0 500 ") {
			t.Errorf("%.300q, want status 500: nothing else tells that client", got)
		}
	})
}

func TestPolicy(t *testing.T) {
	const password = "secret of the reader"
	e := start(t, func(c *Config) {
		c.Listeners = []Listener{{Addr: "127.0.0.1:0", User: "reader", Password: password, Database: "other", Policy: Policy{
			ReadOnly: true, AllowSettings: []string{"max_threads"}, IgnoreSettings: []string{"max_block_size"}, Settings: map[string]string{"max_result_rows": "1000"},
		}}}
	})
	e.sql(t, "CREATE TABLE other.t (a UInt8) ENGINE = MergeTree ORDER BY a")
	e.sql(t, "INSERT INTO other.t VALUES (1), (2)")
	file := filepath.Join(t.TempDir(), "written")
	reader := map[string]string{"X-ClickHouse-User": "reader", "X-ClickHouse-Key": password}
	for _, c := range []struct {
		sql    string
		params map[string]string
		code   string
		body   string
	}{
		{sql: "SELECT sum(a) FROM t", body: "3\n"},
		{sql: "SELECT sum(a) FROM t", params: map[string]string{"max_threads": "1", "max_block_size": "7"}, body: "3\n"},
		{sql: "SELECT getSetting('readonly'), getSetting('max_threads')", params: map[string]string{"max_threads": "1", "readonly": "0"}, code: "452"},
		{sql: "SELECT getSetting('readonly')", body: "1\n"},
		{sql: "SELECT number FROM numbers(1001)", code: "396"},
		{sql: "SELECT 1", params: map[string]string{"max_result_rows": "0"}, code: "452"},
		{sql: "SELECT 1 SETTINGS max_result_rows = 0", code: "164"},
		{sql: "INSERT INTO t VALUES (3)", code: "164"},
		{sql: "INSERT INTO t FORMAT CSV\n3", code: "164"},
		{sql: "INSERT INTO t SELECT 3", code: "164"},
		{sql: "TRUNCATE TABLE t", code: "164"},
		{sql: "SET readonly = 0", code: "164"},
		{sql: "SYSTEM SHUTDOWN", code: "164"},
		{sql: "KILL QUERY WHERE 1", code: "164"},
		{sql: "SELECT * FROM file('/etc/hostname', LineAsString)", code: "164"},
		{sql: "SELECT * FROM url('http://127.0.0.1:1/', LineAsString)", code: "164"},
		{sql: "CREATE TABLE x (a Int8) ENGINE = Memory", code: "164"},
		{sql: "SELECT 1 INTO OUTFILE '" + file + "'", code: "48"},
		{sql: "SELECT 1 /**/ into\u00a0outfile '" + file + "'", code: "48"},
		{sql: "SELECT 1 AS OutFile", code: "164"}, // whatever our lexer makes of it
	} {
		a := e.do(t, call{listener: 1, header: reader, params: c.params, body: strings.NewReader(c.sql)})
		if code := a.header.Get("X-ClickHouse-Exception-Code"); a.err != nil || code != c.code || c.code == "" && a.body != c.body {
			t.Errorf("%s %v: code %q body %.200q %v, want %q %q", c.sql, c.params, code, a.body, a.err, c.code, c.body)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a reader wrote a file")
	}
	if got := e.sql(t, "SELECT sum(a) FROM other.t"); got != "3" {
		t.Errorf("a reader changed the table: %s", got)
	}
	// Neither one's secret is good at the other's door.
	if a := e.do(t, call{listener: 1, header: map[string]string{"X-ClickHouse-User": user, "X-ClickHouse-Key": e.Secret()}, body: strings.NewReader("SELECT 1")}); a.status != http.StatusForbidden {
		t.Errorf("the private secret at the reader's listener: %d", a.status)
	}
	if a := e.do(t, call{noAuth: true, header: reader, body: strings.NewReader("SELECT 1")}); a.status != http.StatusForbidden {
		t.Errorf("the reader's secret at the private listener: %d", a.status)
	}
}

func TestQueue(t *testing.T) {
	e := start(t, func(c *Config) { c.MaxConcurrent = 1 })
	const long = "SELECT count() FROM numbers(1e13) WHERE NOT ignore(sipHash64(number))"
	type result struct {
		id string
		a  answer
	}
	results := make(chan result, 3)
	run := func(id, sql string) {
		go func() {
			results <- result{id, e.do(t, call{params: map[string]string{"query_id": id}, body: strings.NewReader(sql)})}
		}()
	}
	kill := func(id string) { e.sql(t, "KILL QUERY WHERE query_id = '"+id+"' ASYNC") }
	run("first", long)
	// KILL does not wait for the slot, so neither does its question.
	until(t, "the first query runs", func() bool {
		return e.sql(t, "KILL QUERY WHERE query_id = 'first' TEST") != ""
	})
	same := func() answer {
		return e.do(t, call{params: map[string]string{"query_id": "first"}, body: strings.NewReader("SELECT 1")})
	}
	if a := same(); a.header.Get("X-ClickHouse-Exception-Code") != "216" {
		t.Errorf("a second query with the id: %d %s, want code 216", a.status, a.body)
	}
	// The second cannot run while the first does: the KILL that ends it finds it
	// waiting, once it has arrived.
	run("second", long)
	var second result
	until(t, "the waiting query is cancelled", func() bool {
		kill("second")
		select {
		case second = <-results:
			return true
		default:
			return false
		}
	})
	if second.id != "second" || second.a.header.Get("X-ClickHouse-Exception-Code") != "394" {
		t.Errorf("%s: %d %s, want the waiting one to be cancelled", second.id, second.a.status, second.a.body)
	}
	run("third", "SELECT 42")
	kill("first")
	for range 2 {
		switch r := <-results; {
		case r.id == "first" && r.a.header.Get("X-ClickHouse-Exception-Code") == "394":
		case r.id == "third" && r.a.body == "42\n":
		default:
			t.Errorf("%s: %d %s", r.id, r.a.status, r.a.body)
		}
	}
}
