package block

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// ErrInvalid is returned for input that cannot be a block: no rows, too many,
// columns of unequal length, a sum outside 38 decimal digits.
var ErrInvalid = errors.New("not a valid block")

// EncodeObservations is the Arrow IPC stream of o: schema, dictionaries, one
// record batch, end of stream.
func EncodeObservations(o *event.Observations) ([]byte, error) {
	b, err := NewEncoder().Observations(o)
	return bytes.Clone(b), err
}

// EncodeCells is the Arrow IPC stream of the cell versions that delivery
// brought in run.
func EncodeCells(versions []cell.Version, run, delivery string) ([]byte, error) {
	b, err := NewEncoder().Cells(versions, run, delivery)
	return bytes.Clone(b), err
}

// Encoder makes blocks and keeps its memory between them. It is not safe for
// concurrent use.
type Encoder struct {
	obs, cells *arrow.Schema
	out        bytes.Buffer
	mem        *arena
	codes      [4]codes
	dicts      []dict
	zeros      []int8
	u8s        [4][]byte
	u32s       []uint32
	u64s       []uint64
	dates      [2][]int32
	i64s       [12][]int64
	decimals   [5][]decimal128.Num
	fixed      []byte
	text       texts
	columns    []arrow.Array
}

// NewEncoder is an Encoder without memory yet.
func NewEncoder() *Encoder {
	return &Encoder{
		obs: arrowSchema(obsSpecs()), cells: arrowSchema(cellSpecs()),
		mem: &arena{}, dicts: make([]dict, 7),
	}
}

// Observations is the block of o. The bytes are valid until the next call.
func (e *Encoder) Observations(o *event.Observations) ([]byte, error) {
	n := o.Len()
	if err := checkRows(n); err != nil {
		return nil, fmt.Errorf("OBS block %d of delivery %q: %w", o.Block, o.Delivery, err)
	}
	for _, c := range []struct {
		name string
		rows int
	}{
		{"kind", len(o.Kind)}, {"indicator", len(o.Indicator.Codes)}, {"version", len(o.Version.Codes)}, {"unit", len(o.Unit.Codes)},
		{"stratum", len(o.Stratum.Codes)}, {"event_date", len(o.EventDate)}, {"registration_date", len(o.RegistrationDate)},
		{"subject", len(o.Subject)}, {"key", len(o.Key)}, {"has", len(o.Has)}, {"finding", len(o.Finding)},
		{"numerator", len(o.Numerator)}, {"denominator", len(o.Denominator)}, {"value", len(o.Value)},
		{"expected", len(o.Expected)},
	} {
		if c.rows != n {
			return nil, fmt.Errorf("OBS block %d of delivery %q: column %s has %d rows and line has %d: %w",
				o.Block, o.Delivery, c.name, c.rows, n, ErrInvalid)
		}
	}
	e.reset()
	e.constant(o.Delivery, n)
	e.constant(o.Feed, n)
	e.constant(o.Registry, n)
	e.constant(o.Region, n)
	e.u32s = grow(e.u32s, 2*n)
	blocks, lines, beyond := e.u32s[:n], e.u32s[n:], uint64(0)
	for i, line := range o.Line {
		blocks[i], lines[i], beyond = o.Block, uint32(line), beyond|line
	}
	if beyond > math.MaxUint32 {
		return nil, fmt.Errorf("OBS block %d of delivery %q: a line beyond %d: %w", o.Block, o.Delivery, uint32(math.MaxUint32), ErrInvalid)
	}
	e.flat(arrow.PrimitiveTypes.Uint32, n, arrow.Uint32Traits.CastToBytes(blocks))
	e.flat(arrow.PrimitiveTypes.Uint32, n, arrow.Uint32Traits.CastToBytes(lines))
	e.flat(arrow.PrimitiveTypes.Uint8, n, bytesOf(&e.u8s[0], o.Kind))
	for i, t := range [...]*event.Texts{&o.Indicator, &o.Version, &o.Unit, &o.Stratum} {
		if err := e.few(&e.codes[i], t); err != nil {
			return nil, fmt.Errorf("OBS block %d of delivery %q: column %s: %w", o.Block, o.Delivery, e.obs.Field(len(e.columns)).Name, err)
		}
	}
	e.flat(arrow.FixedWidthTypes.Date32, n, arrow.Int32Traits.CastToBytes(o.EventDate))
	e.flat(arrow.FixedWidthTypes.Date32, n, arrow.Int32Traits.CastToBytes(o.RegistrationDate))
	e.fixed = grow(e.fixed, 2*16*n)
	for i, column := range [...][][16]byte{o.Subject, o.Key} {
		b := e.fixed[16*n*i : 16*n*(i+1)]
		for j := range column {
			copy(b[16*j:], column[j][:])
		}
		e.flat(e.obs.Field(len(e.columns)).Type, n, b)
	}
	e.flat(arrow.PrimitiveTypes.Uint8, n, bytesOf(&e.u8s[1], o.Has))
	e.flat(arrow.PrimitiveTypes.Uint8, n, bytesOf(&e.u8s[2], o.Finding))
	for _, c := range [...][]int64{o.Numerator, o.Denominator, o.Value, o.Expected} {
		e.flat(arrow.PrimitiveTypes.Int64, n, arrow.Int64Traits.CastToBytes(c))
	}
	return e.finish(e.obs, n)
}

