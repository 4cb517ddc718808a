package intake

import (
	"slices"
	"sync"

	"github.com/sourcegraph/conc/stream"

	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/pseudonym"
)

// MaxBlockRows is how many rows a block has, unless they have maxBlockHashes; the
// last of a file has what is left. The encoder may cut a block further to fit a
// message of the log; where it cuts depends on the rows alone, too.
const MaxBlockRows = 64_000

// maxBlockHashes is after how many hashes of keys and subjects a block ends, behind
// the row that has them. No compression makes them smaller: with more the block
// would be cut into several messages, and would have left the processor's cache
// before it is encoded.
const maxBlockHashes = 32_000

// maxUnhashed is how many bytes of keys and subjects a block holds before they
// are hashed: more than most blocks have, so that it is done beside.
const maxUnhashed = 8 << 20

// blockWriter collects a block.
type blockWriter struct {
	number         uint32 // within the file; the sink may give the block another
	obs            event.Observations
	keys, subjects hashes
}

// hashes are a column of hashes while it is made.
type hashes struct {
	waiting pseudonym.Batch
	sums    [][16]byte // those that have been made
	at      []int32    // by row, which of all of them it has; -1: none
	by      *pseudonym.Hasher
}

// add adds a hash, that of head and tail, and says which it is.
func (h *hashes) add(head, tail []byte) int32 {
	h.waiting.Add(head, tail)
	return int32(h.len() - 1)
}

// len is how many there are, made or not.
func (h *hashes) len() int { return len(h.sums) + h.waiting.Len() }

// make makes those that wait.
func (h *hashes) make() {
	if h.waiting.Len() > 0 {
		h.sums = h.by.Sums(h.sums, &h.waiting)
		h.waiting.Reset()
	}
}

// column appends the hash of each row; zero: none.
func (h *hashes) column(dst [][16]byte) [][16]byte {
	h.make()
	for _, at := range h.at {
		var sum [16]byte
		if at >= 0 {
			sum = h.sums[at]
		}
		dst = append(dst, sum)
	}
	return dst
}

func (h *hashes) grow(rows int) {
	h.waiting.Grow(h.len() * rows / manyRows)
	h.at, h.sums = room(h.at, rows), slices.Grow(h.sums, h.len()*rows/manyRows)
}

func (h *hashes) reset() {
	h.waiting.Reset()
	h.sums, h.at = h.sums[:0], h.at[:0]
}

// newBlockWriter has the keys of the region; nil: there is nothing to hash.
func newBlockWriter(keys *pseudonym.Keys) *blockWriter {
	w := &blockWriter{}
	if keys != nil {
		w.keys.by, w.subjects.by = keys.Naturals(), keys.Subjects()
	}
	return w
}

// word is a text of a column, and its code in the block where it was last.
type word struct {
	text string
	// in is the number of that block, from 1; 0: it was in none.
	code, in uint32
}

// put appends a word to a column, in which it always is.
func (w *blockWriter) put(t *event.Texts, of *word) {
	if of.in != w.number+1 {
		of.code, of.in = t.Code(of.text), w.number+1
	}
	t.Codes = append(t.Codes, of.code)
}

// full reports whether the next line begins another block.
func (w *blockWriter) full() bool {
	return w.obs.Len() == MaxBlockRows || w.keys.len()+w.subjects.len() >= maxBlockHashes
}

// ends reports whether the next observation, of that line, does.
func (w *blockWriter) ends(line uint64) bool {
	return w.full() && (w.obs.Len() == MaxBlockRows || w.obs.Line[w.obs.Len()-1] != line)
}

// manyRows are enough to make room for a full block at once.
const manyRows = 2_000

// grow makes room for a full block of rows like those that are there.
func (w *blockWriter) grow() {
	rows := MaxBlockRows
	if hashes := w.keys.len() + w.subjects.len(); hashes > 0 {
		rows = min(rows, manyRows*maxBlockHashes/hashes+1)
	}
	o := &w.obs
	o.Line, o.Kind, o.EventDate, o.RegistrationDate = room(o.Line, rows), room(o.Kind, rows), room(o.EventDate, rows), room(o.RegistrationDate, rows)
	for _, t := range [...]*event.Texts{&o.Indicator, &o.Version, &o.Unit, &o.Stratum} {
		t.Codes = room(t.Codes, rows)
	}
	o.Subject, o.Key, o.Has, o.Finding = room(o.Subject, rows), room(o.Key, rows), room(o.Has, rows), room(o.Finding, rows)
	o.Numerator, o.Denominator, o.Value, o.Expected = room(o.Numerator, rows), room(o.Denominator, rows), room(o.Value, rows), room(o.Expected, rows)
	w.keys.grow(rows)
	w.subjects.grow(rows)
}

// room has the capacity for so many.
func room[T any](s []T, n int) []T { return slices.Grow(s, max(n-len(s), 0)) }

// hash makes the hashes, which is the dearest part of most rows and needs
// nothing but the block.
func (w *blockWriter) hash() {
	w.keys.make()
	w.subjects.make()
}

// finish makes what is still missing of the block.
func (w *blockWriter) finish() {
	w.obs.Key, w.obs.Subject = w.keys.column(w.obs.Key), w.subjects.column(w.obs.Subject)
}

// begin makes it the block of that number, of the same file as o.
func (w *blockWriter) begin(number uint32, o *event.Observations) {
	w.number = number
	w.obs.Region, w.obs.Registry, w.obs.Feed, w.obs.Delivery, w.obs.Block = o.Region, o.Registry, o.Feed, o.Delivery, number
}

func (w *blockWriter) reset() {
	w.obs.Reset()
	w.keys.reset()
	w.subjects.reset()
}

// blocksAhead bounds the blocks that are finished while the next one is filled.
const blocksAhead = 2

// handover finishes blocks beside each other and hands them to the sink in
// their order, while the file is read on.
type handover struct {
	sink Sink
	out  *stream.Stream
	free chan *blockWriter

	mu  sync.Mutex // one call of the sink at a time
	err error      // the first of a block, after which there are no more
}

func newHandover(sink Sink, keys *pseudonym.Keys) *handover {
	h := &handover{sink: sink, out: stream.New().WithMaxGoroutines(blocksAhead), free: make(chan *blockWriter, blocksAhead)}
	for range blocksAhead {
		h.free <- newBlockWriter(keys)
	}
	return h
}

// swap takes a full block and gives an empty one for the next rows, or the
// error of the sink for an earlier one.
func (h *handover) swap(w *blockWriter) (*blockWriter, error) {
	next := <-h.free
	if err := h.failed(); err != nil {
		h.free <- next
		return w, err
	}
	next.reset()
	next.begin(w.number+1, &w.obs)
	h.out.Go(func() stream.Callback {
		w.finish()
		return func() {
			defer func() { h.free <- w }()
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.err == nil {
				h.err = h.sink.Block(&w.obs)
			}
		}
	})
	return next, nil
}

// reject hands one fault on.
func (h *handover) reject(r *Reject) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sink.Reject(r)
}

func (h *handover) failed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// wait returns when the sink has had every block, with its error.
func (h *handover) wait() error {
	h.out.Wait()
	return h.failed()
}
