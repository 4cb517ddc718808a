package propose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/arrowipc"
	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/parquet"
	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
	"larstrom/pipeline/intake/xlsx"
)

// most is how much text is looked at: what a form is, its beginning shows.
const most = 64 << 20

// Need is an indicator that the proposed feed names and the catalog must have.
type Need struct {
	ID string
	// Type is a type of the model under which the proposal can be read.
	Type catalog.IndicatorType
}

// Proposal is a feed definition that reads a file, as far as it was looked at.
type Proposal struct {
	// Feed is the definition; its registry is a placeholder.
	Feed catalog.Feed
	// Needs are its indicators; none for a long file, whose rows name them.
	Needs []Need
	// Warnings are what a person must decide.
	Warnings []string
	// Records is how many were looked at; Whole says that these are all.
	Records int64
	Whole   bool

	evidence map[string][]string // by key of the definition
	columns  []*column
}

// The placeholders of a proposal.
const (
	Registry   = "registry"
	UnitSystem = "local"
)

// ErrUnknown says that nothing here can tell what the file is.
var ErrUnknown = errors.New("the form of the file cannot be told")

func (p *Proposal) why(key, format string, args ...any) {
	p.evidence[key] = append(p.evidence[key], fmt.Sprintf(format, args...))
}

func (p *Proposal) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// Propose looks at the file and proposes a feed for it. name is its base name.
func Propose(name string, in io.ReaderAt, size int64) (*Proposal, error) {
	p := &Proposal{evidence: map[string][]string{}, Whole: true}
	f := &p.Feed
	f.ID, f.Registry, f.Format, f.Delivery, f.Scope.Window = slug(stem(name)), Registry, "delimited", "snapshot", "file"
	f.Files = []string{pattern(name)}
	f.Dialect = catalog.Dialect{Encoding: "utf-8", Delimiter: ",", Quote: `"`, Decimal: ".", Dates: "iso", Header: true}
	f.Complete.By = "newline"
	head := make([]byte, 16)
	n, err := in.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if head = head[:n]; n == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrUnknown)
	}
	return p, p.container(in, size, head)
}

// container takes off what is around the file.
func (p *Proposal) container(in io.ReaderAt, size int64, head []byte) error {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return p.packed("gzip", in, size)
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return p.packed("zstd", in, size)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		z, err := compressed.Archive(in, size)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		for _, f := range z.File {
			if f.Name == "[Content_Types].xml" || strings.HasPrefix(f.Name, "xl/") {
				p.why("format", "a ZIP with the parts of a workbook")
				return p.workbook(in, size)
			}
		}
		return p.packed("zip", in, size)
	case bytes.HasPrefix(head, []byte("PAR1")), bytes.HasPrefix(head, []byte("ARROW1")), bytes.HasPrefix(head, []byte("\xff\xff\xff\xff")):
		return p.columnar(in, size, head)
	}
	return p.text(io.NewSectionReader(in, 0, size))
}

// packed looks inside a compressed file.
func (p *Proposal) packed(method string, in io.ReaderAt, size int64) error {
	p.Feed.Compression = method
	p.why("compression", "the first bytes are those of %s", method)
	r, err := compressed.NewReader(io.NewSectionReader(in, 0, size), method, compressed.Limits{})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	defer func() { _ = r.Close() }()
	inside, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	at, head := bytes.NewReader(inside), inside[:min(len(inside), 16)]
	switch {
	case len(inside) == 0:
		return fmt.Errorf("%w: nothing is in it", ErrUnknown)
	case bytes.HasPrefix(head, []byte("PAR1")), bytes.HasPrefix(head, []byte("ARROW1")), bytes.HasPrefix(head, []byte("\xff\xff\xff\xff")):
		return p.columnar(at, at.Size(), head)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return p.workbook(at, at.Size())
	}
	return p.text(at)
}

// rows is what is looked at of any format.
type rows interface {
	Next() (*record.Record, error)
}

// look reads the rows into the columns.
func (p *Proposal) look(in rows, names []string) error {
	cols, err := newColumns(names)
	if err != nil {
		return err
	}
	p.columns = cols
	return p.lookOn(in)
}

