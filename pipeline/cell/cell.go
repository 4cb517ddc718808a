package cell

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Key names a cell: one indicator version of one unit in one period and stratum.
type Key struct {
	Region      string
	Registry    string
	Indicator   string
	Version     string
	Granularity string
	Unit        string
	Stratum     string
	// PeriodStart is the first day of the period, in days since 1970-01-01.
	PeriodStart int32
}

// Compare orders keys by indicator, version, granularity, stratum, unit and
// period: the order in which charts read them.
func (k Key) Compare(o Key) int { return compare(&k, &o) }

// compare looks no further than where the keys differ, and copies neither.
func compare(k, o *Key) int {
	for _, part := range [...][2]*string{{&k.Region, &o.Region}, {&k.Registry, &o.Registry}, {&k.Indicator, &o.Indicator},
		{&k.Version, &o.Version}, {&k.Granularity, &o.Granularity}, {&k.Stratum, &o.Stratum}, {&k.Unit, &o.Unit}} {
		if c := strings.Compare(*part[0], *part[1]); c != 0 {
			return c
		}
	}
	return cmp.Compare(k.PeriodStart, o.PeriodStart)
}

// String is readable and unambiguous; it names no person.
func (k Key) String() string {
	return fmt.Sprintf("%s/%s@%s/%s/%s/%s/%s/%s", k.Region, k.Registry, k.Indicator, k.Version,
		k.Granularity, k.Unit, k.Stratum, time.Unix(int64(k.PeriodStart)*86400, 0).UTC().Format("2006-01-02"))
}

// Content is what a cell holds. Every sum is in fixed-point micro-units
// (ValueSquares in their squares), every count is a count of effective rows.
type Content struct {
	// Rows is the number of effective observations.
	Rows int64
	// Numerator and Denominator are sums over rows that have them.
	Numerator, Denominator Fixed
	// ValueCount rows have a value; Values and ValueSquares are their sums.
	ValueCount           int64
	Values, ValueSquares Fixed
	// Expected is the sum of expected events over rows that have it.
	Expected Fixed
	// Histogram holds the distinct values of a median or percentile
	// indicator as "value*count" in ascending order, joined by spaces.
	Histogram string
	// Missing rows have no readable numerator or value by the indicator's
	// missing-value policy.
	Missing int64
	// Rejected rows may belong to this cell.
	Rejected int64
	// Duplicates are rows whose natural key had been seen in the same delivery.
	Duplicates int64
	// NumeratorAbove rows have a numerator above the denominator, Negative
	// rows a negative count, ZeroDenominator rows a numerator above 0 of 0,
	// RateMismatch rows a rate that is not numerator by denominator,
	// UnknownCodes rows a code that its code system does not have.
	NumeratorAbove, Negative, ZeroDenominator, RateMismatch, UnknownCodes int64
	// Masked rows are those of Missing whose number the source withholds, and
	// BadReasons those of Rejected whose reason for having no number is none, or
	// stands beside a number.
	Masked, BadReasons int64
}

// Fingerprint is the SHA-256 of canonical key and content, without delivery,
// line, time or catalog.
type Fingerprint [sha256.Size]byte

// String is the lower-case hex form.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// IsZero reports whether f was never set.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// MarshalText writes the hex form.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads the hex form.
func (f *Fingerprint) UnmarshalText(b []byte) error {
	p, err := ParseFingerprint(string(b))
	if err != nil {
		return err
	}
	*f = p
	return nil
}

// ParseFingerprint reads the hex form.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(f) {
		return f, fmt.Errorf("fingerprint %q is not 64 hexadecimal digits", s)
	}
	copy(f[:], b)
	return f, nil
}

// Version is one state of one cell in the CELLS stream. A tombstone says
// that no effective row belongs to the cell any more; its Content is zero.
type Version struct {
	Key         Key
	Content     Content
	Tombstone   bool
	Fingerprint Fingerprint
	// Rev orders the versions of a cell: the revision of the delivery that
	// brought it, which rises with the runs.
	Rev uint64
}

// canonicalVersion prefixes every hashed text, so that a later change of the
// canonical form cannot collide with this one.
const canonicalVersion = "larstrom cell 1"

// FingerprintOf is the fingerprint of a cell, or with tombstone set that of
// its absence.
func FingerprintOf(k Key, c Content, tombstone bool) Fingerprint {
	b := make([]byte, 0, 512)
	b = append(b, canonicalVersion...)
	for _, s := range [...]string{k.Region, k.Registry, k.Indicator, k.Version, k.Granularity, k.Unit, k.Stratum} {
		b = appendString(b, s)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(k.PeriodStart))
	if tombstone {
		return sha256.Sum256(append(b, 0))
	}
	b = append(b, 1)
	for _, f := range [...]Fixed{c.Numerator, c.Denominator, c.Values, c.ValueSquares, c.Expected} {
		b = f.appendBytes(b)
	}
	for _, n := range [...]int64{c.Rows, c.ValueCount, c.Missing, c.Rejected, c.Duplicates,
		c.NumeratorAbove, c.Negative, c.ZeroDenominator, c.RateMismatch, c.UnknownCodes} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = appendString(b, c.Histogram)
	if c.Masked != 0 || c.BadReasons != 0 { // the form of the others is older than these
		b = binary.BigEndian.AppendUint64(b, uint64(c.Masked))
		b = binary.BigEndian.AppendUint64(b, uint64(c.BadReasons))
	}
	return sha256.Sum256(b)
}

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}
