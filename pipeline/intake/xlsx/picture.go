package xlsx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zlib"
)

const png = "\x89PNG\r\n\x1a\n"

// maxPicture is how much of what describes a picture is unpacked.
const maxPicture = 1 << 20

// lookAtPicture hands on the texts in a PNG: behind them stands a checksum, whose
// bytes may look like letters. Of other pictures the bytes are looked at as they
// are, in which the texts of EXIF and of the records of a drawing stand.
func lookAtPicture(in io.Reader, look func([]byte)) error {
	head := make([]byte, len(png))
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if string(head[:n]) != png {
		return lookAt(io.MultiReader(bytes.NewReader(head[:n]), in), look)
	}
	for {
		var frame [8]byte
		if n, err := io.ReadFull(in, frame[:]); err != nil {
			look(frame[:n])
			return ended(err)
		}
		size, kind := int64(binary.BigEndian.Uint32(frame[:])), string(frame[4:])
		chunk := io.LimitReader(in, size)
		switch kind {
		case "zTXt", "iTXt":
			b, err := io.ReadAll(io.LimitReader(chunk, maxPicture))
			if err != nil {
				return err
			}
			look(b)
			lookInside(b, look)
		default:
			if err := lookAt(chunk, look); err != nil {
				return err
			}
		}
		if _, err := io.Copy(io.Discard, chunk); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, in, crc32.Size); err != nil {
			return ended(err)
		}
	}
}

// lookInside hands on what a text chunk has packed: behind the NUL that ends its
// keyword, after one to four further bytes and two texts.
func lookInside(b []byte, look func([]byte)) {
	for i := bytes.IndexByte(b, 0); i >= 0 && i+1 < len(b); i++ {
		if b[i]&0x0f != 8 { // the method of zlib
			continue
		}
		z, err := zlib.NewReader(bytes.NewReader(b[i:]))
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(io.LimitReader(z, maxPicture)) // what can be read of it tells
		if len(text) > 0 {
			look(text)
			return
		}
	}
}

// ended is nil for the end of a part, where a picture may be cut.
func ended(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