func (p *Proposal) lookOn(in rows) error {
	for {
		rec, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		if rec.Malformed != "" {
			p.warn("line %d cannot be split: %s", rec.Line, rec.Malformed)
			continue
		}
		if p.Records == 0 && p.Feed.Format == "delimited" {
			if text := instructed(rec.Fields); text != "" {
				p.warn("line %d is no row: it begins with %s and may say whether the file replaces or adds; then declare it under instruction", rec.Line, text)
				continue
			}
		}
		p.Records++
		for i, c := range p.columns {
			if i < len(rec.Fields) {
				c.add(rec.Line, rec.Fields[i])
			}
		}
	}
}

func (p *Proposal) columnar(in io.ReaderAt, size int64, head []byte) error {
	type table interface {
		rows
		Columns() []string
		Close() error
	}
	var t table
	var err error
	form := typed.Form{Decimal: '.', Dates: "iso"}
	if bytes.HasPrefix(head, []byte("PAR1")) {
		p.Feed.Format = "parquet"
		p.why("format", "the first bytes are PAR1")
		t, err = parquet.NewReader(io.NewSectionReader(in, 0, size), parquet.Options{All: true, Form: form})
	} else {
		p.Feed.Format = "arrow"
		p.why("format", "the first bytes are those of an Arrow file or stream")
		t, err = arrowipc.NewReader(io.NewSectionReader(in, 0, size), arrowipc.Options{All: true, Form: form})
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	defer func() { _ = t.Close() }()
	if err := p.look(t, t.Columns()); err != nil {
		return err
	}
	p.Feed.Complete.By = ""
	return p.conclude()
}

// searched is how many rows of a sheet are looked at for its header.
const searched = 50

func (p *Proposal) workbook(in io.ReaderAt, size int64) error {
	p.Feed.Format, p.Feed.Complete.By = "xlsx", ""
	open := func(first int, header bool) (*xlsx.Reader, error) {
		return xlsx.NewReader(io.NewSectionReader(in, 0, size), xlsx.Options{First: first, Header: header, Width: 200, Decimal: '.', Dates: "iso"})
	}
	t, err := open(1, false)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	// The header is the first row that is as wide as any of the first.
	widest, at := 0, uint64(1)
	for range searched {
		rec, err := t.Next()
		if err != nil {
			break
		}
		n := 0
		for i, f := range rec.Fields {
			if len(f) > 0 {
				n = i + 1
			}
		}
		if n > widest {
			widest, at = n, rec.Line
		}
	}
	_ = t.Close()
	if widest == 0 {
		return fmt.Errorf("%w: the first sheet is empty", ErrUnknown)
	}
	if t, err = open(int(at), true); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	defer func() { _ = t.Close() }()
	if at > 1 {
		p.Feed.XLSX.HeaderRow = int(at)
		p.why("xlsx", "row %d is the first that is as wide as the table", at)
	}
	rec, err := t.Next()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if err := p.look(t, texts(rec.Fields)); err != nil {
		return err
	}
	return p.conclude()
}

func texts(fields [][]byte) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = strings.TrimSpace(string(f))
	}
	return out
}

// stem is the base name without its extensions and without what changes from
// one delivery to the next.
func stem(name string) string {
	s := path.Base(name)
	if i := strings.IndexByte(s, '.'); i > 0 {
		s = s[:i]
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s), "_- ")
}

// pattern is the name with a star for its digits.
func pattern(name string) string {
	var b strings.Builder
	star := false
	for _, r := range path.Base(name) {
		switch {
		case r >= '0' && r <= '9' || star && (r == '-' || r == '_') || strings.ContainsRune(`*?[\`, r):
			if !star {
				b.WriteByte('*')
			}
			star = true
			continue
		}
		star = false
		b.WriteRune(r)
	}
	return b.String()
}

// slug is a name as ids of the catalog are written.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == 'å' || r == 'ä' || r == 'æ':
			b.WriteByte('a')
		case r == 'ö' || r == 'ø':
			b.WriteByte('o')
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		if b.Len() >= 40 {
			break
		}
	}
	if out := strings.Trim(b.String(), "_"); out != "" {
		return out
	}
	return "feed"
}
