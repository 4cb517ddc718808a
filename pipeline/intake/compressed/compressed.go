package compressed

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"larstrom/pipeline/intake/record"
)

// Limits of what is unpacked. Zero values are the defaults.
type Limits struct {
	// Bytes is the most bytes that may come out; 0: 64 GiB.
	Bytes int64
	// Ratio is how many bytes may come out for one that goes in; 0: 200.
	Ratio int64
	// Held is how much of a source that cannot be read at any place is held
	// in memory; 0: 128 MiB.
	Held int64
}

// WithDefaults are the limits with their defaults in place of zeros.
func (l Limits) WithDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 64 << 30
	}
	if l.Ratio <= 0 {
		l.Ratio = 200
	}
	if l.Held <= 0 {
		l.Held = 128 << 20
	}
	return l
}

// free is how many bytes may come out before their ratio counts: text that
// repeats itself is no attack, and the beginning of a file is mostly header.
const free = 16 << 20

const maxWindow = 64 << 20

// Bounds of what stands beside the data: the bytes of the files of an archive
// that are none, and the headers of a stream that are kept to be looked at.
const (
	maxBeside  = 1 << 20
	maxHeaders = 10_000
)

// NewReader gives the bytes inside a source that is compressed by the method:
// gzip, zstd, zip or, empty, not at all. It returns a *record.Error where the
// source is something else. The reader returns a *record.Error where the
// source is damaged, cut or beyond a limit, and is to be closed. It is an
// Aside.
func NewReader(r io.Reader, method string, l Limits) (io.ReadCloser, error) {
	l = l.WithDefaults()
	if method == "zip" {
		return newZip(r, l)
	}
	src := &source{r: r}
	head := make([]byte, 6)
	n, err := io.ReadFull(src, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	head = head[:n]
	if n > 0 {
		if seen := sniff(head); seen != method && (seen != "" || n >= 4) {
			return nil, differs(method, seen)
		} else if seen != method {
			return nil, cut(method)
		}
	}
	whole := io.MultiReader(bytes.NewReader(head), src)
	out := &reader{limits: l, src: src, method: method, r: whole}
	if n == 0 {
		return out, nil // the empty file is another rule's
	}
	switch method {
	case "":
	case "gzip":
		z, err := newMembers(whole, out)
		if err != nil {
			return nil, out.fault(err)
		}
		out.r = z
	case "zstd":
		follow := newFrames()
		z, err := zstd.NewReader(io.TeeReader(whole, follow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, out.fault(err)
		}
		out.r, out.close = z, z.Close
		out.more = func(look func([]byte)) error {
			lookAt(follow.skipped, look)
			return follow.fault()
		}
	default:
		return nil, fmt.Errorf("compression %q: must be gzip, zstd or zip", method)
	}
	return out, nil
}

// sniff is the method that a file begins as.
func sniff(head []byte) string {
	for _, m := range []struct{ method, magic string }{
		{"gzip", "\x1f\x8b"}, {"zstd", "\x28\xb5\x2f\xfd"}, {"zip", "PK\x03\x04"}, {"zip", "PK\x05\x06"}, {"zip", "PK\x07\x08"},
		{"bzip2", "BZh"}, {"xz", "\xfd7zXZ\x00"}, {"7z", "7z\xbc\xaf\x27\x1c"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) && (m.method != "bzip2" || len(head) > 3 && head[3] >= '1' && head[3] <= '9') {
			return m.method
		}
	}
	return ""
}

func differs(declared, seen string) *record.Error {
	e := &record.Error{Rule: "C01"}
	switch {
	case declared == "":
		e.Text, e.Hint = "the feed declares no compression, the file begins as "+seen, "if the sender now compresses, declare compression: "+seen+" in the feed"
	case seen == "":
		e.Text, e.Hint = "the feed declares compression: "+declared+", the file does not begin as "+declared, "if the sender no longer compresses, remove compression from the feed"
	default:
		e.Text, e.Hint = "the feed declares compression: "+declared+", the file begins as "+seen, "if that is what the sender means, declare compression: "+seen+" in the feed"
	}
	if seen == "bzip2" || seen == "xz" || seen == "7z" {
		e.Hint = "let the sender write gzip, zstd or a ZIP; " + seen + " is not read"
	}
	return e
}

func cut(method string) *record.Error {
	return &record.Error{Rule: "C04", Text: "the " + method + " stream ends before its end", Hint: "the file was cut short on its way, or is still being written; send it again", Cut: true}
}

// source counts what goes in and keeps the source's own error apart from
// those of the format.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Aside hands on what of a source is none of the bytes inside it: names and
// comments, and the files of an archive that are no data. What is read later
// may have more.
type Aside interface {
	Aside(look func(text []byte)) error
}

// members reads the members of a gzip stream as one, and keeps what their
// headers say.
type members struct {
	src *bufio.Reader
	z   *gzip.Reader
	out *reader
}

func newMembers(r io.Reader, out *reader) (*members, error) {
	m := &members{src: bufio.NewReaderSize(r, 64<<10), out: out}
	z, err := gzip.NewReader(m.src)
	if err != nil {
		return nil, err
	}
	m.z = z
	m.header()
	return m, nil
}

func (m *members) header() {
	m.z.Multistream(false)
	m.out.beside(m.z.Name, m.z.Comment, string(m.z.Extra))
	if len(m.out.around) > maxHeaders {
		m.out.err = damaged("gzip")
	}
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.z.Read(p)
		if n > 0 && err == io.EOF {
			err = nil // it is told by the next call
		}
		if n > 0 || err != io.EOF {
			return n, err
		}
		if err := m.z.Reset(m.src); err != nil {
			return 0, err // io.EOF: there is no further member
		}
		m.header()
	}
}

// reader counts what comes out.
type reader struct {
	r      io.Reader
	around []string // names and comments
	more   func(look func(text []byte)) error
	src    *source
	method string
	limits Limits
	out    int64
	err    error
	close  func()
}

func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.r.Read(p)
	r.out += int64(n)
	if r.err != nil { // a fault of what stands around
		return 0, r.err
	}
	switch {
	case r.out > r.limits.Bytes:
		r.err = tooMuch(r.limits.Bytes)
	case r.method != "" && r.out > free && r.out/r.limits.Ratio > r.src.n:
		r.err = bomb(r.limits.Ratio)
	case err == io.EOF || err == nil:
		r.err = err
	default:
		r.err = r.fault(err)
	}
	if r.err != nil && r.err != io.EOF {
		return 0, r.err
	}
	return n, r.err
}

