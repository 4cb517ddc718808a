package ndjson

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/record"
)

// maxDepth is how deep objects and arrays may lie in each other.
const maxDepth = 64

// maxExponent is how far an exponent moves the point of a number; one of more
// stays as it is, which is no number of any feed.
const maxExponent = 60

// Options of a reader.
type Options struct {
	// Encoding is utf-8 or utf-8-bom.
	Encoding string
	// Names are the paths that become fields, in this order; Ignored those
	// that are known and not read.
	Names, Ignored []string
	// AbsentIsMissing takes a path that an object lacks for no value.
	AbsentIsMissing bool
	// Decimal is how the point of a number is written; 0: as it is.
	Decimal byte
	Lines   lines.Options
}

// Reader reads objects.
type Reader struct {
	lines *lines.Reader
	opt   Options
	paths map[string]*node
	n     uint64       // lines so far; marks what was seen in this one
	whole bool         // a line was an object
	first record.Error // the fault of the first line
	rec   record.Record
	last  error // what Next returns from now on
	ever  []bool

	// Of the line that is being read.
	text    []byte
	at      int
	path    []byte
	scratch []byte
	below   map[string]bool // paths inside ignored ones
	fault   *record.Error   // ends the file
	added   []string        // keys of a file of rejected rows
}

// node is a path that the feed knows.
type node struct {
	col     int // -1: none
	ignored bool
	seen    uint64
	added   bool // of a file of rejected rows
}

// NewReader reads objects from r.
func NewReader(r io.Reader, opt Options) (*Reader, error) {
	if opt.Encoding != "utf-8" && opt.Encoding != "utf-8-bom" {
		return nil, fmt.Errorf("ndjson: encoding %q: must be utf-8 or utf-8-bom", opt.Encoding)
	}
	opt.Lines.LF = true
	text, err := lines.NewReader(r, opt.Encoding, opt.Lines)
	if err != nil {
		return nil, err
	}
	rd := &Reader{lines: text, opt: opt, paths: map[string]*node{}, ever: make([]bool, len(opt.Names)), below: map[string]bool{}}
	rd.rec.Fields = make([][]byte, len(opt.Names))
	add := func(path string) *node {
		// What is around a path is known, too.
		for i := range len(path) {
			if path[i] == '.' && rd.paths[path[:i]] == nil {
				rd.paths[path[:i]] = &node{col: -1}
			}
		}
		if rd.paths[path] == nil {
			rd.paths[path] = &node{col: -1}
		}
		return rd.paths[path]
	}
	for i, name := range opt.Names {
		add(name).col = i
	}
	for _, name := range opt.Ignored {
		add(name).ignored = true
	}
	for _, name := range addedKeys() {
		if rd.paths[name] == nil {
			rd.paths[name] = &node{col: -1, ignored: true, added: true}
		}
	}
	return rd, nil
}

// End is what is known of the text so far.
func (r *Reader) End() record.End { return r.lines.End() }

// Next is the next object.
func (r *Reader) Next() (*record.Record, error) {
	if r.last != nil {
		return nil, r.last
	}
	text, line, err := r.lines.Next()
	if err == io.EOF {
		err = r.never()
	}
	if err != nil {
		r.last = err
		return nil, err
	}
	r.n++
	r.rec = record.Record{Line: line, Lines: 1, Raw: text, Fields: r.rec.Fields, Others: r.rec.Others[:0]}
	for i := range r.rec.Fields {
		r.rec.Fields[i] = nil
	}
	r.text, r.at, r.path, r.scratch = text, 0, r.path[:0], r.scratch[:0]
	clear(r.below)
	r.added = r.added[:0]
	r.rec.Malformed, r.rec.Hint = r.object()
	if n := len(r.added); n == addedCount {
		r.rec.Back = true
	} else if n > 0 && r.fault == nil {
		r.fault = unknown([]byte(r.added[0]))
	}
	if r.fault != nil {
		r.fault.Line = line
		r.last = r.fault
		return nil, r.fault
	}
	if r.n == 1 {
		r.first = record.Error{Line: line, Rule: "C02", Text: r.rec.Malformed, Hint: r.rec.Hint}
	}
	r.whole = r.whole || r.rec.Malformed == ""
	if r.rec.Malformed == "" && !r.opt.AbsentIsMissing {
		for _, name := range r.opt.Names {
			if r.paths[name].seen != r.n {
				r.rec.Rule, r.rec.Malformed = "C03", "the key "+name+" is absent"
				r.rec.Hint = "let the sender write it, with null for no value; or, if absent means missing, declare ndjson: {absent: missing} in the feed"
				break
			}
		}
	}
	return &r.rec, nil
}

