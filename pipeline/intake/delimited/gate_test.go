package delimited

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

func TestGate(t *testing.T) {
	rows := "a;b\n1;2\n"
	u16 := func(s string, mark string, big bool) string {
		b := []byte(mark)
		for _, r := range s {
			if big {
				b = append(b, byte(r>>8), byte(r))
			} else {
				b = append(b, byte(r), byte(r>>8))
			}
		}
		return string(b)
	}
	for _, c := range []struct {
		name, enc, in string
		fault         string // "" for none
		line          uint64
		cut           bool
	}{
		{"plain", "utf-8", rows + "å;ö\n", "", 0, false},
		{"mark not declared", "utf-8", "\xef\xbb\xbf" + rows, "byte order mark of utf-8-bom", 1, false},
		{"mark declared", "utf-8-bom", "\xef\xbb\xbf" + rows, "", 0, false},
		{"mark missing", "utf-8-bom", rows, "no byte order mark", 1, false},
		{"utf-16 in utf-8", "utf-8", u16(rows, "\xff\xfe", false), "byte order mark of utf-16le", 1, false},
		{"utf-16 in windows-1252", "windows-1252", u16(rows, "\xfe\xff", true), "byte order mark of utf-16be", 1, false},
		{"utf-16 without mark", "utf-8", u16(rows, "", false), "a NUL", 1, false},
		{"utf-32", "utf-8", "\xff\xfe\x00\x00a\x00\x00\x00", "UTF-32", 1, false},
		{"utf-8 mark in windows-1252", "windows-1252", "\xef\xbb\xbf" + rows, "byte order mark of utf-8-bom", 1, false},
		{"latin in utf-8", "utf-8", rows + "3;\xe5\n", "a byte that UTF-8 does not have", 3, false},
		{"windows in utf-8", "utf-8", rows + "3;\x80 \n", "a byte that UTF-8 does not have", 3, false},
		{"surrogate in utf-8", "utf-8", rows + "\xed\xa0\x80;\n", "a byte that UTF-8 does not have", 3, false},
		{"overlong in utf-8", "utf-8", rows + "\xc0\xaf;\n", "a byte that UTF-8 does not have", 3, false},
		{"cut in a character", "utf-8", rows + "3;\xc3", "the end of the file cuts", 3, true},
		{"nul", "utf-8", rows + "3;\x00\n", "a NUL", 3, false},
		{"nul in windows-1252", "windows-1252", rows + "3;\x00\n", "a NUL", 3, false},
		{"latin", "iso-8859-1", rows + "\xe5\xe4\xf6;\xc5\xc4\xd6\n", "", 0, false},
		{"guillemets", "iso-8859-1", rows + "\xabBL\xc5\xbb;\n", "", 0, false},
		{"windows in latin", "iso-8859-1", rows + "3;\x96\n", "80 to 9F", 3, false},
		{"windows", "windows-1252", rows + "3;\x80\x96\xe5\n", "", 0, false},
		{"undefined 81", "windows-1252", rows + "3;\x81\n", "the byte 81", 3, false},
		{"undefined 8D", "windows-1252", rows + "3;\x8d\n", "the byte 8D", 3, false},
		{"undefined 8F", "windows-1252", rows + "3;\x8f\n", "the byte 8F", 3, false},
		{"undefined 90", "windows-1252", rows + "3;\x90\n", "the byte 90", 3, false},
		{"undefined 9D", "windows-1252", rows + "3;\x9d\n", "the byte 9D", 3, false},
		{"utf-8 in windows-1252", "windows-1252", rows + "3;G\u00f6teborg\n", "text in utf-8", 3, false},
		{"utf-8 with an undefined byte", "windows-1252", rows + "3;\u00cd\n", "text in utf-8", 3, false},
		{"utf-8 dash in windows-1252", "windows-1252", rows + "3;a\u2013b\n", "text in utf-8", 3, false},
		{"utf-8 in latin", "iso-8859-1", rows + "\u00c5;\n", "text in utf-8", 3, false},
		{"one utf-8 row among latin ones", "iso-8859-1", rows + "\xe5;\xe4\n\u00e5;\n", "text in utf-8", 4, false},
		{"no-break spaces in utf-8", "windows-1252", rows + "1\u00a0000;\n", "text in utf-8", 3, false},
		{"utf-16le", "utf-16le", u16(rows+"å;ö\n", "\xff\xfe", false), "", 0, false},
		{"utf-16be", "utf-16be", u16(rows+"å;ö\n", "\xfe\xff", true), "", 0, false},
		{"utf-16 of the other order", "utf-16le", u16(rows, "\xfe\xff", true), "byte order mark of utf-16be", 1, false},
		{"utf-16 mark missing", "utf-16le", u16(rows, "", false), "no byte order mark", 1, false},
		{"utf-16 odd", "utf-16le", u16(rows, "\xff\xfe", false) + "x", "odd number", 3, true},
		{"utf-16 lone surrogate", "utf-16le", u16(rows, "\xff\xfe", false) + "\x00\xd8a\x00", "surrogate", 3, false},
		{"utf-16 cut surrogate", "utf-16le", u16(rows, "\xff\xfe", false) + "\x00\xd8", "half a character", 3, true},
		{"utf-16 nul", "utf-16be", u16(rows+"\x00", "\xfe\xff", true), "a NUL", 3, false},
		{"utf-16 pair", "utf-16le", u16(rows, "\xff\xfe", false) + "\x3d\xd8\x00\xde\n\x00", "", 0, false},
	} {
		for _, eol := range []string{"\n", "\r"} {
			in := strings.ReplaceAll(c.in, "\n", eol)
			for chunk := 1; chunk < 24; chunk++ {
				_, _, err := read(t, []byte(in), dialect(c.enc, ";", `"`), Options{Chunk: chunk})
				if c.fault == "" {
					if err != nil {
						t.Errorf("%s, chunk %d: %v", c.name, chunk, err)
					}
					continue
				}
				var f *Error
				if !errors.As(err, &f) || f.Rule != "C01" || !strings.Contains(f.Text, c.fault) || f.Line != c.line || f.Cut != c.cut ||
					!strings.Contains(f.Text, c.enc) || f.Hint == "" {
					t.Errorf("%s, chunk %d, line end %q: %v, want C01 with %q and %q in line %d", c.name, chunk, eol, err, c.enc, c.fault, c.line)
				}
			}
		}
	}
}

