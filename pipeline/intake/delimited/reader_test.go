package delimited

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"larstrom/pipeline/catalog"
)

func dialect(enc, delim, quote string) catalog.Dialect {
	return catalog.Dialect{Encoding: enc, Delimiter: delim, Quote: quote, Decimal: ",", Header: true}
}

// read is every record of the text, "!" in front of the raw text of malformed
// ones, and the error that ended it.
func read(t testing.TB, b []byte, d catalog.Dialect, opt Options) ([][]string, *Reader, error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b), d, opt)
	if err != nil {
		t.Fatal(err)
	}
	out, err := drain(r)
	return out, r, err
}

func drain(r *Reader) ([][]string, error) {
	var out [][]string
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		row := []string{}
		if rec.Malformed != "" {
			row = append(row, fmt.Sprintf("!%d+%d %s", rec.Line, rec.Lines, rec.Raw))
		} else {
			for _, f := range rec.Fields {
				row = append(row, string(f))
			}
		}
		out = append(out, row)
	}
}

func TestGrammar(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     [][]string
		fault    string // part of the fault's text
		ended    bool
		eol      string
	}{
		{"lf", "a;b\n1;2\n", [][]string{{"a", "b"}, {"1", "2"}}, "", true, "\n"},
		{"crlf", "a;b\r\n1;2\r\n", [][]string{{"a", "b"}, {"1", "2"}}, "", true, "\r\n"},
		{"cr", "a;b\r1;2\r", [][]string{{"a", "b"}, {"1", "2"}}, "", true, "\r"},
		{"lf and crlf mixed", "a;b\n1;2\r\n3;4\n", [][]string{{"a", "b"}, {"1", "2"}, {"3", "4"}}, "", true, "\n"},
		{"not ended", "a;b\n1;2", [][]string{{"a", "b"}, {"1", "2"}}, "", false, "\n"},
		{"cut between CR and LF", "a;b\r\n1;2\r", [][]string{{"a", "b"}, {"!2+1 1;2\r"}}, "", false, "\r\n"},
		{"stray CR", "a;b\n1;2\r3\n4;5\n", [][]string{{"a", "b"}, {"!2+1 1;2\r3"}, {"4", "5"}}, "", true, "\n"},
		{"stray LF", "a;b\r1;2\n3\r4;5\r", [][]string{{"a", "b"}, {"!2+1 1;2\n3"}, {"4", "5"}}, "", true, "\r"},
		{"blank lines", "\na;b\n\n1;2\n\r\n\n", [][]string{{"a", "b"}, {"1", "2"}}, "", true, "\n"},
		{"blank lines of one column", "a\n\n1\n", [][]string{{"a"}, {""}, {"1"}}, "", true, "\n"},
		{"empty fields", "a;b;c\n;;\n", [][]string{{"a", "b", "c"}, {"", "", ""}}, "", true, "\n"},
		{"quoted", "a;b\n\"1;x\";\"\"\n", [][]string{{"a", "b"}, {"1;x", ""}}, "", true, "\n"},
		{"doubled", "a;b\n\"say \"\"hi\"\"\";\"\"\"\"\n", [][]string{{"a", "b"}, {`say "hi"`, `"`}}, "", true, "\n"},
		{"newline in quotes", "a;b\n\"x\r\ny\";2\n3;4\n", [][]string{{"a", "b"}, {"x\r\ny", "2"}, {"3", "4"}}, "", true, "\n"},
		{"quoted last, no line end", "a;b\n1;\"2\"", [][]string{{"a", "b"}, {"1", "2"}}, "", false, "\n"},
		{"bare quote", "a;b\n1;5\" pipe\n3;4\n", [][]string{{"a", "b"}, {"!2+1 1;5\" pipe"}, {"3", "4"}}, "", true, "\n"},
		{"space before quote", "a;b\n1; \"2;3\"\n3;4\n", [][]string{{"a", "b"}, {"!2+1 1; \"2;3\""}, {"3", "4"}}, "", true, "\n"},
		{"text after quote", "a;b\n\"1\"x;2\r\n3;4\n", [][]string{{"a", "b"}, {"!2+1 \"1\"x;2"}, {"3", "4"}}, "", true, "\n"},
		{"malformed over lines", "a;b\n\"1;2\n3;\"4\"\n5;6\n", [][]string{{"a", "b"}, {"!2+2 \"1;2\n3;\"4\""}, {"5", "6"}}, "", true, "\n"},
		{"open quote", "a;b\n1;2\n\"3;4\n5;6\n", [][]string{{"a", "b"}, {"1", "2"}}, "still open", true, "\n"},
		{"empty", "", nil, "", false, "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for chunk := 1; chunk <= 32; chunk++ {
				got, r, err := read(t, []byte(c.in), dialect("utf-8", ";", `"`), Options{Chunk: chunk})
				var fault *Error
				if errors.As(err, &fault) != (c.fault != "") || fault != nil && !strings.Contains(fault.Text, c.fault) {
					t.Fatalf("chunk %d: error %v, want a fault with %q", chunk, err, c.fault)
				}
				if !slices.EqualFunc(got, c.want, slices.Equal) {
					t.Errorf("chunk %d: %q, want %q", chunk, got, c.want)
				}
				if c.fault == "" && (r.Ended() != c.ended || r.LineEnd() != c.eol) {
					t.Errorf("chunk %d: ended %v, line end %q, want %v, %q", chunk, r.Ended(), r.LineEnd(), c.ended, c.eol)
				}
			}
		})
	}
}