// beside keeps the texts in which the number of a person may stand.
func (r *reader) beside(texts ...string) {
	for _, text := range texts {
		if record.Telling(text) {
			r.around = append(r.around, text)
		}
	}
}

// Aside hands on the names and comments that have been read so far.
func (r *reader) Aside(look func(text []byte)) error {
	for _, text := range r.around {
		look([]byte(text))
	}
	if r.more != nil {
		return r.more(look)
	}
	return nil
}

// Close frees what the method holds. It leaves the source open.
func (r *reader) Close() error {
	if r.close != nil {
		r.close()
		r.close = nil
	}
	return nil
}

func tooMuch(limit int64) *record.Error {
	return &record.Error{Rule: "C01", Text: fmt.Sprintf("the file holds more than %d bytes", limit),
		Hint: "let the sender split it; or, if it is right, raise limits.bytes of the feed"}
}

func bomb(ratio int64) *record.Error {
	return &record.Error{Rule: "C01", Text: fmt.Sprintf("the file unpacks to more than %d times its size", ratio),
		Hint: "it may be made to fill the disk; if it is right, raise limits.ratio of the feed"}
}

// fault is an error of the format as one of the file.
func (r *reader) fault(err error) error {
	if r.src.err != nil {
		return r.src.err
	}
	var told *record.Error
	switch {
	case errors.As(err, &told):
		return told
	case r.method == "zip":
		var corrupt flate.CorruptInputError
		if errors.As(err, &corrupt) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
			return damaged(r.method)
		}
		return err // of the place where the archive lies
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return cut(r.method)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &record.Error{Rule: "C01", Text: "the window of the zstd stream is larger than 64 MiB", Hint: "let the sender compress without --long, or with --long=26 at most"}
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return &record.Error{Rule: "C01", Text: "the zstd stream needs a dictionary", Hint: "let the sender compress without a dictionary"}
	}
	return damaged(r.method)
}

