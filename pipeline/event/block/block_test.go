package block_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	specs "larstrom/schemas/arrow"
)

// observations are n plausible rows that depend on seed alone.
func observations(n int, seed uint64, caseLevel bool) *event.Observations {
	r := rand.New(rand.NewPCG(seed, 1))
	o := &event.Observations{Region: "nord", Registry: "pvq", Feed: "nightly", Delivery: "d1", Block: 7}
	for i := range n {
		o.Line = append(o.Line, uint64(i+2))
		o.Kind = append(o.Kind, event.Observed)
		o.Indicator.Add(fmt.Sprintf("ind%02d", i/500%20))
		o.Version.Add("1")
		o.Unit.Add(fmt.Sprintf("SE%06d", r.IntN(1200)))
		o.Stratum.Add([]string{"", "f", "m"}[r.IntN(3)])
		o.EventDate = append(o.EventDate, int32(20000+r.IntN(365)))
		o.RegistrationDate = append(o.RegistrationDate, int32(20100+r.IntN(365)))
		var subject, key [16]byte
		if caseLevel {
			binary.LittleEndian.PutUint64(subject[:], r.Uint64())
			binary.LittleEndian.PutUint64(subject[8:], r.Uint64())
			binary.LittleEndian.PutUint64(key[:], r.Uint64())
			binary.LittleEndian.PutUint64(key[8:], r.Uint64())
		}
		o.Subject = append(o.Subject, subject)
		o.Key = append(o.Key, key)
		o.Has = append(o.Has, event.HasNumerator|event.HasDenominator|event.HasEventDate)
		o.Finding = append(o.Finding, 0)
		den := int64(1 + r.IntN(400))
		o.Numerator = append(o.Numerator, r.Int64N(den+1)*cell.Micro)
		o.Denominator = append(o.Denominator, den*cell.Micro)
		o.Value = append(o.Value, 0)
		o.Expected = append(o.Expected, 0)
	}
	return o
}

func anyObservations(t *rapid.T) *event.Observations {
	text := rapid.StringN(0, 12, 40)
	o := &event.Observations{Region: text.Draw(t, "region"), Registry: text.Draw(t, "registry"), Feed: text.Draw(t, "feed"),
		Delivery: text.Draw(t, "delivery"), Block: rapid.Uint32().Draw(t, "block")}
	for range rapid.IntRange(1, 60).Draw(t, "rows") {
		o.Line = append(o.Line, rapid.Uint64Range(0, math.MaxUint32).Draw(t, "line"))
		o.Kind = append(o.Kind, event.Kind(rapid.IntRange(0, int(event.Parked)).Draw(t, "kind")))
		o.Indicator.Add(text.Draw(t, "indicator"))
		o.Version.Add(text.Draw(t, "version"))
		o.Unit.Add(text.Draw(t, "unit"))
		o.Stratum.Add(text.Draw(t, "stratum"))
		o.EventDate = append(o.EventDate, rapid.Int32().Draw(t, "event_date"))
		o.RegistrationDate = append(o.RegistrationDate, rapid.Int32().Draw(t, "registration_date"))
		o.Subject = append(o.Subject, [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "subject")))
		o.Key = append(o.Key, [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key")))
		o.Has = append(o.Has, event.Has(rapid.IntRange(0, 255).Draw(t, "has")))
		o.Finding = append(o.Finding, event.Finding(rapid.IntRange(0, 127).Draw(t, "finding")))
		o.Numerator = append(o.Numerator, rapid.Int64().Draw(t, "numerator"))
		o.Denominator = append(o.Denominator, rapid.Int64().Draw(t, "denominator"))
		o.Value = append(o.Value, rapid.Int64().Draw(t, "value"))
		o.Expected = append(o.Expected, rapid.Int64().Draw(t, "expected"))
	}
	return o
}

func anyFixed(t *rapid.T, label string) cell.Fixed {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
	b := new(big.Int).Mul(big.NewInt(rapid.Int64().Draw(t, label)), big.NewInt(rapid.Int64().Draw(t, label)))
	if b.CmpAbs(limit) >= 0 {
		b.Quo(b, big.NewInt(7))
	}
	f, _ := cell.FixedOfBig(b)
	return f
}

func anyVersions(t *rapid.T) []cell.Version {
	text := rapid.StringN(0, 12, 40)
	vs := make([]cell.Version, rapid.IntRange(1, 40).Draw(t, "cells"))
	for i := range vs {
		v := &vs[i]
		v.Key = cell.Key{Region: text.Draw(t, "region"), Registry: text.Draw(t, "registry"), Indicator: text.Draw(t, "indicator"),
			Version: text.Draw(t, "version"), Granularity: text.Draw(t, "granularity"), Unit: text.Draw(t, "unit"),
			Stratum: text.Draw(t, "stratum"), PeriodStart: rapid.Int32().Draw(t, "period")}
		v.Rev = rapid.Uint64Range(0, math.MaxInt64).Draw(t, "rev")
		v.Tombstone = rapid.Bool().Draw(t, "tombstone")
		if !v.Tombstone {
			n := func(s string) int64 { return rapid.Int64().Draw(t, s) }
			v.Content = cell.Content{Rows: n("rows"), Numerator: anyFixed(t, "numerator"), Denominator: anyFixed(t, "denominator"),
				ValueCount: n("value_count"), Values: anyFixed(t, "values"), ValueSquares: anyFixed(t, "squares"),
				Expected: anyFixed(t, "expected"), Histogram: text.Draw(t, "histogram"), Missing: n("missing"), Rejected: n("rejected"),
				Duplicates: n("duplicates"), NumeratorAbove: n("above"), Negative: n("negative"), ZeroDenominator: n("zero"),
				RateMismatch: n("rate"), UnknownCodes: n("codes"), Masked: n("masked"), BadReasons: n("bad reasons")}
		}
		v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, v.Tombstone)
	}
	return vs
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestObservationsRoundTrip(t *testing.T) {
	enc := block.NewEncoder()
	var got event.Observations
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservations(t)
		b := must(enc.Observations(o))
		if err := block.DecodeObservations(b, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(o, &got, byText); d != "" {
			t.Fatalf("decoded differs (-want +got):\n%s", d)
		}
		if fresh := must(block.EncodeObservations(&got)); !bytes.Equal(fresh, b) {
			t.Fatal("the same rows made other bytes in another encoder")
		}
		// Another who numbers the texts in another way, and knows more of them.
		var renumbered event.Texts
		renumbered.Code("of no row")
		for _, text := range slices.Backward(o.Unit.Values) {
			renumbered.Code(text)
		}
		for _, text := range o.Unit.Rows() {
			renumbered.Add(text)
		}
		o.Unit = renumbered
		if again := must(enc.Observations(o)); !bytes.Equal(again, b) {
			t.Fatal("the bytes depend on how the texts are numbered")
		}
	})
}

