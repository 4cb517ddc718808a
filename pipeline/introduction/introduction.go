package introduction

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/variation"
)

// Row names one source row of an indicator version.
type Row struct {
	Delivery string
	Line     uint64
	// Unit and Stratum are strata of the sample.
	Unit, Stratum string
	// Inside: the row counts in the numerator.
	Inside bool
}

// Sample is what was drawn, in an order of its own: whoever checks only the
// first cases of a group has checked a sample of it.
type Sample struct {
	Inside, Outside []Row
}

// ErrRows says that a draw cannot be made.
var ErrRows = errors.New("introduction: the sample cannot be drawn")

// Draw takes inside rows from the numerator and outside rows from beside it,
// each spread over units and strata in proportion to their rows (largest
// remainders, and no stratum without a row while there are enough). The same
// rows and seed give the same sample, in whatever order the rows come.
//
// Rows are drawn by the order of SHA-256(seed, delivery, line): without
// replacement and, for who does not know the seed beforehand, at random.
func Draw(rows []Row, seed string, inside, outside int) (Sample, error) {
	if seed == "" || inside < 1 || outside < 1 {
		return Sample{}, fmt.Errorf("%w: a seed and at least one case from each side are needed", ErrRows)
	}
	in, err := draw(rows, true, seed, inside)
	if err != nil {
		return Sample{}, err
	}
	out, err := draw(rows, false, seed, outside)
	return Sample{in, out}, err
}

// place is a row with its place in the random order.
type place struct {
	Row
	key [sha256.Size]byte
}

func draw(rows []Row, inside bool, seed string, n int) ([]Row, error) {
	side := "outside"
	if inside {
		side = "inside"
	}
	strata := map[string][]place{}
	total := 0
	for _, r := range rows {
		if r.Inside == inside {
			k := r.Unit + "\x00" + r.Stratum
			strata[k] = append(strata[k], place{r, rank(seed, r)})
			total++
		}
	}
	if total < n {
		return nil, fmt.Errorf("%w: %d cases are wanted from %s the numerator, and there are %d", ErrRows, n, side, total)
	}
	keys := make([]string, 0, len(strata))
	for k, of := range strata {
		keys = append(keys, k)
		slices.SortFunc(of, compare)
		for i := 1; i < len(of); i++ {
			if of[i].Delivery == of[i-1].Delivery && of[i].Line == of[i-1].Line {
				return nil, fmt.Errorf("%w: line %d of delivery %s is there twice", ErrRows, of[i].Line, of[i].Delivery)
			}
		}
	}
	slices.Sort(keys)
	sizes := make([]int, len(keys))
	for i, k := range keys {
		sizes[i] = len(strata[k])
	}
	var all []place
	for i, take := range allocate(sizes, n) {
		all = append(all, strata[keys[i]][:take]...)
	}
	slices.SortFunc(all, compare)
	out := make([]Row, len(all))
	for i, p := range all {
		out[i] = p.Row
	}
	return out, nil
}

func compare(a, b place) int {
	return cmp.Or(slices.Compare(a.key[:], b.key[:]), strings.Compare(a.Delivery, b.Delivery), cmp.Compare(a.Line, b.Line))
}

func rank(seed string, r Row) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "larstrom sample 1\n%d:%s%d:%s", len(seed), seed, len(r.Delivery), r.Delivery)
	_ = binary.Write(h, binary.BigEndian, r.Line) // a hash takes everything
	var k [sha256.Size]byte
	copy(k[:], h.Sum(nil))
	return k
}

// allocate shares n among strata of the given sizes in proportion to them, by
// largest remainders; ties go to the earlier one. While n reaches, every
// stratum has one, and none has more than its size.
func allocate(sizes []int, n int) []int {
	total := 0
	for _, s := range sizes {
		total += s
	}
	out := make([]int, len(sizes))
	type rest struct {
		at   int
		part float64
	}
	var rests []rest
	left := n
	for i, s := range sizes {
		share := float64(n) * float64(s) / float64(total)
		out[i] = int(share)
		if n >= len(sizes) && out[i] == 0 {
			out[i] = 1
		}
		left -= out[i]
		rests = append(rests, rest{i, share - math.Floor(share)})
	}
	slices.SortStableFunc(rests, func(a, b rest) int { return cmp.Compare(b.part, a.part) })
	for left > 0 {
		for _, r := range rests {
			if left > 0 && out[r.at] < sizes[r.at] {
				out[r.at]++
				left--
			}
		}
	}
	for left < 0 { // the strata that got their one took it from the largest
		largest := 0
		for i := range out {
			if out[i] > out[largest] {
				largest = i
			}
		}
		out[largest]--
		left++
	}
	return out
}

// Digest names the drawn rows in their order.
func (s Sample) Digest() string {
	h := sha256.New()
	for _, side := range [][]Row{s.Inside, s.Outside} {
		for _, r := range side {
			fmt.Fprintf(h, "%d:%s %d %d:%s %d:%s %t\n", len(r.Delivery), r.Delivery, r.Line, len(r.Unit), r.Unit, len(r.Stratum), r.Stratum, r.Inside)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Z is the normal quantile of the two-sided 95 % intervals.
const Z = 1.959963984540054

// Interval is Wilson's (1927) 95 % interval of the agreement.
func Interval(agreed, checked int) (low, high float64) {
	return variation.WilsonZ(float64(agreed), float64(checked), Z)
}

// What a sample can carry.
const (
	// IsSample: if every case agrees, the agreement is at least Enough.
	IsSample = "sample"
	// IsSmokeCheck: even if every case agrees, less is said. Ten of ten still
	// has a lower bound of 72 %.
	IsSmokeCheck = "smoke_check"
)

// Enough is the agreement that a sample must be able to show, and the least
// with which a protocol can be signed.
const Enough = 0.90

// Level is what so many checked cases from inside and outside the numerator
// can carry: the smaller side decides.
func Level(inside, outside int) string {
	n := min(inside, outside)
	if low, _ := Interval(n, n); n > 0 && low >= Enough {
		return IsSample
	}
	return IsSmokeCheck
}

// SizeToShow is the number of cases of which all must agree for the lower bound
// of the agreement to reach atLeast, which is below 1.
func SizeToShow(atLeast float64) (int, error) {
	if !(atLeast > 0 && atLeast < 1) {
		return 0, fmt.Errorf("%w: an agreement of at least %v; give a share between 0 and 1", ErrRows, atLeast)
	}
	// Wilson's lower bound of n of n is n/(n+z²).
	n := int(math.Ceil(atLeast * Z * Z / (1 - atLeast)))
	for n > 1 {
		if low, _ := Interval(n-1, n-1); low < atLeast {
			break
		}
		n--
	}
	for {
		if low, _ := Interval(n, n); low >= atLeast {
			return n, nil
		}
		n++
	}
}

// SizeToEstimate is the number of cases with which Wilson's interval is no
// wider than plus or minus within, when the agreement is expected.
func SizeToEstimate(expected, within float64) (int, error) {
	if !(expected >= 0 && expected <= 1) || !(within > 0 && within < 0.5) {
		return 0, fmt.Errorf("%w: an agreement of %v within %v; give shares between 0 and 1, and a width below 0.5", ErrRows, expected, within)
	}
	half := func(n int) float64 {
		low, high := variation.WilsonZ(expected*float64(n), float64(n), Z)
		return (high - low) / 2
	}
	low, high := 1, 1
	for half(high) > within {
		low, high = high, 2*high
	}
	for low < high {
		if mid := (low + high) / 2; half(mid) > within {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return high, nil
}
