package engine

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The engine writes blocks in Native at revision 0; a client asks for them at its
// own client_protocol_version. The two differ in what frames the columns, not in
// the columns, so blocks are re-framed, not decoded: only as much of a column is
// read as is needed to know where it ends.

// Revisions of the native protocol at which the frame of a block changed.
const (
	revisionBlockInfo           = 1
	revisionCustomSerialization = 54454
)

// reframer writes blocks at a revision.
type reframer struct {
	w        io.Writer
	revision uint64
	types    map[string]*nativeType
	frame    []byte
	blocks   int
}

func newReframer(w io.Writer, revision uint64) *reframer {
	return &reframer{w: w, revision: revision, types: make(map[string]*nativeType)}
}

// write re-frames the whole blocks in data.
func (f *reframer) write(data []byte) error {
	if f.revision < revisionBlockInfo {
		if len(data) > 0 {
			f.blocks++
		}
		_, err := f.w.Write(data)
		return err
	}
	r := &blockReader{data: data}
	for r.at < len(r.data) {
		if err := f.block(r); err != nil {
			return err
		}
		f.blocks++
	}
	return nil
}

func (f *reframer) block(r *blockReader) error {
	columns, rows := r.uvarint(), r.uvarint()
	if r.err != nil {
		return r.err
	}
	f.frame = append(f.frame[:0], 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0) // not overflow; bucket -1
	f.frame = binary.AppendUvarint(f.frame, columns)
	f.frame = binary.AppendUvarint(f.frame, rows)
	for range columns {
		start := r.at
		name := r.str()
		typeName := string(r.str())
		if r.err != nil {
			return r.err
		}
		f.frame = append(f.frame, r.data[start:r.at]...)
		if f.revision >= revisionCustomSerialization {
			f.frame = append(f.frame, 0)
		}
		if _, err := f.w.Write(f.frame); err != nil {
			return err
		}
		f.frame = f.frame[:0]
		if rows == 0 {
			continue
		}
		t, err := f.typeOf(typeName)
		if err != nil {
			return refuse(codeNotImplemented, "NOT_IMPLEMENTED", "column %q: %s; cast it to String, or ask for another FORMAT", name, err)
		}
		start = r.at
		t.prefix(r)
		t.skip(r, int(rows))
		if r.err != nil {
			return r.err
		}
		if _, err := f.w.Write(r.data[start:r.at]); err != nil {
			return err
		}
	}
	_, err := f.w.Write(f.frame) // of a block without columns
	f.frame = f.frame[:0]
	return err
}

// header writes an empty block with these columns: what a client learns the names
// and types of an empty result from.
func (f *reframer) header(names, types []string) error {
	if f.revision >= revisionBlockInfo {
		f.frame = append(f.frame[:0], 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0)
	}
	f.frame = binary.AppendUvarint(f.frame, uint64(len(names)))
	f.frame = binary.AppendUvarint(f.frame, 0)
	for i := range names {
		for _, s := range []string{names[i], types[i]} {
			f.frame = binary.AppendUvarint(f.frame, uint64(len(s)))
			f.frame = append(f.frame, s...)
		}
		if f.revision >= revisionCustomSerialization {
			f.frame = append(f.frame, 0)
		}
	}
	_, err := f.w.Write(f.frame)
	return err
}

func (f *reframer) typeOf(name string) (*nativeType, error) {
	if t, ok := f.types[name]; ok {
		return t, nil
	}
	t, err := parseType(name)
	if err != nil {
		return nil, err
	}
	f.types[name] = t
	return t, nil
}

// blockReader reads one chunk; the first error sticks.
type blockReader struct {
	data []byte
	at   int
	err  error
}

func (r *blockReader) fail() {
	if r.err == nil {
		r.err = refuse(codeIncorrectData, "INCORRECT_DATA", "the engine's block ends or misreads at byte %d of %d", r.at, len(r.data))
	}
	r.at = len(r.data)
}

func (r *blockReader) skip(n int) {
	if r.err != nil || n < 0 || n > len(r.data)-r.at {
		r.fail()
		return
	}
	r.at += n
}

func (r *blockReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data[r.at:])
	if n <= 0 {
		r.fail()
		return 0
	}
	r.at += n
	return v
}

func (r *blockReader) uint64() uint64 {
	start := r.at
	if r.skip(8); r.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(r.data[start:])
}

