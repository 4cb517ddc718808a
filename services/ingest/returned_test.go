package ingest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/crashpoint"
)

// returned are the files beside those of the drop folder, by name.
func (p *place) returned() map[string]string {
	p.t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(p.dir, "drop", "receipts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(p.dir, "drop", "receipts", e.Name()))
		if err != nil {
			p.t.Fatal(err)
		}
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o640 {
			p.t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

func (p *place) dropShared(name, text string) {
	p.t.Helper()
	if err := os.Chmod(p.drop(name, text), 0o640); err != nil {
		p.t.Fatal(err)
	}
}

// The receipt and the rejected rows are returned on the way the file came: beside
// it. They stay what they were told first, through restarts and crashes, and a
// folder that cannot be written to stops nothing.
func TestReceiptsInTheDropFolder(t *testing.T) {
	p := newPlace(t)
	bad := strings.Replace(contactFile(3, nil), "p1;2025-03-02", "p1;2025-03-32", 1)
	p.dropShared("con_2026-03-01.csv", bad)
	p.dropShared("nobody's.csv", "a;b\n")
	p.dropShared("con_2026-03-02_19121212-1212.csv", contactFile(1, nil))
	p.scan()
	got := p.returned()
	names := make([]string, 0, len(got))
	for name := range got {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"con_2026-03-01.csv.receipt.json", "con_2026-03-01.csv.receipt.txt", "con_2026-03-01.csv.rejected.csv", "nobody's.csv.receipt.json", "nobody's.csv.receipt.txt", "xxx_dddd-dd-dd_dddddddd-dddd.xxx.receipt.json",
		"xxx_dddd-dd-dd_dddddddd-dddd.xxx.receipt.txt"}; !slices.Equal(names, want) {
		t.Fatalf("%q", names)
	}
	if text := got["con_2026-03-01.csv.receipt.txt"]; !strings.Contains(text, "con_2026-03-01.csv: accepted") || !strings.Contains(text, ": con_2026-03-01.csv.rejected.csv") || strings.Contains(text, p.dir) {
		t.Error(text)
	}
	if rows := got["con_2026-03-01.csv.rejected.csv"]; !strings.Contains(rows, "1;xd;2025-03-32;a;1;;C06;dag;") {
		t.Error(rows)
	}
	if text := got["nobody's.csv.receipt.json"]; !strings.Contains(text, `"status": "rejected"`) {
		t.Error(text)
	}
	p.scan() // of another process, to which the bytes are a repetition
	if again := p.returned(); again["con_2026-03-01.csv.receipt.json"] != got["con_2026-03-01.csv.receipt.json"] || len(again) != len(got) {
		t.Errorf("%q", again)
	}
}

func TestReceiptInTheDropFolderAfterACrash(t *testing.T) {
	p := newPlace(t)
	p.dropShared("con_2026-03-01.csv", contactFile(3, nil))
	p.dies(crashpoint.Accepted)
	if got := p.returned(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	p.scan()
	if got := p.returned(); !strings.Contains(got["con_2026-03-01.csv.receipt.txt"], "con_2026-03-01.csv: accepted") {
		t.Errorf("%q", got)
	}
}

func TestDropFolderWithoutReceipts(t *testing.T) {
	p := newPlace(t)
	if err := os.WriteFile(filepath.Join(p.dir, "drop", "receipts"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.drop("con_2026-03-01.csv", contactFile(3, nil))
	p.scan()
	if d := p.state().Deliveries(); len(d) != 1 || d[0].Accepted == nil || !strings.Contains(p.logs.String(), "a receipt could not be put into the drop folder") {
		t.Errorf("%+v, %s", d, p.logs.String())
	}
}

// A file that comes after a newer one of its feed says so: what it tells may
// count no more.
func TestFilesThatComeLateSaySo(t *testing.T) {
	p := newPlace(t)
	ordered := strings.Replace(contacts, "    key: [id]\n", "    key: [id]\n    order: {by: name, pattern: '_(\\d{4}-\\d{2}-\\d{2}).*\\.csv$'}\n", 1)
	var err error
	if p.catalog, err = catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(ordered)}}); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"con_2026-02-02.csv", "con_2026-03-01.csv", "con_2026-02-03.csv"} {
		p.drop(name, contactFile(3+i, nil))
		p.scan()
	}
	for name, late := range map[string]bool{"con_2026-02-02.csv": false, "con_2026-03-01.csv": false, "con_2026-02-03.csv": true} {
		b, err := os.ReadFile(filepath.Join(p.dir, "drop", "receipts", name+".receipt.txt"))
		if got := strings.Contains(string(b), "it comes late: con_2026-03-01.csv, which is newer by the order of the feed, came before it (L03)"); err != nil || got != late {
			t.Errorf("%s: %s, %v", name, b, err)
		}
	}
}
