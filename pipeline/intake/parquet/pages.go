package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"

	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
)

// Bounds of one page.
const (
	maxPage       = 128 << 20
	maxPageHeader = 1 << 20
	maxValues     = 1 << 24
)

// plainDictionary is what older writers call the encoding of a dictionary and
// of the positions in it.
const plainDictionary = format.PlainDictionary //nolint:staticcheck // nobody is to write it, but their files are read

func tooLarge() *record.Error {
	return &record.Error{Rule: "C01", Text: fmt.Sprintf("the pages of the columns have more than %d bytes together", maxHeld),
		Hint: "let the sender write smaller pages; about a megabyte is usual"}
}

var errPacked = errors.New("a page cannot be unpacked to the size that it says")

// chunk is one column of one group of rows while it is read.
type chunk struct {
	r        *Reader
	c        *column
	codec    format.CompressionCodec
	at, end  int64 // of the next page
	left     int64 // values that are still to come in further pages
	dict     *dictionary
	levels   []byte // 1: a value, 0: null; nil: all are values
	rows     int    // of the page
	row      int    // the next
	v        values
	i        int // of the next value
	held     int64
	dictHeld int64
}

// dictionary is its values as text.
type dictionary struct {
	text []byte
	ends []int
	used []uint64 // a set bit is a value that a row has had
}

func (d *dictionary) at(i uint32) []byte {
	from := 0
	if i > 0 {
		from = d.ends[i-1]
	}
	return d.text[from:d.ends[i]:d.ends[i]]
}

// hold accounts for the memory of the column.
func (k *chunk) hold(n int64, of *int64) error {
	k.r.held += n - *of
	*of = n
	if k.r.held > maxHeld {
		return tooLarge()
	}
	return nil
}

// free gives the memory of the column back.
func (k *chunk) free() {
	k.r.held -= k.held + k.dictHeld
	k.held, k.dictHeld = 0, 0
}

// next is the text of the next row.
func (k *chunk) next(scratch []byte, f *typed.Form) (text, grown []byte, err error) {
	for k.row == k.rows {
		if err := k.page(); err != nil {
			return nil, scratch, err
		}
	}
	k.row++
	if k.levels != nil && k.levels[k.row-1] == 0 {
		return nil, scratch, nil
	}
	i := k.i
	k.i++
	if k.v.index != nil {
		at := k.v.index[i]
		k.dict.used[at/64] |= 1 << (at % 64)
		return k.dict.at(at), scratch, nil
	}
	v := k.v.at(i)
	if k.c.kind == textKind {
		if !isText(v) {
			return nil, scratch, errNotText
		}
		return v, scratch, nil
	}
	from := len(scratch)
	scratch, ok := k.c.append(scratch, v, f)
	if !ok {
		return nil, scratch, errPage
	}
	return scratch[from:len(scratch):len(scratch)], scratch, nil
}

// done holds that all of the column has been read.
func (k *chunk) done() error {
	if k.left != 0 || k.row != k.rows || k.i != k.v.n {
		return errRows
	}
	if k.dict != nil && k.r.opt.Unused != nil {
		names := []string{k.c.name}
		for i := range k.dict.ends {
			if k.dict.used[i/64]>>(i%64)&1 == 0 {
				k.r.opt.Unused(names, k.dict.at(uint32(i)))
			}
		}
	}
	return nil
}

