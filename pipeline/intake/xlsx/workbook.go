package xlsx

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
)

// Bounds of what is held in memory.
const (
	maxToken   = 4 << 20   // one text of a part
	maxStrings = 128 << 20 // all shared texts
	maxParts   = 10_000
	maxStyles  = 1 << 16
)

// workbook is what of an archive is needed to read one sheet.
type workbook struct {
	at       io.ReaderAt
	size     int64
	all      []*zip.File
	files    map[string]*zip.File // by lower-case name
	limits   compressed.Limits
	date1904 bool
	sheets   []sheet
	kinds    []kind // by style
	texts    []byte // shared texts on end
	ends     []int  // where each ends
	// used marks the shared texts that a cell has had, and strings is their part.
	used    []uint64
	strings string
	comment string // of the archive
	hints   bool   // the shared texts have others between them
}

type sheet struct {
	name, id, part string
	hidden         bool
}

// kind is what the format of a cell makes of its number.
type kind uint8

const (
	plain kind = iota
	dateKind
	timeKind
)

func damaged(text string) *record.Error {
	return &record.Error{Rule: "C01", Text: "the workbook is damaged: " + text, Hint: "open it in the program that wrote it, save it again as .xlsx and send that"}
}

func openWorkbook(at io.ReaderAt, size int64, limits compressed.Limits) (*workbook, error) {
	head := make([]byte, 8)
	if n, _ := at.ReadAt(head, 0); n == 8 && string(head) == "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" {
		return nil, &record.Error{Rule: "C01", Text: "the file is a workbook of the old form (.xls), or one with a password", Hint: "let the sender save it as .xlsx without a password"}
	}
	archive, err := compressed.Archive(at, size)
	if err != nil {
		if fault, ok := errors.AsType[*record.Error](err); ok && !fault.Cut {
			return nil, &record.Error{Rule: "C01", Text: "the feed declares format: xlsx, the file is no workbook", Hint: "if the sender writes another format, declare it in the feed"}
		}
		return nil, err
	}
	w := &workbook{at: at, size: size, all: archive.File, files: map[string]*zip.File{}, limits: limits, comment: archive.Comment}
	if len(archive.File) > maxParts {
		return nil, damaged(fmt.Sprintf("it has more than %d parts", maxParts))
	}
	for _, f := range archive.File {
		name := strings.ToLower(strings.TrimPrefix(f.Name, "/"))
		if w.files[name] != nil {
			return nil, damaged("a part stands twice")
		}
		w.files[name] = f
	}
	return w, w.read()
}

