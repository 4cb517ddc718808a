package inmemory

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// looks are tests that look at where they write.
type looks struct {
	t   *testing.T
	dir string
}

func (l *looks) Run() int {
	l.dir = os.TempDir()
	if err := os.WriteFile(filepath.Join(l.dir, "larstrom-inmemory-test"), nil, 0o600); err != nil {
		l.t.Error(err)
	}
	return 7
}

func TestFoldersAreInMemoryAndGone(t *testing.T) {
	before := t.TempDir()
	t.Setenv("TMPDIR", before)
	l := looks{t: t}
	if got := (M{&l}).Run(); got != 7 {
		t.Errorf("status %d, and the tests gave 7", got)
	}
	if runtime.GOOS != "linux" || room(shared) < enough {
		if l.dir != before {
			t.Errorf("without room in memory the tests wrote in %s, not in %s", l.dir, before)
		}
		return
	}
	if !strings.HasPrefix(l.dir, shared+"/") {
		t.Errorf("the tests wrote in %s", l.dir)
	}
	if _, err := os.Stat(l.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", l.dir, err)
	}
	if got := os.TempDir(); got != before {
		t.Errorf("afterwards folders are made in %s, not in %s", got, before)
	}
}

func TestBenchmarksMeasureTheDisk(t *testing.T) {
	before := t.TempDir()
	t.Setenv("TMPDIR", before)
	was := flag.Lookup("test.bench").Value.String()
	if err := flag.Set("test.bench", "."); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := flag.Set("test.bench", was); err != nil {
			t.Error(err)
		}
	}()
	l := looks{t: t}
	(M{&l}).Run()
	if l.dir != before {
		t.Errorf("benchmarks wrote in %s, not in %s", l.dir, before)
	}
}