// page reads the next page of data, and the dictionary before it.
func (k *chunk) page() error {
	if k.left <= 0 {
		return errRows
	}
	h, raw, err := k.read()
	if err != nil {
		return err
	}
	switch h.Type {
	case format.DictionaryPage:
		return k.dictionary(h, raw)
	case format.DataPage:
		if !h.DataPageHeader.Valid {
			return errPage
		}
		d := h.DataPageHeader.V
		if raw, err = k.unpack(raw, int(h.UncompressedPageSize)); err != nil {
			return err
		}
		levels := []byte(nil)
		if k.c.rep > 0 {
			if _, raw, err = cutLevels(raw, d.RepetitionLevelEncoding); err != nil {
				return err
			}
		}
		if k.c.highest() > 0 {
			if levels, raw, err = cutLevels(raw, d.DefinitionLevelEncoding); err != nil {
				return err
			}
		}
		return k.data(levels, raw, int64(d.NumValues), -1, d.Encoding)
	case format.DataPageV2:
		if !h.DataPageHeaderV2.Valid {
			return errPage
		}
		d := h.DataPageHeaderV2.V
		n, skip := int64(d.DefinitionLevelsByteLength), int64(d.RepetitionLevelsByteLength)
		if n < 0 || skip < 0 || n+skip > int64(len(raw)) || int64(h.UncompressedPageSize) < n+skip || k.c.rep == 0 && d.NumRows != d.NumValues {
			return errPage
		}
		levels, body := raw[skip:skip+n], raw[skip+n:]
		size := int(int64(h.UncompressedPageSize) - n - skip)
		if d.IsCompressed.Valid && !d.IsCompressed.V {
			if len(body) != size {
				return errPacked
			}
		} else if body, err = k.unpack(body, size); err != nil {
			return err
		}
		if k.c.highest() == 0 {
			levels = nil
		}
		return k.data(levels, body, int64(d.NumValues), int64(d.NumNulls), d.Encoding)
	case format.IndexPage:
		return nil
	default:
		return errEncoding
	}
}

// cutLevels takes the levels off the beginning of a page.
func cutLevels(raw []byte, encoding format.Encoding) (levels, rest []byte, err error) {
	if encoding != format.RLE || len(raw) < 4 {
		return nil, nil, errEncoding
	}
	n := int64(raw[0]) | int64(raw[1])<<8 | int64(raw[2])<<16 | int64(raw[3])<<24
	if n > int64(len(raw)-4) {
		return nil, nil, errPage
	}
	return raw[4 : 4+n], raw[4+n:], nil
}

// count is how many of n levels are the highest.
func count(levels []byte, n, highest int) (present int, err error) {
	err = hybrid(levels, n, bits.Len(uint(highest)), false, func(v uint32, times int) {
		if int(v) == highest {
			present += times
		}
	})
	return present, err
}

// values hands on every value of the column as text, without its rows.
func (k *chunk) values(look func(text []byte)) error {
	var scratch []byte
	for k.left > 0 {
		if err := k.page(); err != nil {
			return err
		}
		for i := range k.v.n {
			if k.v.index != nil {
				look(k.dict.at(k.v.index[i]))
				continue
			}
			var ok bool
			if scratch, ok = k.c.append(scratch[:0], k.v.at(i), &k.r.opt.Form); !ok {
				return errNotText
			}
			look(scratch)
		}
	}
	return nil
}

// read reads the header and the bytes of the next page.
func (k *chunk) read() (h format.PageHeader, raw []byte, err error) {
	for window := int64(512); ; window *= 8 {
		b := make([]byte, min(window, k.end-k.at))
		if err := k.r.readAt(b, k.at); err != nil {
			return h, nil, err
		}
		n, err := structLen(b, 1024)
		if errors.Is(err, errShort) && int64(len(b)) == window && window < maxPageHeader {
			continue
		}
		if err != nil {
			return h, nil, err
		}
		if err := unmarshal(b[:n], &h); err != nil {
			return h, nil, err
		}
		k.at += int64(n)
		break
	}
	size := int64(h.CompressedPageSize)
	if size < 0 || size > k.end-k.at || h.UncompressedPageSize < 0 {
		return h, nil, errPage
	}
	if size > maxPage || h.UncompressedPageSize > maxPage {
		return h, nil, tooLarge()
	}
	if err := k.hold(size+int64(h.UncompressedPageSize), &k.held); err != nil {
		return h, nil, err
	}
	raw = make([]byte, size)
	if err := k.r.readAt(raw, k.at); err != nil {
		return h, nil, err
	}
	k.at += size
	if h.CRC != 0 && crc32.ChecksumIEEE(raw) != uint32(h.CRC) {
		return h, nil, errors.New("the checksum of a page is another")
	}
	return h, raw, k.r.room(int64(h.UncompressedPageSize))
}

// unmarshal decodes metadata that have been walked. A panic of the library is
// a fault of what it was given.
func unmarshal(b []byte, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errThrift
		}
	}()
	if thrift.Unmarshal(&thrift.CompactProtocol{}, b, v) != nil {
		return errThrift
	}
	return nil
}

