package block

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// blockBudget is what decoding one block may allocate: many times what MaxRows
// rows of the widest schema need, little enough that hostile lengths do no harm.
const blockBudget = 128 << 20

// batchBudget is the same for one record batch of a query result, whose rows the
// server chooses.
const batchBudget = 1 << 30

// known bits of the flag columns.
const (
	allHas     = event.HasReason | (event.HasReason - 1)
	allFinding = event.Implausible | (event.Implausible - 1)
)

// DecodeObservations reads an OBS block into o, whose memory it reuses. On an
// error, which is ErrCorrupt for anything that is not a block of
// EncodeObservations, o is empty.
func DecodeObservations(b []byte, o *event.Observations) (err error) {
	o.Reset()
	defer func() {
		if err != nil {
			o.Reset()
		}
	}()
	defer guard(&err)
	rec, err := readBlock(b, arrowSchema(obsSpecs()), arrowSchema(earlierObsSpecs()))
	if err != nil {
		return err
	}
	n := int(rec.NumRows())
	for i, field := range []*string{&o.Delivery, &o.Feed, &o.Registry, &o.Region} {
		if *field, err = constantOf(rec, i); err != nil {
			return err
		}
	}
	numbers := rec.Column(4).(*array.Uint32).Uint32Values()
	o.Block = numbers[0]
	for _, v := range numbers {
		if v != o.Block {
			return fmt.Errorf("%w: its rows name different blocks", ErrCorrupt)
		}
	}
	switch lines := rec.Column(5).(type) {
	case *array.Uint64:
		o.Line = append(o.Line, lines.Uint64Values()...)
	case *array.Uint32:
		for _, line := range lines.Uint32Values() {
			o.Line = append(o.Line, uint64(line))
		}
	}
	if o.Kind, err = flags(o.Kind, rec, 6, event.Parked); err != nil {
		return err
	}
	for i, dst := range []*event.Texts{&o.Indicator, &o.Version, &o.Unit, &o.Stratum} {
		if err := texted(dst, rec, 7+i); err != nil {
			return err
		}
	}
	o.EventDate = appendDates(o.EventDate, rec.Column(11))
	o.RegistrationDate = appendDates(o.RegistrationDate, rec.Column(12))
	for i, dst := range []*[][16]byte{&o.Subject, &o.Key} {
		values := rec.Column(13 + i).(*array.FixedSizeBinary)
		for j := range n {
			*dst = append(*dst, [16]byte(values.Value(j)))
		}
	}
	if o.Has, err = flags(o.Has, rec, 15, allHas); err != nil {
		return err
	}
	if o.Finding, err = flags(o.Finding, rec, 16, allFinding); err != nil {
		return err
	}
	for i, dst := range []*[]int64{&o.Numerator, &o.Denominator, &o.Value, &o.Expected} {
		*dst = append(*dst, rec.Column(17+i).(*array.Int64).Int64Values()...)
	}
	return nil
}

// CellBlock is what a CELLS block holds.
type CellBlock struct {
	Run, Delivery string
	Versions      []cell.Version
}

// DecodeCells reads a CELLS block. Every fingerprint is computed again; one that
// differs makes the block ErrCorrupt, and the error names the cell.
func DecodeCells(b []byte) (blk CellBlock, err error) {
	defer func() {
		if err != nil {
			blk = CellBlock{}
		}
	}()
	defer guard(&err)
	rec, err := readBlock(b, arrowSchema(cellSpecs()), arrowSchema(earlierCellSpecs()))
	if err != nil {
		return CellBlock{}, err
	}
	if blk.Delivery, err = constantOf(rec, 1); err != nil {
		return CellBlock{}, err
	}
	if blk.Run, err = constantOf(rec, 2); err != nil {
		return CellBlock{}, err
	}
	blk.Versions = make([]cell.Version, rec.NumRows())
	in := newInterner()
	for i := range int(rec.NumCols()) {
		if err := fill(blk.Versions, rec.ColumnName(i), rec.Column(i), in); err != nil {
			return CellBlock{}, err
		}
	}
	return blk, verify(blk.Versions)
}

// verify recomputes every fingerprint.
func verify(versions []cell.Version) error {
	for i := range versions {
		v := &versions[i]
		if got := cell.FingerprintOf(v.Key, v.Content, v.Tombstone); got != v.Fingerprint {
			return fmt.Errorf("%w: cell %s has the fingerprint %s and its content has %s: "+
				"it was altered after it was written; run verify and restore from the log", ErrCorrupt, v.Key, v.Fingerprint, got)
		}
	}
	return nil
}

