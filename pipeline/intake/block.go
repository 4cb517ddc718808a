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
	number uint32 // within the file; the sink may give the block another
	obs    event.Observations
	// keys are what the keys of the rows that have none yet are hashes of, on
	// end, keyEnds where each ends; one of no length is none.
	keys    []byte
	keyEnds []int32
	// subjects are the same for the pseudonyms, sums those that have been made,
	// and subjectAt says which of all of them a row has; -1: none.
	subjects    []byte
	subjectEnds []int32
	sums        [][16]byte
	subjectAt   []int32
	hashes      int // of keys and subjects, made or not
	// ofKeys and ofSubjects make them; nil: not yet.
	ofKeys, ofSubjects *pseudonym.Hasher
}

// full reports whether the next line begins another block.
func (w *blockWriter) full() bool { return w.obs.Len() == MaxBlockRows || w.hashes >= maxBlockHashes }

// ends reports whether the next observation, of that line, does.
func (w *blockWriter) ends(line uint64) bool {
	n := w.obs.Len()
	return n == MaxBlockRows || w.hashes >= maxBlockHashes && w.obs.Line[n-1] != line
}

// emit adds the key and the subject of a row.
func (w *blockWriter) emit(key []byte, subject int32) {
	if len(key) > 0 {
		w.keys = append(w.keys, key...)
		w.hashes++
	}
	w.keyEnds = append(w.keyEnds, int32(len(w.keys)))
	w.subjectAt = append(w.subjectAt, subject)
}

// subject adds a subject and says which it is.
func (w *blockWriter) subject(text []byte) int32 {
	w.hashes++
	w.subjects = append(w.subjects, text...)
	w.subjectEnds = append(w.subjectEnds, int32(len(w.subjects)))
	return int32(len(w.sums) + len(w.subjectEnds) - 1)
}

// manyRows are enough to make room for a full block at once.
const manyRows = 2_000

// grow makes room for a full block of rows like those that are there.
func (w *blockWriter) grow() {
	rows := MaxBlockRows
	if w.hashes > 0 {
		rows = min(rows, manyRows*maxBlockHashes/w.hashes+1)
	}
	o := &w.obs
	o.Line, o.Kind, o.Indicator, o.Version = room(o.Line, rows), room(o.Kind, rows), room(o.Indicator, rows), room(o.Version, rows)
	o.Unit, o.Stratum, o.EventDate, o.RegistrationDate = room(o.Unit, rows), room(o.Stratum, rows), room(o.EventDate, rows), room(o.RegistrationDate, rows)
	o.Subject, o.Key, o.Has, o.Finding = room(o.Subject, rows), room(o.Key, rows), room(o.Has, rows), room(o.Finding, rows)
	o.Numerator, o.Denominator, o.Value, o.Expected = room(o.Numerator, rows), room(o.Denominator, rows), room(o.Value, rows), room(o.Expected, rows)
	w.keyEnds, w.subjectEnds, w.subjectAt, w.sums = room(w.keyEnds, rows), room(w.subjectEnds, rows), room(w.subjectAt, rows), room(w.sums, rows)
	w.keys = slices.Grow(w.keys, min(len(w.keys)*rows/manyRows, maxUnhashed))
	w.subjects = slices.Grow(w.subjects, min(len(w.subjects)*rows/manyRows, maxUnhashed))
}

// room has the capacity for so many.
func room[T any](s []T, n int) []T { return slices.Grow(s, max(n-len(s), 0)) }

// hash makes the hashes, which is the dearest part of most rows and needs
// nothing but the block. Keys may be nil where there is nothing to hash.
func (w *blockWriter) hash(k *pseudonym.Keys) {
	if k == nil {
		w.obs.Key = append(w.obs.Key, make([][16]byte, len(w.keyEnds))...)
		w.keyEnds = w.keyEnds[:0]
		return
	}
	if w.ofKeys == nil {
		w.ofKeys, w.ofSubjects = k.Naturals(), k.Subjects()
	}
	w.obs.Key = w.ofKeys.Sums(w.obs.Key, w.keys, w.keyEnds)
	w.sums = w.ofSubjects.Sums(w.sums, w.subjects, w.subjectEnds)
	w.keys, w.keyEnds, w.subjects, w.subjectEnds = w.keys[:0], w.keyEnds[:0], w.subjects[:0], w.subjectEnds[:0]
}

// finish makes what is still missing of the block.
func (w *blockWriter) finish(k *pseudonym.Keys) {
	w.hash(k)
	for _, at := range w.subjectAt {
		var subject [16]byte
		if at >= 0 {
			subject = w.sums[at]
		}
		w.obs.Subject = append(w.obs.Subject, subject)
	}
}

// begin makes it the block of that number, of the same file as o.
func (w *blockWriter) begin(number uint32, o *event.Observations) {
	w.number = number
	w.obs.Region, w.obs.Registry, w.obs.Feed, w.obs.Delivery, w.obs.Block = o.Region, o.Registry, o.Feed, o.Delivery, number
}

func (w *blockWriter) reset() {
	w.obs.Reset()
	w.keys, w.keyEnds = w.keys[:0], w.keyEnds[:0]
	w.subjects, w.subjectEnds, w.sums, w.subjectAt, w.hashes = w.subjects[:0], w.subjectEnds[:0], w.sums[:0], w.subjectAt[:0], 0
}

// blocksAhead bounds the blocks that are finished while the next one is filled.
const blocksAhead = 2

// handover finishes blocks beside each other and hands them to the sink in
// their order, while the file is read on.
type handover struct {
	sink Sink
	keys *pseudonym.Keys // nil: there is nothing to hash
	out  *stream.Stream
	free chan *blockWriter

	mu  sync.Mutex // one call of the sink at a time
	err error      // the first of a block, after which there are no more
}

func newHandover(sink Sink, keys *pseudonym.Keys) *handover {
	h := &handover{sink: sink, keys: keys, out: stream.New().WithMaxGoroutines(blocksAhead), free: make(chan *blockWriter, blocksAhead)}
	for range blocksAhead {
		h.free <- &blockWriter{}
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
		w.finish(h.keys)
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
