package eventlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"iter"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/sourcegraph/conc"

	"larstrom/pipeline/event"
)

// Block is one block to be appended.
type Block struct {
	// Payload is read before the iterator is asked for the next block and may be
	// reused then.
	Payload []byte
	// Rows are the rows in it.
	Rows int
}

// AppendBlocks stores all of blocks on subject, which must hold nothing else,
// and returns their range. It may be called again with the same blocks, after a
// crash at any point or concurrently: what the subject already holds is compared
// with the blocks as they are made again, and only what is missing is stored. A
// difference, or a subject that holds more, is ErrConflict. An error of the
// iterator ends the call; what had been stored by then stays (see EraseSubject).
//
// At most two batches are held in memory: one is filled while the other is
// being stored.
func (l *Log) AppendBlocks(ctx context.Context, stream, subject string, blocks iter.Seq2[Block, error]) (event.Range, error) {
	end, err := l.LastSequence(ctx, stream, subject)
	if err != nil {
		return event.Range{}, err
	}
	a := appender{log: l, ctx: ctx, stream: stream, sum: newSummer(subject), last: end}
	// Nothing that panics above leaves the store under way behind.
	defer a.store.Wait()
	if end > 0 {
		err = a.resume(end, blocks)
	} else {
		err = a.feed(blocks)
	}
	if err == nil {
		err = a.finish()
	} else {
		err = errors.Join(err, a.settle())
	}
	if err != nil {
		return event.Range{}, err
	}
	return a.sum.result(), nil
}

// appender is one AppendBlocks.
type appender struct {
	log    *Log
	ctx    context.Context
	stream string
	sum    *summer
	last   uint64 // sequence of the subject's last message, when nothing is under way

	filling, storing batch
	store            conc.WaitGroup
	underway         bool
	stored           outcome
}

type outcome struct {
	first, last uint64
	err         error
}

// batch is payloads, one after the other in one piece of memory.
type batch struct {
	bytes []byte
	ends  []int
}

// maxBlocksBatch bounds the bytes of a batch of blocks. The server puts a batch
// into a file of its own before it takes it, so that blocks as large as a message
// may be cost half as much one by one: the sync that each then needs runs while
// the next is made. Smaller ones share a batch and its sync.
const maxBlocksBatch = 1 << 20

// add appends a payload.
func (b *batch) add(payload []byte) {
	b.bytes = append(b.bytes, payload...)
	b.ends = append(b.ends, len(b.bytes))
}

func (b *batch) reset() { b.bytes, b.ends = b.bytes[:0], b.ends[:0] }

func (b *batch) messages() []message {
	msgs := make([]message, len(b.ends))
	from := 0
	for i, to := range b.ends {
		msgs[i] = message{data: b.bytes[from:to]}
		from = to
	}
	return msgs
}

func (a *appender) feed(blocks iter.Seq2[Block, error]) error {
	for b, err := range blocks {
		if err != nil {
			return err
		}
		if err := a.add(b); err != nil {
			return err
		}
	}
	return nil
}

// resume compares what is stored up to sequence end with the blocks, and feeds
// the rest.
func (a *appender) resume(end uint64, blocks iter.Seq2[Block, error]) error {
	next, stop := iter.Pull2(blocks)
	defer stop()
	err := a.log.each(a.ctx, query{stream: a.stream, subject: a.sum.subject, from: 1, until: end}, func(m Message) error {
		b, err, ok := next()
		switch {
		case !ok:
			return fmt.Errorf("log: %s holds more than the %d blocks that were made again, from sequence %d on: %w",
				a.sum.subject, a.sum.blocks, m.Sequence, ErrConflict)
		case err != nil:
			return err
		case !bytes.Equal(b.Payload, m.Data):
			return fmt.Errorf("log: %s: block %d at sequence %d has the hash %.12x and was made again with %.12x: %w: "+
				"the same file, feed and catalog must make the same blocks",
				a.sum.subject, a.sum.blocks, m.Sequence, sha256.Sum256(m.Data), sha256.Sum256(b.Payload), ErrConflict)
		}
		a.sum.add(m.Sequence, m.Data, b.Rows)
		return nil
	})
	if err != nil {
		return err
	}
	if a.sum.last != end {
		return fmt.Errorf("log: %s ended at sequence %d and its messages up to there are gone: %w", a.sum.subject, end, ErrCorrupt)
	}
	for {
		b, err, ok := next()
		if !ok {
			return nil
		}
		if err != nil {
			return err
		}
		if err := a.add(b); err != nil {
			return err
		}
	}
}

