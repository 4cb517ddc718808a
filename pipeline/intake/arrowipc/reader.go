package arrowipc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
)

// Bounds of what is held at a time.
const (
	maxMetadata = 16 << 20
	maxBody     = 128 << 20
	maxHeld     = 256 << 20
	maxDict     = 64 << 20 // all dictionaries, as text
	maxWindow   = 64 << 20
	// free is how many bytes may come out of packed columns before their ratio
	// counts.
	free = 16 << 20
)

const (
	magic        = "ARROW1"
	continuation = 0xFFFFFFFF
)

// Options of a reader.
type Options struct {
	// Names are the columns that become fields, in this order.
	Names []string
	// All makes every column a field, in the order of the file. A column of a
	// type that is not read has no values then, unless Names has it.
	All  bool
	Form typed.Form
	// Limits bound what is unpacked.
	Limits compressed.Limits
	// Unused takes the values of dictionaries that no row has, with the columns
	// that have the dictionary; nil: nobody looks at them.
	Unused func(columns []string, text []byte)
}

// Reader reads rows.
type Reader struct {
	opt     Options
	in      *bufio.Reader
	source  *failing
	at      int64
	isFile  bool
	any     bool
	columns []column
	meta    []byte
	body    []byte
	room    budget
	blocks  [2][]block // dictionaries, record batches
	dicts   map[int64]*dictionary
	said    []string  // texts of the metadata in which a number may stand
	batch   []*vector // by field
	row     int64     // in the batch
	rows    int64     // of the batch
	line    uint64
	scratch []byte
	rec     record.Record
	err     error // what Next returns from now on
}

// block is where a message lies in a file.
type block struct{ at, meta, body int64 }

// failing keeps the source's own error apart from those of the format.
type failing struct {
	r   io.Reader
	err error
}

func (s *failing) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// NewReader reads the schema of a file or stream.
func NewReader(r io.Reader, opt Options) (*Reader, error) {
	source := &failing{r: r}
	rd := &Reader{opt: opt, source: source, in: bufio.NewReaderSize(source, 16<<10), dicts: map[int64]*dictionary{}}
	limits := opt.Limits.WithDefaults()
	rd.room = budget{limit: maxHeld, over: func(total int64) error {
		if total > limits.Bytes {
			return &record.Error{Rule: "C01", Text: fmt.Sprintf("the columns unpack to more than %d bytes", limits.Bytes), Hint: "let the sender split the file; or, if it is right, raise limits.bytes of the feed"}
		}
		if total > free && total/limits.Ratio > rd.at {
			return &record.Error{Rule: "C01", Text: fmt.Sprintf("the columns unpack to more than %d times their size", limits.Ratio), Hint: "they may be made to fill the memory; if they are right, raise limits.ratio of the feed"}
		}
		return nil
	}}
	head, _ := rd.in.Peek(8) // fewer at the end of the source, whose own error is told below
	switch {
	case source.err != nil:
		return nil, source.err
	case len(head) == 0:
		rd.err = io.EOF // the empty file is another rule's
		return rd, nil
	}
	rd.any = true
	switch isFile := bytes.HasPrefix(head, []byte(magic)); {
	case isFile && len(head) == 8:
		rd.isFile, rd.at = true, 8
		_, _ = rd.in.Discard(8) // they were seen
	case bytes.HasPrefix(head, []byte("FEA1")):
		return nil, &record.Error{Rule: "C02", Text: "the file is Feather of version 1, which is not read", Hint: "let the sender write version 2 (an Arrow file)"}
	case len(head) < 8 && (bytes.HasPrefix([]byte(magic), head[:min(len(head), len(magic))]) || bytes.HasPrefix([]byte{0xff, 0xff, 0xff, 0xff}, head[:min(len(head), 4)])):
		return nil, cut()
	case len(head) < 8, !isFile && binary.LittleEndian.Uint32(head) != continuation:
		return nil, &record.Error{Rule: "C02", Text: "the file is not Arrow: it begins neither as a file nor as a stream", Hint: "a feed of the format arrow takes IPC files, Feather v2 and IPC streams, of Arrow 0.15 or later"}
	}
	if err := rd.schema(); err != nil {
		return nil, err
	}
	return rd, nil
}

