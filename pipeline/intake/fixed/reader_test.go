package fixed_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/fixed"
	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/record"
)

// columns leave a gap at the characters 9 and 10, and do not follow the file.
var columns = []catalog.FixedColumn{{Name: "name", From: 5, Width: 4}, {Name: "unit", From: 1, Width: 4}, {Name: "numerator", From: 11, Width: 3}}

func read(t testing.TB, text, enc string, header bool, opt lines.Options) (out []string, end record.End, err error) {
	t.Helper()
	r, err := fixed.NewReader(strings.NewReader(text), enc, columns, header, opt)
	if err != nil {
		t.Fatal(err)
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out, r.End(), nil
		}
		if err != nil {
			return out, r.End(), err
		}
		if rec.Malformed != "" {
			if rec.Hint == "" {
				t.Errorf("%q has no hint", rec.Malformed)
			}
			out = append(out, fmt.Sprintf("%d!%s", rec.Line, rec.Malformed))
			continue
		}
		out = append(out, fmt.Sprintf("%d:%s|%s|%s", rec.Line, rec.Fields[0], rec.Fields[1], rec.Fields[2]))
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		name, text, enc string
		header          bool
		want            string
	}{
		{"plain", "SE1 Öst    12\nSE2 Väst  -1 \n", "utf-8", false, "1:Öst |SE1 | 12 2:Väst|SE2 |-1 "},
		{"windows", "SE1 \xd6st    12\n", "windows-1252", false, "1:Öst |SE1 | 12"},
		{"utf-16", "\xff\xfeS\x00E\x001\x00 \x00\xd6\x00s\x00t\x00 \x00 \x00 \x00 \x001\x002\x00\n\x00", "utf-16le", false, "1:Öst |SE1 | 12"},
		{"beyond the BMP", "SE1 a\U0001d400bc   12\n", "utf-8", false, "1:a\U0001d400bc|SE1 | 12"},
		{"spaces after", "SE1 Ost    12   \n", "utf-8", false, "1:Ost |SE1 | 12"},
		{"header", "unitname  num\nSE1 Ost    12\n", "utf-8", true, "2:Ost |SE1 | 12"},
		{"short", "SE1 Ost    1\nSE1 Ost    12\n", "utf-8", false, "1!12 characters where the columns have 13 2:Ost |SE1 | 12"},
		{"short in bytes only", "SE1 Öst    1\n", "utf-8", false, "1!12 characters where the columns have 13"},
		{"slipped", "SE1 OstergX  12\n", "utf-8", false, "1!character 9 belongs to no column and is no space"},
		{"gap", "SE1 Osterg  12\n", "utf-8", false, "1!character 9 belongs to no column and is no space"},
		{"beyond", "SE1 Ost    123\n", "utf-8", false, "1!character 14 belongs to no column and is no space"},
		{"gap after ö", "SE1 Öst  x 12\n", "utf-8", false, "1!character 10 belongs to no column and is no space"},
		{"tab", "SE1\tOst    12\n", "utf-8", false, "1!a tab, whose width nobody knows"},
		{"another line end", "SE1 Ost    12\nSE1 O\rt    12\n", "utf-8", false, "1:Ost |SE1 | 12 2!a line end of another kind than the file's"},
	} {
		got, _, err := read(t, c.text, c.enc, c.header, lines.Options{})
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, strings.Join(got, " "), err, c.want)
		}
	}
}

func TestFileFaults(t *testing.T) {
	for _, c := range []struct {
		name, text, enc string
		header          bool
		rule, column    string
		line            uint64
	}{
		{"moved header", "name  unit num\n", "utf-8", true, "C03", "", 1},
		{"another name", "unitnavn  num\n", "utf-8", true, "C03", "name", 1},
		{"data for header", "SE1 Ost    12\n", "utf-8", true, "C03", "name", 1},
		{"short header", "unit\n", "utf-8", true, "C03", "", 1},
		{"encoding", "SE1 Ost    12\nSE1 \xd6st    12\n", "utf-8", false, "C01", "", 2},
		{"mojibake", "SE1 Ã–st    12\n", "windows-1252", false, "C01", "", 1},
	} {
		_, _, err := read(t, c.text, c.enc, c.header, lines.Options{})
		var fault *record.Error
		if !errors.As(err, &fault) || fault.Rule != c.rule || fault.Line != c.line || fault.Column != c.column || fault.Hint == "" {
			t.Errorf("%s: %+v", c.name, err)
		}
	}
	for _, bad := range [][]catalog.FixedColumn{nil, {{Name: "a", From: 0, Width: 1}}, {{Name: "a", From: 1, Width: 3}, {Name: "b", From: 3, Width: 1}}} {
		if _, err := fixed.NewReader(nil, "utf-8", bad, false, lines.Options{}); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

// FuzzCut: the fields of a line, put back at their places among spaces, are
// the line.
func FuzzCut(f *testing.F) {
	for _, s := range []string{"SE1 Öst    12\n", "SE1 Ost    1\n", "SE1 OstergX  12\r\nx", strings.Repeat(" ", 20), "\xff"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, header bool) {
		r, err := fixed.NewReader(strings.NewReader(text), "utf-8", columns, header, lines.Options{Chunk: 7})
		if err != nil {
			t.Fatal(err)
		}
		physical := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
		for {
			rec, err := r.Next()
			if err != nil {
				return
			}
			if rec.Malformed != "" {
				continue
			}
			back := []rune(strings.Repeat(" ", 13))
			for i, c := range columns {
				copy(back[c.From-1:], []rune(string(rec.Fields[i])))
				if utf8.RuneCount(rec.Fields[i]) != c.Width {
					t.Fatalf("field %d of %q is %q", i, rec.Raw, rec.Fields[i])
				}
			}
			if strings.TrimRight(string(back), " ") != strings.TrimRight(string(rec.Raw), " ") {
				t.Fatalf("%q was cut into %q", rec.Raw, rec.Fields)
			}
			found := false
			for _, p := range physical {
				found = found || p == string(rec.Raw)
			}
			if !found {
				t.Fatalf("%q is no line of %q", rec.Raw, text)
			}
		}
	})
}
