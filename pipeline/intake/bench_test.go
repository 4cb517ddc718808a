package intake

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/intake/delimited"
)

// caseLevel is a case-level extract of n rows and seven columns in
// Windows-1252 with ";" and decimal comma: its feed, catalog and bytes.
func caseLevel(n int) (*catalog.Feed, *catalog.Index, []byte) {
	c := &catalog.Catalog{
		Registries: []catalog.Registry{{Code: "pv"}},
		Indicators: []catalog.Indicator{{ID: "bp", Registry: "pv", Type: catalog.Proportion, Subset: true, Period: catalog.Month,
			PeriodBy: "event_date", Missing: "exclude", Versions: []catalog.Version{{ID: "1"}}}},
	}
	for u := range 1200 {
		c.Units = append(c.Units, catalog.Unit{ID: fmt.Sprintf("vc-%04d", u), Codes: []catalog.Code{{System: "hsa", Code: fmt.Sprintf("SE2321000016-%04X", u)}}})
	}
	feed := &catalog.Feed{ID: "pv", Registry: "pv", TimeZone: "Europe/Stockholm", Delivery: "snapshot", Scope: catalog.Scope{Window: "all"},
		Dialect:  catalog.Dialect{Encoding: "windows-1252", Delimiter: ";", Quote: `"`, Decimal: ",", Dates: "iso", Header: true},
		Complete: catalog.Complete{By: "newline"}, Key: []string{"kontakt"}, IgnoreColumns: []string{"värde"},
		Columns:  catalog.Columns{Unit: "enhet", UnitSystem: "hsa", EventDate: "datum", Subject: "person", Strata: []string{"kön"}},
		Measures: []catalog.Measure{{Indicator: "bp", Numerator: "uppnått", Denominator: "=1"}}}
	rnd := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	w, err := delimited.NewWriter(&b, feed.Dialect, "\r\n")
	if err != nil {
		panic(err)
	}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	must(w.Write([]string{"kontakt", "person", "enhet", "datum", "kön", "uppnått", "värde"}))
	for i := range n {
		must(w.Write([]string{
			fmt.Sprintf("%08d", i), fmt.Sprintf("P%07d", rnd.IntN(n)), fmt.Sprintf("SE2321000016-%04X", rnd.IntN(1200)),
			day("2022-01-01").AddDays(rnd.IntN(1000)).String(), []string{"Kvinna", "Man", "Övrigt"}[rnd.IntN(3)],
			fmt.Sprint(rnd.IntN(2)), fmt.Sprintf("%d,%d", 90+rnd.IntN(100), rnd.IntN(10)),
		}))
	}
	must(w.Flush())
	return feed, c.Index(), b.Bytes()
}

type nothingSink struct{ rows int }

// blockSink makes the blocks of the log, and keeps none.
type blockSink struct {
	nothingSink
	splitter *block.Splitter
	bytes    int
}

func (s *blockSink) Block(o *event.Observations) error {
	return s.splitter.Observations(o, func(payload []byte, rows int) error {
		s.rows, s.bytes = s.rows+rows, s.bytes+len(payload)
		return nil
	})
}

// processorTime is what this process has used of it.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBlocks is the way from the text to the blocks of the log, by the
// processor time that a row takes on it.
func BenchmarkBlocks(b *testing.B) {
	const rows = 1_000_000
	feed, idx, text := caseLevel(rows)
	var used time.Duration
	bytesOf := 0
	b.ReportAllocs()
	for b.Loop() {
		s := &blockSink{splitter: block.NewSplitter()}
		before := processorTime(b)
		if _, err := Read(context.Background(), bytes.NewReader(text), feed, idx, Delivery{Region: "r", ID: "d", AsOf: day("2026-01-01"), Keys: keys()}, s); err != nil || s.rows != rows {
			b.Fatal(err, s.rows)
		}
		used += processorTime(b) - before
		bytesOf = s.bytes
	}
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N)/rows, "cpu-ns/row")
	b.ReportMetric(float64(bytesOf)/rows, "bytes/row")
}

func (s *nothingSink) Block(o *event.Observations) error { s.rows += o.Len(); return nil }
func (s *nothingSink) Reject(r *Reject) error            { return fmt.Errorf("line %d: %s", r.Line, r.Text) }