// Columns are the names of all columns, in the order of the file.
func (r *Reader) Columns() []string {
	names := make([]string, len(r.columns))
	for i := range r.columns {
		names[i] = r.columns[i].name
	}
	return names
}

// maxSaid is how many texts of the metadata are kept until they are looked at.
const maxSaid = 10_000

// say keeps texts of the metadata.
func (r *Reader) say(texts []string) error {
	if r.said = append(r.said, texts...); len(r.said) > maxSaid {
		return r.damaged(fmt.Errorf("its metadata have more than %d texts", maxSaid))
	}
	return nil
}

// Aside hands on the texts of the metadata, which are in no row.
func (r *Reader) Aside(look func([]byte)) error {
	for _, text := range r.said {
		look([]byte(text))
	}
	var below func(columns []column)
	below = func(columns []column) {
		for i := range columns {
			for _, text := range columns[i].said {
				look([]byte(text))
			}
			below(columns[i].children)
		}
	}
	below(r.columns)
	return nil
}

// inside hands on what lies in a column that is not read.
func (r *Reader) inside(top *column, v *vector) (err error) {
	names := []string{top.name}
	for i := range v.rows {
		var text []byte
		if text, r.scratch, err = v.field(r.scratch[:0], i, &r.opt.Form); err != nil {
			return err
		}
		r.opt.Unused(names, text)
	}
	return nil
}

// hidden hands on what no row has of a column that is read.
func (r *Reader) hidden(c *column, v *vector) {
	if r.opt.Unused == nil {
		return
	}
	names := []string{c.name}
	r.scratch = v.hidden(r.scratch[:0], &r.opt.Form, func(text []byte) {
		if record.Telling(string(text)) {
			r.opt.Unused(names, text)
		}
	})
}

// unused hands on the values of a dictionary that no row has had.
func (r *Reader) unused(id int64, d *dictionary) {
	if d == nil || r.opt.Unused == nil {
		return
	}
	var names []string
	for i := range r.columns {
		if c := &r.columns[i]; c.index != nil && c.id == id {
			names = append(names, c.name)
		}
	}
	from := 0
	for i, end := range d.ends {
		if d.used[i/64]>>(i%64)&1 == 0 {
			r.opt.Unused(names, d.text[from:end])
		}
		from = end
	}
}

// Unread are the columns of a type that is not read, and cannot be looked through,
// in which a text or a number of many digits can stand.
func (r *Reader) Unread() []string {
	var names []string
	for i := range r.columns {
		if c := &r.columns[i]; c.readable() != nil && c.telling() && (r.opt.Unused == nil || !c.lookable()) {
			names = append(names, c.name)
		}
	}
	return names
}

// Close frees what the reader holds. It leaves the source open.
func (r *Reader) Close() error {
	r.batch, r.body, r.meta, r.dicts, r.err = nil, nil, nil, nil, io.ErrClosedPipe
	r.room.unpack.close()
	return nil
}

// End is what is known of the file so far.
func (r *Reader) End() record.End {
	return record.End{Any: r.any, Ended: true, Proven: true, Line: r.line + 1, LineEnd: "\n"}
}

func cut() *record.Error {
	return &record.Error{Rule: "C04", Text: "the Arrow data have no end", Cut: true,
		Hint: "the file was cut short on its way, or is still being written; or its writer did not close it, so that a stream lacks its end mark"}
}

func tooLarge(limit int64) *record.Error {
	return &record.Error{Rule: "C01", Text: fmt.Sprintf("a record batch has more than %d bytes", limit), Hint: "let the sender write record batches of about 64,000 rows"}
}