// read reads everything but the sheets themselves.
func (w *workbook) read() error {
	root, err := w.relations("", "_rels/.rels")
	if err != nil {
		return err
	}
	main := root.ofType("officeDocument")
	if main == "" {
		return &record.Error{Rule: "C01", Text: "the ZIP is no workbook", Hint: "if it holds another file, declare its format and compression: zip in the feed"}
	}
	folder, base := path.Split(main)
	rels, err := w.relations(folder, folder+"_rels/"+base+".rels")
	if err != nil {
		return err
	}
	err = w.part(main, func(el xml.StartElement, _ *tokens) error {
		switch el.Name.Local {
		case "workbookPr":
			w.date1904 = truth(attr(el, "date1904"))
		case "sheet":
			s := sheet{name: attr(el, "name"), id: attr(el, "id"), hidden: attr(el, "state") != "" && attr(el, "state") != "visible"}
			s.part = rels.byID[s.id]
			if len(w.sheets) == maxParts {
				return damaged("too many sheets")
			}
			w.sheets = append(w.sheets, s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if part := rels.ofType("styles"); part != "" {
		if err := w.styles(part); err != nil {
			return err
		}
	}
	if part := rels.ofType("sharedStrings"); part != "" {
		w.strings = strings.ToLower(part)
		err := w.shared(part)
		w.used = make([]uint64, len(w.ends)/64+1)
		return err
	}
	return nil
}

// relations are the parts that a part refers to.
type relations struct {
	byID, byType map[string]string
}

func (r relations) ofType(name string) string { return r.byType[name] }

func (w *workbook) relations(folder, part string) (relations, error) {
	r := relations{map[string]string{}, map[string]string{}}
	if w.files[strings.ToLower(part)] == nil {
		return r, nil
	}
	err := w.part(part, func(el xml.StartElement, _ *tokens) error {
		if el.Name.Local != "Relationship" || attr(el, "TargetMode") == "External" {
			return nil
		}
		target := attr(el, "Target")
		if strings.HasPrefix(target, "/") {
			target = target[1:]
		} else {
			target = path.Join(folder, target)
		}
		r.byID[attr(el, "Id")] = target
		typ := attr(el, "Type")
		r.byType[typ[strings.LastIndexByte(typ, '/')+1:]] = target
		return nil
	})
	return r, err
}

// styles reads which formats are dates.
func (w *workbook) styles(part string) error {
	custom := map[int]kind{}
	inCells := false
	return w.part(part, func(el xml.StartElement, _ *tokens) error {
		switch el.Name.Local {
		case "numFmt":
			id, err := strconv.Atoi(attr(el, "numFmtId"))
			if err != nil || len(custom) == maxStyles {
				return damaged("its styles")
			}
			custom[id] = kindOf(attr(el, "formatCode"))
		case "cellXfs":
			inCells = true
		case "cellStyles", "dxfs", "cellStyleXfs":
			inCells = false
		case "xf":
			if !inCells {
				return nil
			}
			id, err := strconv.Atoi(attr(el, "numFmtId"))
			if attr(el, "numFmtId") == "" {
				id, err = 0, nil
			}
			if err != nil || len(w.kinds) == maxStyles {
				return damaged("its styles")
			}
			k, ok := custom[id]
			if !ok {
				k = builtIn(id)
			}
			w.kinds = append(w.kinds, k)
		}
		return nil
	})
}

// builtIn is what the formats without a code of their own are (ISO/IEC
// 29500-1, 18.8.30).
func builtIn(id int) kind {
	switch {
	case id >= 14 && id <= 17, id == 22, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id >= 57 && id <= 58:
		return dateKind
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id >= 45 && id <= 47, id >= 55 && id <= 56:
		return timeKind
	}
	return plain
}

// kindOf reads a format code: its letters outside quotes, escapes and
// brackets tell. An m is a month, unless hours or seconds are near and neither
// year nor day is.
func kindOf(code string) kind {
	day, month, clock := false, false, false
	code, _, _ = strings.Cut(code, ";")
	if strings.Contains(strings.ToLower(code), "general") {
		return plain
	}
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c | 0x20 {
		case '"' | 0x20:
			if c != '"' {
				continue
			}
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				i = len(code)
				continue
			}
			i += end + 1
		case '[' | 0x20:
			if c != '[' {
				continue
			}
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				i = len(code)
				continue
			}
			// Elapsed time; other brackets are colours, conditions and locales.
			if inside := strings.ToLower(code[i+1 : i+end]); inside != "" && strings.Trim(inside, "hms") == "" {
				clock = true
			}
			i += end
		case 'y', 'd':
			day = true
		case 'm':
			month = true
		case 'h', 's':
			clock = true
		case 'e':
			if i+1 < len(code) && (code[i+1] == '+' || code[i+1] == '-') {
				return plain // an exponent
			}
			day = true // a year of an era
		default:
			if c == '\\' || c == '_' || c == '*' {
				i++
			}
		}
	}
	switch {
	case day, month && !clock:
		return dateKind
	case clock:
		return timeKind
	}
	return plain
}

// shared reads the texts that cells share.
func (w *workbook) shared(part string) error {
	in := 0 // depth of phonetic hints
	return w.walk(part, func(tok xml.Token, t *tokens) error {
		switch el := tok.(type) {
		case xml.Comment:
			w.hints = true
		case xml.StartElement:
			switch el.Name.Local {
			case "rPh":
				w.hints = true
				in++
			case "t":
				if in > 0 {
					return nil
				}
				text, err := t.text()
				if err != nil {
					return err
				}
				if len(w.texts)+len(text) > maxStrings {
					return &record.Error{Rule: "C01", Text: fmt.Sprintf("the texts of the workbook have more than %d bytes", maxStrings), Hint: "let the sender split it, or send CSV"}
				}
				w.texts = append(w.texts, text...)
			}
		case xml.EndElement:
			switch el.Name.Local {
			case "rPh":
				in--
			case "si":
				w.ends = append(w.ends, len(w.texts))
			}
		}
		return nil
	})
}

func (w *workbook) text(i int) ([]byte, bool) {
	if i < 0 || i >= len(w.ends) {
		return nil, false
	}
	from := 0
	if i > 0 {
		from = w.ends[i-1]
	}
	return w.texts[from:w.ends[i]:w.ends[i]], true
}

func attr(el xml.StartElement, name string) string {
	for _, a := range el.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func truth(s string) bool { return s == "1" || s == "true" }

// tokens reads the XML of a part.
type tokens struct {
	in    io.ReadCloser
	dec   *xml.Decoder
	since int // bytes since the last token
}

func (w *workbook) open(part string) (*tokens, error) {
	f := w.files[strings.ToLower(part)]
	if f == nil {
		return nil, damaged("a part is missing")
	}
	in, err := compressed.File(f, w.limits)
	if err != nil {
		return nil, err
	}
	t := &tokens{in: in}
	t.dec = xml.NewDecoder(t)
	return t, nil
}

func tooLong() *record.Error {
	return &record.Error{Rule: "C01", Text: fmt.Sprintf("a text of the workbook has more than %d bytes", maxToken), Hint: "a cell holds far less; let the sender correct the file"}
}

// Read bounds the memory of a token.
func (t *tokens) Read(p []byte) (int, error) {
	if t.since > maxToken {
		return 0, tooLong()
	}
	n, err := t.in.Read(p)
	t.since += n
	return n, err
}

func (t *tokens) next() (xml.Token, error) {
	t.since = 0
	tok, err := t.dec.Token()
	if err == nil || err == io.EOF {
		return tok, err
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return nil, damaged("its XML is not well formed")
	}
	if _, ok := errors.AsType[*record.Error](err); ok {
		return nil, err
	}
	if strings.HasPrefix(err.Error(), "xml: ") {
		return nil, damaged("its XML is not UTF-8")
	}
	return nil, err
}

// text is the text up to the end of the element that has just begun.
func (t *tokens) text() ([]byte, error) {
	var out []byte
	for depth := 0; ; {
		tok, err := t.next()
		if err == io.EOF {
			return nil, damaged("its XML is not well formed")
		}
		if err != nil {
			return nil, err
		}
		switch el := tok.(type) {
		case xml.CharData:
			if len(out)+len(el) > maxToken {
				return nil, tooLong()
			}
			out = append(out, el...)
		case xml.StartElement:
			depth++
		case xml.EndElement:
			if depth == 0 {
				return unescape(out), nil
			}
			depth--
		}
	}
}

func (w *workbook) part(name string, start func(xml.StartElement, *tokens) error) error {
	return w.walk(name, func(tok xml.Token, t *tokens) error {
		if el, ok := tok.(xml.StartElement); ok {
			return start(el, t)
		}
		return nil
	})
}

// walk gives every token of a part, which ends where its root does.
func (w *workbook) walk(name string, each func(xml.Token, *tokens) error) error {
	t, err := w.open(name)
	if err != nil {
		return err
	}
	defer func() { _ = t.in.Close() }()
	for {
		tok, err := t.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(tok, t); err != nil {
			return err
		}
	}
}

// unescape decodes _xHHHH_, as workbooks write characters that XML lacks. One
// that is no character of its own stays as it is.
func unescape(b []byte) []byte {
	if !strings.Contains(string(b), "_x") {
		return b
	}
	var out []byte
	for i := 0; i < len(b); i++ {
		if len(b)-i >= 7 && b[i] == '_' && b[i+1] == 'x' && b[i+6] == '_' {
			if u, err := strconv.ParseUint(string(b[i+2:i+6]), 16, 32); err == nil && u != 0 && (u < 0xd800 || u > 0xdfff) {
				out = append(out, string(rune(u))...)
				i += 6
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}