func (a *appender) add(b Block) error {
	if err := a.ctx.Err(); err != nil {
		return fmt.Errorf("log: append to %s: %w", a.sum.subject, err)
	}
	if len(b.Payload) == 0 || b.Rows < 0 {
		return fmt.Errorf("log: block %d of %s has %d bytes and %d rows: %w", a.sum.blocks, a.sum.subject, len(b.Payload), b.Rows, ErrInvalid)
	}
	if err := a.log.checkSize(a.sum.subject, len(b.Payload)); err != nil {
		return err
	}
	f := &a.filling
	if len(f.ends) == a.log.maxBatch || len(f.ends) > 0 && len(f.bytes)+len(b.Payload) > min(a.log.batchBytes, maxBlocksBatch) {
		if err := a.dispatch(); err != nil {
			return err
		}
	}
	f.add(b.Payload)
	a.sum.count(b.Rows)
	return nil
}

// dispatch waits for the batch under way and sends the filled one after it.
func (a *appender) dispatch() error {
	if err := a.settle(); err != nil {
		return err
	}
	a.filling, a.storing = a.storing, a.filling
	a.filling.reset()
	msgs, after := a.storing.messages(), a.last
	by := bySubject
	if len(msgs) == 1 && after > 0 {
		by = byStream // its last message was ours
	}
	a.underway = true
	a.store.Go(func() { a.sum.hash.Write(a.storing.bytes) }) // while the server stores them
	a.store.Go(func() {
		first, last, err := a.log.commit(a.ctx, a.stream, a.sum.subject, after, msgs, by)
		a.stored = outcome{first, last, err}
	})
	return nil
}

// settle waits for the batch under way.
func (a *appender) settle() error {
	if !a.underway {
		return nil
	}
	a.underway = false
	a.store.Wait()
	if err := a.stored.err; err != nil {
		var wrong *WrongLastSequenceError
		if errors.As(err, &wrong) {
			return fmt.Errorf("log: %w: %w", ErrConflict, err)
		}
		return err
	}
	a.last = a.stored.last
	a.sum.stored(a.stored.first, a.stored.last)
	return nil
}

func (a *appender) finish() error {
	if len(a.filling.ends) > 0 {
		if err := a.dispatch(); err != nil {
			return err
		}
	}
	return a.settle()
}

// summer computes a range.
type summer struct {
	subject     string
	first, last uint64
	blocks      int
	rows        int64
	hash        hash.Hash
}

func newSummer(subject string) *summer { return &summer{subject: subject, hash: sha256.New()} }

// count counts a payload whose bytes somebody else puts into the hash, in order.
func (s *summer) count(rows int) {
	s.blocks++
	s.rows += int64(rows)
}

// add counts a payload that is stored at a sequence.
func (s *summer) add(seq uint64, payload []byte, rows int) {
	s.count(rows)
	s.hash.Write(payload)
	s.stored(seq, seq)
}

func (s *summer) stored(first, last uint64) {
	if s.first == 0 {
		s.first = first
	}
	s.last = last
}

func (s *summer) result() event.Range {
	return event.Range{Subject: s.subject, First: s.first, Last: s.last, Blocks: s.blocks, Rows: s.rows,
		Hash: hex.EncodeToString(s.hash.Sum(nil))}
}

// Stored is the range of everything that subject holds now. Its Rows are 0: the
// log does not look into blocks.
func (l *Log) Stored(ctx context.Context, stream, subject string) (event.Range, error) {
	end, err := l.LastSequence(ctx, stream, subject)
	if err != nil {
		return event.Range{}, err
	}
	s := newSummer(subject)
	if end == 0 {
		return s.result(), nil
	}
	err = l.each(ctx, query{stream: stream, subject: subject, from: 1, until: end}, func(m Message) error {
		s.add(m.Sequence, m.Data, 0)
		return nil
	})
	if err != nil {
		return event.Range{}, err
	}
	return s.result(), nil
}