// Every byte of the two single-byte encodings is the letter that
// golang.org/x/text says, or refused.
func TestSingleByteLetters(t *testing.T) {
	for enc, ref := range map[string]*charmap.Charmap{"iso-8859-1": charmap.ISO8859_1, "windows-1252": charmap.Windows1252} {
		refused := 0
		for c := 1; c < 256; c++ {
			if c == '\n' || c == '\r' || c == ';' || c == '"' {
				continue
			}
			// A lone high byte in front keeps one more from looking like UTF-8.
			got, _, err := read(t, []byte{'a', ';', 0xe5, ' ', byte(c), ' ', '\n'}, dialect(enc, ";", `"`), Options{})
			want := ref.DecodeByte(byte(c))
			if err != nil {
				refused++
				if c < 0x80 || c >= 0xa0 {
					t.Errorf("%s: byte %02X is refused: %v", enc, c, err)
				}
				continue
			}
			if s := "å " + string(want) + " "; got[0][1] != s || want == utf8.RuneError {
				t.Errorf("%s: byte %02X is %q, want %q", enc, c, got[0][1], s)
			}
		}
		if want := map[string]int{"iso-8859-1": 32, "windows-1252": 5}[enc]; refused != want {
			t.Errorf("%s: %d bytes refused, want %d", enc, refused, want)
		}
	}
}

func TestWriterEncodings(t *testing.T) {
	for enc, want := range map[string]string{
		"utf-8":        "å;–;中\r\n",
		"utf-8-bom":    "\xef\xbb\xbfå;–;中\r\n",
		"iso-8859-1":   "\xe5;?;?\r\n",
		"windows-1252": "\xe5;\x96;?\r\n",
		"utf-16be":     "\xfe\xff\x00\xe5\x00;\x20\x13\x00;\x4e\x2d\x00\r\x00\n",
	} {
		var buf bytes.Buffer
		w, err := NewWriter(&buf, dialect(enc, ";", `"`), "\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write([]string{"å", "–", "中"}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil || buf.String() != want {
			t.Errorf("%s: %q, %v; want %q", enc, buf.String(), err, want)
		}
	}
	var buf bytes.Buffer
	w, _ := NewWriter(&buf, dialect("utf-8", ";", ""), "\n")
	if err := w.Write([]string{"a;b\nc", `"`}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil || buf.String() != "a b c;\"\n" {
		t.Errorf("without quotes: %q, %v", buf.String(), err)
	}
}

// The length of the plain prefix is that of a byte-wise search, wherever the
// first other byte stands and whatever follows.
func TestASCIIPrefix(t *testing.T) {
	for n := range 40 {
		for _, c := range []byte{0, 0x80, 0xff} {
			for _, fill := range []byte{1, 0x7f, 'a'} {
				b := bytes.Repeat([]byte{fill}, 40)
				b[n] = c
				if got := ascii(b); got != n {
					t.Fatalf("%02X at %d among %02X: %d", c, n, fill, got)
				}
			}
		}
	}
	if got := ascii(bytes.Repeat([]byte{1}, 21)); got != 21 {
		t.Error(got)
	}
}

// A file of the size of many chunks is checked to its last byte.
func TestGateSeesTheLastByte(t *testing.T) {
	row := []byte("12345;abcdef\n")
	b := slices.Repeat(row, 200_000)
	if _, _, err := read(t, b, dialect("utf-8", ";", `"`), Options{}); err != nil {
		t.Fatal(err)
	}
	b[len(b)-2] = 0xe5
	_, _, err := read(t, b, dialect("utf-8", ";", `"`), Options{})
	var f *Error
	if !errors.As(err, &f) || f.Line != 200_000 {
		t.Error(fmt.Sprint(err))
	}
}