// Cells is the block of the cell versions that delivery brought in run. The
// bytes are valid until the next call. A version whose fingerprint is not that
// of its key and content is refused: what is wrong in the log stays wrong.
func (e *Encoder) Cells(versions []cell.Version, run, delivery string) ([]byte, error) {
	n := len(versions)
	if err := checkRows(n); err != nil {
		return nil, fmt.Errorf("CELLS block of delivery %q: %w", delivery, err)
	}
	e.reset()
	e.u64s = grow(e.u64s, n)
	e.dates[0] = grow(e.dates[0], n)
	tombstones := growInto(&e.u8s[0], n)
	e.fixed = grow(e.fixed, 32*n)
	for i := range e.i64s {
		e.i64s[i] = grow(e.i64s[i], n)
	}
	for i := range e.decimals {
		e.decimals[i] = grow(e.decimals[i], n)
	}
	for i := range e.dicts {
		e.dicts[i].reset(n)
	}
	e.text.reset(n)
	for i := range versions {
		v := &versions[i]
		if cell.FingerprintOf(v.Key, v.Content, v.Tombstone) != v.Fingerprint {
			return nil, fmt.Errorf("CELLS block of delivery %q: cell %s: fingerprint %s is not that of its content: %w",
				delivery, v.Key, v.Fingerprint, ErrInvalid)
		}
		e.u64s[i] = v.Rev
		for j, s := range [...]string{v.Key.Region, v.Key.Registry, v.Key.Indicator, v.Key.Version,
			v.Key.Granularity, v.Key.Unit, v.Key.Stratum} {
			e.dicts[j].add(s)
		}
		e.dates[0][i] = v.Key.PeriodStart
		tombstones[i] = 0
		if v.Tombstone {
			tombstones[i] = 1
		}
		c := &v.Content
		for j, f := range [...]cell.Fixed{c.Numerator, c.Denominator, c.Values, c.Expected, c.ValueSquares} {
			if !fits38(f) {
				return nil, fmt.Errorf("CELLS block of delivery %q: cell %s: sum %s has more than 38 digits: %w",
					delivery, v.Key, f, ErrInvalid)
			}
			e.decimals[j][i] = decimal128.New(f.Hi, f.Lo)
		}
		for j, k := range [...]int64{c.Rows, c.ValueCount, c.Missing, c.Rejected, c.Duplicates, c.NumeratorAbove,
			c.Negative, c.ZeroDenominator, c.RateMismatch, c.UnknownCodes, c.Masked, c.BadReasons} {
			e.i64s[j][i] = k
		}
		e.text.add(c.Histogram)
		copy(e.fixed[32*i:], v.Fingerprint[:])
	}
	int64s := func(j int) { e.flat(arrow.PrimitiveTypes.Int64, n, arrow.Int64Traits.CastToBytes(e.i64s[j])) }
	sums := func(j int) {
		e.flat(e.cells.Field(len(e.columns)).Type, n, arrow.Decimal128Traits.CastToBytes(e.decimals[j]))
	}
	e.flat(arrow.PrimitiveTypes.Uint64, n, arrow.Uint64Traits.CastToBytes(e.u64s))
	e.constant(delivery, n)
	e.constant(run, n)
	for j := range e.dicts {
		e.columns = append(e.columns, e.dicts[j].array())
	}
	e.flat(arrow.FixedWidthTypes.Date32, n, arrow.Int32Traits.CastToBytes(e.dates[0]))
	e.flat(arrow.PrimitiveTypes.Uint8, n, tombstones)
	int64s(0)
	for j := range 4 {
		sums(j)
	}
	int64s(1)
	sums(4)
	if err := e.strings(n); err != nil {
		return nil, fmt.Errorf("CELLS block of delivery %q: column histogram: %w", delivery, err)
	}
	for j := 2; j < len(e.i64s); j++ {
		int64s(j)
	}
	e.flat(e.cells.Field(len(e.columns)).Type, n, e.fixed)
	return e.finish(e.cells, n)
}