// byText compares columns by what their rows say.
var byText = cmp.Transformer("rows", func(t event.Texts) []string { return t.Rows() })

// TestEarlierObservations reads a block from before lines and codes were narrow.
func TestEarlierObservations(t *testing.T) {
	var got event.Observations
	if err := block.DecodeObservations(must(os.ReadFile(filepath.Join("testdata", "wide_lines.arrow"))), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(observations(40, 3, true), &got, byText); d != "" {
		t.Errorf("decoded differs (-want +got):\n%s", d)
	}
}

func TestCellsRoundTrip(t *testing.T) {
	enc := block.NewEncoder()
	rapid.Check(t, func(t *rapid.T) {
		vs := anyVersions(t)
		b := must(enc.Cells(vs, "run1", "d1"))
		got, err := block.DecodeCells(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(block.CellBlock{Run: "run1", Delivery: "d1", Versions: vs}, got); d != "" {
			t.Fatalf("decoded differs (-want +got):\n%s", d)
		}
		if fresh := must(block.EncodeCells(got.Versions, "run1", "d1")); !bytes.Equal(fresh, b) {
			t.Fatal("the same cells made other bytes in another encoder")
		}
		// A block is also what a query of the same columns would return.
		read := must(block.ReadCells(bytes.NewReader(b), true))
		if d := cmp.Diff(vs, read); d != "" {
			t.Fatalf("read differs (-want +got):\n%s", d)
		}
	})
}

// The memory that an encoder keeps must not leak from one block into the next.
func TestEncoderIsReusable(t *testing.T) {
	enc := block.NewEncoder()
	big, small := observations(5000, 1, true), observations(3, 2, true)
	first := bytes.Clone(must(enc.Observations(big)))
	for range 3 {
		if got := must(enc.Observations(small)); !bytes.Equal(got, must(block.EncodeObservations(small))) {
			t.Fatal("a small block after a large one differs from the same block of a new encoder")
		}
		if got := must(enc.Observations(big)); !bytes.Equal(got, first) {
			t.Fatal("a block made again differs")
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	short := observations(3, 1, false)
	short.Unit.Codes = short.Unit.Codes[:2]
	large := observations(1, 1, false)
	for large.Len() <= block.MaxRows {
		large.Line = append(large.Line, large.Line...)
	}
	far, codeless := observations(1, 1, false), observations(1, 1, false)
	far.Line[0] = math.MaxUint32 + 1
	codeless.Unit.Codes[0] = 1
	for name, o := range map[string]*event.Observations{"no rows": {}, "unequal columns": short, "too many rows": large,
		"a line beyond 32 bits": far, "a code without a text": codeless} {
		if _, err := block.EncodeObservations(o); !errors.Is(err, block.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
	ok := oneCell()
	wrong := ok
	wrong.Fingerprint[3] ^= 1
	huge := ok
	huge.Content.ValueSquares = cell.Fixed{Hi: math.MaxInt64, Lo: math.MaxUint64}
	huge.Fingerprint = cell.FingerprintOf(huge.Key, huge.Content, false)
	for name, vs := range map[string][]cell.Version{"no cells": nil, "wrong fingerprint": {ok, wrong}, "sum of 39 digits": {huge}} {
		if _, err := block.EncodeCells(vs, "r", "d"); !errors.Is(err, block.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
	if _, err := block.EncodeCells([]cell.Version{ok}, "r", "d"); err != nil {
		t.Errorf("a good cell: %v", err)
	}
}

func oneCell() cell.Version {
	v := cell.Version{Rev: 9, Key: cell.Key{Region: "nord", Registry: "pvq", Indicator: "ind1", Version: "1", Granularity: "month",
		Unit: "SE000001", PeriodStart: 20089}, Content: cell.Content{Rows: 12, Numerator: cell.FixedOf(5 * cell.Micro),
		Denominator: cell.FixedOf(12 * cell.Micro), Rejected: 1}}
	v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, false)
	return v
}

// Every cut and every flipped bit of a block is noticed, or changes nothing:
// padding and the unused parts of compressed frames carry no data.
func TestDamageIsNoticed(t *testing.T) {
	o := observations(40, 3, true)
	obs := must(block.EncodeObservations(o))
	cells := must(block.EncodeCells([]cell.Version{oneCell()}, "run1", "d1"))
	var got event.Observations
	for n := range len(obs) {
		if err := block.DecodeObservations(obs[:n], &got); !errors.Is(err, block.ErrCorrupt) {
			t.Fatalf("observations cut at %d of %d: error %v, want ErrCorrupt", n, len(obs), err)
		} else if got.Len() != 0 {
			t.Fatalf("observations cut at %d: %d rows after an error", n, got.Len())
		}
	}
	for n := range len(cells) {
		if _, err := block.DecodeCells(cells[:n]); !errors.Is(err, block.ErrCorrupt) {
			t.Fatalf("cells cut at %d of %d: error %v, want ErrCorrupt", n, len(cells), err)
		}
		if _, err := block.ReadCells(bytes.NewReader(cells[:n]), false); !errors.Is(err, block.ErrCorrupt) {
			t.Fatalf("query cut at %d of %d: error %v, want ErrCorrupt", n, len(cells), err)
		}
	}
	noticed := 0
	for i := range cells {
		for _, bit := range []int{7, i % 7} { // the highest, and every other one in turn
			b := bytes.Clone(cells)
			b[i] ^= 1 << bit
			blk, err := block.DecodeCells(b)
			if err != nil {
				if !errors.Is(err, block.ErrCorrupt) {
					t.Fatalf("byte %d bit %d: error %v, want ErrCorrupt", i, bit, err)
				}
				noticed++
				continue
			}
			// Rev, run and delivery are not under the fingerprint; the hash of the
			// accepted range is over them.
			blk.Versions[0].Rev = oneCell().Rev
			if d := cmp.Diff([]cell.Version{oneCell()}, blk.Versions); d != "" {
				t.Fatalf("byte %d bit %d changed a cell unnoticed:\n%s", i, bit, d)
			}
		}
	}
	if noticed < len(cells)/4 {
		t.Errorf("only %d of %d flipped bits were noticed", noticed, 2*len(cells))
	}
	if err := block.DecodeObservations(append(bytes.Clone(obs), 0), &got); !errors.Is(err, block.ErrCorrupt) {
		t.Errorf("a byte after the end: error %v, want ErrCorrupt", err)
	}
	if err := block.DecodeObservations(cells, &got); !errors.Is(err, block.ErrCorrupt) {
		t.Errorf("cells read as observations: error %v, want ErrCorrupt", err)
	}
}

// A query that fails half-way ends its stream with the mark and then says why.
func TestServerErrorBehindTheStream(t *testing.T) {
	cells := must(block.EncodeCells([]cell.Version{oneCell()}, "run1", "d1"))
	said := "Code: x. Code: 241. DB::Exception: Query memory limit exceeded: SE000001"
	for name, b := range map[string][]byte{
		"behind the mark": append(bytes.Clone(cells), said...),
		"in its place":    append(bytes.Clone(cells[:len(cells)-8]), said...),
	} {
		_, err := block.ReadCells(bytes.NewReader(b), true)
		if !errors.Is(err, block.ErrCorrupt) || !strings.Contains(err.Error(), "error 241") {
			t.Errorf("%s: error %v, want ErrCorrupt that gives the server's 241", name, err)
		} else if strings.Contains(err.Error(), "SE000001") {
			t.Errorf("%s: the error quotes what the server said: %v", name, err)
		}
	}
}

// What fails in reading is that error, not corruption, wherever it fails: also
// behind the mark, where a driver tells of a query that failed half-way.
func TestReadErrorKeepsItsIdentity(t *testing.T) {
	cells := must(block.EncodeCells([]cell.Version{oneCell()}, "run1", "d1"))
	broken := errors.New("broken")
	for _, n := range []int{0, 3, 8, 100, len(cells) - 9, len(cells) - 8, len(cells)} {
		for _, extra := range []string{"", "\r\n"} {
			r := io.MultiReader(bytes.NewReader(cells[:n]), strings.NewReader(extra), iotest.ErrReader(broken))
			if _, err := block.ReadCells(r, true); !errors.Is(err, broken) {
				t.Errorf("after %d bytes and %q: error %v, want the reader's", n, extra, err)
			} else if errors.Is(err, block.ErrCorrupt) && (extra == "" || n == len(cells)) {
				t.Errorf("after %d bytes and %q: a failed read is called corruption: %v", n, extra, err)
			}
		}
	}
}

func TestFingerprintIsChecked(t *testing.T) {
	vs := []cell.Version{oneCell()}
	b := must(block.EncodeCells(vs, "run1", "d1"))
	at := bytes.Index(b, vs[0].Fingerprint[:])
	if at < 0 {
		t.Fatal("the fingerprint is not in the block as it is; look for another way to damage it")
	}
	b[at] ^= 1
	_, err := block.DecodeCells(b)
	if !errors.Is(err, block.ErrCorrupt) || !strings.Contains(err.Error(), "ind1") {
		t.Fatalf("error %v, want ErrCorrupt that names the cell", err)
	}
	if _, err := block.ReadCells(bytes.NewReader(b), true); !errors.Is(err, block.ErrCorrupt) {
		t.Fatalf("reader: error %v, want ErrCorrupt", err)
	}
	if _, err := block.ReadCells(bytes.NewReader(b), false); err != nil {
		t.Fatalf("reader without verification: %v", err)
	}
}

func TestSplitter(t *testing.T) {
	o := observations(64_000, 5, true)
	whole := must(block.EncodeObservations(o))
	if len(whole) <= block.MaxBytes {
		t.Fatalf("the case does not test splitting: %d bytes", len(whole))
	}
	type piece struct {
		payload []byte
		rows    int
	}
	split := func() []piece {
		var pieces []piece
		s := block.NewSplitter()
		for range 2 { // a file is several calls
			err := s.Observations(o, func(b []byte, rows int) error {
				pieces = append(pieces, piece{bytes.Clone(b), rows})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return pieces
	}
	pieces := split()
	var all, part event.Observations
	for i, p := range pieces {
		if len(p.payload) > block.MaxBytes {
			t.Errorf("block %d has %d bytes", i, len(p.payload))
		}
		if err := block.DecodeObservations(p.payload, &part); err != nil {
			t.Fatal(err)
		}
		if part.Block != uint32(i) || part.Len() != p.rows {
			t.Errorf("block %d says that it is %d with %d rows of %d", i, part.Block, part.Len(), p.rows)
		}
		all.Line = append(all.Line, part.Line...)
		all.Subject = append(all.Subject, part.Subject...)
	}
	if !slices.Equal(all.Line, slices.Concat(o.Line, o.Line)) || !slices.Equal(all.Subject, slices.Concat(o.Subject, o.Subject)) {
		t.Error("the blocks together are not the rows")
	}
	if again := split(); !reflect.DeepEqual(pieces, again) {
		t.Error("the same rows were split in another way")
	}
	stop := errors.New("stop")
	if err := block.NewSplitter().Observations(o, func([]byte, int) error { return stop }); err != stop {
		t.Errorf("error of the callback came back as %v", err)
	}
	wide := observations(1, 1, false)
	wide.Unit = event.TextsOf(string(noise(2 << 20)))
	if err := block.NewSplitter().Observations(wide, func([]byte, int) error { return nil }); !errors.Is(err, block.ErrInvalid) {
		t.Errorf("a row above the limit: error %v, want ErrInvalid", err)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

// The published column files, which the migrations are tested against, say what
// the blocks are.
func TestColumnFiles(t *testing.T) {
	for _, want := range []block.Schema{block.ObservationSchema(), block.CellSchema()} {
		var got block.Schema
		if err := json.Unmarshal(must(fs.ReadFile(specs.Files(), want.Table+".json")), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("schemas/arrow/%s.json differs from the block (-block +file):\n%s", want.Table, d)
		}
		if len(want.Names()) != len(want.Columns) || want.Names()[0] != want.Columns[0].Name {
			t.Errorf("names of %s: %v", want.Table, want.Names())
		}
	}
}

func FuzzDecodeObservations(f *testing.F) {
	f.Add(must(block.EncodeObservations(observations(5, 1, true))))
	f.Add(must(block.EncodeObservations(observations(300, 2, false))))
	f.Fuzz(func(t *testing.T, b []byte) {
		var o event.Observations
		err := block.DecodeObservations(b, &o)
		if err != nil {
			if !errors.Is(err, block.ErrCorrupt) {
				t.Fatalf("error %v, want ErrCorrupt", err)
			}
			return
		}
		if _, err := block.EncodeObservations(&o); err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
	})
}

func FuzzDecodeCells(f *testing.F) {
	f.Add(must(block.EncodeCells([]cell.Version{oneCell(), oneCell()}, "run1", "d1")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if blk, err := block.DecodeCells(b); err != nil && !errors.Is(err, block.ErrCorrupt) {
			t.Fatalf("error %v, want ErrCorrupt", err)
		} else if err == nil && len(blk.Versions) == 0 {
			t.Fatal("a block without cells and without an error")
		}
		_, _ = block.ReadCells(bytes.NewReader(b), true)
	})
}

func BenchmarkEncodeObservations(b *testing.B) {
	for _, caseLevel := range []bool{false, true} {
		b.Run(map[bool]string{false: "aggregated", true: "cases"}[caseLevel], func(b *testing.B) {
			o := observations(block.MaxRows, 1, caseLevel)
			enc := block.NewEncoder()
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = len(must(enc.Observations(o)))
			}
			b.ReportMetric(float64(b.N)*block.MaxRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
			b.ReportMetric(float64(size)/block.MaxRows, "bytes/row")
		})
	}
}

func BenchmarkDecodeObservations(b *testing.B) {
	payload := must(block.EncodeObservations(observations(block.MaxRows, 1, true)))
	var o event.Observations
	b.ReportAllocs()
	for b.Loop() {
		if err := block.DecodeObservations(payload, &o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*block.MaxRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkCells(b *testing.B) {
	vs := make([]cell.Version, 20_000)
	for i := range vs {
		vs[i] = oneCell()
		vs[i].Key.Unit = fmt.Sprintf("SE%06d", i/60)
		vs[i].Key.PeriodStart = int32(18000 + i%60*30)
		vs[i].Content.Numerator = cell.FixedOf(int64(i%97) * cell.Micro)
		vs[i].Fingerprint = cell.FingerprintOf(vs[i].Key, vs[i].Content, false)
	}
	enc := block.NewEncoder()
	payload := bytes.Clone(must(enc.Cells(vs, "run", "d")))
	per := func(b *testing.B) {
		b.ReportMetric(float64(b.N)*float64(len(vs))/b.Elapsed().Seconds()/1e6, "Mcells/s")
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(enc.Cells(vs, "run", "d"))
		}
		per(b)
		b.ReportMetric(float64(len(payload))/float64(len(vs)), "bytes/cell")
	})
	for _, verify := range []bool{true, false} {
		b.Run(fmt.Sprintf("read/verify=%t", verify), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := block.NewCellReader(bytes.NewReader(payload), verify)
				must(c.Next())
			}
			per(b)
		})
	}
}
