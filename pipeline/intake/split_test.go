package intake

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/arrowipc"
	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/ndjson"
	"larstrom/pipeline/intake/parquet"
	"larstrom/pipeline/intake/typed"
	"larstrom/pipeline/intake/xlsx"
)

// fileOf writes rows of texts in a format. A row that takes its key away has the
// word in its last column.
func fileOf(t *rapid.T, format string, names []string, rows [][]string) string {
	var out bytes.Buffer
	var err error
	keep := func(e error) {
		if e != nil {
			err = e
		}
	}
	table := func(w rowWriter, e error) {
		keep(e)
		for _, row := range rows {
			keep(w.Row(row))
		}
		keep(w.Close())
	}
	switch format {
	case "delimited":
		w, e := delimited.NewWriter(&out, dialect(), "\r\n")
		keep(e)
		for _, row := range append([][]string{names}, rows...) {
			keep(w.Write(row))
		}
		keep(w.Flush())
	case "ndjson":
		for _, row := range rows {
			line, e := ndjson.Append(nil, names, row, "", "", "")
			keep(e)
			// Without the keys of rejected rows.
			out.WriteString(strings.Replace(string(line), `,"rule":null,"column":null,"hint":null`, "", 1) + "\n")
		}
	case "xlsx":
		w, e := xlsx.NewWriter(&out, "")
		if e == nil {
			keep(w.Row(names))
		}
		table(w, e)
	case "parquet":
		table(parquet.NewWriter(&out, names, make([]typed.Column, len(names)), typed.Form{}), nil)
	case "arrow":
		w, e := arrowipc.NewWriter(&out, rapid.Bool().Draw(t, "stream"), names, make([]typed.Column, len(names)), typed.Form{})
		table(w, e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestAnySplitReadsAsTheUnion: a table of upserts and deletes that is split into
// files of any format and compression, some of them sent twice and some with their
// rejected rows mended, is read as the last word on every key in one file.
func TestAnySplitReadsAsTheUnion(t *testing.T) {
	names := []string{"unit", "date", "sex", "id", "ok", "days", "ward", "op"}
	feedOf := func(format, method string) *catalog.Feed {
		feed := formatFeed(format)
		feed.XLSX = catalog.Xlsx{}
		feed.Delivery, feed.Scope, feed.Columns.Subject, feed.Compression = "delta", catalog.Scope{}, "", method
		feed.Operation = &catalog.Operation{Column: "op", Delete: []string{"D"}}
		return feed
	}
	formats, mended := []string{"delimited", "ndjson", "xlsx", "parquet", "arrow"}, 0
	rapid.Check(t, func(rt *rapid.T) {
		last := map[string][]string{}
		var files []*taken
		for range rapid.IntRange(1, 5).Draw(rt, "files") {
			feed := feedOf(rapid.SampledFrom(formats).Draw(rt, "format"), rapid.SampledFrom([]string{"", "gzip", "zstd", "zip"}).Draw(rt, "compression"))
			var rows, bad [][]string
			for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(1, 9), 1, 6, rapid.ID).Draw(rt, "keys") {
				row := []string{rapid.SampledFrom([]string{"SE1-N", "SE1-S"}).Draw(rt, "unit"), fmt.Sprintf("2024-%02d-%02d", rapid.IntRange(1, 12).Draw(rt, "month"), id),
					rapid.SampledFrom([]string{"K", "M", ""}).Draw(rt, "sex"), fmt.Sprintf("0%d", id), rapid.SampledFrom([]string{"0", "1", ""}).Draw(rt, "ok"),
					rapid.SampledFrom([]string{"2,5", "0", "", "-1"}).Draw(rt, "days"), rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "ward"),
					rapid.SampledFrom([]string{"U", "U", "U", "D"}).Draw(rt, "op")}
				last[row[3]] = row
				sent := slices.Clone(row)
				if row[7] == "U" && rapid.IntRange(0, 5).Draw(rt, "fault") == 0 {
					sent[4] = "wrong"
					bad = append(bad, row)
				}
				rows = append(rows, sent)
			}
			read := func(text string) *taken {
				s, _, err := readText(t, feed, string(packed(t, feed.Compression, []byte(text))), delivery())
				if err != nil {
					rt.Fatalf("%s %s: %v", feed.Format, feed.Compression, err)
				}
				return s
			}
			text := fileOf(rt, feed.Format, names, rows)
			s := read(text)
			files = append(files, s)
			if len(s.rejects) != len(bad) {
				rt.Fatalf("%s: %v", feed.Format, s.faults())
			}
			if len(bad) > 0 {
				mended++
				files = append(files, read(fileOf(rt, feed.Format, names, bad)))
			}
			if rapid.IntRange(0, 3).Draw(rt, "twice") == 0 && len(bad) == 0 {
				files = append(files, read(text))
			}
		}
		var rows [][]string
		for _, id := range slices.Sorted(maps.Keys(last)) {
			rows = append(rows, last[id])
		}
		union, _, err := readText(t, feedOf("delimited", ""), fileOf(rt, "delimited", names, rows), delivery())
		if err != nil {
			rt.Fatal(err)
		}
		// A change of stratum takes the place of the row, too.
		byKey := func(all ...*taken) map[string]string {
			out := map[string]string{}
			for _, s := range all {
				for i, text := range s.rows() {
					_, text, _ = strings.Cut(text, " ")
					kind, text, _ := strings.Cut(text, " ")
					if id := fmt.Sprintf("%x %s", s.obs.Key[i], s.obs.Indicator.At(i)); kind == "del" {
						delete(out, id)
					} else {
						out[id] = kind + " " + text
					}
				}
			}
			return out
		}
		if got, want := byKey(files...), byKey(union); !maps.Equal(got, want) {
			rt.Fatalf("%v\nwant\n%v", got, want)
		}
	})
	if mended == 0 {
		t.Error("no file had rejected rows")
	}
}
