package pseudonym

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
)

// Hasher makes the pseudonyms of one purpose. It is not safe for concurrent
// use.
type Hasher struct {
	mac hash.Hash
	sum [sha256.Size]byte
}

func newHasher(key [sha256.Size]byte) *Hasher { return &Hasher{mac: hmac.New(sha256.New, key[:])} }

// Sum is HMAC-SHA-256 of the message, cut to 16 bytes. It allocates nothing.
func (h *Hasher) Sum(message []byte) [16]byte {
	h.mac.Reset()
	h.mac.Write(message)
	h.mac.Sum(h.sum[:0])
	return [16]byte(h.sum[:16])
}