// readBlock reads the one record batch of a block of exactly one of the schemas.
func readBlock(b []byte, schemas ...*arrow.Schema) (arrow.Record, error) {
	f := &frames{r: bytes.NewReader(b), limit: int64(len(b)), left: maxMessages}
	r, err := ipc.NewReaderFromMessageReader(f, ipc.WithAllocator(&budget{left: blockBudget}))
	if err != nil {
		return nil, f.corrupt(err)
	}
	if !slices.ContainsFunc(schemas, r.Schema().Equal) {
		return nil, fmt.Errorf("%w: its columns are %s", ErrCorrupt, describe(r.Schema()))
	}
	if !r.Next() {
		return nil, f.noBatch(r.Err())
	}
	rec := r.Record()
	rec.Retain()
	if r.Next() {
		return nil, fmt.Errorf("%w: it has more than one record batch", ErrCorrupt)
	}
	if err := r.Err(); err != nil {
		return nil, f.corrupt(err)
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	if n := rec.NumRows(); n < 1 || n > MaxRows {
		return nil, fmt.Errorf("%w: it has %d rows", ErrCorrupt, n)
	}
	for i, c := range rec.Columns() {
		if c.NullN() != 0 {
			return nil, fmt.Errorf("%w: column %s has nulls", ErrCorrupt, rec.ColumnName(i))
		}
	}
	return rec, nil
}

func (f *frames) noBatch(err error) error {
	if err == nil {
		return fmt.Errorf("%w: it has no record batch", ErrCorrupt)
	}
	return f.corrupt(err)
}

// corrupt marks an error of the library, which reports malformed input in words
// only. What failed in reading is no corruption and stays as it is.
func (f *frames) corrupt(err error) error {
	if f.err != nil && f.err != io.EOF {
		return f.err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

func describe(s *arrow.Schema) string {
	var b strings.Builder
	for i, f := range s.Fields() {
		if i == 40 {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.40q %s", f.Name, f.Type)
	}
	return b.String()
}

// constantOf reads a column that holds one string.
func constantOf(rec arrow.Record, i int) (string, error) {
	d := rec.Column(i).(*array.Dictionary)
	values := d.Dictionary().(*array.String)
	if values.Len() != 1 || values.NullN() != 0 {
		return "", fmt.Errorf("%w: column %s is not constant", ErrCorrupt, rec.ColumnName(i))
	}
	for _, code := range d.Indices().(*array.Int8).Int8Values() {
		if code != 0 {
			return "", fmt.Errorf("%w: column %s is not constant", ErrCorrupt, rec.ColumnName(i))
		}
	}
	return strings.Clone(values.Value(0)), nil
}

// texted reads a dictionary column.
func texted(t *event.Texts, rec arrow.Record, i int) error {
	d := rec.Column(i).(*array.Dictionary)
	values, err := dictionaryStrings(d, strings.Clone)
	if err != nil {
		return fmt.Errorf("%w: column %s: %w", ErrCorrupt, rec.ColumnName(i), err)
	}
	codes := make([]uint32, len(values)) // the same text may have been written twice
	for j, text := range values {
		codes[j] = t.Code(text)
	}
	t.Codes = slices.Grow(t.Codes, d.Len())
	for row := range d.Len() {
		at := d.GetValueIndex(row)
		if at < 0 || at >= len(codes) {
			return fmt.Errorf("%w: column %s points outside its dictionary", ErrCorrupt, rec.ColumnName(i))
		}
		t.Codes = append(t.Codes, codes[at])
	}
	return nil
}

func appendDates(dst []int32, c arrow.Array) []int32 {
	for _, d := range c.(*array.Date32).Date32Values() {
		dst = append(dst, int32(d))
	}
	return dst
}

func flags[T ~uint8](dst []T, rec arrow.Record, i int, limit T) ([]T, error) {
	for _, v := range rec.Column(i).(*array.Uint8).Uint8Values() {
		if T(v) > limit {
			return nil, fmt.Errorf("%w: column %s holds %d", ErrCorrupt, rec.ColumnName(i), v)
		}
		dst = append(dst, T(v))
	}
	return dst, nil
}

// CellReader reads cells from the Arrow stream of a query: any number of record
// batches, columns in any order, strings plain or as dictionaries, sums as
// Decimal128 or Decimal256, the period as Date32 or Date, counts of any integer
// type. It is not safe for concurrent use.
type CellReader struct {
	f       *frames
	r       *ipc.Reader
	budget  *budget
	in      *interner
	verify  bool
	part    bool // of the columns
	batch   []cell.Version
	started bool
	rows    int64
	err     error
}

// optionalColumn reports whether a column is of the delivery and no part of a
// cell version.
func optionalColumn(name string) bool { return name == "run" || name == "delivery" }

// NewCellReader reads from r, which it does not close. With verify every
// fingerprint is recomputed (about half a microsecond a cell).
func NewCellReader(r io.Reader, verify bool) *CellReader {
	return &CellReader{f: &frames{r: r, limit: maxBody, left: -1}, budget: &budget{}, in: newInterner(), verify: verify}
}

// Next is the next batch of cells, valid until the next call, or io.EOF after
// the last one. A stream that breaks off is ErrCorrupt, never a short result.
func (c *CellReader) Next() ([]cell.Version, error) {
	rec, err := c.next()
	if err != nil {
		return nil, err
	}
	n := int(rec.NumRows())
	c.batch = slices.Grow(c.batch[:0], n)[:n]
	clear(c.batch)
	return c.batch, c.fill(c.batch, rec)
}

// next is the next record that has rows, valid until the next call.
func (c *CellReader) next() (rec arrow.Record, err error) {
	if c.err != nil {
		return nil, c.err
	}
	defer func() { c.err = err }()
	defer guard(&err)
	c.budget.left = batchBudget
	if !c.started {
		c.started = true
		if c.r, err = ipc.NewReaderFromMessageReader(c.f, ipc.WithAllocator(c.budget)); err != nil {
			return nil, fmt.Errorf("cells of a query: %w", c.f.corrupt(err))
		}
		check := checkCellColumns
		if c.part {
			check = checkContentColumns
		}
		if err := check(c.r.Schema()); err != nil {
			return nil, err
		}
	}
	for c.r.Next() {
		if rec := c.r.Record(); rec.NumRows() > 0 {
			return rec, nil
		}
	}
	if err := c.r.Err(); err != nil {
		return nil, fmt.Errorf("cells of a query after %d rows: %w", c.rows, c.f.corrupt(err))
	}
	if err := c.f.finish(); err != nil {
		return nil, fmt.Errorf("cells of a query after %d rows: %w", c.rows, err)
	}
	return nil, io.EOF
}

// fill reads a record into as many cells, which are zero.
func (c *CellReader) fill(batch []cell.Version, rec arrow.Record) (err error) {
	defer func() { c.err = err }()
	defer guard(&err)
	for i := range int(rec.NumCols()) {
		if err := fill(batch, rec.ColumnName(i), rec.Column(i), c.in); err != nil {
			return fmt.Errorf("cells of a query after %d rows: %w", c.rows, err)
		}
	}
	if c.verify {
		if err := verify(batch); err != nil {
			return fmt.Errorf("cells of a query after %d rows: %w", c.rows, err)
		}
	}
	c.rows += int64(len(batch))
	return nil
}

// ReadCells is all cells of the stream r.
func ReadCells(r io.Reader, verify bool) ([]cell.Version, error) {
	return NewCellReader(r, verify).all()
}

// ReadContents is all cells of the stream r, of which it has some of the
// columns: what it has no column for is zero, and no fingerprint is held against
// anything. Of a column that no cell has, or has twice, the error is ErrInvalid.
func ReadContents(r io.Reader) ([]cell.Version, error) {
	c := NewCellReader(r, false)
	c.part = true
	return c.all()
}

// all keeps the columns, which are a small part of the cells, until it is known how
// many there are: what takes much memory is made once, and never moved.
func (c *CellReader) all() ([]cell.Version, error) {
	var records []arrow.Record
	defer func() {
		for _, rec := range records {
			rec.Release()
		}
	}()
	rows := 0
	for {
		rec, err := c.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		rec.Retain()
		records = append(records, rec)
		rows += int(rec.NumRows())
	}
	if rows == 0 {
		return nil, nil
	}
	cells := make([]cell.Version, rows)
	left := cells
	for _, rec := range records {
		n := rec.NumRows()
		if err := c.fill(left[:n], rec); err != nil {
			return nil, err
		}
		left = left[n:]
	}
	return cells, nil
}

func checkCellColumns(s *arrow.Schema) error {
	for _, sp := range cellSpecs() {
		if n := len(s.FieldIndices(sp.name)); n != 1 && !(n == 0 && optionalColumn(sp.name)) {
			return fmt.Errorf("cells of a query: it has %d columns %s: select those of CellSchema: %w", n, sp.name, ErrInvalid)
		}
	}
	return nil
}

func checkContentColumns(s *arrow.Schema) error {
	for _, f := range s.Fields() {
		named := func(sp spec) bool { return sp.name == f.Name }
		if !slices.ContainsFunc(cellSpecs(), named) || len(s.FieldIndices(f.Name)) != 1 {
			return fmt.Errorf("cells of a query: its column %s is none of CellSchema, or there twice: %w", f.Name, ErrInvalid)
		}
	}
	return nil
}