// never is the fault of a file in which no object has a path that is read: that
// of its first line, where no line is an object.
func (r *Reader) never() error {
	if r.n == 0 {
		return io.EOF
	}
	for i, name := range r.opt.Names {
		if !r.ever[i] {
			if !r.whole {
				return &r.first
			}
			return &record.Error{Column: name, Rule: "C03", Text: "no object of the file has the key", Hint: "the feed reads it; let the sender write it, or change the feed"}
		}
	}
	return io.EOF
}

const (
	notJSON  = "the line is not a JSON object"
	jsonHint = "write one object a line, as RFC 8259 says; a file that is one large array is not JSON lines"
)

// object reads the line.
func (r *Reader) object() (malformed, hint string) {
	r.space()
	if r.peek() != '{' {
		return notJSON, jsonHint
	}
	if m, h := r.members(false, 1); m != "" || r.fault != nil {
		return m, h
	}
	r.space()
	if r.at < len(r.text) {
		return "something follows the object", "write one object a line"
	}
	return "", ""
}

func (r *Reader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return
		}
	}
}

// peek is the character at hand; 0 at the end, which no JSON has elsewhere.
func (r *Reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// members reads an object, from its brace on. Inside an ignored path nothing
// is kept.
func (r *Reader) members(ignored bool, depth int) (malformed, hint string) {
	if depth > maxDepth {
		return fmt.Sprintf("objects lie more than %d deep in each other", maxDepth), jsonHint
	}
	r.at++
	r.space()
	if r.peek() == '}' {
		r.at++
		return "", ""
	}
	outer := len(r.path)
	for {
		r.space()
		key, m, h := r.str()
		if m != "" {
			return m, h
		}
		r.space()
		if r.peek() != ':' {
			return notJSON, jsonHint
		}
		r.at++
		r.space()
		if outer > 0 {
			r.path = append(r.path, '.')
		}
		r.path = append(r.path, key...)
		var at *node
		if ignored {
			if r.below[string(r.path)] {
				return r.twice()
			}
			r.below[string(r.path)] = true
			r.rec.Others = append(r.rec.Others, key)
		} else if at = r.paths[string(r.path)]; at == nil {
			r.fault = unknown(r.path)
			return "", ""
		} else {
			if at.added {
				r.added = append(r.added, string(key))
			}
			if at.seen == r.n {
				return r.twice()
			}
			at.seen = r.n
		}
		if m, h := r.value(at, ignored || at.ignored, depth); m != "" || r.fault != nil {
			return m, h
		}
		r.path = r.path[:outer]
		r.space()
		switch r.peek() {
		case ',':
			r.at++
		case '}':
			r.at++
			return "", ""
		default:
			return notJSON, jsonHint
		}
	}
}

func unknown(path []byte) *record.Error {
	return &record.Error{Column: name(path), Rule: "C03", Text: "the feed does not know the key", Hint: "list it under ignore_columns of the feed if it is not used"}
}

func (r *Reader) twice() (malformed, hint string) {
	return "a key stands twice", "let the sender write each key once; a key with a dot is the same as one inside an object"
}

// name is a path as it may be shown: a long one, or one with many digits, may
// be a value.
func name(path []byte) string {
	digits := 0
	for _, c := range string(path) {
		if unicode.IsNumber(c) {
			digits++
		}
	}
	if digits >= 6 || utf8.RuneCount(path) > 64 {
		return ""
	}
	return string(path)
}

// value reads what stands at a path.
func (r *Reader) value(at *node, ignored bool, depth int) (malformed, hint string) {
	keep := func(text []byte) (string, string) {
		if ignored {
			if len(text) > 1 {
				r.rec.Others = append(r.rec.Others, text)
			}
			return "", ""
		}
		if at.col < 0 {
			r.fault = &record.Error{Column: name(r.path), Rule: "C03", Text: "the feed reads keys inside this one, which is no object here", Hint: "let the sender write the object, or change the feed"}
			return "", ""
		}
		r.rec.Fields[at.col] = text
		r.ever[at.col] = true
		return "", ""
	}
	switch c := r.peek(); {
	case c == '"':
		text, m, h := r.str()
		if m != "" {
			return m, h
		}
		return keep(text)
	case c == '-' || c >= '0' && c <= '9':
		text, ok := r.number()
		if !ok {
			return "a number that is not one of JSON", "no zeros before it, digits on both sides of its point, no other sign than -"
		}
		return keep(text)
	case c == '{':
		if !ignored && at.col >= 0 {
			return "an object where the feed reads a value", "name the key inside it, with a dot, in the feed"
		}
		return r.members(ignored, depth+1)
	case c == '[':
		if !ignored {
			return "an array where the feed reads a value", "let the sender write one value; or ignore the key in the feed"
		}
		return r.array(depth + 1)
	case r.word("true"):
		return keep(r.copy([]byte{'1'}))
	case r.word("false"):
		return keep(r.copy([]byte{'0'}))
	case r.word("null"):
		if !ignored && at.col < 0 {
			return "", "" // an object that is absent; what is inside is, too
		}
		return keep(nil)
	}
	return notJSON, jsonHint
}

func (r *Reader) word(w string) bool {
	if !bytes.HasPrefix(r.text[r.at:], []byte(w)) {
		return false
	}
	r.at += len(w)
	return true
}

// array reads an array inside an ignored path.
func (r *Reader) array(depth int) (malformed, hint string) {
	if depth > maxDepth {
		return fmt.Sprintf("arrays lie more than %d deep in each other", maxDepth), jsonHint
	}
	r.at++
	r.space()
	if r.peek() == ']' {
		r.at++
		return "", ""
	}
	outer := len(r.path)
	for i := 0; ; i++ {
		r.space()
		r.path = fmt.Appendf(r.path, "[%d]", i)
		if m, h := r.value(nil, true, depth); m != "" {
			return m, h
		}
		r.path = r.path[:outer]
		r.space()
		switch r.peek() {
		case ',':
			r.at++
		case ']':
			r.at++
			return "", ""
		default:
			return notJSON, jsonHint
		}
	}
}

// number reads a number and keeps its digits.
func (r *Reader) number() ([]byte, bool) {
	from, point := r.at, -1
	digits := func() int {
		n := 0
		for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
			r.at++
			n++
		}
		return n
	}
	if r.peek() == '-' {
		r.at++
	}
	first := r.peek()
	if n := digits(); n == 0 || n > 1 && first == '0' {
		return nil, false
	}
	if r.peek() == '.' {
		point = r.at - from
		r.at++
		if digits() == 0 {
			return nil, false
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		mantissa := r.text[from:r.at]
		r.at++
		at := r.at
		if c := r.peek(); c == '+' || c == '-' {
			r.at++
		}
		if digits() == 0 {
			return nil, false
		}
		if exponent, err := strconv.Atoi(string(r.text[at:r.at])); err == nil && exponent >= -maxExponent && exponent <= maxExponent {
			return r.moved(mantissa, exponent), true
		}
	}
	text := r.text[from:r.at:r.at]
	if point >= 0 && r.opt.Decimal != 0 && r.opt.Decimal != '.' {
		text = r.copy(text)
		text[point] = r.opt.Decimal
	}
	return text, true
}

// moved writes a number with its point moved by the exponent, and keeps all
// its digits: 1.5E+3 is 1500, 120e-4 is 0.0120.
func (r *Reader) moved(mantissa []byte, exponent int) []byte {
	from := len(r.scratch)
	if mantissa[0] == '-' {
		r.scratch = append(r.scratch, '-')
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	digits := slices.Concat(whole, fraction)
	point := len(whole) + exponent
	if point <= 0 {
		digits = slices.Concat(bytes.Repeat([]byte{'0'}, 1-point), digits)
		point = 1
	}
	for len(digits) < point {
		digits = append(digits, '0')
	}
	for point > 1 && digits[0] == '0' { // 0.15e1: no zeros before the number
		digits, point = digits[1:], point-1
	}
	r.scratch = append(r.scratch, digits[:point]...)
	if point < len(digits) {
		decimal := r.opt.Decimal
		if decimal == 0 {
			decimal = '.'
		}
		r.scratch = append(append(r.scratch, decimal), digits[point:]...)
	}
	return r.scratch[from:len(r.scratch):len(r.scratch)]
}

// copy puts text into the scratch memory. Earlier texts keep theirs if it
// grows.
func (r *Reader) copy(text []byte) []byte {
	from := len(r.scratch)
	r.scratch = append(r.scratch, text...)
	return r.scratch[from:len(r.scratch):len(r.scratch)]
}

// str reads a string, from its quote on.
func (r *Reader) str() (text []byte, malformed, hint string) {
	if r.peek() != '"' {
		return nil, notJSON, jsonHint
	}
	r.at++
	from := r.at
	for i := r.at; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			r.at = i + 1
			return r.text[from:i:i], "", ""
		case c == '\\':
			return r.escaped(from, i)
		case c < 0x20:
			return nil, "a control character inside a string", "let the sender escape it, as RFC 8259 says"
		}
	}
	return nil, "a string is not closed", "the line may have been cut, or a line end may stand in a string unescaped"
}

