package pseudonym

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
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
	for n := range maxShort + 1 {
		message := make([]byte, n)
		for i := range message {
			message[i] = byte(n + i)
		}
		if s == nil || s.sum(message) != h.long(message) {
			return h
		}
	}
	h.short = s
	return h
}

// Sum is HMAC-SHA-256 of the message, cut to 16 bytes. It allocates nothing.
func (h *Hasher) Sum(message []byte) [16]byte {
	if h.short != nil && len(message) <= maxShort {
		return h.short.sum(message)
	}
	return h.long(message)
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

// short is HMAC of messages of one block, from the states behind the key: two
// blocks are hashed and nothing is copied twice.
type short struct {
	inner, outer []byte // the states behind the key's two forms
	state        interface {
		hash.Hash
		encoding.BinaryUnmarshaler
		encoding.BinaryAppender
	}
	block [sha256.BlockSize]byte
	given []byte
}

// newShort is nil where the state of SHA-256 cannot be had.
func newShort(key [sha256.Size]byte) *short {
	s := &short{}
	var ok bool
	if s.state, ok = sha256.New().(interface {
		hash.Hash
		encoding.BinaryUnmarshaler
		encoding.BinaryAppender
	}); !ok {
		return nil
	}
	for pad, to := range map[byte]*[]byte{ipad: &s.inner, opad: &s.outer} {
		for i := range s.block {
			s.block[i] = pad
		}
		for i := range key {
			s.block[i] ^= key[i]
		}
		s.state.Reset()
		s.state.Write(s.block[:])
		given, err := s.state.AppendBinary(nil)
		if err != nil || len(given) < stateAt+sha256.Size {
			return nil
		}
		*to = given
	}
	s.given = make([]byte, 0, len(s.inner))
	return s
}

// sum is that of a message of at most maxShort bytes.
func (s *short) sum(message []byte) [16]byte {
	inner := s.behind(s.inner, message)
	outer := s.behind(s.outer, inner[:])
	return [16]byte(outer[:16])
}

// behind is the SHA-256 of what the state has taken, which is one block, and of
// the message.
func (s *short) behind(state, message []byte) (sum [sha256.Size]byte) {
	n := copy(s.block[:], message)
	s.block[n] = 0x80
	clear(s.block[n+1 : len(s.block)-8])
	binary.BigEndian.PutUint64(s.block[len(s.block)-8:], uint64(sha256.BlockSize+n)*8)
	err := s.state.UnmarshalBinary(state)
	s.state.Write(s.block[:])
	given, failed := s.state.AppendBinary(s.given)
	if err != nil || failed != nil {
		panic("pseudonym: SHA-256 does not take back the state that it gave")
	}
	copy(sum[:], given[stateAt:])
	return sum
}
