package disclosure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"strconv"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
)

// rule is a profile's rule as an indicator has it.
type rule struct {
	small   int64   // fewer persons than this are small
	zero    bool    // nobody at all is small too
	least   float64 // denominators below it are withheld
	persons int64   // as least, of persons that are known
	base    int64   // counts are multiples of it
	width   int64   // persons that must be withheld together, with and without
	lenient bool
	round5  bool
}

// minimumN is the least N of the rule SE, seldomFrom the N from which its lenient
// mode rounds no longer.
const (
	minimumN   = 15
	seldomFrom = 200
)

func (p *Profile) rule(ind *catalog.Indicator) rule {
	if p.cfg.Rule == Round5 {
		small := max(8, ind.DisclosureMin)
		return rule{small: small, least: float64(ind.MinDenominator), base: 5, width: small - 1, round5: true}
	}
	small := max(5, ind.DisclosureMin)
	return rule{small: small, zero: true, least: math.Max(minimumN, float64(ind.MinDenominator)), persons: minimumN, base: 10, width: small, lenient: p.cfg.Lenient}
}

func (r rule) few(n int64) bool { return n < r.small && (n > 0 || r.zero) }

// counts are the persons of a cell: n with the outcome and m without it, or n
// twice where the indicator has one count only, and N as it is judged by the
// least denominator (NaN: there is none).
type counts struct {
	n, m int64
	size float64
}

// whole is a fixed-point sum as a number of persons, rounded down.
func whole(f cell.Fixed) int64 { return int64(math.Floor(f.Float(cell.Micro))) }

func countsOf(ind *catalog.Indicator, c *cell.Content) counts {
	n, den := whole(c.Numerator), c.Denominator.Float(cell.Micro)
	switch ind.Type {
	case catalog.Proportion:
		if ind.Subset {
			return counts{n, whole(c.Denominator) - n, den}
		}
		return counts{n, n, den}
	case catalog.Rate:
		return counts{n, n, den}
	case catalog.StandardisedRatio:
		if d := whole(c.Denominator); d >= n && d > 0 {
			return counts{n, d - n, den}
		}
		return counts{n, n, float64(c.Rows)}
	case catalog.Count:
		return counts{n, n, math.NaN()}
	default:
		return counts{c.ValueCount, c.ValueCount, float64(c.ValueCount)}
	}
}

// twoSided reports whether m counts persons of its own.
func twoSided(ind *catalog.Indicator, c *cell.Content) bool {
	switch ind.Type {
	case catalog.Proportion:
		return ind.Subset
	case catalog.StandardisedRatio:
		d := whole(c.Denominator)
		return d > 0 && d >= whole(c.Numerator)
	}
	return false
}

// empty reports whether nobody was eligible.
func empty(ind *catalog.Indicator, c *cell.Content) bool {
	switch ind.Type {
	case catalog.Proportion, catalog.Rate:
		return c.Denominator.IsZero()
	case catalog.StandardisedRatio:
		return c.Expected.IsZero()
	case catalog.Count:
		return false
	default:
		return c.ValueCount == 0
	}
}

// masked reports that the source itself withholds the number.
func masked(ind *catalog.Indicator, c *cell.Content) bool { return c.Masked > 0 && empty(ind, c) }

// impossible reports counts that are none.
func impossible(ind *catalog.Indicator, c *cell.Content) bool {
	return c.Numerator.Sign() < 0 || c.Denominator.Sign() < 0 || c.Expected.Sign() < 0 ||
		ind.Type == catalog.Proportion && ind.Subset && c.Numerator.Cmp(c.Denominator) > 0
}

// Few reports whether a cell that its counts would show is one of few persons.
func (p *Profile) Few(ind *catalog.Indicator, c *cell.Content, of Persons) bool {
	if p.Exact() || of.All <= 0 || impossible(ind, c) {
		return false
	}
	r := p.rule(ind)
	if empty(ind, c) || r.judge(ind, c, countsOf(ind, c), false) != NoCause {
		return false
	}
	switch {
	case of.All < r.persons || r.few(of.All):
		return true
	case r.lenient || !outcome(ind):
		return false
	}
	return r.few(of.With) || twoSided(ind, c) && r.few(of.Without)
}

// Hidden reports whether a rule withholds a cell for its own sake, whatever is
// withheld beside it so that nobody can compute it.
func Hidden(ruleName string, lenient bool, ind *catalog.Indicator, c *cell.Content) bool {
	p := Profile{Config{Rule: ruleName, Lenient: lenient}}
	return !p.Exact() && !impossible(ind, c) && p.rule(ind).judge(ind, c, countsOf(ind, c), false) != NoCause
}

// outcome reports whether some of the persons have what the indicator counts.
func outcome(ind *catalog.Indicator) bool {
	switch ind.Type {
	case catalog.Proportion, catalog.Rate, catalog.StandardisedRatio, catalog.Count:
		return true
	}
	return false
}

