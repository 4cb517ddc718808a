package ingest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/record"
)

// TestEnded: the end of a large file shows whether it is whole, in every form
// that has an end, and a file that is cut anywhere near it is not.
func TestEnded(t *testing.T) {
	text := bytes.Repeat([]byte("unit;2026-01-01;1\r\n"), 5000)
	noise := make([]byte, 1<<16)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	var gz, zs, zp bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	a := zip.NewWriter(&zp)
	in, err := a.Create("a.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface{ Write([]byte) (int, error) }{g, z, in} {
		if _, err := w.Write(slices.Concat(noise, text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(g.Close(), z.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	utf16 := []byte("\xff\xfea\x00;\x00b\x00\r\x00\n\x00")
	for _, c := range []struct {
		what  string
		feed  catalog.Feed
		whole []byte
		cuts  []int // bytes less
	}{
		{"text", catalog.Feed{Format: "delimited", Complete: catalog.Complete{By: "newline"}}, text, []int{2, 3, 18}},
		{"UTF-16", catalog.Feed{Format: "delimited", Complete: catalog.Complete{By: "newline"}}, utf16, []int{4}},
		{"gzip", catalog.Feed{Format: "delimited", Compression: "gzip"}, gz.Bytes(), []int{1, 4, 8, 9, 5000}},
		{"zstd", catalog.Feed{Format: "delimited", Compression: "zstd"}, zs.Bytes(), []int{1, 4, 8, 9, 5000}},
		{"ZIP", catalog.Feed{Format: "delimited", Compression: "zip"}, zp.Bytes(), []int{1, 4, 22, 100, 5000}},
		{"workbook", catalog.Feed{Format: "xlsx"}, zp.Bytes(), []int{1, 4, 22, 100, 5000}},
		{"Parquet", catalog.Feed{Format: "parquet"}, []byte("PAR1 and so on PAR1"), []int{1, 2, 4}},
	} {
		look := func(b []byte) error {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			return ended(f, int64(len(b)), &c.feed)
		}
		if err := look(c.whole); err != nil {
			t.Errorf("%s: the whole file: %v", c.what, err)
		}
		for _, n := range c.cuts {
			var fault *record.Error
			if err := look(c.whole[:len(c.whole)-n]); !errors.As(err, &fault) || !fault.Cut {
				t.Errorf("%s without its last %d bytes: %v", c.what, n, err)
			}
		}
	}
	if err := func() error {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte("no end here"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		return ended(f, 11, &catalog.Feed{Format: "delimited", Complete: catalog.Complete{By: "none"}})
	}(); err != nil {
		t.Errorf("complete: none has no end: %v", err)
	}
}

// TestPatience is the feed's, or an hour, and only of a service that goes on.
func TestPatience(t *testing.T) {
	at := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	feed, five := &catalog.Feed{}, &catalog.Feed{Complete: catalog.Complete{PatienceMinutes: 5}}
	for _, c := range []struct {
		live  bool
		feed  *catalog.Feed
		after time.Duration
		want  bool
	}{
		{true, feed, 59 * time.Minute, true}, {true, feed, time.Hour, false}, {true, five, 4 * time.Minute, true},
		{true, five, 5 * time.Minute, false}, {false, feed, 0, false},
	} {
		f := file{live: c.live, changed: at}
		if got := f.patient(c.feed, at.Add(c.after)); got != c.want {
			t.Errorf("live %v, %d minutes, after %v: %v", c.live, c.feed.Complete.PatienceMinutes, c.after, got)
		}
	}
}
