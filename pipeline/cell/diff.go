package cell

import (
	"errors"
	"fmt"
	"slices"
)

// ErrUnsorted is wrapped by Diff when its input is not in strictly ascending
// order of keys.
var ErrUnsorted = errors.New("cells are not in strictly ascending order of their keys")

// Diff appends to dst what changes when the current versions prev are replaced
// by the cells next, all of the same scope, as versions of revision rev: cells
// that are new or have another fingerprint, and a tombstone for each that is
// gone. What did not change is not repeated.
//
// prev and next are in strictly ascending order of keys. Of prev, Key,
// Fingerprint and Tombstone are read; of next, Key, Content and Fingerprint,
// which is computed where it is zero. The result is in the order of the keys and
// owes nothing to how either was made, so that a repeated delivery changes
// nothing. Where prev is empty dst may be next[:0], which then holds the result.
// On an error dst is returned as it was.
func Diff(dst, prev, next []Version, rev uint64) ([]Version, error) {
	for _, s := range [...][]Version{prev, next} {
		if err := ascending(s); err != nil {
			return dst, err
		}
	}
	for len(prev) > 0 || len(next) > 0 {
		switch order := front(prev, next); {
		case order < 0: // gone
			if !prev[0].Tombstone {
				k := prev[0].Key
				dst = append(dst, Version{Key: k, Tombstone: true, Fingerprint: FingerprintOf(k, Content{}, true), Rev: rev})
			}
			prev = prev[1:]
		default:
			v := &next[0]
			fp := v.Fingerprint
			if fp.IsZero() {
				fp = FingerprintOf(v.Key, v.Content, false)
			}
			if order > 0 || fp != prev[0].Fingerprint {
				dst = append(dst, Version{Key: v.Key, Content: v.Content, Fingerprint: fp, Rev: rev})
			}
			if order == 0 {
				prev = prev[1:]
			}
			next = next[1:]
		}
	}
	return dst, nil
}

// Change is one cell before and after something: a delivery, a night.
type Change struct {
	Key Key
	// Before and After are its versions; nil where there was none, or where the
	// version says that the cell is gone.
	Before, After *Version
}

// Changes pairs the versions of the cells before with those after. Both are in
// strictly ascending order of keys. Cells that both lack, and cells of one
// fingerprint, are left out. The result is in the order of the keys and points
// into its input.
func Changes(before, after []Version) ([]Change, error) {
	for _, s := range [...][]Version{before, after} {
		if err := ascending(s); err != nil {
			return nil, err
		}
	}
	here := func(v *Version) *Version {
		if v.Tombstone {
			return nil
		}
		return v
	}
	var out []Change
	for len(before) > 0 || len(after) > 0 {
		var c Change
		order := front(before, after)
		if order <= 0 {
			c.Key, c.Before = before[0].Key, here(&before[0])
			before = before[1:]
		}
		if order >= 0 {
			c.Key, c.After = after[0].Key, here(&after[0])
			after = after[1:]
		}
		same := c.Before == nil && c.After == nil || c.Before != nil && c.After != nil && c.Before.Fingerprint == c.After.Fingerprint
		if !same {
			out = append(out, c)
		}
	}
	return out, nil
}

// Sort puts versions into the order of their keys. What is in order already
// costs little.
func Sort(versions []Version) {
	if ascending(versions) != nil {
		slices.SortFunc(versions, func(a, b Version) int { return compare(&a.Key, &b.Key) })
	}
}

func ascending(s []Version) error {
	for i := 1; i < len(s); i++ {
		if compare(&s[i-1].Key, &s[i].Key) >= 0 {
			return fmt.Errorf("%w: %s before %s", ErrUnsorted, s[i-1].Key, s[i].Key)
		}
	}
	return nil
}

// front compares the first keys; what is empty comes last.
func front(prev, next []Version) int {
	switch {
	case len(next) == 0:
		return -1
	case len(prev) == 0:
		return 1
	default:
		return compare(&prev[0].Key, &next[0].Key)
	}
}