// ReadRange calls fn for every message of the range, in order. It ends with
// ErrCorrupt, which says what is missing, when the messages are not exactly
// those of the range. Their number and hash are known only after the last one:
// until ReadRange has returned nil, what fn did must not count.
func (l *Log) ReadRange(ctx context.Context, stream string, r event.Range, fn func(seq uint64, payload []byte) error) error {
	if _, err := l.stream(stream); err != nil {
		return err
	}
	if err := checkSubject(stream, r.Subject); err != nil {
		return err
	}
	s := newSummer(r.Subject)
	if r.Blocks == 0 && r.First == 0 && r.Last == 0 {
		if want := s.result().Hash; r.Hash != want && r.Hash != "" {
			return fmt.Errorf("log: range of %s is empty and has the hash %s: %w", r.Subject, r.Hash, ErrInvalid)
		}
		return nil
	}
	if r.First == 0 || r.Last < r.First || r.Blocks < 1 || uint64(r.Blocks) > r.Last-r.First+1 {
		return fmt.Errorf("log: range %d … %d of %s cannot hold %d blocks: %w", r.First, r.Last, r.Subject, r.Blocks, ErrInvalid)
	}
	err := l.each(ctx, query{stream: stream, subject: r.Subject, from: r.First, until: r.Last}, func(m Message) error {
		if s.blocks == 0 && m.Sequence != r.First {
			return fmt.Errorf("log: %s: block at sequence %d is missing: %w: restore the stream, or accept the file again",
				r.Subject, r.First, ErrCorrupt)
		}
		if s.blocks == r.Blocks {
			return fmt.Errorf("log: %s holds more than %d blocks in %d … %d: %w", r.Subject, r.Blocks, r.First, r.Last, ErrCorrupt)
		}
		s.add(m.Sequence, m.Data, 0)
		return fn(m.Sequence, m.Data)
	})
	if err != nil {
		return err
	}
	if s.blocks != r.Blocks || s.last != r.Last {
		return fmt.Errorf("log: %s: %d of %d blocks between sequences %d and %d exist, the last at %d: %w: restore the stream, or accept the file again",
			r.Subject, s.blocks, r.Blocks, r.First, r.Last, s.last, ErrCorrupt)
	}
	if got := s.result().Hash; got != r.Hash {
		return fmt.Errorf("log: %s: the blocks at %d … %d have the hash %s and were accepted with %s: %w: restore the stream",
			r.Subject, r.First, r.Last, got, r.Hash, ErrCorrupt)
	}
	return nil
}

// SecureErase puts noise in the place of the messages of the range, last first,
// so that what a crash leaves is still a beginning, and returns how many there
// were. Erasing again what is gone is no error. Only OBS and CELLS can be erased.
//
// No file of the log holds the messages afterwards. The server writes the file
// anew and renames it over the old one, whose space on the disk becomes free
// without being overwritten: who must rule out forensics encrypts the volume.
func (l *Log) SecureErase(ctx context.Context, stream string, r event.Range) (erased int, err error) {
	if stream != OBS && stream != CELLS {
		return 0, fmt.Errorf("log: nothing is erased from stream %s: %w", stream, ErrInvalid)
	}
	if err := checkSubject(stream, r.Subject); err != nil {
		return 0, err
	}
	if r.First == 0 || r.Last < r.First {
		return 0, nil
	}
	var seqs []uint64
	err = l.each(ctx, query{stream: stream, subject: r.Subject, from: r.First, until: r.Last, headers: true}, func(m Message) error {
		seqs = append(seqs, m.Sequence)
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i := len(seqs) - 1; i >= 0; i-- {
		if err := l.eraseOne(ctx, stream, seqs[i]); err != nil {
			return erased, err
		}
		erased++
	}
	left, found, err := l.after(ctx, stream, r.Subject, r.First-1)
	if err == nil && found && left.Sequence <= r.Last {
		err = fmt.Errorf("log: sequence %d of %s was erased and is still there: %w", left.Sequence, r.Subject, ErrCorrupt)
	}
	return erased, err
}

// EraseSubject erases everything that subject holds: the blocks of a file that
// was rejected half-way, of which there is no range.
func (l *Log) EraseSubject(ctx context.Context, stream, subject string) (erased int, err error) {
	end, err := l.LastSequence(ctx, stream, subject)
	if err != nil || end == 0 {
		return 0, err
	}
	return l.SecureErase(ctx, stream, event.Range{Subject: subject, First: 1, Last: end})
}

// eraseOne erases one message. The server answers the erasure of what is gone
// with one of several errors, so that after any error the message is looked for.
func (l *Log) eraseOne(ctx context.Context, stream string, seq uint64) error {
	err := l.ask(ctx, func(ctx context.Context) error {
		err := l.streams[stream].SecureDeleteMsg(ctx, seq)
		if err == nil {
			return nil
		}
		if _, look := l.streams[stream].GetMsg(ctx, seq); errors.Is(look, jetstream.ErrMsgNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("log: erasing sequence %d of %s: %w", seq, stream, err)
	}
	return nil
}
