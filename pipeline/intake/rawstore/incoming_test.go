package rawstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"pgregory.net/rapid"
)

func newSealer(t testing.TB) *Sealer {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return NewSealer(id.Recipient(), id)
}

// However a file came in, in whatever parts, with however much lost behind the
// last acknowledged byte: it reads as what was sent, and the disk shows none of it.
func TestSealedFilesGrow(t *testing.T) {
	dir, s := t.TempDir(), newSealer(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n, ".csv"))
		f, err := os.Create(IncomingName(path))
		if err != nil {
			t.Fatal(err)
		}
		disk, err := s.Begin(f)
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			if err := f.Truncate(disk); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Seek(disk, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			a, err := s.Append(f, int64(len(want)), disk)
			if err != nil {
				t.Fatal(err)
			}
			part := bytes.Repeat([]byte("19121212-1212;"), rapid.IntRange(0, 2000).Draw(t, "rows"))
			for rest := part; len(rest) > 0; {
				piece := rest[:min(len(rest), rapid.IntRange(1, 9000).Draw(t, "piece"))]
				if _, err := a.Write(piece); err != nil {
					t.Fatal(err)
				}
				rest = rest[len(piece):]
			}
			if rapid.Bool().Draw(t, "acknowledged") {
				want, disk = append(want, part...), a.Disk()
			}
		}
		if err := errors.Join(f.Truncate(disk), f.Close()); err != nil {
			t.Fatal(err)
		}
		in, err := s.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil || !bytes.Equal(got, want) || in.Size != int64(len(want)) || in.Plain != nil {
			t.Fatalf("%v: %d bytes of %d, size %d", err, len(got), len(want), in.Size)
		}
		if b, err := os.ReadFile(IncomingName(path)); err != nil || bytes.Contains(b, []byte("1912")) {
			t.Fatalf("%v: the disk shows it", err)
		}
	})
}

// What was changed, moved, left out or encrypted for somebody else is damage,
// never other bytes.
func TestAlteredSealedFilesAreNoticed(t *testing.T) {
	s, path := newSealer(t), filepath.Join(t.TempDir(), "a.csv")
	f, err := os.Create(IncomingName(path))
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.Begin(f)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Append(f, 0, head)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"first", "other", "third"} {
		if _, err := io.WriteString(a, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(IncomingName(path))
	if err != nil {
		t.Fatal(err)
	}
	read := func(s *Sealer, b []byte) (string, error) {
		if err := os.WriteFile(IncomingName(path), b, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := s.Open(path)
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(in)
		return string(text), errors.Join(err, in.Close())
	}
	if text, err := read(s, whole); err != nil || text != "firstotherthird" {
		t.Fatalf("%q, %v", text, err)
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1
		if text, err := read(s, b); err == nil {
			t.Fatalf("byte %d changed: %q", i, text)
		}
	}
	frame := int(int64(len(whole))-head) / 3
	for name, b := range map[string][]byte{
		"a frame left out": append(bytes.Clone(whole[:head]), whole[int(head)+frame:]...),
		"two exchanged":    append(append(append(bytes.Clone(whole[:head]), whole[int(head)+frame:int(head)+2*frame]...), whole[head:int(head)+frame]...), whole[int(head)+2*frame:]...),
		"cut":              whole[:len(whole)-1],
		"no beginning":     []byte("unit;date\n"),
	} {
		if text, err := read(s, b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := read(newSealer(t), whole); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another's key: %v", err)
	}
	if _, err := read(nil, whole); !errors.Is(err, ErrSealed) {
		t.Errorf("no key: %v", err)
	}
	if NewSealer(nil) != nil {
		t.Error("a sealer for nobody")
	}
}
