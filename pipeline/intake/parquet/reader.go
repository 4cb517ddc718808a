package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"

	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
)

// Bounds of a file.
const (
	maxFooter  = 16 << 20
	maxItems   = 200_000
	maxColumns = 4096
	maxHeld    = 256 << 20
	// free is how many bytes may come out of pages before their ratio counts.
	free = 16 << 20
)

const (
	magic          = "PAR1"
	magicEncrypted = "PARE"
)

var (
	errRows    = errors.New("a column has another number of rows than the file says")
	errNotText = errors.New("a text is not UTF-8, or has a NUL")
	errOutside = errors.New("a column lies outside the file")
)

// Options of a reader.
type Options struct {
	// Names are the columns that become fields, in this order.
	Names []string
	// All makes every column a field, in the order of the file. A column of a
	// type that is not read has no values then, unless Names has it.
	All  bool
	Form typed.Form
	// Limits bound what is unpacked, and what is held of a source that cannot
	// be read at any place.
	Limits compressed.Limits
	// Unused takes the values of dictionaries that no row has, with their
	// column; nil: nobody looks at them.
	Unused func(columns []string, text []byte)
}

// Reader reads rows.
type Reader struct {
	opt     Options
	limits  compressed.Limits
	at      io.ReaderAt
	size    int64
	any     bool
	meta    format.FileMetaData
	columns []column
	wanted  []*column // by field; nil: missing
	group   int       // the next
	left    int64     // rows of the group
	chunks  []*chunk
	held    int64
	total   int64
	zstd    *zstd.Decoder
	line    uint64
	scratch []byte
	rec     record.Record
	err     error // what Next returns from now on
}

// NewReader reads the footer of a file.
func NewReader(r io.Reader, opt Options) (*Reader, error) {
	at, size, err := compressed.At(r, opt.Limits)
	if err != nil {
		return nil, err
	}
	rd := &Reader{opt: opt, limits: opt.Limits.WithDefaults(), at: at, size: size, any: size > 0}
	if size == 0 {
		rd.err = io.EOF // the empty file is another rule's
		return rd, nil
	}
	if size > rd.limits.Bytes {
		return nil, &record.Error{Rule: "C01", Text: fmt.Sprintf("the file has more than %d bytes", rd.limits.Bytes), Hint: "let the sender split it; or, if it is right, raise limits.bytes of the feed"}
	}
	footer, err := rd.footer()
	if err != nil {
		return nil, rd.damaged(err)
	}
	n, err := structLen(footer, maxItems)
	if errors.Is(err, errTooMany) {
		return nil, &record.Error{Rule: "C01", Text: fmt.Sprintf("the footer of the file lists more than %d things", maxItems), Hint: "let the sender write larger groups of rows, or split the file"}
	}
	if err == nil && n != len(footer) {
		err = errThrift
	}
	if err == nil {
		err = unmarshal(footer, &rd.meta)
	}
	if err != nil {
		return nil, rd.damaged(err)
	}
	if rd.meta.EncryptionAlgorithm.Value != nil {
		return nil, encrypted()
	}
	if err := rd.schema(); err != nil {
		return nil, err
	}
	return rd, nil
}

// footer reads the metadata at the end of the file.
func (r *Reader) footer() ([]byte, error) {
	var head [4]byte
	n := min(4, r.size)
	if err := r.readAt(head[:n], 0); err != nil {
		return nil, err
	}
	switch {
	case string(head[:]) == magicEncrypted:
		return nil, encrypted()
	case string(head[:n]) != magic[:n]:
		return nil, &record.Error{Rule: "C02", Text: "the file is not Parquet: it does not begin as one", Hint: "if the sender now compresses or writes another format, declare it in the feed"}
	case r.size < 12:
		return nil, cut()
	}
	var tail [8]byte
	if err := r.readAt(tail[:], r.size-8); err != nil {
		return nil, err
	}
	size := int64(binary.LittleEndian.Uint32(tail[:]))
	switch {
	case string(tail[4:]) == magicEncrypted:
		return nil, encrypted()
	case string(tail[4:]) != magic || size > r.size-12:
		return nil, cut()
	case size > maxFooter:
		return nil, &record.Error{Rule: "C01", Text: fmt.Sprintf("the footer of the file has more than %d bytes", maxFooter), Hint: "let the sender write larger groups of rows, fewer columns, or split the file"}
	}
	b := make([]byte, size)
	return b, r.readAt(b, r.size-8-size)
}

