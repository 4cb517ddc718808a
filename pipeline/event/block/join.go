package block

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// endBytes is the length of the mark that ends a stream.
const endBytes = 8

// Joiner writes the rows of many blocks as one Arrow stream, in order and
// undecoded: the schema of the first, and of each its dictionaries, which take
// the place of those before, and its rows. The store then takes many blocks for
// the price of one insert, and nobody holds them all. The blocks are of one
// kind; else, and where one is not framed as a block is, the error is ErrCorrupt
// and nothing of that block has been written. It checks the frames alone, not
// what is in them.
type Joiner struct {
	to       io.Writer
	schema   []byte
	messages [][]byte
	blocks   int
}

// NewJoiner is a Joiner that writes to w.
func NewJoiner(w io.Writer) *Joiner { return &Joiner{to: w} }

// Add writes a block. It keeps none of its memory.
func (j *Joiner) Add(b []byte) error {
	j.messages = j.messages[:0]
	for n := 0; ; n++ {
		size, err := messageSize(b)
		if err != nil {
			return fmt.Errorf("block %d: %w", j.blocks, err)
		}
		if size == 0 {
			if len(b) != endBytes {
				return fmt.Errorf("block %d: %w: bytes follow the end of the stream", j.blocks, ErrCorrupt)
			}
			break
		}
		switch message := b[:size]; {
		case n > 0 || j.schema == nil:
			j.messages = append(j.messages, message)
		case !bytes.Equal(message, j.schema):
			return fmt.Errorf("block %d: %w: its columns are not those of block 0", j.blocks, ErrCorrupt)
		}
		b = b[size:]
	}
	if len(j.messages) > 0 && j.schema == nil {
		j.schema = bytes.Clone(j.messages[0])
	}
	for _, message := range j.messages {
		if _, err := j.to.Write(message); err != nil {
			return err
		}
	}
	j.blocks++
	return nil
}

// Close writes the end of the stream.
func (j *Joiner) Close() error {
	_, err := j.to.Write([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0})
	return err
}

// Join appends to dst what a Joiner makes of the blocks.
func Join(dst []byte, blocks ...[]byte) ([]byte, error) {
	total := endBytes
	for _, b := range blocks {
		total += len(b)
	}
	out := bytes.NewBuffer(slices.Grow(dst, total))
	j := NewJoiner(out)
	for _, b := range blocks {
		if err := j.Add(b); err != nil {
			return out.Bytes(), err
		}
	}
	err := j.Close()
	return out.Bytes(), err
}

// Rows is the number of rows that a block says it has. It reads its frames
// alone.
func Rows(b []byte) (int, error) {
	for {
		size, err := messageSize(b)
		if err != nil {
			return 0, err
		}
		if size == 0 {
			return 0, fmt.Errorf("%w: it has no rows", ErrCorrupt)
		}
		if n, ok := batchRows(b[endBytes:size]); ok {
			if n < 1 || n > MaxRows {
				return 0, fmt.Errorf("%w: it says that it has %d rows", ErrCorrupt, n)
			}
			return int(n), nil
		}
		b = b[size:]
	}
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