func (r *blockReader) str() []byte {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.fail()
		return nil
	}
	start := r.at
	if r.skip(int(n)); r.err != nil {
		return nil
	}
	return r.data[start:r.at]
}

// nativeType knows how many bytes a column takes.
type nativeType struct {
	kind     typeKind
	width    int // of fixed
	elements []*nativeType
}

type typeKind uint8

const (
	fixedType typeKind = iota
	stringType
	nullableType
	arrayType
	tupleType
	lowCardinalityType
	variantType
	jsonType
)

// prefix steps over what stands before the column's data.
func (t *nativeType) prefix(r *blockReader) {
	switch t.kind {
	case lowCardinalityType:
		r.skip(8) // version of the keys' serialization
	case variantType:
		if r.uint64() != 0 {
			r.fail() // discriminators in compact mode; never over a connection
		}
		for _, e := range t.elements {
			e.prefix(r)
		}
	case jsonType:
		if r.uint64() != 1 { // only as text; see defaultSettings
			r.fail()
		}
	default:
		for _, e := range t.elements {
			e.prefix(r)
		}
	}
}

// skip steps over the data of n rows.
func (t *nativeType) skip(r *blockReader, n int) {
	switch t.kind {
	case fixedType:
		if t.width > 0 && n > len(r.data)/t.width {
			r.fail()
			return
		}
		r.skip(n * t.width)
	case stringType, jsonType:
		data, at := r.data, r.at
		for range n {
			if at < len(data) && data[at] < 0x80 { // the usual case, without a call
				at += 1 + int(data[at])
				continue
			}
			if at > len(data) {
				break
			}
			v, w := binary.Uvarint(data[at:])
			if w <= 0 || v > uint64(len(data)) {
				at = len(data) + 1
				break
			}
			at += w + int(v)
		}
		if at > len(data) {
			r.fail()
			return
		}
		r.at = at
	case nullableType:
		r.skip(n)
		t.elements[0].skip(r, n)
	case arrayType:
		if n == 0 {
			return
		}
		if n > len(r.data)/8 {
			r.fail()
			return
		}
		r.skip(8 * (n - 1))
		total := r.uint64()
		if r.err != nil || total > 1<<40 {
			r.fail()
			return
		}
		t.elements[0].skip(r, int(total))
	case tupleType:
		for _, e := range t.elements {
			e.skip(r, n)
		}
	case lowCardinalityType:
		if n == 0 {
			return
		}
		flags := r.uint64()
		keys := r.uint64()
		if r.err != nil || keys > uint64(len(r.data)) {
			r.fail()
			return
		}
		t.elements[0].skip(r, int(keys))
		if rows := r.uint64(); rows != uint64(n) {
			r.fail()
			return
		}
		(&nativeType{kind: fixedType, width: 1 << (flags & 3)}).skip(r, n)
	case variantType:
		start := r.at
		if r.skip(n); r.err != nil {
			return
		}
		counts := make([]int, len(t.elements))
		for _, d := range r.data[start:r.at] {
			if int(d) < len(counts) {
				counts[d]++
			} else if d != 0xff { // NULL
				r.fail()
				return
			}
		}
		for i, e := range t.elements {
			e.skip(r, counts[i])
		}
	}
}

// fixedWidth is the number of bytes of a value of a type; 0: it has none by its
// name alone.
func fixedWidth(base string) int {
	switch base {
	case "Int8", "UInt8", "Bool", "Enum8", "Nothing":
		return 1
	case "Int16", "UInt16", "Enum16", "Date", "BFloat16":
		return 2
	case "Int32", "UInt32", "Float32", "Date32", "DateTime", "IPv4", "Time", "Decimal32":
		return 4
	case "Int64", "UInt64", "Float64", "DateTime64", "Time64", "Decimal64":
		return 8
	case "Int128", "UInt128", "UUID", "IPv6", "Decimal128":
		return 16
	case "Int256", "UInt256", "Decimal256":
		return 32
	}
	return 0
}

// geometry is the type that a geometric type is another name of; empty: it is
// not geometric.
func geometry(base string) string {
	switch base {
	case "Point":
		return "Tuple(Float64, Float64)"
	case "Ring", "LineString":
		return "Array(Point)"
	case "Polygon":
		return "Array(Ring)"
	case "MultiLineString":
		return "Array(LineString)"
	case "MultiPolygon":
		return "Array(Polygon)"
	}
	return ""
}

