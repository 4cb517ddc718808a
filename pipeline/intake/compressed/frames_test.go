package compressed_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
)

func skippable(text string) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0x53, 0x2a, 0x4d, 0x18}, uint32(len(text))), text...)
}

// TestFramesThatAreSkipped are looked through wherever they stand, behind frames
// of every kind of block and header, in whatever pieces the source gives them.
func TestFramesThatAreSkipped(t *testing.T) {
	const person = "19121212-1212"
	noise := make([]byte, 300_000)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(noise)
	var frames [][]byte
	for _, body := range [][]byte{nil, []byte("a"), []byte(text), noise, bytes.Repeat([]byte{'x'}, 1_000_000), []byte(strings.Repeat(text, 9000))} {
		for _, opt := range [][]zstd.EOption{nil, {zstd.WithEncoderCRC(false)}, {zstd.WithSingleSegment(true)}, {zstd.WithWindowSize(1 << 16)}} {
			w, err := zstd.NewWriter(nil, append(opt, zstd.WithZeroFrames(true))...)
			if err != nil {
				t.Fatal(err)
			}
			frames = append(frames, w.EncodeAll(body, nil))
		}
		frames = append(frames, zst(t, body)) // a stream does not know its size before
	}
	look := func(b []byte, one bool) (string, error) {
		var src io.Reader = bytes.NewReader(b)
		if one {
			src = iotest.HalfReader(iotest.DataErrReader(src))
		}
		in, err := compressed.NewReader(src, "zstd", compressed.Limits{Ratio: 1 << 40})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, in); err != nil {
			t.Fatal(err)
		}
		var seen strings.Builder
		err = in.(compressed.Aside).Aside(func(text []byte) { seen.Write(text) })
		return seen.String(), errors.Join(err, in.Close())
	}
	for i, f := range frames {
		for _, one := range []bool{false, true} {
			b := bytes.Join([][]byte{frames[2], f, skippable(person), f, skippable("and"), skippable("end")}, nil)
			if got, err := look(b, one); err != nil || got != " "+person+" and end" {
				t.Errorf("frame %d: %q, %v", i, got, err)
			}
		}
	}
	var bad *record.Error
	if _, err := look(append(frames[2], skippable(strings.Repeat("x", 2<<20))...), false); !errors.As(err, &bad) || bad.Rule != "C15" {
		t.Errorf("more than is looked through: %v", err)
	}
}

// TestAroundAnArchive: what stands in no file of an archive is looked at, and
// files that lie in each other are refused.
func TestAroundAnArchive(t *testing.T) {
	around := func(b []byte) (string, error) {
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		var seen strings.Builder
		err = compressed.LookAround(bytes.NewReader(b), int64(len(b)), z.File, func(text []byte) { seen.Write(text) })
		return seen.String(), err
	}
	b := pack(t, entry{"x.csv", []byte(strings.Repeat("inside ", 40_000))}, entry{"y.csv", []byte("stored inside")})
	b = append([]byte(strings.Repeat("front ", 20_000)+"the stub"), append(b, "behind"...)...)
	got, err := around(b)
	if err != nil || !strings.Contains(got, "the stub") || !strings.HasSuffix(strings.ReplaceAll(got, "\x00", ""), "behind") || strings.Contains(got, "inside") {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	b = pack(t, entry{"x.csv", []byte(text)}, entry{"y.csv", []byte(text)})
	at := bytes.LastIndex(b, []byte("PK\x01\x02"))
	copy(b[at+42:], []byte{0, 0, 0, 0}) // the second lies where the first does
	var bad *record.Error
	if _, err := around(b); !errors.As(err, &bad) || bad.Rule != "C01" {
		t.Errorf("files in each other: %v", err)
	}
}
