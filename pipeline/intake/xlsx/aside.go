package xlsx

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
)

// aside hands on the texts of every part that is no sheet: shared texts that no
// cell has, comments and their authors, defined names, properties, kept copies
// of data (pivots, external links, charts), names and comments of the archive.
func (w *workbook) aside(look func([]byte)) error {
	if err := w.unused(look); err != nil {
		return err
	}
	look([]byte(w.comment))
	if err := compressed.LookAround(w.at, w.size, w.all, look); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		f := w.files[name]
		look([]byte(f.Name))
		look([]byte(f.Comment))
		if err := w.asidePart(name, f, look); err != nil {
			return err
		}
	}
	return nil
}

func (w *workbook) asidePart(name string, f *zip.File, look func([]byte)) error {
	switch {
	case f.UncompressedSize64 == 0, name == w.strings,
		slices.ContainsFunc(w.sheets, func(s sheet) bool { return strings.ToLower(s.part) == name }):
		return nil // read as what they are
	case strings.Contains(name, "/embeddings/"), strings.HasPrefix(name, "embeddings/"):
		return &record.Error{Rule: "C15", Text: "a document is embedded in the workbook, and nobody can look through it for personal identity numbers", Hint: "let the sender take it out"}
	}
	in, err := compressed.File(f, w.limits)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was read only
	switch path.Ext(name) {
	case ".xml", ".rels", ".svg":
		err := w.asideXML(name, look)
		if bad, ok := errors.AsType[*record.Error](err); !ok || bad.Rule != "C01" {
			return err
		}
		// No XML that is read; its text tells.
	}
	return lookAtPicture(in, look)
}

// asideXML hands on the texts of a part, and those of its attributes that are
// written for a reader.
func (w *workbook) asideXML(name string, look func([]byte)) error {
	all := !strings.HasPrefix(name, "xl/") && !strings.HasPrefix(name, "_rels/") && !strings.HasPrefix(name, "[content_types]") ||
		strings.Contains(name, "pivotcache") || strings.Contains(name, "externallinks") || strings.Contains(name, "revisions")
	var text []byte
	flush := func() {
		if record.Telling(string(text)) {
			look(text)
		}
		text = text[:0]
	}
	return w.walk(name, func(tok xml.Token, _ *tokens) error {
		switch el := tok.(type) {
		case xml.CharData:
			text = append(text, el...)
			if len(text) > maxToken {
				return tooLong()
			}
		case xml.Comment:
			look(el)
		case xml.StartElement:
			if !styled(el.Name.Local) {
				flush()
			}
			for _, a := range el.Attr {
				if all || written(a.Name.Local) {
					look([]byte(a.Value))
				}
			}
		case xml.EndElement:
			if !styled(el.Name.Local) {
				flush()
			}
		}
		return nil
	})
}

// styled reports whether an element is one of a text in several styles, which
// is one text.
func styled(element string) bool {
	switch element {
	case "r", "t", "rPr", "b", "i", "u", "strike", "sz", "color", "rFont", "family", "charset", "scheme", "vertAlign":
		return true
	}
	return false
}

// written reports whether an attribute holds what somebody wrote. Others, as
// ids and places, are full of digits that mean nothing.
func written(attribute string) bool {
	switch attribute {
	case "name", "displayName", "title", "descr", "alt", "author", "comment", "description", "help", "prompt", "promptTitle", "error", "errorTitle",
		"tooltip", "display", "location", "Target", "v", "caption", "uniqueName", "connection", "command", "sourceFile", "sheetName", "userName", "tag",
		"customMenu", "statusBar", "totalsRowLabel", "formatCode", "altText", "altTextSummary", "formula1", "formula2", "stringValue1", "stringValue2":
		return true
	}
	return false
}

// unused hands on what the cells of no sheet have of the shared texts, and the
// phonetic hints in them.
func (w *workbook) unused(look func([]byte)) error {
	if w.strings == "" {
		return nil
	}
	for i := range w.ends {
		if text, _ := w.text(i); w.used[i/64]>>(i%64)&1 == 0 && record.Telling(string(text)) {
			look(text)
		}
	}
	if !w.hints {
		return nil
	}
	in := 0
	return w.walk(w.strings, func(tok xml.Token, t *tokens) error {
		switch el := tok.(type) {
		case xml.Comment:
			look(el)
		case xml.StartElement:
			if el.Name.Local == "rPh" {
				in++
			}
			if el.Name.Local == "t" && in > 0 {
				text, err := t.text()
				look(text)
				return err
			}
		case xml.EndElement:
			if el.Name.Local == "rPh" {
				in--
			}
		}
		return nil
	})
}

// maxLine is how much of a part that is no XML is looked at in one piece.
const maxLine = 64 << 10

// lookAt hands on what of a part is text, in pieces that overlap by more than a
// number has.
func lookAt(in io.Reader, look func([]byte)) error {
	const overlap = 64
	b := make([]byte, 0, maxLine+overlap)
	for {
		n, err := io.ReadFull(in, b[len(b):cap(b)])
		b = b[:len(b)+n]
		look(b)
		if bytes.IndexByte(b, 0) >= 0 {
			look(bytes.ReplaceAll(b, []byte{0}, nil)) // UTF-16, as far as it is ASCII
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look through a part: %w", err)
		}
		b = append(b[:0], b[len(b)-overlap:]...)
	}
}
