package arrowipc_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"larstrom/pipeline/intake/arrowipc"
)

// again writes rows with the columns of a table, in its form.
func again(t *testing.T, b []byte, opt arrowipc.Options, rows []string) []byte {
	t.Helper()
	r, err := arrowipc.NewReader(bytes.NewReader(b), opt)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := arrowipc.NewWriter(&out, r.Stream(), r.Columns(), r.Types(), opt.Form)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range rows {
		if err := w.Row(strings.Split(line, "|")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestWriterGivesTheRowsBack: a table is written again as a file or stream with
// the types of its columns, and both this reader and the library's read it.
func TestWriterGivesTheRowsBack(t *testing.T) {
	rec, want := everything(t)
	opt := options(t, rec)
	for name, f := range forms() {
		for _, times := range []int{0, 1, 7001} { // of 3 rows: more than two batches
			if times > 1 && len(f.opt) > 0 {
				continue // how it came is no matter
			}
			want := slices.Repeat(want, times)
			b := again(t, write(t, f, rec), opt, want)
			got, err := read(t, b, opt)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%s: %v\n%q, want\n%q", name, err, got, want)
			}
			if times == 1 {
				official(t, name, b, f.file, rec)
			}
		}
	}
}

// official reads the table with the library.
func official(t *testing.T, name string, b []byte, isFile bool, want arrow.Record) {
	t.Helper()
	var got arrow.Record
	if isFile {
		r, err := ipc.NewFileReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(name, err)
		}
		if got, err = r.Record(0); err != nil {
			t.Fatal(name, err)
		}
	} else {
		r, err := ipc.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(name, err)
		}
		if !r.Next() {
			t.Fatal(name, r.Err())
		}
		got = r.Record()
	}
	for i, f := range want.Schema().Fields() {
		g := got.Schema().Field(i)
		is, was := g.Type.String(), f.Type.String()
		if d, ok := f.Type.(*arrow.DictionaryType); ok {
			was = d.ValueType.String()
		}
		switch was { // texts of all kinds are texts
		case "large_utf8", "binary", "string_view", "null":
			was = "utf8"
		case "float16":
			was = "float64"
		case "date64":
			was = "date32"
		}
		if g.Name != f.Name || is != was {
			t.Errorf("%s: column %d is %s %s, want %s %s", name, i, g.Name, is, f.Name, was)
		}
		if is != f.Type.String() {
			continue
		}
		for row := range int(want.NumRows()) {
			if g, w := valueOf(got.Column(i), row), valueOf(want.Column(i), row); g != w {
				t.Errorf("%s: %s: %s, want %s", name, f.Name, g, w)
			}
		}
	}
}

func valueOf(a arrow.Array, row int) string {
	if d, ok := a.(*array.Date32); ok && !d.IsNull(row) {
		return fmt.Sprint(d.Value(row))
	}
	return a.ValueStr(row)
}
