package intake

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"larstrom/pipeline/catalog"
)

// withPart is an archive with one part more.
func withPart(t *testing.T, book, name, text string) string {
	t.Helper()
	in, err := zip.NewReader(strings.NewReader(book), int64(len(book)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range in.File {
		err = errors.Join(err, w.Copy(f))
	}
	part, created := w.Create(name)
	if err := errors.Join(err, created); err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(part, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// nullText is Arrow data with a text in a column where the row has a null.
func nullText(t *testing.T, text string) string {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "unit", Type: arrow.BinaryTypes.String}, {Name: "ind", Type: arrow.BinaryTypes.String}, {Name: "date", Type: arrow.BinaryTypes.String},
		{Name: "num", Type: arrow.BinaryTypes.String}, {Name: "den", Type: arrow.BinaryTypes.String}, {Name: "x", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i, s := range []string{"SE1-N", "ctl", "2024-01-01", "1", "2", text} {
		b.Field(i).(*array.StringBuilder).Append(s)
	}
	rec := b.NewRecord()
	columns := slices.Clone(rec.Columns())
	buffers := slices.Clone(columns[5].Data().Buffers())
	buffers[0] = memory.NewBufferBytes([]byte{0})
	columns[5] = array.NewStringData(array.NewData(arrow.BinaryTypes.String, 1, buffers, nil, 1, 0))
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	if err := errors.Join(w.Write(array.NewRecord(schema, columns, 1)), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A number of a person that stands in no row rejects the file, wherever in it;
// what is none, as the time of an export, does not. The number is in no error.
func TestNumbersOutsideTheRows(t *testing.T) {
	const person = "19121212-1212"
	row := "SE1-N;ctl;2024-01-01;1;2"
	long := func(change func(*catalog.Feed)) *catalog.Feed {
		f := longFeed()
		change(f)
		return f
	}
	sheet := func(rows ...string) string {
		var b strings.Builder
		b.WriteString("<worksheet><sheetData>")
		for _, r := range rows {
			b.WriteString("<row>")
			for _, c := range strings.Split(r, ";") {
				fmt.Fprintf(&b, `<c t="str"><v>%s</v></c>`, c)
			}
			b.WriteString("</row>")
		}
		return b.String() + "</sheetData></worksheet>"
	}
	book := func(f *catalog.Feed) { f.Format, f.Complete = "xlsx", catalog.Complete{} }
	head := "unit;ind;date;num;den"
	ready, c := readyFeed(t, "fhir-measurereport")
	bundle, err := fs.ReadFile(ready, "sample/htn_2024-10.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		feed *catalog.Feed
		text func(word string) string
	}{
		{"a preamble", long(func(f *catalog.Feed) { f.Dialect.Preamble.Lines = 2 }), func(w string) string { return "Export\nby " + w + "\n" + head + "\n" + row + "\n" }},
		{"a trailer", long(func(f *catalog.Feed) { f.Complete = catalog.Complete{By: "trailer", Pattern: `^END (\d+)`} }), func(w string) string { return head + "\n" + row + "\nEND 1 " + w + "\n" }},
		{"the column of the order", long(func(f *catalog.Feed) { f.Order.By, f.Order.Column = "column", "seq" }), func(w string) string { return head + ";seq\n" + row + ";" + w + "\n" }},
		{"a hidden sheet", long(book), func(w string) string { return workbookWith(t, sheet(head, row), sheet("a;b", "c;"+w)) }},
		{"above a table", long(func(f *catalog.Feed) { book(f); f.XLSX.HeaderRow = 2 }), func(w string) string { return workbookOf(t, sheet("by "+w, head, row)) }},
		{"a resource behind the reports", &c.Feeds[0], func(w string) string {
			at := strings.LastIndex(string(bundle), "]")
			return string(bundle[:at]) + `, {"resource": {"resourceType": "Device", "note": "` + w + `"}}` + string(bundle[at:])
		}},
		{"the Bundle itself", &c.Feeds[0], func(w string) string {
			return strings.Replace(string(bundle), `"entry": [`, `"identifier": {"value": "`+w+`"}, "entry": [`, 1)
		}},
		{"a picture's EXIF", long(book), func(w string) string {
			return withPart(t, workbookOf(t, sheet(head, row)), "docProps/thumbnail.jpeg", "\xff\xd8\xff\xe1\x00\x40Exif\x00\x00"+w+"\x00\xff\xd9")
		}},
		{"a picture's text", long(book), func(w string) string {
			text := "Author\x00" + w
			return withPart(t, workbookOf(t, sheet(head, row)), "xl/media/image1.png", "\x89PNG\r\n\x1a\n"+string(binary.BigEndian.AppendUint32(nil, uint32(len(text))))+"tEXt"+text+"1234\x00\x00\x00\x00IEND\xaeB`\x82")
		}},
		{"a picture's packed text", long(book), func(w string) string {
			var text bytes.Buffer
			text.WriteString("Author\x00\x00")
			z := zlib.NewWriter(&text)
			_, err := io.WriteString(z, w)
			if err := errors.Join(err, z.Close()); err != nil {
				t.Fatal(err)
			}
			return withPart(t, workbookOf(t, sheet(head, row)), "xl/media/image1.png", "\x89PNG\r\n\x1a\n"+string(binary.BigEndian.AppendUint32(nil, uint32(text.Len())))+"zTXt"+text.String()+"1234")
		}},
		{"a drawing", long(book), func(w string) string {
			return withPart(t, workbookOf(t, sheet(head, row)), "xl/media/image1.svg", "<svg><text>"+w+"</text></svg>")
		}},
		{"before an archive", long(func(f *catalog.Feed) { f.Compression = "zip" }), func(w string) string { return "MZ " + w + " " + string(packed(t, "zip", []byte(head+"\n"+row+"\n"))) }},
		{"behind an archive", long(func(f *catalog.Feed) { f.Compression = "zip" }), func(w string) string { return string(packed(t, "zip", []byte(head+"\n"+row+"\n"))) + " " + w }},
		{"an extra field of an archive", long(func(f *catalog.Feed) { f.Compression = "zip" }), func(w string) string {
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			in, err := z.CreateHeader(&zip.FileHeader{Name: "a.csv", Extra: append([]byte{0x99, 0x99, byte(len(w)), 0}, w...)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.WriteString(in, head+"\n"+row+"\n")
			if err := errors.Join(err, z.Close()); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}},
		{"a frame that is skipped", long(func(f *catalog.Feed) { f.Compression = "zstd" }), func(w string) string {
			frame := append(binary.LittleEndian.AppendUint32([]byte{0x5f, 0x2a, 0x4d, 0x18}, uint32(len(w))), w...)
			first, second := packed(t, "zstd", []byte(head+"\n")), packed(t, "zstd", []byte(row+"\n"))
			return string(slices.Concat(first, frame, second))
		}},
		{"under a null", long(func(f *catalog.Feed) { f.Format, f.IgnoreColumns = "arrow", []string{"x"} }), func(w string) string { return nullText(t, w) }},
	} {
		read := func(word string) (string, error) {
			d := delivery()
			idx := world()
			if tc.feed == &c.Feeds[0] {
				idx = c.Index()
			}
			s := &taken{}
			_, err := Read(t.Context(), strings.NewReader(tc.text(word)), tc.feed, idx, d, s)
			return fmt.Sprint(s.rejects), err
		}
		var bad *FileError
		if rejects, err := read(person); !errors.As(err, &bad) || bad.Problems[0].Rule != RuleIdentity || len(bad.Identity) != 1 || strings.Contains(err.Error()+rejects, person) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if _, err := read("20241230-0317 by " + person); !errors.As(err, &bad) || bad.Problems[0].Rule != RuleIdentity {
			t.Errorf("%s, behind a time: %v", tc.name, err)
		}
		for _, word := range []string{"20241230-0317", "20241230-0315", "2024123003151200", "nothing"} {
			if _, err := read(word); err != nil {
				t.Errorf("%s, %s: %v", tc.name, word, err)
			}
		}
	}
}

// What is told is one line, whatever a header holds.
func TestFaultsOfAHeaderAreOneLine(t *testing.T) {
	_, _, err := readText(t, longFeed(), "unit;ind;date;num;den;\"more\nthan \x1b[2J one\"\nSE1-N;ctl;2024-01-01;1;2;x\n", delivery())
	var bad *FileError
	if !errors.As(err, &bad) || len(bad.Problems) != 1 || strings.ContainsAny(err.Error(), "\n\x1b") || !strings.Contains(err.Error(), "more?than ?[2J one") {
		t.Errorf("%v", err)
	}
}
