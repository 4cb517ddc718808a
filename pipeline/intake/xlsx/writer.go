package xlsx

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Writer writes a workbook of one sheet, whose cells are texts: the rejected rows
// of a workbook go back as one. A Reader reads the same texts.
type Writer struct {
	zip     *zip.Writer
	sheet   io.Writer
	row     int
	escaped *regexp.Regexp
	buf     bytes.Buffer
}

// defaultSheet is the name of a sheet that has none.
const defaultSheet = "Sheet1"

// NewWriter begins a workbook with a sheet of that name.
func NewWriter(w io.Writer, sheet string) (*Writer, error) {
	if sheet == "" {
		sheet = defaultSheet
	}
	out := &Writer{zip: zip.NewWriter(w), escaped: regexp.MustCompile(`_(x[0-9A-Fa-f]{4}_)`)}
	var name bytes.Buffer
	if err := xml.EscapeText(&name, []byte(sheet)); err != nil {
		return nil, fmt.Errorf("write a workbook: %w", err)
	}
	const head = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	const (
		main     = `http://schemas.openxmlformats.org/spreadsheetml/2006/main`
		relation = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
		packages = `http://schemas.openxmlformats.org/package/2006/`
		types    = `application/vnd.openxmlformats-officedocument.spreadsheetml.`
	)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="` + packages + `content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + types + `sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + types + `worksheet+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + packages + `relationships"><Relationship Id="rId1" Type="` + relation + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="` + main + `" xmlns:r="` + relation + `"><sheets><sheet name="` + name.String() + `" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packages + `relationships"><Relationship Id="rId1" Type="` + relation + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
		{"xl/worksheets/sheet1.xml", `<worksheet xmlns="` + main + `"><sheetData>`},
	} {
		var err error
		if out.sheet, err = out.zip.Create(part[0]); err == nil {
			_, err = io.WriteString(out.sheet, head+part[1])
		}
		if err != nil {
			return nil, fmt.Errorf("write a workbook: %w", err)
		}
	}
	return out, nil
}

// Skip leaves rows empty, so that the next is the one of that number.
func (w *Writer) Skip(to int) { w.row = max(w.row, to-1) }

// Row writes the next row. A text that is empty is an empty cell.
func (w *Writer) Row(fields []string) error {
	w.row++
	w.buf.Reset()
	fmt.Fprintf(&w.buf, `<row r="%d">`, w.row)
	for i, text := range fields {
		if text == "" {
			continue
		}
		fmt.Fprintf(&w.buf, `<c r="%s%d" t="inlineStr"><is><t xml:space="preserve">`, letters(i+1), w.row)
		if err := xml.EscapeText(&w.buf, []byte(w.escape(text))); err != nil {
			return fmt.Errorf("write a workbook: %w", err)
		}
		w.buf.WriteString("</t></is></c>")
	}
	w.buf.WriteString("</row>")
	if _, err := w.sheet.Write(w.buf.Bytes()); err != nil {
		return fmt.Errorf("write a workbook: %w", err)
	}
	return nil
}

// escape writes what XML lacks as _xHHHH_, and what would be taken for it.
func (w *Writer) escape(text string) string {
	text = w.escaped.ReplaceAllString(text, "_x005F_$1")
	if !strings.ContainsFunc(text, unwritable) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unwritable(r) {
			fmt.Fprintf(&b, "_x%04X_", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unwritable(r rune) bool {
	return r > 0 && r < 0x20 && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff
}

// Close ends the workbook. It leaves what it writes to open.
func (w *Writer) Close() error {
	if _, err := io.WriteString(w.sheet, "</sheetData></worksheet>"); err != nil {
		return fmt.Errorf("write a workbook: %w", err)
	}
	if err := w.zip.Close(); err != nil {
		return fmt.Errorf("write a workbook: %w", err)
	}
	return nil
}
