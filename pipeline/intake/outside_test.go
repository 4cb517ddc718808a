package intake

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
)

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
