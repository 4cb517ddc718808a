package delimited

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"larstrom/pipeline/intake/record"
)

// Error is why a file as a whole cannot be read.
type Error = record.Error

// Gate reads raw bytes, holds them against the declared encoding and gives
// text in UTF-8.
type Gate struct{ g *gate }

// NewGate reads bytes of the encoding, chunk bytes at a time.
func NewGate(r io.Reader, encoding string, chunk int) (*Gate, error) {
	if !knownEncoding(encoding) {
		return nil, fmt.Errorf("dialect: encoding %q: must be utf-8, utf-8-bom, iso-8859-1, windows-1252, utf-16le or utf-16be", encoding)
	}
	return &Gate{newGate(r, encoding, chunk)}, nil
}

// Read appends the text of the next chunk to dst. It returns io.EOF with the
// last text, a *Error with the text before it, or the reader's own error.
func (g *Gate) Read(dst []byte) ([]byte, error) { return g.g.read(dst) }

// gate reads raw bytes, holds them against the declared encoding and gives
// text in UTF-8.
type gate struct {
	r     io.Reader
	enc   string
	raw   []byte // one chunk, with the carry of the last in front
	carry int    // bytes at the start of raw that wait for their sequence
	began bool
	done  bool
	// sequences counts those of UTF-8 in a single-byte file, alone the high
	// bytes outside of them.
	sequences, alone int64
	// lines counts line ends that have passed, for the fault's place.
	lines lineCount
	// sequenceLine is the line of the first sequence.
	sequenceLine uint64
}

// lineCount counts lines without knowing yet which kind of line end a file
// has: a file without any LF is one of CR.
type lineCount struct{ lf, cr uint64 }

func (l *lineCount) add(b []byte) {
	l.lf += uint64(bytes.Count(b, []byte{'\n'}))
	if l.lf == 0 {
		l.cr += uint64(bytes.Count(b, []byte{'\r'}))
	}
}

func (l *lineCount) line(before []byte) uint64 {
	c := *l
	c.add(before)
	if c.lf > 0 {
		return c.lf + 1
	}
	return c.cr + 1
}

func knownEncoding(enc string) bool {
	switch enc {
	case "utf-8", "utf-8-bom", "iso-8859-1", "windows-1252", "utf-16le", "utf-16be":
		return true
	}
	return false
}

func newGate(r io.Reader, enc string, chunk int) *gate {
	return &gate{r: r, enc: enc, raw: make([]byte, chunk+utf8.UTFMax)}
}

// read appends the text of the next chunk to dst. It returns io.EOF with the
// last text, a *Error with the text before it, or the reader's own error.
func (g *gate) read(dst []byte) ([]byte, error) {
	if g.done {
		return dst, io.EOF
	}
	n, err := io.ReadFull(g.r, g.raw[g.carry:])
	b := g.raw[:g.carry+n]
	last := err == io.EOF || err == io.ErrUnexpectedEOF
	if err != nil && !last {
		return dst, err
	}
	if !g.began {
		g.began = true
		skip, fault := g.mark(b)
		if fault != nil {
			return dst, fault
		}
		b = b[skip:]
	}
	var rest int
	var fault *Error
	switch g.enc {
	case "utf-8", "utf-8-bom":
		dst, rest, fault = g.utf8(dst, b, last)
	case "utf-16le":
		dst, rest, fault = g.utf16(dst, b, last, binary.LittleEndian)
	case "utf-16be":
		dst, rest, fault = g.utf16(dst, b, last, binary.BigEndian)
	default:
		dst, rest, fault = g.singleByte(dst, b, last)
	}
	if fault != nil {
		return dst, fault
	}
	g.carry = copy(g.raw, b[len(b)-rest:])
	if last {
		g.done = true
		if g.sequences > 0 && g.alone == 0 {
			return dst, g.mojibake(g.sequenceLine)
		}
		return dst, io.EOF
	}
	return dst, nil
}

