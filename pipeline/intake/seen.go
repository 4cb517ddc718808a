package intake

import (
	"encoding/binary"
	"slices"
)

const (
	// maxSeenTexts is more than most columns of codes have different texts, and
	// little enough for what is known of them to stay in the processor's cache.
	maxSeenTexts = 4096
	seenSlots    = 2 * maxSeenTexts
	// maxSeen is the longest text that is remembered.
	maxSeen = 23
)

// seen holds what is known of texts that came before in one column: a file has
// the same units, dates and strata again and again, and what they mean depends on
// nothing else in their row. Beyond maxSeenTexts it forgets all and begins anew.
type seen struct {
	// slots say which of cells has a text, from 1; 0: none. A text whose slot is
	// another's has the next that is free (linear probing: Knuth, vol. 3).
	slots [seenSlots]uint16
	cells []cellSeen
}

// cellSeen is what is known of one text, or nothing of it yet. It has the size of
// a line of the processor's cache.
type cellSeen struct {
	key   textKey
	knows knows
	day   int32
	// name is the unit on the days from lo and before hi, or the stratum.
	lo, hi int32
	name   word
}

type knows uint8

const (
	knowsPlain   knows = 1 << iota // no identity number can stand in the text
	knowsDay                       // it is a date
	knowsUnit                      // it is the code of a unit
	knowsStratum                   // it is a stratum, and no unit is known of it
)

// textKey is a text of at most maxSeen bytes: its bytes and, in the last, their
// number. It is no array, for the compiler keeps those in memory.
type textKey struct{ head, middle, tail uint64 }

func keyOfText(b []byte) (k textKey) {
	n := len(b)
	switch {
	case n >= 16:
		k.head, k.middle = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		k.tail = binary.LittleEndian.Uint64(b[n-8:]) >> (8 * (24 - n))
	case n >= 8:
		k.head = binary.LittleEndian.Uint64(b)
		k.middle = binary.LittleEndian.Uint64(b[n-8:]) >> (8 * (16 - n))
	case n >= 4:
		k.head = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4))
	case n > 0:
		k.head = uint64(b[0]) | uint64(b[n/2])<<(8*(n/2)) | uint64(b[n-1])<<(8*(n-1))
	}
	k.tail |= uint64(n) << 56
	return k
}

// of is what is known of the text, up to the next call; nil: it is not one to
// remember. What is found out of it is to be put there.
func (s *seen) of(text []byte) *cellSeen {
	if n := len(text); n == 0 || n > maxSeen {
		return nil
	}
	k := keyOfText(text)
	at := k.slot()
	for ; s.slots[at] != 0; at = (at + 1) % seenSlots {
		if c := &s.cells[s.slots[at]-1]; c.key == k {
			return c
		}
	}
	if len(s.cells) == maxSeenTexts {
		clear(s.slots[:])
		s.cells, at = s.cells[:0], k.slot()
	}
	s.cells = append(s.cells, cellSeen{key: k})
	s.slots[at] = uint16(len(s.cells))
	return &s.cells[len(s.cells)-1]
}

// slot spreads texts by their words (multiplicative hashing: the same).
func (k textKey) slot() uint64 {
	h := k.head*0x9e3779b97f4a7c15 + k.middle*0xbf58476d1ce4e5b9 + k.tail*0x94d049bb133111eb
	return (h ^ h>>32) * 0x9e3779b97f4a7c15 >> 51 % seenSlots
}

// memo is the memory of the column at a position.
type memo struct {
	at   int
	seen *seen
	// iso says that it is of dates that are read sooner than remembered; day
	// is that of the row at hand.
	iso bool
	day cellSeen
}

// remember makes memories for the columns among the sources, of which texts come
// again and again.
func (c *conformer) remember(sources ...ref) {
	// A date that stands for none is not read as one.
	none := func(text string) bool { _, ok := plainISO([]byte(text)); return ok }
	iso := c.date.form == "iso" && !slices.ContainsFunc(c.feed.Dialect.Missing, none)
	for _, r := range sources {
		if r.set && r.col >= 0 && !slices.ContainsFunc(c.memos, func(m memo) bool { return m.at == r.col }) {
			dates := r.words == nil && (r.name == c.event.name || r.name == c.registration.name || r.name == c.periodEnd.name)
			c.memos = append(c.memos, memo{at: r.col, seen: &seen{}, iso: iso && dates})
		}
	}
}

// recall looks up what is known of the texts of a row.
func (c *conformer) recall(fields [][]byte) {
	for i := range c.memos {
		m := &c.memos[i]
		if m.iso {
			if day, ok := plainISO(fields[m.at]); ok { // which is too short for an identity number
				m.day.knows, m.day.day = knowsPlain|knowsDay, day
				c.cells[m.at] = &m.day
				continue
			}
		}
		c.cells[m.at] = m.seen.of(fields[m.at])
	}
}

// cell is where what is known of the text of a source stands; nil: nothing is
// remembered of it.
func (c *conformer) cell(r *ref) *cellSeen {
	if r.col < 0 {
		return nil
	}
	return c.cells[r.col]
}