func damaged(method string) *record.Error {
	return &record.Error{Rule: "C01", Text: "the " + method + " stream is damaged, or something follows it", Hint: "send the file again; if it comes like this again, let the sender test it with the program that wrote it"}
}

// At gives a source that can be read at any place, and its size. A source
// that cannot is held in memory.
func At(r io.Reader, l Limits) (io.ReaderAt, int64, error) {
	if f, ok := r.(interface {
		io.ReaderAt
		io.Seeker
	}); ok {
		size, err := f.Seek(0, io.SeekEnd)
		return f, size, err
	}
	held := l.WithDefaults().Held
	b, err := io.ReadAll(io.LimitReader(r, held+1))
	if err != nil {
		return nil, 0, err
	}
	if int64(len(b)) > held {
		return nil, 0, &record.Error{Rule: "C01", Text: fmt.Sprintf("the archive has more than %d bytes", held), Hint: "send it without a further compression around it"}
	}
	return bytes.NewReader(b), int64(len(b)), nil
}

// Archive opens a ZIP. It returns a *record.Error where the source is none.
func Archive(at io.ReaderAt, size int64) (*zip.Reader, error) {
	if size == 0 {
		return &zip.Reader{}, nil
	}
	z, err := zip.NewReader(at, size)
	if err == nil || errors.Is(err, zip.ErrInsecurePath) {
		return z, nil // names are looked at one by one
	}
	head := make([]byte, 6)
	n, readErr := at.ReadAt(head, 0)
	if readErr != nil && readErr != io.EOF {
		return nil, readErr
	}
	if seen := sniff(head[:n]); seen != "zip" && n >= 4 {
		return nil, differs("zip", seen)
	}
	return nil, &record.Error{Rule: "C04", Text: "the ZIP has no directory at its end", Cut: true,
		Hint: "the file was cut short on its way, or is still being written; send it again"}
}

// File opens one file of an archive within the limits.
func File(f *zip.File, l Limits) (io.ReadCloser, error) {
	l = l.WithDefaults()
	switch {
	case f.Flags&0x1 != 0:
		return nil, &record.Error{Rule: "C01", Text: "the file in the ZIP is encrypted", Hint: "let the sender write it without a password, over an encrypted way"}
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return nil, &record.Error{Rule: "C01", Text: fmt.Sprintf("the file in the ZIP is compressed by method %d", f.Method), Hint: "let the sender store or deflate it"}
	case f.UncompressedSize64 > uint64(l.Bytes):
		return nil, tooMuch(l.Bytes)
	case f.UncompressedSize64 > free && f.UncompressedSize64/uint64(l.Ratio) > f.CompressedSize64:
		return nil, bomb(l.Ratio)
	}
	in, err := f.Open()
	if err != nil {
		return nil, damaged("zip") // its place in the archive is wrong
	}
	// What went in is what the directory says: Open reads no more of it.
	return &reader{r: in, method: "zip", limits: l, src: &source{n: int64(f.CompressedSize64)}, close: func() { _ = in.Close() }}, nil
}

