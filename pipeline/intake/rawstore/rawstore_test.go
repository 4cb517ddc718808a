package rawstore_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
	"pgregory.net/rapid"

	"larstrom/pipeline/intake/rawstore"
)

// files are the files below a folder, by their path in it.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPutKeepsTheBytesUnderTheirHash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "raw") // is made when it is needed
	s := rawstore.New(dir)
	rapid.Check(t, func(rt *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(rt, "bytes")
		sum := sha256.Sum256(b)
		want := rawstore.File{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b))}
		for range 2 { // the same bytes any number of times
			got, err := s.Put(iotest.OneByteReader(bytes.NewReader(b)))
			if err != nil || got != want {
				rt.Fatalf("%+v, %v; want %+v", got, err, want)
			}
		}
		f, err := s.Open(want.SHA256)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil || !bytes.Equal(got, b) {
			rt.Fatalf("%q, %v", got, err)
		}
		if err := s.Verify(want.SHA256); err != nil {
			rt.Fatal(err)
		}
	})
	for path, text := range files(t, dir) {
		sum := sha256.Sum256([]byte(text))
		if name := hex.EncodeToString(sum[:]); path != name[:2]+"/"+name {
			t.Errorf("the store holds %s", path)
		}
	}
}

// A stored file is never written again, so that no crash can harm it.
func TestPutLeavesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	s := rawstore.New(dir)
	f, err := s.Put(strings.NewReader("a;b\n"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, f.SHA256[:2], f.SHA256)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(strings.NewReader("a;b\n")); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced, %v", err)
	}
	if n := len(files(t, dir)); n != 1 {
		t.Errorf("%d files", n)
	}
}

// A reader that breaks off leaves nothing, and what a crash left in the folder
// of temporary files is in nobody's way.
// Files of many reads are kept as those of one, whatever the sizes of the reads.
func TestPutOfLargeFiles(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, s := range map[string]*rawstore.Store{"plain": rawstore.New(filepath.Join(dir, "plain")),
		"sealed": rawstore.NewSealed(filepath.Join(dir, "sealed"), key.Recipient(), key)} {
		for _, size := range []int{1<<20 - 1, 1 << 20, 1<<20 + 1, 17<<20 + 12_345} {
			b := make([]byte, size)
			for i := range b {
				b[i] = byte(i * 31 >> 4)
			}
			f, err := s.Put(iotest.HalfReader(bytes.NewReader(b)))
			if sum := sha256.Sum256(b); err != nil || f.SHA256 != hex.EncodeToString(sum[:]) || f.Size != int64(size) {
				t.Fatalf("%s, %d bytes: %+v, %v", name, size, f, err)
			}
			if err := s.Verify(f.SHA256); err != nil {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
		}
	}
}

func TestPutOfABrokenReaderLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := rawstore.New(dir)
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tmp", "raw-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The last is what a body says that was cut on its way: no end like others.
	for _, broken := range []error{errors.New("broken"), io.ErrUnexpectedEOF} {
		if f, err := s.Put(io.MultiReader(strings.NewReader("half a file"), iotest.ErrReader(broken))); !errors.Is(err, broken) || f != (rawstore.File{}) {
			t.Errorf("%+v, %v", f, err)
		}
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("left are %v", got)
	}
	if _, err := s.Put(strings.NewReader("half")); err != nil {
		t.Error(err)
	}
	if _, err := rawstore.New(filepath.Join(dir, "tmp", "raw-1")).Put(strings.NewReader("x")); err == nil {
		t.Error("a store below a file took something")
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	dir := t.TempDir()
	s := rawstore.New(dir)
	const text = "unit;value\nA;1\n"
	f, err := s.Put(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, f.SHA256[:2], f.SHA256)
	damage := map[string]string{"a byte more": text + "x", "a byte less": text[1:], "empty": ""}
	for i := range len(text) {
		b := []byte(text)
		b[i] ^= 1
		damage["byte "+string(rune('a'+i))] = string(b)
	}
	for name, b := range damage {
		if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(f.SHA256); !errors.Is(err, rawstore.ErrCorrupt) || !strings.Contains(err.Error(), f.SHA256) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(f.SHA256); err != nil {
		t.Errorf("restored: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(f.SHA256); !errors.Is(err, rawstore.ErrCorrupt) {
		t.Errorf("gone: %v", err)
	}
	if _, err := s.Open(f.SHA256); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of what is gone: %v", err)
	}
}

// A name from outside never leads out of the store.
func TestNamesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := rawstore.New(filepath.Join(dir, "raw"))
	if _, err := s.Put(strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a", "../secret", strings.Repeat("g", 64), strings.Repeat("A", 64), "..//" + strings.Repeat("../", 18) + "secret", strings.Repeat("a", 65)} {
		if f, err := s.Open(name); err == nil {
			_ = f.Close()
			t.Errorf("%q was opened", name)
		} else if errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q was looked for: %v", name, err)
		}
		if err := s.Verify(name); err == nil || errors.Is(err, rawstore.ErrCorrupt) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "receipt.json")
	for _, text := range []string{"first", "second, longer", ""} {
		if err := rawstore.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if got := files(t, dir); len(got) != 1 || got["receipt.json"] != text {
			t.Errorf("files %v, want %q", got, text)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	// A reader of the old file keeps the old content: it is replaced, not overwritten.
	if err := rawstore.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := rawstore.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil || string(b) != "old" {
		t.Errorf("the reader sees %q, %v", b, err)
	}
	if err := rawstore.WriteFile(dir, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if got := files(t, filepath.Dir(dir)); len(got) != 1 {
		t.Errorf("left are %v", got)
	}
}