func cut() *record.Error {
	return &record.Error{Rule: "C04", Text: "the Parquet file has no footer at its end", Cut: true,
		Hint: "the file was cut short on its way, or is still being written; send it again"}
}

func encrypted() *record.Error {
	return &record.Error{Rule: "C01", Text: "the Parquet file is encrypted", Hint: "let the sender write it in clear, over an encrypted way"}
}

// damaged is a fault of the format at the row that is being read.
func (r *Reader) damaged(err error) error {
	bad, ok := errors.AsType[*record.Error](err)
	if ok {
		return bad
	}
	if other, ok := errors.AsType[*sourceError](err); ok {
		return other.error
	}
	bad = &record.Error{Rule: "C02", Text: "the Parquet file is damaged: " + err.Error(), Hint: "send the file again; if it comes like this again, let the sender test it with the program that wrote it"}
	if errors.Is(err, errNotText) {
		bad.Rule = "C01"
	}
	if r.columns != nil {
		bad.Line = r.line + 1
	}
	return bad
}

// sourceError is one of the source, which is no fault of the file.
type sourceError struct{ error }

// readAt reads bytes that are known to be there.
func (r *Reader) readAt(b []byte, at int64) error {
	if at < 0 || at > r.size || int64(len(b)) > r.size-at {
		return errOutside
	}
	if n, err := r.at.ReadAt(b, at); n < len(b) {
		if err == io.EOF {
			return cut() // it has become shorter
		}
		return &sourceError{err}
	}
	return nil
}

// schema finds the columns and holds the groups of rows against them.
func (r *Reader) schema() error {
	if len(r.meta.Schema) > maxColumns {
		return &record.Error{Rule: "C02", Text: fmt.Sprintf("a row of more than %d columns", maxColumns), Hint: "the file may be of another feed"}
	}
	columns, leaves, ok := readColumns(r.meta.Schema)
	if !ok {
		return r.damaged(errors.New("its schema is no tree"))
	}
	r.columns = columns
	rows := int64(0)
	for i := range r.meta.RowGroups {
		g := &r.meta.RowGroups[i]
		if g.NumRows < 0 || g.NumRows > r.meta.NumRows-rows || len(g.Columns) != leaves {
			return r.damaged(errRows)
		}
		rows += g.NumRows
	}
	if rows != r.meta.NumRows {
		return r.damaged(errRows)
	}
	for _, name := range r.opt.Names {
		c := find(r.columns, name)
		if c != nil {
			if bad := c.readable(); bad != nil {
				return bad
			}
		}
		r.wanted = append(r.wanted, c)
	}
	if r.opt.All {
		r.wanted = r.wanted[:0]
		for i := range r.columns {
			c := &r.columns[i]
			if c.readable() != nil {
				c = nil
			}
			r.wanted = append(r.wanted, c)
		}
	}
	r.rec.Fields, r.rec.Lines = make([][]byte, len(r.wanted)), 1
	return nil
}

// Columns are the names of all top-level columns, in the order of the file.
func (r *Reader) Columns() []string {
	names := make([]string, len(r.columns))
	for i := range r.columns {
		names[i] = r.columns[i].name
	}
	return names
}

// Aside hands on the texts of the metadata, which are in no row: keys and values
// of the file and of its columns, and the name of its writer.
func (r *Reader) Aside(look func([]byte)) error {
	pairs := func(all []format.KeyValue) {
		for i := range all {
			look([]byte(all[i].Key))
			look([]byte(all[i].Value))
		}
	}
	look([]byte(r.meta.CreatedBy))
	pairs(r.meta.KeyValueMetadata)
	for i := range r.meta.RowGroups {
		for k := range r.meta.RowGroups[i].Columns {
			pairs(r.meta.RowGroups[i].Columns[k].MetaData.KeyValueMetadata)
		}
	}
	return nil
}

// Unread are the columns that are not read and in which a text or a number of
// many digits can stand: whatever is no single date, time or truth value, and
// has a type in it that is not read, either. The others are looked through.
func (r *Reader) Unread() []string {
	var names []string
	for i := range r.columns {
		if c := &r.columns[i]; c.readable() != nil && (r.opt.Unused == nil || c.inside == nil) && (c.leaf < 0 || c.physical != format.Boolean && c.physical != format.Int96) {
			names = append(names, c.name)
		}
	}
	return names
}