func newZip(r io.Reader, l Limits) (io.ReadCloser, error) {
	at, size, err := At(r, l)
	if err != nil {
		return nil, err
	}
	z, err := Archive(at, size)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	var data *zip.File
	var others []*zip.File
	count := 0
	around := []string{z.Comment}
	for _, f := range z.File {
		around = append(around, f.Name, f.Comment)
		if !safe(f.Name) {
			return nil, &record.Error{Rule: "C01", Text: "a name in the ZIP leads out of it, or does not show what it is", Hint: "let the sender pack the file by its plain name"}
		}
		base := path.Base(f.Name)
		if strings.HasSuffix(f.Name, "/") || strings.HasPrefix(f.Name, "__MACOSX/") || strings.HasPrefix(base, ".") {
			others = append(others, f)
			continue
		}
		count++
		data = f
	}
	if count != 1 {
		return nil, &record.Error{Rule: "C01", Text: fmt.Sprintf("the ZIP has %d data files", count), Hint: "send one file in an archive"}
	}
	in, err := File(data, l)
	if out, ok := in.(*reader); ok {
		out.beside(around...)
		out.more = func(look func([]byte)) error {
			if err := LookAround(at, size, z.File, look); err != nil {
				return err
			}
			return lookAtFiles(others, l, look)
		}
	}
	return in, err
}

// LookAround hands on what of an archive lies in none of its files: their
// headers and extra fields, the directory, and what stands before, between and
// behind. Files that lie in each other are refused.
func LookAround(at io.ReaderAt, size int64, files []*zip.File, look func([]byte)) error {
	type span struct{ from, to int64 }
	spans := make([]span, 0, len(files)+1)
	for _, f := range files {
		from, err := f.DataOffset()
		if err != nil {
			return damaged("zip") // its place in the archive is wrong
		}
		spans = append(spans, span{from, from + int64(f.CompressedSize64)})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	end := int64(0)
	b := make([]byte, 0, aroundPart+aroundOverlap)
	for _, s := range append(spans, span{size, size}) {
		if s.from < end || s.to < s.from || s.to > size {
			return &record.Error{Rule: "C01", Text: "files of the ZIP lie in each other", Hint: "let the sender pack the file anew; no program that packs files writes them so"}
		}
		b = b[:0]
		for end < s.from {
			n := min(s.from-end, aroundPart)
			if keep := min(len(b), aroundOverlap); keep > 0 {
				b = append(b[:0], b[len(b)-keep:]...)
			}
			b = b[:len(b)+int(n)]
			if _, err := at.ReadAt(b[len(b)-int(n):], end); err != nil && err != io.EOF {
				return err
			}
			end += n
			lookAt(b, look)
		}
		end = s.to
	}
	return nil
}

// What lies around the files of an archive is looked at in parts that overlap by
// more than a number has.
const (
	aroundPart    = 64 << 10
	aroundOverlap = 64
)

// lookAt hands on bytes as text, and as UTF-16 as far as that is ASCII.
func lookAt(b []byte, look func([]byte)) {
	look(b)
	if bytes.IndexByte(b, 0) >= 0 {
		look(bytes.ReplaceAll(b, []byte{0}, nil))
	}
}

// lookAtFiles hands on the lines of files that programs leave in an archive
// beside its data.
func lookAtFiles(files []*zip.File, l Limits, look func([]byte)) error {
	left := int64(maxBeside)
	for _, f := range files {
		if f.UncompressedSize64 == 0 {
			continue
		}
		in, err := File(f, l)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(io.LimitReader(in, left+1))
		_ = in.Close() // it was read only
		if err != nil {
			return err
		}
		if left -= int64(len(b)); left < 0 {
			return &record.Error{Rule: "C01", Text: fmt.Sprintf("the hidden files of the ZIP have more than %d bytes", maxBeside), Hint: "send one file in an archive, and nothing beside it"}
		}
		for line := range bytes.Lines(b) {
			lookAt(line, look)
		}
	}
	return nil
}

// safe reports whether a name stays inside its archive wherever it is unpacked.
func safe(name string) bool {
	if name == "" || len(name) > 1024 || name[0] == '/' || strings.ContainsAny(name, "\\:") {
		return false
	}
	for _, r := range name { // of any encoding: older programs write none that is told
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return false
		}
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(name, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