func checkRows(n int) error {
	switch {
	case n == 0:
		return fmt.Errorf("it has no rows: %w", ErrInvalid)
	case n > MaxRows:
		return fmt.Errorf("it has %d rows, above %d: split it: %w", n, MaxRows, ErrInvalid)
	}
	return nil
}

func (e *Encoder) reset() {
	e.columns = e.columns[:0]
	e.out.Reset()
	e.mem.reset()
}

// constant adds a column that holds s in every row.
func (e *Encoder) constant(s string, n int) {
	if len(e.zeros) < n {
		e.zeros = make([]int8, max(n, 2*len(e.zeros)))
	}
	dt := constant.dataType().(*arrow.DictionaryType)
	e.columns = append(e.columns, dictArray(dt, n, arrow.Int8Traits.CastToBytes(e.zeros[:n]), []int32{0, int32(len(s))}, []byte(s)))
}

// few adds a column of texts, whose codes in the block go by the order in which
// they first appear there: how the caller numbers them never reaches the bytes.
func (e *Encoder) few(d *codes, t *event.Texts) error {
	const none = math.MaxUint16 // MaxRows are fewer
	d.of, d.rows = grow(d.of, len(t.Values)), grow(d.rows, len(t.Codes))
	for i := range d.of {
		d.of[i] = none
	}
	d.values.reset(0)
	n := uint16(0)
	for i, was := range t.Codes {
		if int(was) >= len(d.of) {
			return fmt.Errorf("it has %d texts and a code %d: %w", len(d.of), was, ErrInvalid)
		}
		if d.of[was] == none {
			d.of[was] = n
			n++
			d.values.add(t.Values[was])
		}
		d.rows[i] = d.of[was]
	}
	dt := few.dataType().(*arrow.DictionaryType)
	e.columns = append(e.columns, dictArray(dt, len(d.rows), arrow.Uint16Traits.CastToBytes(d.rows), d.values.offsets, d.values.bytes))
	return nil
}

// codes is a column of few texts under construction.
type codes struct {
	of     []uint16 // in the block, by those of the caller
	rows   []uint16
	values texts
}

// flat adds a column whose memory is the caller's or the Encoder's; it is read
// before the call returns and never kept.
func (e *Encoder) flat(dt arrow.DataType, n int, b []byte) {
	e.columns = append(e.columns, flatArray(dt, n, b))
}

func (e *Encoder) strings(n int) error {
	if len(e.text.bytes) > math.MaxInt32 {
		return fmt.Errorf("it holds %d bytes, above 2 GiB: %w", len(e.text.bytes), ErrInvalid)
	}
	e.columns = append(e.columns, array.MakeFromData(array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{nil,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(e.text.offsets)), memory.NewBufferBytes(e.text.bytes)}, nil, 0, 0)))
	return nil
}

func (e *Encoder) finish(schema *arrow.Schema, n int) ([]byte, error) {
	rec := array.NewRecord(schema, e.columns, int64(n))
	w := ipc.NewWriter(&e.out, ipc.WithSchema(schema), ipc.WithLZ4(), ipc.WithAllocator(e.mem))
	if err := w.Write(rec); err != nil {
		return nil, fmt.Errorf("encoding a block: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encoding a block: %w", err)
	}
	return e.out.Bytes(), nil
}

func flatArray(dt arrow.DataType, n int, b []byte) arrow.Array {
	return array.MakeFromData(array.NewData(dt, n, []*memory.Buffer{nil, memory.NewBufferBytes(b)}, nil, 0, 0))
}

func dictArray(dt *arrow.DictionaryType, n int, indices []byte, offsets []int32, values []byte) arrow.Array {
	d := array.MakeFromData(array.NewData(dt.ValueType, len(offsets)-1, []*memory.Buffer{nil,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(values)}, nil, 0, 0))
	return array.NewDictionaryArray(dt, flatArray(dt.IndexType, n, indices), d)
}

