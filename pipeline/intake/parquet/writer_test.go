package parquet_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"

	"larstrom/pipeline/intake/parquet"
)

// TestWriterGivesTheRowsBack: a file is written again with the types of its
// columns in their order, and both this reader and the library's read the rows.
func TestWriterGivesTheRowsBack(t *testing.T) {
	columns, rows, want := everything()
	b := write(t, columns, rows, 2)
	opt := options(t, columns)
	r, err := parquet.NewReader(bytes.NewReader(b), opt)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := parquet.NewWriter(&out, r.Columns(), r.Types(), opt.Form)
	for _, line := range want {
		if err := w.Row(strings.Split(line, "|")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Row([]string{"", "no number"}); err == nil {
		t.Error("a text was taken for a number")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := read(t, out.Bytes(), opt)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\n%q, want\n%q", err, got, want)
	}
	back, err := pq.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if back.NumRows() != int64(len(want)) {
		t.Errorf("%d rows, want %d", back.NumRows(), len(want))
	}
	before, err := pq.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range back.Schema().Fields() {
		was := before.Schema().Fields()[i]
		if f.Name() != was.Name() || !f.Optional() {
			t.Errorf("column %d is %s, want %s", i, f.Name(), was.Name())
		}
		// Texts of all kinds are texts, and a time of day has no zone.
		if g, b := f.Type().String(), was.Type().String(); g != b && g != "STRING" && !strings.HasPrefix(g, "TIME(") {
			t.Errorf("%s: %s was %s", f.Name(), g, b)
		}
	}
}