// damaged is a fault of the format at the batch that is being read.
func (r *Reader) damaged(err error) error {
	if bad, ok := errors.AsType[*record.Error](err); ok {
		return bad
	}
	rule := "C02"
	if errors.Is(err, errNotText) {
		rule = "C01"
	}
	return &record.Error{Line: r.line + 1, Rule: rule, Text: "the Arrow data are damaged: " + err.Error(), Hint: "send the file again; if it comes like this again, let the sender test it with the program that wrote it"}
}

// message reads the next one. It returns io.EOF at the end of the data.
func (r *Reader) message() (f flat, header byte, table int64, old bool, err error) {
	start := r.at
	if f, err = r.metadata(); err != nil {
		return nil, 0, 0, false, err
	}
	header, table, body, old, said, err := envelope(f)
	if err != nil {
		return nil, 0, 0, false, r.damaged(err)
	}
	if err := r.say(said); err != nil {
		return nil, 0, 0, false, err
	}
	if body > maxBody {
		return nil, 0, 0, false, tooLarge(maxBody)
	}
	meta := r.at - start
	if r.body, err = r.read(r.body[:0], body); err != nil {
		return nil, 0, 0, false, err
	}
	switch header {
	case headerDictionary:
		r.blocks[0] = append(r.blocks[0], block{start, meta, body})
	case headerBatch:
		r.blocks[1] = append(r.blocks[1], block{start, meta, body})
	}
	if len(r.blocks[0])+len(r.blocks[1]) > maxMetadata/24 {
		return nil, 0, 0, false, r.damaged(errors.New("it has too many record batches"))
	}
	return f, header, table, old, nil
}

// metadata reads the frame of the next message.
func (r *Reader) metadata() (flat, error) {
	var head [8]byte
	n, err := io.ReadFull(r.in, head[:])
	if r.source.err != nil {
		return nil, r.source.err
	}
	r.at += int64(n)
	size := int64(binary.LittleEndian.Uint32(head[4:]))
	switch marked := binary.LittleEndian.Uint32(head[:]) == continuation; {
	case r.isFile && err == nil && (!marked || size == 0):
		if marked {
			head = [8]byte{}
			n = 0
		}
		return nil, r.footer(head[:n])
	case err != nil:
		return nil, cut()
	case !marked:
		return nil, r.damaged(errors.New("no message begins where one should"))
	case size == 0:
		if _, err := r.in.ReadByte(); err == nil {
			return nil, r.damaged(errors.New("something follows the end of the stream"))
		} else if r.source.err != nil {
			return nil, r.source.err
		}
		return nil, io.EOF
	case size > maxMetadata:
		return nil, r.damaged(fmt.Errorf("a message has %d bytes of metadata", size))
	}
	if r.meta, err = r.read(r.meta[:0], size); err != nil {
		return nil, err
	}
	return flat(r.meta), nil
}

// read reads n bytes. Memory grows with what comes, not with what is promised.
func (r *Reader) read(b []byte, n int64) ([]byte, error) {
	for int64(len(b)) < n {
		step := min(n-int64(len(b)), max(1<<20, int64(cap(b)-len(b))))
		b = slices.Grow(b, int(step))
		got, err := io.ReadFull(r.in, b[len(b):len(b)+int(step)])
		b = b[:len(b)+got]
		r.at += int64(got)
		if r.source.err != nil {
			return b, r.source.err
		}
		if err != nil {
			return b, cut()
		}
	}
	return b, nil
}

// envelope is what a message says of its content.
func envelope(f flat) (header byte, table, body int64, old bool, said []string, err error) {
	defer recovered(&err)
	root := f.follow(0)
	version := f.shortOf(root, slotMessageVersion, 0)
	if version != 3 && version != 4 { // V4, V5
		return 0, 0, 0, false, nil, errors.New("its metadata are of a version that is not read")
	}
	header, table, body = f.byteOf(root, slotMessageHeaderType), f.table(root, slotMessageHeader), f.longOf(root, slotMessageBodyLength)
	if table == 0 || body < 0 {
		return 0, 0, 0, false, nil, errors.New("a message has no content")
	}
	said = f.pairs(root, slotMessageMetadata)
	if header == headerSchema {
		said = append(said, f.pairs(table, slotSchemaMetadata)...)
	}
	return header, table, body, version == 3, said, nil
}

