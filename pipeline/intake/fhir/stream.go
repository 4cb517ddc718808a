package fhir

import (
	"errors"
	"fmt"
	"io"

	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/record"
)

// maxResource is the most bytes of one resource; it bounds the memory of a
// reader.
const maxResource = 16 << 20

// stream cuts one JSON text into the values of its outermost object, without
// holding more than one of them.
type stream struct {
	gate *delimited.Gate
	buf  []byte
	at   int
	line uint64
	any  bool
	err  error // why no more text comes; io.EOF at the end
}

func newStream(r io.Reader, encoding string) (*stream, error) {
	gate, err := delimited.NewGate(r, encoding, 256<<10)
	if err != nil {
		return nil, err
	}
	return &stream{gate: gate, line: 1}, nil
}

// more reads on. What lies before keep may go.
func (s *stream) more(keep *int) error {
	if s.err != nil {
		if s.err == io.EOF {
			return s.cut()
		}
		return s.err
	}
	if n := *keep; n > 0 {
		s.buf = append(s.buf[:0], s.buf[n:]...)
		s.at -= n
		*keep = 0
	}
	var err error
	s.buf, err = s.gate.Read(s.buf)
	s.any = s.any || len(s.buf) > 0
	if _, ok := errors.AsType[*record.Error](err); ok || err == io.EOF {
		s.err = err // what is before the fault is still read
		return nil
	}
	return err
}

func (s *stream) cut() error {
	return &record.Error{Line: s.line, Rule: "C04", Text: "the JSON ends before its end", Hint: "the file was cut short on its way, or is still being written; send it again", Cut: true}
}

func (s *stream) fault(err error, hint string) error {
	return &record.Error{Line: s.line, Rule: "C02", Text: "the JSON is malformed: " + err.Error(), Hint: hint}
}

const jsonHint = "write one resource, or one Bundle, as RFC 8259 says; for one resource a line declare fhir: {form: ndjson} in the feed"

// next is the next character that is no space; it stays.
func (s *stream) next() (byte, error) {
	for {
		for ; s.at < len(s.buf); s.at++ {
			switch c := s.buf[s.at]; c {
			case '\n':
				s.line++
			case ' ', '\t', '\r':
			default:
				return c, nil
			}
		}
		if err := s.more(&s.at); err != nil {
			return 0, err
		}
	}
}

// take takes a character that must be there.
func (s *stream) take(c byte) error {
	got, err := s.next()
	if err != nil {
		return err
	}
	if got != c {
		return s.fault(errJSON, jsonHint)
	}
	s.at++
	return nil
}

// raw is the text of the next value, which stays until the next call, and the
// line on which it begins. Only its brackets and strings have been looked at.
func (s *stream) raw() ([]byte, uint64, error) {
	if _, err := s.next(); err != nil {
		return nil, 0, err
	}
	start, line, depth, inString := s.at, s.line, 0, false
	for {
		for ; s.at < len(s.buf); s.at++ {
			c := s.buf[s.at]
			if c == '\n' {
				s.line++
			}
			if inString {
				if c == '\\' {
					if s.at+1 == len(s.buf) {
						break // the escaped character is still to come
					}
					s.at++
				} else if c == '"' {
					if inString = false; depth == 0 {
						s.at++
						return s.buf[start:s.at:s.at], line, nil
					}
				}
				continue
			}
			switch c {
			case '"':
				inString = true
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth < 0 {
					return s.buf[start:s.at:s.at], line, nil // after a number or word
				}
				if depth == 0 {
					s.at++
					return s.buf[start:s.at:s.at], line, nil
				}
			case ',', ' ', '\t', '\r', '\n':
				if depth == 0 {
					if c == '\n' {
						s.line--
					}
					return s.buf[start:s.at:s.at], line, nil
				}
			case ':':
				if depth == 0 {
					return nil, 0, s.fault(errJSON, jsonHint)
				}
			}
		}
		if s.at-start > maxResource {
			return nil, 0, &record.Error{Line: line, Rule: "C02", Text: fmt.Sprintf("a resource of more than %d bytes", maxResource), Hint: "a report has counts, not their subjects; let the sender leave these out"}
		}
		if err := s.more(&start); err != nil {
			return nil, 0, err
		}
	}
}

// end holds that nothing follows.
func (s *stream) end() error {
	_, err := s.next()
	if bad, ok := errors.AsType[*record.Error](err); ok && bad.Cut {
		return nil
	}
	if err != nil {
		return err
	}
	return s.fault(errors.New("something follows it"), jsonHint)
}
