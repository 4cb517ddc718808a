package simulate

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// streams gives independent streams of random numbers by name.
type streams struct{ seed uint64 }

// stream is one of them. Its state is that of a PCG, which is also what the
// distributions of gonum draw from.
type stream struct {
	*rand.Rand
	src *rand.PCG
}

// key names a stream; at narrows it by a number without hashing again.
type key struct{ hi, lo uint64 }

// key is the name of a stream. Each part goes in with its length, so that
// different names are different.
func (s streams) key(parts ...string) key {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 96), s.seed)
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return key{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])}
}

func (s streams) at(parts ...string) stream { return s.key(parts...).stream() }

func (k key) stream() stream {
	src := rand.NewPCG(k.hi, k.lo)
	return stream{rand.New(src), src} //nolint:gosec // the numbers are to be repeatable; they keep no secret
}

// at is the stream of a period: the finaliser of SplitMix64 (Steele, Lea and
// Flood 2014) spreads neighbouring numbers over all bits.
func (k key) at(n int) stream {
	mix := func(z uint64) uint64 {
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return z ^ z>>31
	}
	z := uint64(int64(n)) * 0x9e3779b97f4a7c15
	return key{mix(k.hi ^ mix(z+1)), mix(k.lo + mix(z+2))}.stream()
}

func (s stream) uniform(r Range) float64 { return r.Low + (r.High-r.Low)*s.Float64() }

// whole is a whole number of the range, both ends included.
func (s stream) whole(r Range) int {
	low, high := int(math.Ceil(r.Low)), int(math.Floor(r.High))
	if high <= low {
		return max(low, 1)
	}
	return low + s.IntN(high-low+1)
}

func (s stream) poisson(mean float64) int64 {
	if !(mean > 0) {
		return 0
	}
	return int64(distuv.Poisson{Lambda: mean, Src: s.src}.Rand())
}

func (s stream) binomial(n int64, p float64) int64 {
	switch {
	case n <= 0 || !(p > 0):
		return 0
	case p >= 1:
		return n
	}
	return int64(distuv.Binomial{N: float64(n), P: p, Src: s.src}.Rand())
}

// factor is a gamma factor of mean 1 and the given variance.
func (s stream) factor(variance float64) float64 {
	if !(variance > 0) {
		return 1
	}
	return distuv.Gamma{Alpha: 1 / variance, Beta: 1 / variance, Src: s.src}.Rand()
}

// days is a delay: exponential with that mean, in whole days.
func (s stream) days(mean float64) int32 {
	if !(mean > 0) {
		return 0
	}
	return int32(min(s.ExpFloat64()*mean, 3650))
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

func expit(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
