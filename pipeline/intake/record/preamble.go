package record

import (
	"bytes"
	"io"
	"regexp"
)

// MaxPreamble is the most lines that are searched for the header.
const MaxPreamble = 1000

// Preamble says which lines stand before the records: a number of them, or all
// before the first that matches. The zero value is none.
type Preamble struct {
	Lines int
	Until *regexp.Regexp
}

// Ends reports whether the preamble ends after so many lines, as far as that
// can be told without the next.
func (p Preamble) Ends(lines int) bool { return p.Until == nil && lines == p.Lines }

// Found reports whether the line is the first after the preamble.
func (p Preamble) Found(line []byte) bool { return p.Until != nil && p.Until.Match(line) }

// Pass reads the preamble and gives its text. Rest is the text that has been
// read and not passed, and why no more comes (io.EOF: it has ended); more reads
// on, and skip passes a line with its end, of so many bytes. The error is io.EOF
// where there is no text at all: the empty file is another rule's.
func (p Preamble) Pass(rest func() ([]byte, error), more func() error, skip func(n int)) (above []byte, err error) {
	for lines := 0; !p.Ends(lines); {
		b, end := rest()
		text, next, found := Line(b, end == io.EOF)
		switch {
		case !found && end == nil:
			if err := more(); err != nil {
				return above, err
			}
			continue
		case !found && end != io.EOF:
			return above, end // a fault of the bytes cuts the line
		case !found && len(b) == 0 && lines == 0:
			return above, io.EOF
		case !found, lines == MaxPreamble:
			return above, p.Error(uint64(lines+1), lines)
		case p.Found(text):
			return above, nil
		}
		above = append(above, b[:next]...)
		skip(next)
		lines++
	}
	return above, nil
}

// Error says that the file ended, or too many lines were read, before the end
// of the preamble.
func (p Preamble) Error(line uint64, lines int) *Error {
	if p.Until == nil {
		return &Error{Line: line, Rule: "C02", Text: "the file ends inside its preamble, which has " + Count(int64(p.Lines), "line"),
			Hint: "the file was cut short on its way; or correct dialect.preamble of the feed", Cut: true}
	}
	return &Error{Line: line, Rule: "C02", Text: "no line matches dialect.preamble.until of the feed",
		Hint: "the header may have changed, or the file was cut short on its way", Cut: lines < MaxPreamble}
}

// Line is the first line of a text without its end, and where the next begins.
// A line ends with LF, CRLF or CR; found is false where the text may go on.
// last says that it does not: then what is left without an end is no line.
func Line(b []byte, last bool) (text []byte, next int, found bool) {
	i := bytes.IndexAny(b, "\r\n")
	switch {
	case i < 0, b[i] == '\r' && i+1 == len(b) && !last:
		return nil, 0, false
	case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
		return b[:i], i + 2, true
	}
	return b[:i], i + 1, true
}
