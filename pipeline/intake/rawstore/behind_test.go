package rawstore

import (
	"bytes"
	"errors"
	"io"
	"testing"
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
