package pseudonym

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"slices"
)

// Hasher makes the pseudonyms of one purpose. It is not safe for concurrent
// use.
type Hasher struct {
	mac   hash.Hash
	sum   [sha256.Size]byte
	short *short // nil: this build's SHA-256 does not show its state
}

func newHasher(key [sha256.Size]byte) *Hasher {
	h := &Hasher{mac: hmac.New(sha256.New, key[:])}
	// The form in which SHA-256 gives its state is not promised: it is relied on
	// where it gives the sums that HMAC gives.
	s := newShort(key)
	if s == nil {
		return h
	}
	for n := range maxShort + 1 {
		message := make([]byte, n)
		for i := range message {
			message[i] = byte(n + i)
		}
		want := h.long(message)
		for i := range s.lanes {
			s.lanes[i].put(message)
		}
		for _, got := range s.sums(lanes) {
			if got != want {
				return h
			}
		}
	}
	h.short = s
	return h
}

// Sum is HMAC-SHA-256 of the message, cut to 16 bytes. It allocates nothing.
func (h *Hasher) Sum(message []byte) [16]byte {
	if h.short != nil && len(message) <= maxShort {
		h.short.lanes[0].put(message)
		return h.short.sums(1)[0]
	}
	return h.long(message)
}

// Sums appends to dst the sums of the messages that stand in text one behind the
// other, and of which ends says where each ends. One of no length is none, and
// its sum is zero. It is faster than Sum for each: see short.
func (h *Hasher) Sums(dst [][16]byte, text []byte, ends []int32) [][16]byte {
	dst = slices.Grow(dst, len(ends))
	var waits [lanes]int // where in dst the sums of the lanes belong
	n, from := 0, int32(0)
	settle := func() {
		sums := h.short.sums(n)
		for i, at := range waits[:n] {
			dst[at] = sums[i]
		}
		n = 0
	}
	for _, end := range ends {
		message := text[from:end]
		from = end
		var sum [16]byte
		switch {
		case len(message) == 0:
		case h.short == nil || len(message) > maxShort:
			sum = h.long(message)
		default:
			h.short.lanes[n].put(message)
			waits[n] = len(dst)
			n++
		}
		if dst = append(dst, sum); n == lanes {
			settle()
		}
	}
	if n > 0 {
		settle()
	}
	return dst
}

func (h *Hasher) long(message []byte) [16]byte {
	h.mac.Reset()
	h.mac.Write(message)
	h.mac.Sum(h.sum[:0])
	return [16]byte(h.sum[:16])
}

const (
	// maxShort is the longest message that fits into one block of SHA-256 with
	// the mark of its end and its length. Nearly all are shorter.
	maxShort = sha256.BlockSize - 1 - 8
	// stateAt is where the state stands in what SHA-256 gives of itself.
	stateAt = 4
	opad    = 0x5c
	ipad    = 0x36
)

// lanes is how many messages are hashed beside each other. The steps of one wait
// for each other and not for those of the next, so that a processor with
// instructions for SHA-256 does some of both at once; more than two gain nothing.
const lanes = 2

// short is HMAC of messages of one block, from the states behind the key: two
// blocks are hashed and nothing is copied twice.
type short struct {
	inner, outer []byte // the states behind the key's two forms
	lanes        [lanes]lane
}

// lane is one message on its way.
type lane struct {
	state state
	given []byte
	// inner is the message with the mark of its end and its length; of n bytes,
	// as most have the same. outer is the same for its hash.
	inner, outer [sha256.BlockSize]byte
	n            int
}

// state is a SHA-256 that shows and takes its state.
type state interface {
	hash.Hash
	encoding.BinaryUnmarshaler
	encoding.BinaryAppender
}

// newShort is nil where the state of SHA-256 cannot be had.
func newShort(key [sha256.Size]byte) *short {
	s := &short{}
	for i := range s.lanes {
		l := &s.lanes[i]
		var ok bool
		if l.state, ok = sha256.New().(state); !ok {
			return nil
		}
		finish(l.inner[:], 0)
		finish(l.outer[:], sha256.Size)
	}
	first := s.lanes[0].state
	for pad, to := range map[byte]*[]byte{ipad: &s.inner, opad: &s.outer} {
		var block [sha256.BlockSize]byte
		for i := range block {
			block[i] = pad
		}
		for i := range key {
			block[i] ^= key[i]
		}
		first.Reset()
		first.Write(block[:])
		given, err := first.AppendBinary(nil)
		if err != nil || len(given) < stateAt+sha256.Size {
			return nil
		}
		*to = given
	}
	for i := range s.lanes {
		s.lanes[i].given = make([]byte, 0, len(s.inner))
	}
	return s
}

// finish puts behind the n bytes of a block the mark of their end and the length
// of all that is hashed: a block with the key is before it.
func finish(block []byte, n int) {
	block[n] = 0x80
	clear(block[n+1 : len(block)-8])
	binary.BigEndian.PutUint64(block[len(block)-8:], uint64(sha256.BlockSize+n)*8)
}

// put takes a message of at most maxShort bytes.
func (l *lane) put(message []byte) {
	copy(l.inner[:], message)
	if len(message) != l.n {
		l.n = len(message)
		finish(l.inner[:], l.n)
	}
}

// sums are those of the first n lanes.
func (s *short) sums(n int) (sums [lanes][16]byte) {
	on := s.lanes[:n]
	for i := range on {
		on[i].begin(s.inner)
	}
	for i := range on {
		on[i].state.Write(on[i].inner[:])
	}
	for i := range on {
		copy(on[i].outer[:], on[i].hash())
		on[i].begin(s.outer)
	}
	for i := range on {
		on[i].state.Write(on[i].outer[:])
	}
	for i := range on {
		sums[i] = [16]byte(on[i].hash())
	}
	return sums
}

// begin goes on from a state behind the key.
func (l *lane) begin(from []byte) {
	if err := l.state.UnmarshalBinary(from); err != nil {
		panic("pseudonym: SHA-256 does not take back the state that it gave")
	}
}

// hash is the SHA-256 of what has been written, whose end was among it. It is
// valid until the next call.
func (l *lane) hash() []byte {
	given, err := l.state.AppendBinary(l.given)
	if err != nil {
		panic("pseudonym: SHA-256 does not give the state that it gave before")
	}
	return given[stateAt : stateAt+sha256.Size]
}