// texts is a column of strings under construction.
type texts struct {
	offsets []int32
	bytes   []byte
}

func (t *texts) reset(n int) {
	t.bytes = t.bytes[:0]
	t.offsets = append(grow(t.offsets, n+1)[:0], 0)
}

func (t *texts) add(s string) {
	t.bytes = append(t.bytes, s...)
	t.offsets = append(t.offsets, int32(len(t.bytes)))
}

// dict is a dictionary column under construction.
type dict struct {
	index   map[string]int32
	values  texts
	indices []int32
	// Rows come in runs of equal strings more often than not, and of a few
	// strings otherwise: slots has the codes of those that came last, which are
	// those of the strings where these are the same.
	last     string
	lastCode int32
	strings  []string
	slots    [dictSlots]int32
}

const dictSlots = 4096

// slotOf spreads strings by their ends, in which the codes of a column differ.
func slotOf(s string) uint64 {
	n := len(s)
	var x uint64
	switch {
	case n >= 8:
		t := s[n-8:]
		x = uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
	case n >= 4:
		t := s[n-4:]
		x = uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(t[0])<<32 | uint64(t[1])<<40 | uint64(t[2])<<48 | uint64(t[3])<<56
	default:
		for i := range n {
			x = x<<8 | uint64(s[i])
		}
	}
	return (x + uint64(n)) * 0x9e3779b97f4a7c15 >> 52 % dictSlots
}

func (d *dict) reset(n int) {
	if d.index == nil {
		d.index = make(map[string]int32)
	}
	clear(d.index)
	d.values.reset(0)
	d.indices = grow(d.indices, n)[:0]
	d.strings = d.strings[:0]
	d.lastCode = -1
}

func (d *dict) add(s string) {
	if d.lastCode < 0 || s != d.last {
		slot := &d.slots[slotOf(s)]
		if code := int(*slot); code >= len(d.strings) || d.strings[code] != s {
			*slot = d.code(s)
		}
		d.last, d.lastCode = s, *slot
	}
	d.indices = append(d.indices, d.lastCode)
}

// code is the number of a string, a new one for a new string.
func (d *dict) code(s string) int32 {
	code, ok := d.index[s]
	if !ok {
		code = int32(len(d.index))
		d.index[s] = code
		d.strings = append(d.strings, s)
		d.values.add(s)
	}
	return code
}

func (d *dict) array() arrow.Array {
	return dictArray(dictionary.dataType().(*arrow.DictionaryType), len(d.indices),
		arrow.Int32Traits.CastToBytes(d.indices), d.values.offsets, d.values.bytes)
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

func growInto(s *[]byte, n int) []byte {
	*s = grow(*s, n)
	return *s
}

func bytesOf[T ~uint8](scratch *[]byte, values []T) []byte {
	b := growInto(scratch, len(values))
	for i, v := range values {
		b[i] = byte(v)
	}
	return b
}

// fits38 reports whether f is a Decimal of 38 digits.
func fits38(f cell.Fixed) bool {
	if f.Hi == int64(f.Lo)>>63 { // an int64, nearly always
		return true
	}
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(precision), nil)
	return f.Big().CmpAbs(limit) < 0
}

// arena lends the IPC writer memory for one block and takes all of it back at
// once: the writer asks for a buffer a column, always of about the same sizes.
type arena struct {
	chunk []byte
	used  int
	need  int
}

func (a *arena) reset() {
	if a.need > len(a.chunk) {
		a.chunk = make([]byte, a.need+a.need/4)
	}
	a.used, a.need = 0, 0
}

// Allocate implements memory.Allocator. Buffers begin at multiples of 64 bytes,
// as Arrow recommends. They are not zero: the writer fills all that it writes.
func (a *arena) Allocate(size int) []byte {
	room := (size + 63) &^ 63
	a.need += room
	if a.used+room > len(a.chunk) {
		return make([]byte, size)
	}
	b := a.chunk[a.used : a.used+size : a.used+size]
	a.used += room
	return b
}

// Reallocate implements memory.Allocator.
func (a *arena) Reallocate(size int, b []byte) []byte {
	if size <= len(b) {
		return b[:size]
	}
	grown := a.Allocate(size)
	copy(grown, b)
	return grown
}

// Free implements memory.Allocator; reset frees.
func (a *arena) Free([]byte) {}