// mark compares the byte order mark, or its absence, with the declaration and
// returns its length.
func (g *gate) mark(b []byte) (int, *Error) {
	seen, size := "", 0
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		seen, size = "utf-8-bom", 3
	case bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(b, []byte("\x00\x00\xfe\xff")):
		return 0, g.fault(1, "a UTF-32 byte order mark", "let the sender write UTF-8; UTF-32 is not read")
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		seen, size = "utf-16le", 2
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		seen, size = "utf-16be", 2
	}
	if seen == g.enc {
		return size, nil
	}
	if seen != "" {
		return 0, g.fault(1, "the byte order mark of "+seen, "if that is what the sender means, declare encoding: "+seen+" in the feed")
	}
	switch g.enc {
	case "utf-8-bom", "utf-16le", "utf-16be":
		if len(b) == 0 {
			return 0, nil // the empty file is another rule's
		}
		return 0, g.fault(1, "no byte order mark", "if the sender no longer writes one, declare the encoding that the file has")
	}
	return 0, nil
}

func (g *gate) fault(line uint64, seen, hint string) *Error {
	return &Error{Line: line, Rule: "C01", Text: "the feed declares " + g.enc + ", the file has " + seen, Hint: hint}
}

func (g *gate) cut(line uint64, seen string) *Error {
	f := g.fault(line, seen, "the file was cut short on its way; send it again")
	f.Cut = true
	return f
}

func (g *gate) nul(line uint64) *Error {
	hint := "let the sender write text only"
	if g.enc != "utf-16le" && g.enc != "utf-16be" {
		hint = "it may be UTF-16 without a byte order mark, or no text at all; let the sender write " + g.enc
	}
	return g.fault(line, "a NUL", hint)
}

func (g *gate) mojibake(line uint64) *Error {
	return g.fault(line, "text in utf-8", "read as "+g.enc+" its letters would change; if the sender now writes UTF-8, declare encoding: utf-8 in the feed")
}

