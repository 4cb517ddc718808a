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
	var b Batch
	for n := range maxShort + 1 {
		message := make([]byte, n)
		for i := range message {
			message[i] = byte(n + i)
		}
		b.Reset()
		for range lanes {
			b.Add(message, nil)
		}
		want := h.long(message)
		for _, got := range s.sums(&b, [lanes]int{0, 1}, lanes) {
			if got != want {
				return h
			}
		}
	}
	h.short = s
	return h
}

// Sum is HMAC-SHA-256 of the message, cut to 16 bytes.
func (h *Hasher) Sum(message []byte) [16]byte { return h.long(message) }

// Sums appends to dst the sums of the messages, in their order. It is faster than
// Sum for each: see short.
func (h *Hasher) Sums(dst [][16]byte, b *Batch) [][16]byte {
	from := len(dst)
	dst = slices.Grow(dst, b.Len())[:from+b.Len()]
	sums := dst[from:]
	var waits [lanes]int // of which messages the lanes are
	n := 0
	settle := func() {
		for i, sum := range h.short.sums(b, waits, n) {
			if i < n {
				sums[waits[i]] = sum
			}
		}
		n = 0
	}
	for i := range sums {
		switch length := b.length(i); {
		case length < 0: // a long one
		case h.short == nil:
			sums[i] = h.long(b.block(i)[:length])
		default:
			if waits[n], n = i, n+1; n == lanes {
				settle()
			}
		}
	}
	if n > 0 {
		settle()
	}
	for _, l := range b.longs {
		sums[l.at] = h.long(l.text)
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
	maxShort = sha256.BlockSize - 1 - lengthBytes
	// lengthBytes end the last block: the number of bits that are hashed.
	lengthBytes = 8
	// stateAt is where the state stands in what SHA-256 gives of itself.
	stateAt = 4
	opad    = 0x5c
	ipad    = 0x36
)

// Batch is messages that wait for their sums. Its zero value has none.
type Batch struct {
	// blocks are of each message the last block that is hashed; all zero: it is
	// one of longs.
	blocks []byte
	longs  []long
	size   int // of longs, in bytes
}

type long struct {
	at   int
	text []byte
}

// Len is how many messages there are.
func (b *Batch) Len() int { return len(b.blocks) / sha256.BlockSize }

// Size is how many bytes they take.
func (b *Batch) Size() int { return len(b.blocks) + b.size }

// Reset empties the batch and keeps its memory, but for that of long messages.
func (b *Batch) Reset() { b.blocks, b.longs, b.size = b.blocks[:0], nil, 0 }

// Grow makes room for n more.
func (b *Batch) Grow(n int) { b.blocks = slices.Grow(b.blocks, n*sha256.BlockSize) }

// Add adds the message of head and tail, one behind the other.
func (b *Batch) Add(head, tail []byte) {
	at, n := len(b.blocks), len(head)+len(tail)
	b.blocks = slices.Grow(b.blocks, sha256.BlockSize)[:at+sha256.BlockSize]
	block := (*[sha256.BlockSize]byte)(b.blocks[at:])
	*block = [sha256.BlockSize]byte{}
	if n > maxShort {
		b.longs = append(b.longs, long{at / sha256.BlockSize, slices.Concat(head, tail)})
		b.size += n
		return
	}
	copy(block[copy(block[:], head):], tail)
	finish(block[:], n)
}

func (b *Batch) block(i int) []byte {
	return b.blocks[sha256.BlockSize*i : sha256.BlockSize*(i+1)]
}

// length is that of a message that fits into its block, else below 0.
func (b *Batch) length(i int) int {
	return int(binary.BigEndian.Uint64(b.block(i)[sha256.BlockSize-lengthBytes:])/8) - sha256.BlockSize
}

// finish puts behind the n bytes of a block, which is zero there, the mark of
// their end and the length of all that is hashed: a block with the key is before it.
func finish(block []byte, n int) {
	block[n] = 0x80
	binary.BigEndian.PutUint64(block[sha256.BlockSize-lengthBytes:], uint64(sha256.BlockSize+n)*8)
}

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
	outer [sha256.BlockSize]byte // room for the inner hash, finished
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

// sums are those of n messages of a batch.
func (s *short) sums(b *Batch, of [lanes]int, n int) (sums [lanes][16]byte) {
	on := s.lanes[:n]
	for i := range on {
		on[i].begin(s.inner)
	}
	for i := range on {
		on[i].state.Write(b.block(of[i]))
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
