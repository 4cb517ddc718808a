package block

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// ErrCorrupt is returned for bytes that are not the block they should be:
// malformed, cut short, with values that no encoder wrote, or with a
// fingerprint that is not that of the content.
var ErrCorrupt = errors.New("corrupt block")

// Bounds on what is allocated for lengths that were read, before the bytes
// behind them have been seen.
const (
	maxMetadata  = 16 << 20
	maxBody      = 1 << 30
	maxMessages  = 64 // of one block: a schema, a record batch, dictionaries
	continuation = 0xFFFFFFFF
)

// frames splits a stream into messages for the IPC reader. It stands in for the
// library's own splitter, which takes the end of its input for the end of the
// stream: a query result that broke off between two batches would read as a
// shorter, whole one. Here only the end-of-stream mark ends a stream.
type frames struct {
	r     io.Reader
	limit int64 // longest body
	left  int   // messages still allowed; -1: any number
	err   error
}

// Message implements ipc.MessageReader. The message is valid until the next call.
func (f *frames) Message() (*ipc.Message, error) {
	if f.err != nil {
		return nil, f.err
	}
	m, err := f.next()
	if err != nil {
		f.err = err
	}
	return m, err
}

func (f *frames) next() (*ipc.Message, error) {
	var head [8]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return nil, cut("a message header", err)
	}
	if binary.LittleEndian.Uint32(head[:]) != continuation {
		return nil, f.instead("no message begins where one should", head[:])
	}
	size := int64(binary.LittleEndian.Uint32(head[4:]))
	if size == 0 {
		return nil, io.EOF
	}
	if size > maxMetadata {
		return nil, fmt.Errorf("%w: metadata of %d bytes", ErrCorrupt, size)
	}
	if f.left == 0 {
		return nil, fmt.Errorf("%w: more than %d messages", ErrCorrupt, maxMessages)
	}
	f.left = max(f.left-1, -1)
	// Neither piece is reused: the library keeps references into both.
	meta := make([]byte, size)
	if _, err := io.ReadFull(f.r, meta); err != nil {
		return nil, cut("metadata", err)
	}
	length, err := inspect(meta)
	if err != nil {
		return nil, err
	}
	if length > f.limit {
		return nil, fmt.Errorf("%w: a message body of %d bytes", ErrCorrupt, length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(f.r, body); err != nil {
		return nil, cut("a message body", err)
	}
	return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body)), nil
}

// finish reports an error unless the stream ended with its mark and nothing
// follows it.
func (f *frames) finish() error {
	if !errors.Is(f.err, io.EOF) {
		return fmt.Errorf("%w: the stream has no end mark", ErrCorrupt)
	}
	var one [1]byte
	if n, err := io.ReadFull(f.r, one[:]); n > 0 {
		return f.instead("bytes follow the end of the stream", one[:])
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading an Arrow stream: %w", err)
	}
	return nil
}

// instead is the error for bytes, of which begin has been read, where no stream
// has any. A query that fails half-way ends its Arrow stream in good order, mark
// and all, and tells of its error behind it: either the reader knows that and
// fails, or the text holds the error's number. The text itself is left out: it
// may quote values.
func (f *frames) instead(what string, begin []byte) error {
	const before, after = "Code: ", ". DB::"
	rest, err := io.ReadAll(io.LimitReader(f.r, 64<<10))
	if err != nil {
		return fmt.Errorf("reading an Arrow stream: %w", err)
	}
	text := append(begin[:len(begin):len(begin)], rest...)
	for {
		at := bytes.Index(text, []byte(before))
		if at < 0 {
			return fmt.Errorf("%w: %s", ErrCorrupt, what)
		}
		text = text[at+len(before):]
		if digits, _, ok := bytes.Cut(text, []byte(after)); ok {
			if code, err := strconv.ParseUint(string(digits), 10, 32); err == nil {
				return fmt.Errorf("%w: %s: the server broke off with its error %d", ErrCorrupt, what, code)
			}
		}
	}
}

// Retain implements ipc.MessageReader; the collector frees.
func (f *frames) Retain() {}

// Release implements ipc.MessageReader.
func (f *frames) Release() {}

func cut(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends within %s", ErrCorrupt, what)
	}
	return fmt.Errorf("reading an Arrow stream: %w", err)
}

// budget is an allocator that ends a reading that asks for more than an honest
// stream needs: sizes inside a message are taken on trust by the library. The
// panic is caught where the reading began.
type budget struct{ left int64 }

type overBudget struct{}

// Allocate implements memory.Allocator.
func (b *budget) Allocate(size int) []byte {
	if size < 0 || int64(size) > b.left {
		panic(overBudget{})
	}
	b.left -= int64(size)
	return make([]byte, size)
}

// Reallocate implements memory.Allocator.
func (b *budget) Reallocate(size int, old []byte) []byte {
	if size >= 0 && size <= cap(old) {
		return old[:size]
	}
	grown := b.Allocate(size)
	copy(grown, old)
	return grown
}

// Free implements memory.Allocator; the budget is of a whole reading.
func (b *budget) Free([]byte) {}

// guard turns a panic of the library on malformed input into ErrCorrupt. The
// library checks part of what it reads and indexes with the rest; a failed
// index is the check.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", ErrCorrupt, p)
	}
}
