package rawstore

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"filippo.io/age"
)

// What is written behind arrives in its order, whatever the pieces are.
func TestBehind(t *testing.T) {
	var want, got bytes.Buffer
	b := newBehind(&got)
	for i := range 40 {
		piece := bytes.Repeat([]byte{byte(i)}, i*i*211)
		want.Write(piece)
		if n, err := b.Write(piece); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if want.Len() < 3*copySize || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes arrived, and not as they were written, which are %d", got.Len(), want.Len())
	}
}

// fullDisk takes so many pieces.
type fullDisk struct{ left int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left--; d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// An error of the disk is that of a later call, and of the last.
func TestBehindFails(t *testing.T) {
	b := newBehind(&fullDisk{left: 1})
	var err error
	for i := 0; err == nil && i < 10; i++ {
		_, err = io.Copy(b, bytes.NewReader(make([]byte, copySize)))
	}
	if !errors.Is(err, errFull) {
		t.Errorf("the disk was full, and nobody heard: %v", err)
	}
	if err := b.Close(); !errors.Is(err, errFull) {
		t.Errorf("the last word: %v", err)
	}
	last := newBehind(&fullDisk{})
	if _, err := last.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if err := last.Close(); !errors.Is(err, errFull) {
		t.Errorf("the rest was not written: %v", err)
	}
}

// What the disk refused is told on the way, and nothing goes on then.
func TestAnErrorOnTheWay(t *testing.T) {
	var got bytes.Buffer
	for _, at := range []int64{earlySize, 2 * earlySize} {
		got.Reset()
		n, err := copyHashed(&got, sha256.New(), bytes.NewReader(make([]byte, 3*earlySize)), func(n int64) error {
			if n == at {
				return errFull
			}
			return nil
		})
		if !errors.Is(err, errFull) || n != at || int64(got.Len()) != at {
			t.Errorf("after %d bytes, of which %d were written: %v", n, got.Len(), err)
		}
	}
}

// A file that is larger than what of it is kept in memory comes back as it was, and
// what was read of it is let go behind the reader.
func TestLargerThanWhatIsKept(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 3*earlySize+12345)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(want) // it never fails
	for name, s := range map[string]*Store{"clear": New(t.TempDir()), "sealed": NewSealed(t.TempDir(), key.Recipient(), key)} {
		t.Run(name, func(t *testing.T) {
			file, err := s.Put(bytes.NewReader(want))
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.Open(file.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d of %d bytes came back, %v", len(got), len(want), err)
			}
			gone := int64(-1)
			switch r := r.(type) {
			case *plain:
				gone = r.through.gone
			case *opened:
				gone = r.through.gone
			}
			if gone != 2*earlySize {
				t.Errorf("%d bytes were let go of", gone)
			}
		})
	}
}