// parseType reads a type's name as the engine writes it.
func parseType(name string) (*nativeType, error) {
	name = strings.TrimSpace(name)
	base, arguments := name, []string(nil)
	if i := strings.IndexByte(name, '('); i >= 0 && strings.HasSuffix(name, ")") {
		base, arguments = name[:i], splitArguments(name[i+1:len(name)-1])
	}
	if w := fixedWidth(base); w > 0 {
		return &nativeType{width: w}, nil
	}
	if g := geometry(base); g != "" {
		return parseType(g)
	}
	all := func(kind typeKind, names []string) (*nativeType, error) {
		t := &nativeType{kind: kind}
		for _, n := range names {
			e, err := parseType(n)
			if err != nil {
				return nil, err
			}
			t.elements = append(t.elements, e)
		}
		return t, nil
	}
	switch {
	case base == "String":
		return &nativeType{kind: stringType}, nil
	case base == "JSON":
		return &nativeType{kind: jsonType}, nil
	case strings.HasPrefix(base, "Interval"):
		return &nativeType{width: 8}, nil
	case base == "FixedString" && len(arguments) == 1:
		n, err := strconv.Atoi(arguments[0])
		if err == nil && n > 0 {
			return &nativeType{width: n}, nil
		}
	case base == "Decimal" && len(arguments) == 2:
		precision, err := strconv.Atoi(arguments[0])
		if err == nil {
			for _, w := range []struct{ digits, width int }{{9, 4}, {18, 8}, {38, 16}, {76, 32}} {
				if precision <= w.digits {
					return &nativeType{width: w.width}, nil
				}
			}
		}
	case base == "Nullable" && len(arguments) == 1:
		return all(nullableType, arguments)
	case base == "Array" && len(arguments) == 1:
		return all(arrayType, arguments)
	case base == "Map" && len(arguments) == 2:
		pairs, err := all(tupleType, arguments)
		return &nativeType{kind: arrayType, elements: []*nativeType{pairs}}, err
	case base == "Nested":
		rows, err := all(tupleType, withoutNames(arguments))
		return &nativeType{kind: arrayType, elements: []*nativeType{rows}}, err
	case base == "Tuple" && len(arguments) == 0:
		return &nativeType{width: 1}, nil // an empty tuple is a byte a row
	case base == "Tuple":
		return all(tupleType, withoutNames(arguments))
	case base == "Variant":
		return all(variantType, arguments)
	case base == "SimpleAggregateFunction" && len(arguments) >= 2:
		return parseType(arguments[len(arguments)-1])
	case base == "LowCardinality" && len(arguments) == 1:
		// The keys of LowCardinality(Nullable(T)) are T; NULL is their first.
		inner := arguments[0]
		if rest, ok := strings.CutPrefix(inner, "Nullable("); ok {
			inner = strings.TrimSuffix(rest, ")")
		}
		return all(lowCardinalityType, []string{inner})
	}
	return nil, fmt.Errorf("type %s cannot be sent to this client", name)
}

// splitArguments splits at the commas outside of brackets and quotes.
func splitArguments(s string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '(':
			depth++
		case ')':
			depth--
		case '\'', '`', '"':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[start:i]))
				start = i + 1
			}
		}
	}
	if rest := strings.TrimSpace(s[start:]); rest != "" {
		out = append(out, rest)
	}
	return out
}

// withoutNames drops the element names of a tuple: "a UInt8", "`b c` String".
// A type's own name has no blank before its first bracket.
func withoutNames(elements []string) []string {
	out := make([]string, len(elements))
	for i, e := range elements {
		out[i] = e
		if strings.HasPrefix(e, "`") || strings.HasPrefix(e, "\"") {
			for j := 1; j < len(e); j++ {
				if e[j] == '\\' {
					j++
				} else if e[j] == e[0] {
					out[i] = strings.TrimSpace(e[j+1:])
					break
				}
			}
			continue
		}
		if blank := strings.IndexByte(e, ' '); blank >= 0 {
			if open := strings.IndexByte(e, '('); open < 0 || blank < open {
				out[i] = strings.TrimSpace(e[blank+1:])
			}
		}
	}
	return out
}
