package disclosure

import (
	"errors"
	"fmt"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/spc"
)

// The rules that a profile of the catalog can have.
const (
	Internal = "internal"
	SE       = "SE"
	Round5   = "ROUND5"
)

// Config is a profile's rule and secret.
type Config struct {
	// Rule is Internal, SE or Round5.
	Rule string
	// Key is the secret of the audience's store, at least 32 bytes; it must
	// never change while the store lives, and is not needed for Internal.
	Key []byte
	// Lenient shows, with SE, proportions of few persons among 15 or more: to
	// the nearest 5 % below 200, else with two decimals. A reader can then find
	// the few; without it they are withheld.
	Lenient bool
}

// minimumKey is the length of a key below which it could be guessed.
const minimumKey = 32

// Validate joins everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	switch c.Rule {
	case Internal:
	case SE, Round5:
		if len(c.Key) < minimumKey {
			errs = append(errs, fmt.Errorf("disclosure: key: %d bytes, need at least %d; give the profile %s a secret of its own", len(c.Key), minimumKey, c.Rule))
		}
	default:
		errs = append(errs, fmt.Errorf("disclosure: rule %q is unknown; use internal, SE or ROUND5", c.Rule))
	}
	if c.Lenient && c.Rule != SE {
		errs = append(errs, fmt.Errorf("disclosure: lenient is of the rule SE, not of %q", c.Rule))
	}
	return errors.Join(errs...)
}

// Profile applies one rule. It may be shared by goroutines.
type Profile struct{ cfg Config }

// New is the profile of a configuration.
func New(cfg Config) (*Profile, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Profile{cfg}, nil
}

// Exact reports whether the profile changes nothing.
func (p *Profile) Exact() bool { return p.cfg.Rule == Internal }

// Cell is one cell as the gate shows it; its fields are those of the
// publication's.
type Cell struct {
	Key         cell.Key
	State       spc.State
	Tombstone   bool
	Content     cell.Content
	Fingerprint cell.Fingerprint
}

// Reason says to the audience why a cell is withheld. It is one for all that is
// withheld for privacy: to tell the small cells from those that protect them
// would undo the protection.
type Reason uint8

// The reasons.
const (
	NotWithheld Reason = iota
	SmallNumbers
	NotMature
)

// String is a text for the audience, empty for what is shown.
func (r Reason) String() string {
	switch r {
	case SmallNumbers:
		return "withheld: few persons, here or in a number that this one would give away"
	case NotMature:
		return "withheld: the period is not complete"
	default:
		return ""
	}
}

// Cause is what withheld a cell. It is for those who may see the cell itself and
// must never reach the audience's store.
type Cause uint8

// The causes.
const (
	NoCause       Cause = iota
	FewPersons          // N
	FewWith             // n
	FewWithout          // N − n
	Complementary       // protects another
	Earlier             // was withheld in an earlier edition
	Immature
	Revised // changed since it was shown, beside cells that are withheld
)

// Input is what an edition of one indicator is made from.
type Input struct {
	Index     *catalog.Index
	Indicator *catalog.Indicator
	// Cells are the cells that the gate shows, in any order, each key once.
	Cells []Cell
	// Few are the cells of fewer persons than the rule asks for, although their
	// counts are larger (Profile.Few): many events of few persons. nil: none.
	Few []bool
	// Reach is the date up to which the data reach.
	Reach catalog.Date
	// History is that of the last edition; zero before the first.
	History History
}

// Persons are the different persons of a cell: all of them, those with the
// outcome and those without it. Somebody with several events may be both. Without
// All they are not known, and the counts of the cell are taken for persons.
type Persons struct{ All, With, Without int64 }

// History is what editions have shown and withheld: all that the next edition
// has to know of them. It can always be had again by making the editions again in
// their order. It is not for the audience.
type History struct {
	// Withheld are the cells that were ever withheld for privacy, by key.
	Withheld []cell.Key
	// Shown are the cells that were ever shown, by key, each as it was last.
	Shown []Source
}

// Source is the version that a shown cell was made from.
type Source struct {
	Key         cell.Key
	Fingerprint cell.Fingerprint
}

// Edition is what an audience sees. The slices that are not keys are parallel to
// the cells of the input.
type Edition struct {
	// Cells carry the numbers that charts are computed from: counts are rounded
	// and everything else of the content is empty. The fingerprint is that of
	// the rounded content.
	Cells []Cell
	// Numerators and Denominators are the rounded counts to show; NaN is none.
	// With a proportion of SE the content has the numerator that the rounded
	// value and denominator make instead.
	Numerators, Denominators []float64
	Reasons                  []Reason
	Causes                   []Cause
	// History is the input of the next edition.
	History History
}

// Apply makes an edition. Internal gives the cells back as they are, without
// counts.
func (p *Profile) Apply(in Input) Edition {
	if p.Exact() {
		return Edition{Cells: in.Cells, History: in.History}
	}
	w := newWork(p, in)
	w.primary()
	w.secondary()
	return w.edition()
}
