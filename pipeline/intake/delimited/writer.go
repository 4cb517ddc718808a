package delimited

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
)

// Writer writes records in a dialect, so that a Reader of the dialect reads
// the same fields. A character that the encoding does not have becomes "?". In
// a dialect without quotes, delimiters and line ends inside a field become
// spaces.
type Writer struct {
	w     *bufio.Writer
	d     catalog.Dialect
	eol   string
	text  []byte
	begun bool
}

// NewWriter writes to w with the line end eol. It fails if the dialect is none.
func NewWriter(w io.Writer, d catalog.Dialect, eol string) (*Writer, error) {
	if _, err := NewReader(nil, d, Options{}); err != nil {
		return nil, err
	}
	switch eol {
	case "\n", "\r\n", "\r":
	default:
		return nil, fmt.Errorf("line end %q: must be LF, CRLF or CR", eol)
	}
	return &Writer{w: bufio.NewWriter(w), d: d, eol: eol}, nil
}

// mark appends the byte order mark before the first text of the file.
func (w *Writer) mark(b []byte) []byte {
	if !w.begun {
		w.begun = true
		if w.d.Encoding == "utf-8-bom" || strings.HasPrefix(w.d.Encoding, "utf-16") {
			b = append(b, "\ufeff"...)
		}
	}
	return b
}

// WriteText writes a text as it is, as the lines before the records.
func (w *Writer) WriteText(text []byte) error {
	w.text = append(w.mark(w.text[:0]), text...)
	return w.encode(w.text)
}

// guarded reports whether a spreadsheet would change the text: digits that
// begin with 0, or more of them than it keeps.
func guarded(f string) bool {
	return len(f) > 1 && strings.Trim(f, "0123456789") == "" && (f[0] == '0' || len(f) > 11)
}

// Write writes one record.
func (w *Writer) Write(fields []string) error {
	b := w.mark(w.text[:0])
	for i, f := range fields {
		if i > 0 {
			b = append(b, w.d.Delimiter...)
		}
		switch {
		case w.d.Quote == "":
			b = append(b, strings.Map(func(r rune) rune {
				if r == '\n' || r == '\r' || r == rune(w.d.Delimiter[0]) {
					return ' '
				}
				return r
			}, f)...)
		case w.d.Guards && guarded(f):
			b = append(b, '=')
			b = append(b, w.d.Quote...)
			b = append(b, f...)
			b = append(b, w.d.Quote...)
		case strings.ContainsAny(f, w.d.Delimiter+w.d.Quote+"\r\n") || f == "" && len(fields) == 1:
			b = append(b, w.d.Quote...)
			b = append(b, strings.ReplaceAll(f, w.d.Quote, w.d.Quote+w.d.Quote)...)
			b = append(b, w.d.Quote...)
		default:
			b = append(b, f...)
		}
	}
	b = append(b, w.eol...)
	w.text = b
	return w.encode(b)
}

// Flush writes what is buffered.
func (w *Writer) Flush() error { return w.w.Flush() }

func (w *Writer) encode(text []byte) error {
	var err error
	switch w.d.Encoding {
	case "utf-8", "utf-8-bom":
		_, err = w.w.Write(text)
	case "utf-16le", "utf-16be":
		var order binary.AppendByteOrder = binary.LittleEndian
		if w.d.Encoding == "utf-16be" {
			order = binary.BigEndian
		}
		var b []byte
		for _, u := range utf16.Encode([]rune(string(text))) {
			b = order.AppendUint16(b, u)
		}
		_, err = w.w.Write(b)
	default:
		for len(text) > 0 && err == nil {
			r, size := utf8.DecodeRune(text)
			text = text[size:]
			err = w.w.WriteByte(w.byteOf(r))
		}
	}
	return err
}

func (w *Writer) byteOf(r rune) byte {
	if r < 0x80 || r >= 0xa0 && r <= 0xff {
		return byte(r)
	}
	if w.d.Encoding == "windows-1252" {
		for c := byte(0x80); c < 0xa0; c++ {
			if windows1252(c) == r {
				return c
			}
		}
	}
	return '?'
}
