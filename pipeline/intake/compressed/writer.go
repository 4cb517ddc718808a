package compressed

import (
	"archive/zip"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// NewWriter compresses by the method what is written to it: gzip, zstd, zip or,
// empty, not at all. name is that of the file in an archive. Close ends the
// compression and leaves w open.
func NewWriter(w io.Writer, method, name string) (io.WriteCloser, error) {
	switch method {
	case "":
		return plain{w}, nil
	case "gzip":
		return gzip.NewWriter(w), nil
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	case "zip":
		z := zip.NewWriter(w)
		in, err := z.Create(name)
		return archive{in, z}, err
	}
	return nil, fmt.Errorf("compression %q: must be gzip, zstd or zip", method)
}

// Suffix is what the name of a file ends with that is compressed by the method.
func Suffix(method string) string {
	switch method {
	case "gzip":
		return ".gz"
	case "zstd":
		return ".zst"
	case "zip":
		return ".zip"
	}
	return ""
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// archive is the one file in it.
type archive struct {
	io.Writer
	z *zip.Writer
}

func (a archive) Close() error { return a.z.Close() }
