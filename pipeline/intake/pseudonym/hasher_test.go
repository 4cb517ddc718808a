package pseudonym

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The short way is taken where Go's own SHA-256 is used, and gives what HMAC
// gives for every length that it takes. That of longer messages is another's.
func TestShortMessages(t *testing.T) {
	key := sha256.Sum256([]byte("a key"))
	h := newHasher(key)
	if h.short == nil {
		t.Fatal("the state of SHA-256 is no longer of the form that short expects: it was found out, and sums are slower")
	}
	for n := range 2*maxShort + 1 {
		message := make([]byte, n)
		for i := range message {
			message[i] = byte(i*7 + n)
		}
		mac := hmac.New(sha256.New, key[:])
		mac.Write(message)
		var b Batch
		b.Add(message[:n/3], message[n/3:])
		if got := h.Sums(nil, &b); got[0] != [16]byte(mac.Sum(nil)) {
			t.Errorf("%d bytes: %x", n, got)
		}
		if got := h.long(message); got != [16]byte(mac.Sum(nil)) {
			t.Errorf("%d bytes, the long way: %x", n, got)
		}
	}
}

// Many at once have the sums that each has alone, in their order: of any
// lengths, beside longer ones.
func TestSumsAreThoseOfEach(t *testing.T) {
	key := sha256.Sum256([]byte("a key"))
	h, alone := newHasher(key), newHasher(key)
	var b Batch
	rapid.Check(t, func(t *rapid.T) {
		messages := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, maxShort+9), 0, 20).Draw(t, "messages")
		want := [][16]byte{{1}}
		for range 2 { // the second time in the memory of the first
			want = want[:1]
			b.Reset()
			for _, m := range messages {
				b.Add(m[:len(m)/2], m[len(m)/2:])
				want = append(want, alone.long(m))
			}
			if got := h.Sums([][16]byte{{1}}, &b); !slices.Equal(got, want) {
				t.Fatalf("%x, want %x", got, want)
			}
			slices.Reverse(messages)
		}
	})
}

func BenchmarkSums(b *testing.B) {
	h := newHasher(sha256.Sum256([]byte("a key")))
	const n, size = 1000, 28
	var messages Batch
	var sums [][16]byte
	for range n {
		messages.Add(make([]byte, 16), make([]byte, size-16))
	}
	b.ReportAllocs()
	for b.Loop() {
		sums = h.Sums(sums[:0], &messages)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/sum")
}