func (k *chunk) dictionary(h format.PageHeader, raw []byte) error {
	d := h.DictionaryPageHeader
	if k.dict != nil || !d.Valid || d.V.Encoding != format.Plain && d.V.Encoding != plainDictionary || k.c.physical == format.Boolean {
		return errEncoding
	}
	n := int64(d.V.NumValues)
	if n < 0 || n > maxValues {
		return errPage
	}
	raw, err := k.unpack(raw, int(h.UncompressedPageSize))
	if err != nil {
		return err
	}
	if k.c.width == 0 && n > int64(len(raw)/4) {
		return errPage // each value has a length of four bytes
	}
	v, err := k.c.plainValues(raw, int(n))
	if err != nil {
		return err
	}
	k.dict = &dictionary{ends: make([]int, n), used: make([]uint64, n/64+1)}
	for i := range int(n) {
		var ok bool
		if k.dict.text, ok = k.c.append(k.dict.text, v.at(i), &k.r.opt.Form); !ok {
			return errNotText
		}
		if k.dict.ends[i] = len(k.dict.text); len(k.dict.text) > maxHeld {
			return tooLarge()
		}
	}
	return k.hold(int64(cap(k.dict.text))+8*n, &k.dictHeld)
}

// data takes the levels and values of a page.
func (k *chunk) data(levels, b []byte, n, nulls int64, encoding format.Encoding) (err error) {
	if n < 0 || n > k.left || n > maxValues {
		return errPage
	}
	k.left -= n
	k.levels, k.rows, k.row, k.i = nil, int(n), 0, 0
	present := int(n)
	switch {
	case k.c.def > 1 || k.c.rep > 0:
		if present, err = count(levels, int(n), k.c.def); err != nil {
			return err
		}
	case k.c.highest() == 1:
		if k.levels, err = hybridBytes(levels, int(n), false); err != nil {
			return err
		}
		present = bytes.Count(k.levels, []byte{1})
	}
	if nulls >= 0 && int64(present) != n-nulls {
		return errPage
	}
	switch {
	case present == 0:
		k.v = values{} // whatever is there belongs to no row
	case encoding == plainDictionary || encoding == format.RLEDictionary:
		if k.dict == nil {
			return errEncoding
		}
		k.v = values{n: present}
		if k.v.index, err = indices(b, present, len(k.dict.ends)); err != nil {
			return err
		}
	default:
		if k.v, err = k.c.decode(b, present, encoding, maxHeld); err != nil {
			return err
		}
	}
	return k.hold(k.v.size()+n+int64(cap(b)), &k.held)
}

// unpack gives exactly size bytes; more or fewer are a fault. The bytes may be
// changed.
func (k *chunk) unpack(raw []byte, size int) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil { // of a library
			out, err = nil, errPacked
		}
	}()
	if k.codec != format.Uncompressed && size == 0 {
		return nil, nil
	}
	switch k.codec {
	case format.Uncompressed:
		out = raw
	case format.Snappy:
		if n, err := snappy.DecodedLen(raw); err != nil || n != size {
			return nil, errPacked
		}
		out, err = snappy.Decode(make([]byte, size), raw)
	case format.Gzip:
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(raw)); err == nil {
			out, err = readAll(z, size)
		}
	case format.Brotli:
		out, err = readAll(brotli.NewReader(bytes.NewReader(raw)), size)
	case format.Zstd:
		if k.r.zstd == nil {
			if k.r.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxPage), zstd.WithDecoderMaxMemory(maxPage)); err != nil {
				return nil, err
			}
		}
		out, err = k.r.zstd.DecodeAll(raw, make([]byte, 0, size))
	case format.Lz4Raw:
		var n int
		out = make([]byte, size)
		n, err = lz4.UncompressBlock(raw, out)
		out = out[:n]
	default:
		return nil, &record.Error{Column: k.c.name, Rule: "C02", Text: "the column is packed with " + k.codec.String() + ", which is not read",
			Hint: "let the sender pack with Zstandard, Snappy, gzip, Brotli or LZ4_RAW"}
	}
	if err != nil || len(out) != size {
		return nil, errPacked
	}
	return out, nil
}

// readAll reads size bytes and holds that no more come.
func readAll(r io.Reader, size int) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err := io.Copy(out, io.LimitReader(r, int64(size)+1))
	return out.Bytes(), err
}