// schema reads the first message.
func (r *Reader) schema() error {
	f, header, table, _, err := r.message()
	if err == io.EOF || err == nil && header != headerSchema {
		err = r.damaged(errors.New("it does not begin with a schema"))
	}
	if err != nil {
		return err
	}
	if r.columns, err = readSchema(f, table); errors.Is(err, errColumns) {
		return &record.Error{Rule: "C02", Text: fmt.Sprintf("a row of more than %d columns", maxColumns), Hint: "the file may be of another feed"}
	} else if err != nil {
		return r.damaged(err)
	}
	n := len(r.opt.Names)
	for i, name := range r.opt.Names {
		if k := slices.IndexFunc(r.columns, func(c column) bool { return c.name == name }); k >= 0 {
			if bad := r.columns[k].readable(); bad != nil {
				return bad
			}
			r.columns[k].col = i
		}
	}
	if r.opt.All {
		n = len(r.columns)
		for i := range r.columns {
			if c := &r.columns[i]; c.readable() == nil {
				c.col = i
			}
		}
	}
	r.batch, r.rec.Fields, r.rec.Lines = make([]*vector, n), make([][]byte, n), 1
	return nil
}

// Next is the next row.
func (r *Reader) Next() (*record.Record, error) {
	for r.err == nil && r.row == r.rows {
		if r.err = r.next(); r.err == io.EOF {
			for id, d := range r.dicts {
				r.unused(id, d)
			}
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	r.line++
	r.rec.Line = r.line
	r.scratch = r.scratch[:0]
	for i, v := range r.batch {
		if v == nil {
			continue // the header has told that it is missing
		}
		var err error
		if r.rec.Fields[i], r.scratch, err = v.field(r.scratch, r.row, &r.opt.Form); err != nil {
			r.line--
			bad, _ := errors.AsType[*record.Error](r.damaged(err))
			bad.Column = v.c.name
			r.err = bad
			return nil, bad
		}
	}
	r.row++
	return &r.rec, nil
}

// next reads up to the next record batch.
func (r *Reader) next() error {
	f, header, table, old, err := r.message()
	if err != nil {
		return err
	}
	r.row, r.rows, r.room.held = 0, 0, 0
	switch header {
	case headerBatch:
		b, err := readBatch(f, table, r.body, old)
		if err != nil {
			return r.damaged(err)
		}
		if r.opt.Unused != nil {
			b.look = r.inside
		}
		if err := b.vectors(r.columns, r.dicts, &r.room, func(c *column, v *vector) error {
			r.batch[c.col] = v
			r.hidden(c, v)
			return nil
		}); err != nil {
			return r.damaged(err)
		}
		r.rows = b.rows
		return r.room.take(b.rows) // a row of nulls has no bytes
	case headerDictionary:
		return r.dictionary(f, table, old)
	default:
		return r.damaged(fmt.Errorf("a message is of the kind %d", header))
	}
}

// dictionary reads the values of one. It takes the place of an earlier one.
func (r *Reader) dictionary(f flat, table int64, old bool) (err error) {
	defer func() {
		if errors.Is(err, errOutside) {
			err = r.damaged(err)
		}
	}()
	defer recovered(&err)
	id := f.longOf(table, slotDictionaryBatchID)
	k := slices.IndexFunc(r.columns, func(c column) bool { return c.col >= 0 && c.index != nil && c.id == id })
	if k < 0 {
		if !declares(r.columns, id) {
			return r.damaged(errors.New("a dictionary is of no column"))
		}
		return nil // of a column that is not read
	}
	if f.byteOf(table, slotDictionaryBatchDelta) != 0 {
		return &record.Error{Column: r.columns[k].name, Rule: "C02", Text: "the dictionary of the column comes in pieces", Hint: "let the sender write dictionaries whole, without deltas"}
	}
	if r.isFile && r.dicts[id] != nil {
		return r.damaged(errors.New("a dictionary stands twice"))
	}
	values := r.columns[k]
	values.index, values.col = nil, 0
	data := f.table(table, slotDictionaryBatchData)
	if data == 0 {
		return r.damaged(errBatch)
	}
	b, err := readBatch(f, data, r.body, old)
	if err != nil {
		return r.damaged(err)
	}
	r.unused(id, r.dicts[id])
	d := &dictionary{}
	err = b.vectors([]column{values}, nil, &r.room, func(_ *column, v *vector) error {
		if v.rows > maxDict/16 {
			return tooLarge(maxDict)
		}
		d.ends, d.null, d.used = make([]int, v.rows), make([]bool, v.rows), make([]uint64, v.rows/64+1)
		for i := range v.rows {
			var text []byte
			var err error
			if text, r.scratch, err = v.field(r.scratch[:0], i, &r.opt.Form); err != nil {
				return err
			}
			d.text = append(d.text, text...)
			d.ends[i], d.null[i] = len(d.text), v.null(i)
			if len(d.text) > maxDict {
				return tooLarge(maxDict)
			}
		}
		return nil
	})
	if err != nil {
		return r.damaged(err)
	}
	r.dicts[id] = d
	held := 0
	for _, d := range r.dicts {
		held += len(d.text) + 16*len(d.ends)
	}
	if held > maxDict {
		return tooLarge(maxDict)
	}
	return nil
}

// declares reports whether a column, or one inside it, has the dictionary.
func declares(columns []column, id int64) bool {
	return slices.ContainsFunc(columns, func(c column) bool { return c.index != nil && c.id == id || declares(c.children, id) })
}

// footer reads the end of a file, of which begin has been read, and holds the
// list of its blocks against those that were read.
func (r *Reader) footer(begin []byte) error {
	rest, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(begin), r.in), maxMetadata+1))
	if err != nil {
		return r.source.err
	}
	n := len(rest) - 4 - len(magic)
	if n < 0 || len(rest) > maxMetadata || string(rest[len(rest)-len(magic):]) != magic {
		return cut()
	}
	size := int(binary.LittleEndian.Uint32(rest[n:]))
	if size > n || len(bytes.Trim(rest[:n-size], "\x00")) > 0 {
		return r.damaged(errors.New("something stands before its footer"))
	}
	got, schema, said, err := footerBlocks(flat(rest[n-size : n]))
	if err != nil {
		return r.damaged(err)
	}
	if err := r.say(said); err != nil {
		return err
	}
	if !slices.Equal(got[0], r.blocks[0]) || !slices.Equal(got[1], r.blocks[1]) || !sameColumns(schema, r.columns) {
		return r.damaged(errors.New("its footer lists other record batches than it has"))
	}
	return io.EOF
}

func footerBlocks(f flat) (blocks [2][]block, schema []column, said []string, err error) {
	defer recovered(&err)
	root := f.follow(0)
	for i, slot := range []int64{slotFooterDictionaries, slotFooterBatches} {
		first, n := f.vector(root, slot, 24)
		for k := range n {
			at := first + 24*k
			blocks[i] = append(blocks[i], block{f.i64(at), int64(int32(f.u32(at + 8))), f.i64(at + 16)})
		}
	}
	table := f.table(root, slotFooterSchema)
	if table == 0 {
		return blocks, nil, nil, errors.New("its footer has no schema")
	}
	said = append(f.pairs(root, slotFooterMetadata), f.pairs(table, slotSchemaMetadata)...)
	schema, err = readSchema(f, table)
	return blocks, schema, said, err
}

func sameColumns(a, b []column) bool {
	return slices.EqualFunc(a, b, func(x, y column) bool {
		same := x.name == y.name && x.typ == y.typ && x.width == y.width && x.signed == y.signed && x.scale == y.scale && x.unit == y.unit &&
			x.instant == y.instant && (x.index == nil) == (y.index == nil) && sameColumns(x.children, y.children)
		return same && (x.index == nil || x.id == y.id && x.index.width == y.index.width)
	})
}
