package block

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// endBytes is the length of the mark that ends a stream.
const endBytes = 8

// Join appends to dst one Arrow stream with the rows of all the blocks, in
// order and undecoded: the schema of the first, and of each its dictionaries,
// which take the place of those before, and its rows. The store then takes many
// blocks for the price of one insert. The blocks are of one kind; else, and
// where one is not framed as a block is, the error is ErrCorrupt. It checks the
// frames alone, not what is in them.
func Join(dst []byte, blocks ...[]byte) ([]byte, error) {
	total := endBytes
	for _, b := range blocks {
		total += len(b)
	}
	dst = slices.Grow(dst, total)
	var schema []byte
	for i, b := range blocks {
		for n := 0; ; n++ {
			size, err := messageSize(b)
			if err != nil {
				return dst, fmt.Errorf("block %d: %w", i, err)
			}
			if size == 0 {
				if len(b) != endBytes {
					return dst, fmt.Errorf("block %d: %w: bytes follow the end of the stream", i, ErrCorrupt)
				}
				break
			}
			message := b[:size]
			b = b[size:]
			switch {
			case n == 0 && i == 0:
				schema = message
			case n == 0 && !bytes.Equal(message, schema):
				return dst, fmt.Errorf("block %d: %w: its columns are not those of block 0", i, ErrCorrupt)
			case n == 0:
				continue
			}
			dst = append(dst, message...)
		}
	}
	return append(dst, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0), nil
}

// messageSize is the length of the first message of a stream with its header
// and body; 0: it is the mark of the end.
func messageSize(b []byte) (int, error) {
	if len(b) < endBytes || binary.LittleEndian.Uint32(b) != continuation {
		return 0, fmt.Errorf("%w: no message begins where one should", ErrCorrupt)
	}
	meta := int64(binary.LittleEndian.Uint32(b[4:]))
	if meta == 0 {
		return 0, nil
	}
	if meta > maxMetadata || 8+meta > int64(len(b)) {
		return 0, fmt.Errorf("%w: it ends within metadata", ErrCorrupt)
	}
	body, err := inspect(b[8 : 8+meta])
	if err != nil {
		return 0, err
	}
	if body > maxBody || 8+meta+body > int64(len(b)) {
		return 0, fmt.Errorf("%w: it ends within a message body", ErrCorrupt)
	}
	return int(8 + meta + body), nil
}
