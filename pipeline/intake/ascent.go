package intake

import "bytes"

// ascent tells whether the keys of a file ascend, from line to line: no two lines
// have the same key then, and the store need not look for those that do, which
// takes it longer and more memory than anything else about a large delivery.
// Exports are mostly written in the order of their keys.
type ascent struct {
	last, free []byte
	any        bool
	broken     bool
}

// room is where the next key is to be written.
func (a *ascent) room() []byte { return a.free[:0] }

// add takes the key of the next line that has one, in room. It stays as it is
// until the next but one. Keys of one form ascend as numbers and as texts alike,
// for each of their parts has its length before it.
func (a *ascent) add(key []byte) {
	a.broken = a.broken || a.any && bytes.Compare(a.last, key) >= 0
	a.last, a.free, a.any = key, a.last, true
}

// keysOnce reports whether no two observations of the file have the same key.
func (c *conformer) keysOnce() bool {
	ids := map[string]bool{}
	for _, m := range c.wide {
		ids[m.ind.ID] = true
	}
	// A line has a key for each of its indicators.
	return c.keys.any && !c.keys.broken && len(ids) == len(c.wide)
}
