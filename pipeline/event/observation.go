package event

// Kind says what a row of an OBS block is.
type Kind uint8

// The kinds of rows. Rejected rows are facts too: the cells that they may
// belong to carry their number. Parked rows wait for a catalog that knows
// their unit or indicator and belong to no cell.
const (
	Observed Kind = iota
	Deleted
	Rejected
	Parked
)

// Has says which of an observation's optional numbers are present.
type Has uint8

// The bits of Has. An absent number is not a zero.
const (
	HasNumerator Has = 1 << iota
	HasDenominator
	HasValue
	HasExpected
	HasEventDate
	HasRegistrationDate
	// HasMissing: the row has no readable numerator or value, and by the
	// indicator's missing-value policy it counts as missing.
	HasMissing
	// HasReason: the row says why it has no number, by a code of its feed. It
	// is always with HasMissing.
	HasReason
)

// Finding are what of a row the checks and the state of its cell go by: faults
// that block or hold a cell without removing the row, and why it has no number.
type Finding uint8

// The bits of Finding.
const (
	NumeratorAbove Finding = 1 << iota
	Negative
	ZeroDenominator
	RateMismatch
	UnknownCode
	// BadReason is of a rejected row whose reason for having no number is none,
	// or stands beside a number (check C17).
	BadReason
	// Masked is of a row with HasReason whose number the source withholds.
	Masked
	// Implausible is of a row with HasMissing whose Value is outside what the
	// indicator's bounds allow: it is kept beside, and is in no number.
	Implausible
)

// Observations is a block of observations as columns of equal length.
//
// The strings Feed, Delivery, Region and Registry and the Block number are
// constant over the block.
// Numbers are int64 micro-units (1e-6). Dates are days since 1970-01-01.
// In Rejected rows an unreadable Unit, Indicator or Stratum is "*" and an
// unreadable date has no date bit in Has: the row may belong to any.
type Observations struct {
	Region, Registry, Feed, Delivery string
	Block                            uint32

	Line             []uint64
	Kind             []Kind
	Indicator        Texts
	Version          Texts
	Unit             Texts
	Stratum          Texts
	EventDate        []int32
	RegistrationDate []int32
	Subject          [][16]byte // pseudonym; zero: none
	Key              [][16]byte // hash of the natural key and the indicator; zero: none
	Has              []Has
	Finding          []Finding
	Numerator        []int64
	Denominator      []int64
	Value            []int64
	Expected         []int64
}

// Len is the number of rows.
func (o *Observations) Len() int { return len(o.Line) }

// Reset empties the columns and keeps their memory.
func (o *Observations) Reset() {
	o.Line = o.Line[:0]
	o.Kind = o.Kind[:0]
	o.Indicator.Reset()
	o.Version.Reset()
	o.Unit.Reset()
	o.Stratum.Reset()
	o.EventDate = o.EventDate[:0]
	o.RegistrationDate = o.RegistrationDate[:0]
	o.Subject = o.Subject[:0]
	o.Key = o.Key[:0]
	o.Has = o.Has[:0]
	o.Finding = o.Finding[:0]
	o.Numerator = o.Numerator[:0]
	o.Denominator = o.Denominator[:0]
	o.Value = o.Value[:0]
	o.Expected = o.Expected[:0]
}
