package intake

import (
	"encoding/binary"
)

// recentSlots is more than most columns of codes have different texts, and
// little enough to stay in the processor's cache.
const recentSlots = 4096

// recent holds what was found for texts that came before, each in the one slot
// that its text has: a file asks for the same units, dates and strata again and
// again. It forgets and never grows.
type recent[T any] struct {
	slots [recentSlots]struct {
		text  string
		value T
	}
}

// find is what was kept for the text.
func (r *recent[T]) find(text []byte) (value T, ok bool) {
	s := &r.slots[slotOf(text)]
	if s.text != string(text) || len(text) == 0 {
		return value, false
	}
	return s.value, true
}

// keep keeps it for a text, which is not empty.
func (r *recent[T]) keep(text string, value T) {
	s := &r.slots[slotOf([]byte(text))]
	s.text, s.value = text, value
}

// slotOf spreads texts by their length, first and last bytes, in which the
// codes of one column differ (multiplicative hashing: Knuth, vol. 3).
func slotOf(text []byte) uint64 {
	n := len(text)
	var first, last uint64
	switch {
	case n >= 8:
		first, last = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		first, last = uint64(binary.LittleEndian.Uint32(text)), uint64(binary.LittleEndian.Uint32(text[n-4:]))
	default:
		for _, c := range text {
			first = first<<8 | uint64(c)
		}
	}
	return ((first+uint64(n))*0x9e3779b97f4a7c15 ^ last) * 0xbf58476d1ce4e5b9 >> 52 % recentSlots
}

// recentDates are dates in their longest plain form, ten bytes, by these.
type recentDates struct {
	slots [recentSlots]struct {
		text [10]byte
		days int32
	}
}

// days is the date by the form.
func (r *recentDates) days(form dateForm, text []byte) (int32, bool) {
	if len(text) != len(r.slots[0].text) {
		return form.days(text)
	}
	s := &r.slots[slotOf(text)]
	if s.text == [10]byte(text) {
		return s.days, true
	}
	days, ok := form.days(text)
	if ok {
		s.text, s.days = [10]byte(text), days
	}
	return days, ok
}