// utf8 passes valid text on as it is.
func (g *gate) utf8(dst, b []byte, last bool) ([]byte, int, *Error) {
	text := b
	if !last {
		// A sequence that the chunk cuts waits for the next.
		for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
			if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
				if !utf8.FullRune(tail) {
					text = text[:len(text)-i]
				}
				break
			}
		}
	}
	nul := bytes.IndexByte(text, 0)
	if utf8.Valid(text) {
		if nul >= 0 {
			return append(dst, text[:nul]...), 0, g.nul(g.lines.line(text[:nul]))
		}
		g.lines.add(text)
		return append(dst, text...), len(b) - len(text), nil
	}
	bad := 0
	for bad < len(text) {
		r, size := utf8.DecodeRune(text[bad:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		bad += size
	}
	if nul >= 0 && nul < bad {
		return append(dst, text[:nul]...), 0, g.nul(g.lines.line(text[:nul]))
	}
	seen, cut := "a byte that UTF-8 does not have", false
	hint := "the sender probably writes iso-8859-1 or windows-1252; declare it in the feed, or let the sender write UTF-8"
	if last && !utf8.FullRune(text[bad:]) {
		seen, hint, cut = "a character of UTF-8 that the end of the file cuts", "the file was cut short on its way; send it again", true
	} else if c := text[bad]; c >= 0x80 && c < 0xa0 {
		hint = "the sender probably writes windows-1252; declare it in the feed, or let the sender write UTF-8"
	}
	fault := g.fault(g.lines.line(text[:bad]), seen, hint)
	fault.Cut = cut
	return append(dst, text[:bad]...), 0, fault
}

// ascii is the length of the prefix of b without high bytes and NULs.
func ascii(b []byte) int {
	const high, low = 0x8080808080808080, 0x0101010101010101
	i := 0
	for ; i+32 <= len(b); i += 32 {
		p, q := binary.LittleEndian.Uint64(b[i:]), binary.LittleEndian.Uint64(b[i+8:])
		r, s := binary.LittleEndian.Uint64(b[i+16:]), binary.LittleEndian.Uint64(b[i+24:])
		if (p|(p-low)&^p|q|(q-low)&^q|r|(r-low)&^r|s|(s-low)&^s)&high != 0 {
			break
		}
	}
	for ; i+8 <= len(b); i += 8 {
		// The second term marks zero bytes; where no byte is high it has no
		// false marks below the first true one, and any mark ends the run.
		if w := binary.LittleEndian.Uint64(b[i:]); (w|(w-low)&^w)&high != 0 {
			break
		}
	}
	for i < len(b) && b[i] != 0 && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// singleByte reads ISO-8859-1 and Windows-1252, and looks for UTF-8 in them.
func (g *gate) singleByte(dst, b []byte, last bool) ([]byte, int, *Error) {
	at := func(i int) uint64 { return g.lines.line(b[:i]) }
	for i := 0; i < len(b); {
		n := ascii(b[i:])
		dst = append(dst, b[i:i+n]...)
		i += n
		if i == len(b) {
			break
		}
		c := b[i]
		if c == 0 {
			return dst, 0, g.nul(at(i))
		}
		if c >= 0xa0 && i+1 < len(b) && b[i+1]&0xc0 != 0x80 { // a letter, and no sequence
			g.alone++
			dst = append(dst, 0xc0|c>>6, 0x80|c&0x3f)
			i++
			continue
		}
		if !last && !utf8.FullRune(b[i:]) {
			g.lines.add(b[:i])
			return dst, len(b) - i, nil
		}
		_, size := utf8.DecodeRune(b[i:])
		if size > 1 {
			if c == 0xc3 || size > 2 {
				return dst, 0, g.mojibake(at(i))
			}
			if g.sequences == 0 {
				g.sequenceLine = at(i)
			}
			g.sequences++
		} else {
			g.alone++
		}
		for _, c := range b[i : i+size] {
			r := rune(c)
			if c < 0xa0 {
				if g.enc == "iso-8859-1" {
					return dst, 0, g.fault(at(i), "a byte from 80 to 9F, which has no letter there",
						"the sender probably writes windows-1252; declare it in the feed")
				}
				if r = windows1252(c); r == 0 {
					return dst, 0, g.fault(at(i), fmt.Sprintf("the byte %02X, which has no letter there", c),
						"let the sender say which encoding the file has, and declare it in the feed")
				}
			}
			dst = utf8.AppendRune(dst, r)
		}
		i += size
	}
	g.lines.add(b)
	return dst, 0, nil
}

// windows1252 is the letter of a byte from 80 to 9F, 0 for the five without.
func windows1252(c byte) rune {
	return [...]rune{
		0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0,
		0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
	}[c-0x80]
}

func (g *gate) utf16(dst, b []byte, last bool, order binary.ByteOrder) ([]byte, int, *Error) {
	from := len(dst)
	at := func() uint64 { return g.lines.line(dst[from:]) }
	i := 0
	for i+2 <= len(b) {
		u := rune(order.Uint16(b[i:]))
		size := 2
		switch {
		case u == 0:
			return dst, 0, g.nul(at())
		case utf16.IsSurrogate(u):
			if i+4 > len(b) {
				if !last {
					g.lines.add(dst[from:])
					return dst, len(b) - i, nil
				}
				return dst, 0, g.cut(at(), "half a character")
			}
			if u = utf16.DecodeRune(u, rune(order.Uint16(b[i+2:]))); u == utf8.RuneError {
				return dst, 0, g.fault(at(), "a surrogate without its other half", "let the sender write valid "+g.enc)
			}
			size = 4
		}
		dst = utf8.AppendRune(dst, u)
		i += size
	}
	if last && i < len(b) {
		return dst, 0, g.cut(at(), "an odd number of bytes")
	}
	g.lines.add(dst[from:])
	return dst, len(b) - i, nil
}