const benchRows = 300_000

func BenchmarkRead(b *testing.B) {
	feed, idx, text := caseLevel(benchRows)
	run := func(name string, change func(*catalog.Feed)) {
		f := *feed
		change(&f)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s := &nothingSink{}
				if _, err := Read(context.Background(), bytes.NewReader(text), &f, idx, Delivery{Region: "r", ID: "d", AsOf: day("2026-01-01"), Keys: keys()}, s); err != nil || s.rows != benchRows {
					b.Fatal(err, s.rows)
				}
			}
			b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
	run("all", func(*catalog.Feed) {})
	run("without_subject", func(f *catalog.Feed) { f.Columns.Subject = ""; f.IgnoreColumns = []string{"värde", "person"} })
	run("without_subject_and_key", func(f *catalog.Feed) {
		f.Columns.Subject, f.Key, f.IgnoreColumns = "", nil, []string{"värde", "person", "kontakt"}
	})
	b.Run("split_only", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			r, err := delimited.NewReader(bytes.NewReader(text), feed.Dialect, delimited.Options{})
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for {
				if _, err := r.Next(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != benchRows+1 {
				b.Fatal(n)
			}
		}
		b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	})
	b.Run("encoding_csv_split_only", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			r := csv.NewReader(bytes.NewReader(text))
			r.Comma, r.ReuseRecord = ';', true
			n := 0
			for {
				if _, err := r.Read(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != benchRows+1 {
				b.Fatal(n)
			}
		}
		b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	})
}

// BenchmarkFormats reads the same rows in each format, and plain text out of
// each compression.
func BenchmarkFormats(b *testing.B) {
	const rows = 50_000
	plain, idx, text := caseLevel(rows)
	r, err := delimited.NewReader(bytes.NewReader(text), plain.Dialect, delimited.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var fixedText, lines, sheet bytes.Buffer
	widths := []int{8, 8, 17, 10, 6, 1, 5}
	var names []string
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		sheet.WriteString("<row>")
		for i, f := range rec.Fields {
			typ := "str"
			if rec.Line > 1 && i > 4 {
				typ = "n"
				f = bytes.ReplaceAll(f, []byte(","), []byte("."))
			}
			fmt.Fprintf(&sheet, `<c t="%s"><v>%s</v></c>`, typ, f)
		}
		sheet.WriteString("</row>")
		if rec.Line == 1 {
			for _, f := range rec.Fields {
				names = append(names, string(f))
			}
			continue
		}
		for i, f := range rec.Fields {
			fmt.Fprintf(&fixedText, "%-*s ", widths[i], f)
			fmt.Fprintf(&lines, `%s"%s":"%s"`, []string{"{", ","}[min(i, 1)], names[i], f)
		}
		fixedText.WriteByte('\n')
		lines.WriteString("}\n")
	}
	fixedFeed, jsonFeed, bookFeed := *plain, *plain, *plain
	fixedFeed.Format, fixedFeed.Dialect.Encoding, fixedFeed.Dialect.Header = "fixed", "utf-8", false
	from := 1
	for i, n := range names {
		fixedFeed.Fixed = append(fixedFeed.Fixed, catalog.FixedColumn{Name: n, From: from, Width: widths[i]})
		from += widths[i] + 1
	}
	jsonFeed.Format, jsonFeed.Dialect.Encoding = "ndjson", "utf-8"
	bookFeed.Format = "xlsx"
	run := func(name string, feed *catalog.Feed, file []byte) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := &nothingSink{}
				if _, err := Read(context.Background(), bytes.NewReader(file), feed, idx, Delivery{Region: "r", ID: "d", AsOf: day("2026-01-01"), Keys: keys()}, s); err != nil || s.rows != rows {
					b.Fatal(err, s.rows)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
	run("delimited", plain, text)
	for _, method := range []string{"gzip", "zstd", "zip"} {
		feed := *plain
		feed.Compression = method
		run(method, &feed, packed(b, method, text))
	}
	run("fixed", &fixedFeed, fixedText.Bytes())
	run("ndjson", &jsonFeed, lines.Bytes())
	run("xlsx", &bookFeed, []byte(workbookOf(b, "<worksheet><sheetData>"+sheet.String()+"</sheetData></worksheet>")))
}