// Close frees what the reader holds. It leaves the source open.
func (r *Reader) Close() error {
	if r.zstd != nil {
		r.zstd.Close()
	}
	r.zstd, r.chunks, r.meta, r.err = nil, nil, format.FileMetaData{}, io.ErrClosedPipe
	return nil
}

// End is what is known of the file so far.
func (r *Reader) End() record.End {
	return record.End{Any: r.any, Ended: true, Proven: true, Line: r.line + 1, LineEnd: "\n"}
}

// Next is the next row.
func (r *Reader) Next() (*record.Record, error) {
	for r.err == nil && r.left == 0 {
		if r.err = r.next(); r.err != nil && r.err != io.EOF {
			r.err = r.damaged(r.err)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	r.scratch = r.scratch[:0]
	for i, k := range r.chunks {
		if k == nil {
			continue // the header has told that it is missing
		}
		var err error
		if r.rec.Fields[i], r.scratch, err = k.next(r.scratch, &r.opt.Form); err != nil {
			r.err = r.damaged(err)
			if bad, ok := errors.AsType[*record.Error](r.err); ok && bad.Column == "" {
				bad.Column = k.c.name
			}
			return nil, r.err
		}
	}
	r.left--
	r.line++
	r.rec.Line = r.line
	return &r.rec, nil
}

// next opens the next group of rows.
func (r *Reader) next() error {
	for _, k := range r.chunks {
		if k != nil {
			if err := k.done(); err != nil {
				return err
			}
			k.free()
		}
	}
	r.chunks = r.chunks[:0]
	if r.group == len(r.meta.RowGroups) {
		return io.EOF
	}
	g := &r.meta.RowGroups[r.group]
	r.group++
	r.left = g.NumRows
	if err := r.room(g.NumRows); err != nil { // a row of nulls has no bytes
		return err
	}
	if err := r.inside(g); err != nil {
		return err
	}
	for _, c := range r.wanted {
		if c == nil {
			r.chunks = append(r.chunks, nil)
			continue
		}
		k, err := r.open(c, &g.Columns[c.leaf], g.NumRows)
		if err != nil {
			return err
		}
		r.chunks = append(r.chunks, k)
	}
	return nil
}

// inside hands on what lies in the columns of a group that are not read.
func (r *Reader) inside(g *format.RowGroup) error {
	if r.opt.Unused == nil {
		return nil
	}
	for i := range r.columns {
		names := []string{r.columns[i].name}
		for j := range r.columns[i].inside {
			c := &r.columns[i].inside[j]
			k, err := r.open(c, &g.Columns[c.leaf], g.NumRows)
			if err != nil {
				return err
			}
			if err := k.values(func(text []byte) { r.opt.Unused(names, text) }); err != nil {
				return err
			}
			k.free()
		}
	}
	return nil
}

func (r *Reader) open(c *column, of *format.ColumnChunk, rows int64) (*chunk, error) {
	m := &of.MetaData
	if c.rep > 0 { // each row has any number of them
		rows = max(m.NumValues, 0)
	}
	switch {
	case of.FilePath != "":
		return nil, errors.New("a column lies in another file")
	case of.CryptoMetadata.Value != nil:
		return nil, encrypted()
	case m.Type != c.physical:
		return nil, errEncoding
	case m.NumValues != rows:
		return nil, errRows
	}
	k := &chunk{r: r, c: c, codec: m.Codec, at: m.DataPageOffset, left: rows}
	if d := m.DictionaryPageOffset; d > 0 && d < k.at {
		k.at = d
	}
	if k.at < int64(len(magic)) || m.TotalCompressedSize < 0 || m.TotalCompressedSize > r.size-k.at {
		return nil, errOutside
	}
	k.end = k.at + m.TotalCompressedSize
	return k, nil
}

// room counts what is unpacked.
func (r *Reader) room(n int64) error {
	r.total += n
	switch {
	case r.total > r.limits.Bytes:
		return &record.Error{Rule: "C01", Text: fmt.Sprintf("the pages unpack to more than %d bytes", r.limits.Bytes), Hint: "let the sender split the file; or, if it is right, raise limits.bytes of the feed"}
	case r.total > free && r.total/r.limits.Ratio > r.size:
		return &record.Error{Rule: "C01", Text: fmt.Sprintf("the pages unpack to more than %d times the size of the file", r.limits.Ratio), Hint: "they may be made to fill the memory; if they are right, raise limits.ratio of the feed"}
	}
	return nil
}