// escaped reads on from the first backslash.
func (r *Reader) escaped(from, i int) (text []byte, malformed, hint string) {
	start := len(r.scratch)
	r.scratch = append(r.scratch, r.text[from:i]...)
	for i < len(r.text) {
		c := r.text[i]
		switch {
		case c == '"':
			r.at = i + 1
			return r.scratch[start:len(r.scratch):len(r.scratch)], "", ""
		case c < 0x20:
			return nil, "a control character inside a string", "let the sender escape it, as RFC 8259 says"
		case c != '\\':
			r.scratch = append(r.scratch, c)
			i++
			continue
		}
		if i+1 >= len(r.text) {
			break
		}
		i += 2
		const plain, means = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		if k := strings.IndexByte(plain, r.text[i-1]); k >= 0 {
			r.scratch = append(r.scratch, means[k])
			continue
		}
		if r.text[i-1] != 'u' {
			return nil, "an escape that JSON does not have", "double the backslashes of a string"
		}
		u, ok := hex4(r.text[i:])
		if !ok {
			return nil, "an escape that JSON does not have", "four hexadecimal digits follow \\u"
		}
		i += 4
		if utf16.IsSurrogate(u) {
			low, ok := rune(0), false
			if len(r.text) >= i+6 && r.text[i] == '\\' && r.text[i+1] == 'u' {
				low, ok = hex4(r.text[i+2:])
			}
			if u = utf16.DecodeRune(u, low); !ok || u == utf8.RuneError {
				return nil, "half a surrogate pair", "let the sender write the whole character"
			}
			i += 6
		}
		if u == 0 {
			return nil, "a NUL inside a string", "let the sender write text only"
		}
		r.scratch = utf8.AppendRune(r.scratch, u)
	}
	return nil, "a string is not closed", "the line may have been cut, or a line end may stand in a string unescaped"
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var u rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			u = u<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			u = u<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return u, true
}
