package disclosure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/spc"
)

// Due reports whether a publication as of a date begins a new edition of a
// profile of the catalog, when the last one was due on another date (zero: there
// was none).
func Due(p *catalog.Profile, last, asOf catalog.Date) bool {
	return last.IsZero() || last.Before(p.Edition(asOf))
}

// Without takes out of an edition, until the next one is due, the cells whose
// versions may no longer be shown; gone is asked of each version that is. What
// was delivered or corrected later stays away until then, and nothing new
// appears, so that no night can be subtracted from another. A cell that is gone
// is under question, as it is within the organisation: a reader learns that a
// number was wrong, and no number.
func Without(e Edition, gone func(cell.Key, cell.Fingerprint) bool) Edition {
	source := make(map[cell.Key]cell.Fingerprint, len(e.History.Shown))
	for _, s := range e.History.Shown {
		source[s.Key] = s.Fingerprint
	}
	out := e
	out.Cells, out.Numerators, out.Denominators = slices.Clone(e.Cells), slices.Clone(e.Numerators), slices.Clone(e.Denominators)
	for i := range out.Cells {
		c := &out.Cells[i]
		if c.Tombstone || c.State != spc.StateValue && c.State != spc.StateHeldPrevious || !gone(c.Key, source[c.Key]) {
			continue
		}
		*c = Cell{Key: c.Key, State: spc.StateHeldEmpty}
		out.Numerators[i], out.Denominators[i] = math.NaN(), math.NaN()
	}
	return out
}

// Sum names a history by its content.
func (h History) Sum() string {
	s := sha256.New()
	var b []byte
	key := func(k *cell.Key) {
		b = b[:0]
		for _, t := range [...]string{k.Region, k.Registry, k.Indicator, k.Version, k.Granularity, k.Unit, k.Stratum} {
			b = binary.BigEndian.AppendUint32(b, uint32(len(t)))
			b = append(b, t...)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(k.PeriodStart))
	}
	s.Write(fmt.Appendf(nil, "larstrom history 1 %d %d\n", len(h.Withheld), len(h.Shown)))
	for i := range h.Withheld {
		key(&h.Withheld[i])
		s.Write(b)
	}
	for i := range h.Shown {
		key(&h.Shown[i].Key)
		s.Write(append(b, h.Shown[i].Fingerprint[:]...))
	}
	return hex.EncodeToString(s.Sum(nil)[:16])
}

// KeyID tells keys apart and nothing of them: every edition names the id of the
// key with which it was rounded.
func KeyID(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("larstrom disclosure key id 1"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
