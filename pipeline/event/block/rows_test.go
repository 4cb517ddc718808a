package block_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/ipc"

	"larstrom/pipeline/event/block"
)

// Rows of every type come back as they were written, in any number of parts.
func TestRowsWriter(t *testing.T) {
	var out bytes.Buffer
	w := block.NewRowsWriter(&out)
	part := func(n int) []block.Values {
		texts, lists := make([]string, n), make([][]string, n)
		floats, days, whole, small := make([]float64, n), make([]int32, n), make([]int64, n), make([]bool, n)
		for i := range n {
			texts[i], floats[i], days[i], whole[i], small[i] = fmt.Sprint("t", i%2), float64(i)/2, int32(i), int64(-i), i%2 == 1
			if i > 0 {
				lists[i] = []string{"x", fmt.Sprint(i)}
			}
		}
		return []block.Values{{Name: "set", Data: block.Constant{Text: "s", Rows: n}}, {Name: "text", Data: texts}, {Name: "plain", Data: texts, Distinct: true},
			{Name: "list", Data: lists}, {Name: "float", Data: floats}, {Name: "day", Data: days}, {Name: "at", Data: whole, Milliseconds: true},
			{Name: "whole", Data: whole}, {Name: "small", Data: small}, {Name: "u32", Data: make([]uint32, n)}, {Name: "u16", Data: make([]uint16, n)},
			{Name: "i8", Data: make([]int8, n)}}
	}
	for _, n := range []int{3, 0, 2} {
		if err := w.Write(part(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r.Next() {
		rec := r.Record()
		for row := range int(rec.NumRows()) {
			var line []string
			for i := range 9 {
				line = append(line, rec.Column(i).ValueStr(row))
			}
			got = append(got, strings.Join(line, " "))
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	want := []string{
		"s t0 t0 [] 0 1970-01-01 1970-01-01 00:00:00Z 0 0",
		`s t1 t1 ["x","1"] 0.5 1970-01-02 1969-12-31 23:59:59.999Z -1 1`,
		`s t0 t0 ["x","2"] 1 1970-01-03 1969-12-31 23:59:59.998Z -2 0`,
		"s t0 t0 [] 0 1970-01-01 1970-01-01 00:00:00Z 0 0",
		`s t1 t1 ["x","1"] 0.5 1970-01-02 1969-12-31 23:59:59.999Z -1 1`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("read\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRowsWriterRefuses(t *testing.T) {
	for name, columns := range map[string][]block.Values{
		"unequal lengths": {{Name: "a", Data: []int32{1, 2}}, {Name: "b", Data: []int32{1}}},
		"unknown type":    {{Name: "a", Data: []complex128{1}}},
	} {
		if err := block.NewRowsWriter(&bytes.Buffer{}).Write(columns); !errors.Is(err, block.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
