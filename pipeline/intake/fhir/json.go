package fhir

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may lie in each other.
const maxDepth = 64

// sort is what a value of JSON is.
type sort uint8

const (
	absent sort = iota
	null
	truth
	number
	text
	array
	object
)

// value is a value of JSON. Of a number text holds the digits as they were
// written; of a truth value, true or false.
type value struct {
	sort    sort
	text    []byte
	members []member // of an object; of an array without keys
}

type member struct {
	key   string
	value value
}

// get is a member of an object, absent where there is none.
func (v *value) get(key string) *value {
	if v.sort == object {
		for i := range v.members {
			if v.members[i].key == key {
				return &v.members[i].value
			}
		}
	}
	return &value{}
}

// items are the elements of an array.
func (v *value) items() []member {
	if v.sort == array {
		return v.members
	}
	return nil
}

// str is a string, empty where the value is none.
func (v *value) str() string {
	if v.sort == text {
		return string(v.text)
	}
	return ""
}

var (
	errJSON      = errors.New("it is not JSON")
	errTwice     = errors.New("a key stands twice in an object")
	errDeep      = errors.New("objects lie too deep in each other")
	errControl   = errors.New("a control character stands inside a string")
	errEscape    = errors.New("an escape that JSON does not have")
	errSurrogate = errors.New("half a surrogate pair")
	errNUL       = errors.New("a NUL inside a string")
)

// parse reads one value, and holds that nothing but space is around it.
func parse(b []byte) (value, error) {
	p := parser{b: b}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return value{}, err
	}
	p.space()
	if p.at < len(p.b) {
		return value{}, errJSON
	}
	return v, nil
}

type parser struct {
	b  []byte
	at int
}

func (p *parser) space() {
	for p.at < len(p.b) && (p.b[p.at] == ' ' || p.b[p.at] == '\t' || p.b[p.at] == '\n' || p.b[p.at] == '\r') {
		p.at++
	}
}

// peek is the character at hand; 0 at the end, which no JSON has elsewhere.
func (p *parser) peek() byte {
	if p.at < len(p.b) {
		return p.b[p.at]
	}
	return 0
}

func (p *parser) value(depth int) (value, error) {
	if depth > maxDepth {
		return value{}, errDeep
	}
	switch c := p.peek(); {
	case c == '"':
		s, err := p.str()
		return value{sort: text, text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == '{' || c == '[':
		return p.container(c, depth)
	}
	for word, s := range map[string]sort{"true": truth, "false": truth, "null": null} {
		if bytes.HasPrefix(p.b[p.at:], []byte(word)) {
			p.at += len(word)
			return value{sort: s, text: []byte(word)}, nil
		}
	}
	return value{}, errJSON
}

// container reads an object or array, from its bracket on.
func (p *parser) container(open byte, depth int) (value, error) {
	v, closing := value{sort: array}, byte(']')
	if open == '{' {
		v.sort, closing = object, '}'
	}
	p.at++
	p.space()
	if p.peek() == closing {
		p.at++
		return v, nil
	}
	var seen map[string]bool
	for {
		p.space()
		var m member
		if open == '{' {
			key, err := p.str()
			if err != nil {
				return v, err
			}
			m.key = string(key)
			if len(v.members) == 16 {
				seen = map[string]bool{}
				for i := range v.members {
					seen[v.members[i].key] = true
				}
			}
			if seen[m.key] || seen == nil && v.get(m.key).sort != absent {
				return v, errTwice
			}
			if seen != nil {
				seen[m.key] = true
			}
			p.space()
			if p.peek() != ':' {
				return v, errJSON
			}
			p.at++
			p.space()
		}
		var err error
		if m.value, err = p.value(depth + 1); err != nil {
			return v, err
		}
		v.members = append(v.members, m)
		p.space()
		switch p.peek() {
		case ',':
			p.at++
		case closing:
			p.at++
			return v, nil
		default:
			return v, errJSON
		}
	}
}

func (p *parser) number() (value, error) {
	from := p.at
	digits := func() int {
		n := p.at
		for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
			p.at++
		}
		return p.at - n
	}
	if p.peek() == '-' {
		p.at++
	}
	first := p.peek()
	if n := digits(); n == 0 || n > 1 && first == '0' {
		return value{}, errJSON
	}
	if p.peek() == '.' {
		p.at++
		if digits() == 0 {
			return value{}, errJSON
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if digits() == 0 {
			return value{}, errJSON
		}
	}
	return value{sort: number, text: p.b[from:p.at:p.at]}, nil
}

// str reads a string, from its quote on.
func (p *parser) str() ([]byte, error) {
	if p.peek() != '"' {
		return nil, errJSON
	}
	p.at++
	from := p.at
	var out []byte
	plain := true
	for p.at < len(p.b) {
		c := p.b[p.at]
		switch {
		case c == '"':
			p.at++
			if plain {
				return p.b[from : p.at-1 : p.at-1], nil
			}
			return out, nil
		case c < 0x20:
			return nil, errControl
		case c != '\\':
			if !plain {
				out = append(out, c)
			}
			p.at++
			continue
		}
		if plain {
			out, plain = bytes.Clone(p.b[from:p.at]), false
		}
		var err error
		if out, err = p.escape(out); err != nil {
			return nil, err
		}
	}
	return nil, errJSON
}

// escape reads an escape, from its backslash on.
func (p *parser) escape(out []byte) ([]byte, error) {
	p.at += 2
	if p.at > len(p.b) {
		return nil, errJSON
	}
	const plain, means = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if k := strings.IndexByte(plain, p.b[p.at-1]); k >= 0 {
		return append(out, means[k]), nil
	}
	if p.b[p.at-1] != 'u' {
		return nil, errEscape
	}
	u, ok := p.hex()
	if !ok {
		return nil, errEscape
	}
	if utf16.IsSurrogate(u) {
		low, ok := rune(0), false
		if bytes.HasPrefix(p.b[p.at:], []byte(`\u`)) {
			p.at += 2
			low, ok = p.hex()
		}
		if u = utf16.DecodeRune(u, low); !ok || u == utf8.RuneError {
			return nil, errSurrogate
		}
	}
	if u == 0 {
		return nil, errNUL
	}
	return utf8.AppendRune(out, u), nil
}

func (p *parser) hex() (rune, bool) {
	if len(p.b)-p.at < 4 {
		return 0, false
	}
	var u rune
	for _, c := range p.b[p.at : p.at+4] {
		switch {
		case c >= '0' && c <= '9':
			u = u<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			u = u<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	p.at += 4
	return u, true
}