// judge is the primary rule; few says that the persons are fewer than the counts
// and too few.
func (r rule) judge(ind *catalog.Indicator, c *cell.Content, q counts, few bool) Cause {
	if empty(ind, c) {
		return NoCause
	}
	switch {
	case q.size < r.least, few,
		r.round5 && !math.IsNaN(q.size) && r.few(int64(math.Ceil(q.size))):
		return FewPersons
	case r.lenient && !math.IsNaN(q.size):
		return NoCause
	case r.few(q.n):
		return FewWith
	case twoSided(ind, c) && r.few(q.m):
		return FewWithout
	}
	return NoCause
}

// keyed rounds counts with the offset of a unit, period and stratum. Indicator
// and version are not in it: the same persons, counted by several indicators,
// must not be told by the mean of their rounded numbers.
type keyed struct {
	mac hash.Hash
	buf []byte
	sum []byte
}

func newKeyed(key []byte) *keyed { return &keyed{mac: hmac.New(sha256.New, key)} }

// offset is the secret number 0 … base−1 of a cell.
func (k *keyed) offset(c *cell.Key, base int64) int64 {
	b := append(k.buf[:0], "larstrom disclosure 1"...)
	for _, s := range [...]string{c.Region, c.Registry, c.Granularity, c.Unit, c.Stratum} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	k.buf = binary.BigEndian.AppendUint32(b, uint32(c.PeriodStart))
	k.mac.Reset()
	k.mac.Write(k.buf)
	k.sum = k.mac.Sum(k.sum[:0])
	return int64(binary.BigEndian.Uint64(k.sum) % uint64(base))
}

// round is a multiple of base less than base away from v; with all offsets it is
// v in the mean, and it never changes the order of two counts of one cell.
func round(v, offset, base int64) int64 { return (v + offset) / base * base }

// decimals rounds half away from zero.
func decimals(v float64, n int) float64 {
	s := math.Pow10(n)
	return math.Round(v*s) / s
}

// significant rounds to two significant digits.
func significant(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	s := math.Pow(10, 1-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*s) / s
}

func micro(v float64) cell.Fixed { return cell.FixedOf(int64(math.Round(v * cell.Micro))) }

// shown is the content that charts are computed from, and the counts to show.
func (r rule) shown(ind *catalog.Indicator, c *cell.Content, q counts, offset int64) (out cell.Content, numerator, denominator float64) {
	to := func(v int64) float64 { return float64(round(v, offset, r.base)) }
	nan := math.NaN()
	switch ind.Type {
	case catalog.Proportion, catalog.Rate:
		numerator, denominator = to(q.n), to(int64(math.Round(q.size)))
		out.Denominator, out.Numerator = micro(denominator), micro(numerator)
		if !r.round5 {
			out.Numerator = micro(r.value(ind, q, c) * denominator)
		}
	case catalog.StandardisedRatio:
		numerator, denominator = to(q.n), to(int64(math.Round(q.size)))
		expected := decimals(c.Expected.Float(cell.Micro), 1)
		out.Denominator, out.Numerator, out.Expected = micro(denominator), micro(numerator), micro(expected)
		if !r.round5 {
			out.Numerator = micro(decimals(c.Numerator.Float(cell.Micro)/c.Expected.Float(cell.Micro), 2) * expected)
		}
	case catalog.Count:
		numerator, denominator = to(q.n), nan
		out.Numerator = micro(numerator)
	case catalog.Mean:
		numerator, denominator = nan, to(q.n)
		n := float64(c.ValueCount)
		mean := c.Values.Float(cell.Micro) / n
		variance := 0.0
		if n > 1 {
			variance = math.Max(0, c.ValueSquares.Float(cell.Micro*cell.Micro)-n*mean*mean) / (n - 1)
		}
		sd := significant(math.Sqrt(variance))
		mean = decimals(mean, 2)
		out.ValueCount, out.Values = int64(denominator), micro(mean*denominator)
		out.ValueSquares = squares(sd*sd*math.Max(denominator-1, 0) + denominator*mean*mean)
	default:
		numerator, denominator = nan, to(q.n)
		out.ValueCount = int64(denominator)
		out.Histogram = strconv.FormatInt(int64(math.Round(decimals(quantile(c.Histogram, probability(ind)), 2)*cell.Micro)), 10) +
			"*" + strconv.FormatInt(out.ValueCount, 10)
	}
	return out, numerator, denominator
}

// value is the proportion or rate of SE.
func (r rule) value(ind *catalog.Indicator, q counts, c *cell.Content) float64 {
	v := c.Numerator.Float(cell.Micro) / q.size
	switch {
	case ind.Type == catalog.Rate:
		return significant(v)
	case r.lenient && q.size < seldomFrom && (r.few(q.n) || ind.Subset && r.few(q.m)):
		return math.Round(v*20) / 20
	}
	return decimals(v, 2)
}