func TestLinesAreThoseOfTheFile(t *testing.T) {
	for _, eol := range []string{"\n", "\r\n", "\r"} {
		in := strings.ReplaceAll("a;b|\"1|x\";2||3;4|\"5||\";6|7;8|", "|", eol)
		r, err := NewReader(strings.NewReader(in), dialect("utf-8", ";", `"`), Options{Chunk: 3})
		if err != nil {
			t.Fatal(err)
		}
		var lines []uint64
		for {
			rec, err := r.Next()
			if err != nil {
				break
			}
			lines = append(lines, rec.Line)
		}
		if want := []uint64{1, 2, 5, 6, 9}; !slices.Equal(lines, want) {
			t.Errorf("line end %q: records begin on lines %d, want %d", eol, lines, want)
		}
	}
}

func TestWithoutQuote(t *testing.T) {
	got, _, err := read(t, []byte("a;b\n1;5\" pipe\n\"2;3\"\n"), dialect("utf-8", ";", ""), Options{})
	want := [][]string{{"a", "b"}, {"1", `5" pipe`}, {`"2`, `3"`}}
	if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestTrailer(t *testing.T) {
	for _, c := range []struct{ in, rows, trailer string }{
		{"a;b\n1;2\nEND;1\n", "[[a b] [1 2]]", "END;1"},
		{"a;b\n1;2\nEND;1\n\n\r\n", "[[a b] [1 2]]", "END;1"},
		{"a;b\n1;2\nEND;1", "[[a b] [1 2]]", "END;1"},
		{"a;b\n", "[]", "a;b"},
		{"", "[]", ""},
	} {
		for chunk := 1; chunk < 20; chunk++ {
			got, r, err := read(t, []byte(c.in), dialect("utf-8", ";", `"`), Options{Trailer: true, Chunk: chunk})
			if err != nil || fmt.Sprint(got) != c.rows || string(r.Trailer()) != c.trailer {
				t.Errorf("%q in chunks of %d: %v, trailer %q, %v; want %s, %q", c.in, chunk, got, r.Trailer(), err, c.rows, c.trailer)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name, in string
		opt      Options
		want     string
		line     uint64
	}{
		{"long record", "a;b\n1;2\n" + strings.Repeat("x", 200) + "\n", Options{MaxRecord: 100}, "more than 100 bytes", 3},
		{"long quoted record", "a;b\n\"" + strings.Repeat("x\n", 200) + "\";1\n", Options{MaxRecord: 100, Chunk: 64}, "more than 100 bytes", 2},
		{"many fields", "a;b\n" + strings.Repeat(";", 100) + "\n", Options{MaxFields: 50}, "more than 50 fields", 2},
	} {
		_, _, err := read(t, []byte(c.in), dialect("utf-8", ";", `"`), c.opt)
		var fault *Error
		if !errors.As(err, &fault) || !strings.Contains(fault.Text, c.want) || fault.Line != c.line || fault.Rule != "C02" {
			t.Errorf("%s: %v, want C02 with %q in line %d", c.name, err, c.want, c.line)
		}
	}
}

func TestTheReadersErrorPasses(t *testing.T) {
	boom := errors.New("disk gone")
	r, err := NewReader(io.MultiReader(strings.NewReader("a;b\n1;2\n"), iotest.ErrReader(boom)), dialect("utf-8", ";", `"`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drain(r); !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
}

func TestWrongDialects(t *testing.T) {
	for _, d := range []catalog.Dialect{
		dialect("latin-9", ";", `"`), dialect("utf-8", "", `"`), dialect("utf-8", "\n", `"`), dialect("utf-8", "§", `"`),
		dialect("utf-8", ";", ";"), dialect("utf-8", ";", "«"),
	} {
		if _, err := NewReader(strings.NewReader(""), d, Options{}); err == nil {
			t.Errorf("%+v is taken", d)
		}
		if _, err := NewWriter(io.Discard, d, "\n"); err == nil {
			t.Errorf("%+v is taken by the writer", d)
		}
	}
}

// shared is the folder of shared test data; ok is false, and said, where it
// is absent.
func shared(t testing.TB, path ...string) (string, bool) {
	root := os.Getenv("LARSTROM_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	p := filepath.Join(append([]string{root, "data"}, path...)...)
	if _, err := os.Stat(p); err != nil {
		fmt.Printf("%s: %s is absent; not compared with it\n", t.Name(), filepath.Join(path...))
		return "", false
	}
	return p, true
}

// Each file of the collection is read as it says, or refused: the one with
// bare quotes is right only where the dialect has none.
func TestSpectrum(t *testing.T) {
	dir, ok := shared(t, "csv-spectrum")
	if !ok {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "csvs", "*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".csv")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		j, err := os.ReadFile(filepath.Join(dir, "json", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want []map[string]string
		if !bytes.HasPrefix(bytes.TrimSpace(j), []byte("[")) {
			j = slices.Concat([]byte("["), j, []byte("]")) // one record stands alone
		}
		if err := json.Unmarshal(j, &want); err != nil {
			t.Fatal(err)
		}
		quote := `"`
		if name == "location_coordinates" {
			strict, _, err := read(t, b, dialect("utf-8", ",", quote), Options{})
			if err == nil && !strings.HasPrefix(strict[1][0], "!") {
				t.Errorf("%s: bare quotes are not seen: %q", name, strict)
			}
			// The file's bytes are no UTF-8 in some copies of the collection.
			b = bytes.ToValidUTF8(b, []byte("\ufffd"))
			quote = ""
		}
		got, _, err := read(t, b, dialect("utf-8", ",", quote), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var rows []map[string]string
		for _, rec := range got[1:] {
			row := map[string]string{}
			for i, f := range rec {
				row[got[0][i]] = f
			}
			rows = append(rows, row)
		}
		if name == "location_coordinates" {
			// Its two forms differ in the number, whatever reads them.
			delete(rows[0], "Contact Phone Number")
			delete(want[0], "Contact Phone Number")
		}
		if fmt.Sprint(rows) != fmt.Sprint(want) {
			t.Errorf("%s:\n%v\nwant\n%v", name, rows, want)
		}
	}
	fmt.Printf("%s: %d files\n", t.Name(), len(files))
}

func TestNaughtyStrings(t *testing.T) {
	path, ok := shared(t, "naughty", "blns.json")
	if !ok {
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(s string) bool { return strings.ContainsRune(s, 0) })
	for _, enc := range []string{"utf-8", "utf-8-bom", "utf-16le", "utf-16be"} {
		for _, eol := range []string{"\n", "\r\n", "\r"} {
			var want [][]string
			for i, s := range all {
				want = append(want, []string{fmt.Sprint(i), s})
			}
			roundTrip(t, dialect(enc, ";", `"`), eol, want, 1000)
		}
	}
	fmt.Printf("%s: %d strings\n", t.Name(), len(all))
}

func roundTrip(t testing.TB, d catalog.Dialect, eol string, want [][]string, chunk int) {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, d, eol)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range want {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got, r, err := read(t, buf.Bytes(), d, Options{Chunk: chunk})
	if err != nil {
		t.Fatalf("%s, line end %q: %v", d.Encoding, eol, err)
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		for i := range want {
			if i >= len(got) || !slices.Equal(got[i], want[i]) {
				t.Fatalf("%s, line end %q: record %d of %d is not %q", d.Encoding, eol, i, len(got), want[i])
			}
		}
		t.Fatalf("%s, line end %q: %d records, want %d", d.Encoding, eol, len(got), len(want))
	}
	if !r.Ended() {
		t.Errorf("%s, line end %q: not ended", d.Encoding, eol)
	}
}

// FuzzRoundTrip: what the writer writes, the reader reads, in every dialect
// and however the bytes come.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a", "b;c", "\"d\"\n", uint8(0), uint8(3))
	f.Add("", "å\r\n", "x", uint8(0xff), uint8(1))
	f.Fuzz(func(t *testing.T, a, b, c string, kind, chunk uint8) {
		enc := []string{"utf-8", "utf-8-bom", "utf-16le", "utf-16be"}[kind%4]
		eol := []string{"\n", "\r\n", "\r"}[kind>>2%3]
		delim := []string{";", ",", "\t", "|"}[kind>>4%4]
		quote := []string{`"`, "'"}[kind>>6%2]
		if len(a)+len(b)+len(c) > 1<<11 {
			return // small chunks of one record cost their square
		}
		clean := func(s string) string {
			return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "")
		}
		a, b, c = clean(a), clean(b), clean(c)
		if enc == "utf-8" && strings.HasPrefix(a, "\ufeff") {
			return // a mark is a mark
		}
		roundTrip(t, dialect(enc, delim, quote), eol, [][]string{{a, b, c}, {c, a, b}, {b, c, a}}, int(chunk)+1)
	})
}

// FuzzReader: any bytes in any chunks give the same records, faults and lines,
// and where encoding/csv reads the text without a fault, the same fields.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"a;b\n1;2\n", "a;b\r\n\"1\n\";2", "a\r\"x\"\"y\";\r", "\xff\xfea\x00", "a;\"b\n", "\n\n;\n"} {
		f.Add([]byte(s), uint8(3), uint8(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, chunk, kind uint8) {
		if len(b) > 1<<12 {
			return // small chunks of one record cost their square
		}
		enc := []string{"utf-8", "windows-1252", "iso-8859-1", "utf-16le", "utf-16be", "utf-8-bom"}[kind%6]
		d := dialect(enc, ";", `"`)
		opt := Options{Trailer: kind&64 != 0, Chunk: int(chunk) + 1}
		got, r1, err1 := read(t, b, d, opt)
		opt.Chunk = 1 << 16
		again, r2, err2 := read(t, b, d, opt)
		// A fault of the bytes ends the text where it stands; how much of the
		// record before it was seen depends on nothing but the text.
		if fmt.Sprint(err1) != fmt.Sprint(err2) || !slices.EqualFunc(got, again, slices.Equal) ||
			r1.Ended() != r2.Ended() || r1.Line() != r2.Line() || r1.LineEnd() != r2.LineEnd() || string(r1.Trailer()) != string(r2.Trailer()) {
			t.Fatalf("in chunks of %d: %q, %v; whole: %q, %v", int(chunk)+1, got, err1, again, err2)
		}
		if enc != "utf-8" || opt.Trailer || err1 != nil || bytes.ContainsRune(b, '\r') || r1.width == 1 {
			return
		}
		theirs := csv.NewReader(bytes.NewReader(b))
		theirs.Comma, theirs.FieldsPerRecord = ';', -1
		want, err := theirs.ReadAll()
		malformed := slices.ContainsFunc(got, func(r []string) bool { return len(r) == 1 && strings.HasPrefix(r[0], "!") })
		if (err != nil) != malformed && !(len(got) > 0 && hasBang(got)) {
			t.Fatalf("encoding/csv: %v; here: %q", err, got)
		}
		if err == nil && !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("encoding/csv: %q; here: %q", want, got)
		}
	})
}

// hasBang: the text itself has a field that looks like the mark of read.
func hasBang(rows [][]string) bool {
	return slices.ContainsFunc(rows, func(r []string) bool { return len(r) > 0 && strings.HasPrefix(r[0], "!") })
}
