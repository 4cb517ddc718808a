package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mathext"
)

// Params are the thresholds of check C15, as a catalog may set them.
type Params struct {
	// Countries whose numbers are looked for: SE, NO, DK, FI, IS. Empty: all.
	Countries []string
	// MinDistinct and MinShare make a pattern, with Alpha: at least so many
	// different numbers whose check digits are right, and more than chance
	// gives by at least that share of the column's fields. Below them the
	// numbers are isolated.
	MinDistinct int
	MinShare    float64
	// Alpha is the probability below which chance does not explain a pattern.
	// A file is at stake: with some thousand columns of dated identifiers a
	// night it is wrong about once a year.
	Alpha float64
	// MinIDs different strings of one layout, each alone in its field, make a
	// column one of identifiers. What chance explains in it (with at least
	// the probability AlphaChance) is forgiven.
	MinIDs      int
	AlphaChance float64
	// MinDated and MinDatedShare make a pattern of dates alone, where no check
	// digit tells: so many different strings that begin with a date, and that
	// share of the strings of their layout.
	MinDated      int
	MinDatedShare float64
	// DateChance bounds the share of identifiers of ten digits that begin with
	// a date. It is 0.0365 for random ones; where their first digits are
	// always those of a day, it is that of twelve months among a hundred.
	DateChance float64
	// MinDays is how many days of the month dates of birth are at least spread
	// over (as the inverse of the probability that two are equal). Telephone
	// numbers and serial numbers are not.
	MinDays int
	// Sample is how many different strings of a layout are judged; of more, a
	// sample that depends on the strings alone. Each takes about 70 bytes: 290
	// KiB for a column of identifiers in one layout, nothing for other columns.
	Sample int
}

// Defaults are the thresholds without a catalog.
func Defaults() Params {
	return Params{
		MinDistinct: 5, MinShare: 0.01, Alpha: 1e-6,
		MinIDs: 20, AlphaChance: 0.01,
		MinDated: 20, MinDatedShare: 0.25, DateChance: 0.125, MinDays: 10,
		Sample: 4096,
	}
}

// Validate names everything that is wrong.
func (p Params) Validate() error {
	var all []error
	bad := func(name, must string) { all = append(all, fmt.Errorf("identity.%s must be %s", name, must)) }
	for _, c := range p.Countries {
		if _, ok := country(c); !ok {
			all = append(all, fmt.Errorf("identity.countries: %q is not one of SE, NO, DK, FI, IS", c))
		}
	}
	for name, v := range map[string]int{"min_distinct": p.MinDistinct, "min_ids": p.MinIDs, "min_dated": p.MinDated, "min_days": p.MinDays} {
		if v < 1 {
			bad(name, "1 or more")
		}
	}
	if p.MinDays > 31 {
		bad("min_days", "31 or fewer")
	}
	if p.Sample < 64 || p.Sample > 1<<16 {
		bad("sample", "between 64 and 65536")
	}
	for name, v := range map[string]float64{"min_share": p.MinShare, "alpha": p.Alpha, "alpha_chance": p.AlphaChance,
		"min_dated_share": p.MinDatedShare, "date_chance": p.DateChance} {
		if !(v > 0 && v < 1) {
			bad(name, "between 0 and 1")
		}
	}
	if p.MinDatedShare <= p.DateChance {
		bad("min_dated_share", "above date_chance")
	}
	slices.SortFunc(all, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(all...)
}

func country(code string) (family, bool) {
	i := slices.Index([]string{"SE", "NO", "DK", "FI", "IS"}, code)
	return family(max(i, 0)), i >= 0
}

// Column gathers what the fields of one column show. It is not safe for
// concurrent use: each part of a file has its own, and they are merged.
type Column struct {
	scanner *Scanner
	opaque  []string

	fields, exempt int64
	hits           [kinds]int64
	test           int64
	groups         [groups]*tally
}

// tally is what the strings of one layout show.
type tally struct {
	strings int64
	// found counts strings by the families of which they are numbers.
	found [1 << families]int64
	// seen holds the different strings with the smallest hashes, and what each
	// shows: all there are, or a sample of them in which each is as likely as
	// another, whatever the order and number of times in which they come. The
	// repetitions of one identifier are one trial of chance, not many.
	seen  map[uint64]traits
	below uint64 // hashes from here on are not in the sample; 0: all are
}

// traits are the families for which a string is dated, those whose check it
// passes, and its days of the month, five bits each.
type traits uint32

func traitsOf(r *reading) traits {
	return traits(r.dated) | traits(r.passes)<<5 | traits(r.dayFirst)<<10 | traits(r.yearFirst)<<15
}

func (t traits) dated(f family) bool  { return t>>f&1 == 1 }
func (t traits) passes(f family) bool { return t>>5>>f&1 == 1 }
func (t traits) day(f family) int {
	if f == swedish {
		return int(t >> 15 & 31)
	}
	return int(t >> 10 & 31)
}

// NewColumn makes an empty column. Fields whose mask (see Mask) is one of the
// opaque forms, as "xxdddddddddd-xddd", are declared identifiers and exempt.
func NewColumn(s *Scanner, opaque ...string) (*Column, error) {
	for _, form := range opaque {
		if form == "" || len(form) > MaxMask || form != Mask([]byte(strings.Map(unmask, form))) {
			return nil, fmt.Errorf("opaque form %q: write d for each digit, x for each letter, other signs of ASCII as they are, at most %d characters", form, MaxMask)
		}
	}
	return &Column{scanner: s, opaque: opaque}, nil
}

// unmask makes of a form a value that has it.
func unmask(r rune) rune {
	switch {
	case r == 'd':
		return '0'
	case r >= '0' && r <= '9' || r >= 'a' && r <= 'z' && r != 'x' || r >= 'A' && r <= 'Z' || r > '~':
		return -1
	}
	return r
}

// Exempt reports whether the field has one of the opaque forms.
func (c *Column) Exempt(field []byte) bool {
	for _, form := range c.opaque {
		if masked(field, form) {
			return true
		}
	}
	return false
}

// Short reports whether the field is too short for a number; then it is counted
// and need not be added. It spares most fields the call.
func (c *Column) Short(field []byte) bool {
	if len(field) >= minField {
		return false
	}
	if n := len(field); n > 0 && (field[0] > ' ' || field[n-1] > ' ') {
		c.fields++
	}
	return true
}

// Plain reports whether no number can stand in the field, whatever stands in
// others. To AddPlain it is then the same as to Add it, and quicker.
func Plain(field []byte) bool {
	return len(field) >= minField && field[0] > ' ' && !promising(field)
}

// AddPlain takes a field that is plain.
func (c *Column) AddPlain() { c.fields++ }

// Add takes a field and gives its first number, if any. Whether that is one is
// for the verdict on the whole column to say: see Verdict.Rejects.
func (c *Column) Add(field []byte) Hit {
	if len(field) < minField || !promising(field) {
		if len(field) > 0 && (field[0] > ' ' || len(bytes.TrimSpace(field)) > 0) {
			c.fields++
		}
		return Hit{}
	}
	c.fields++
	if c.Exempt(field) {
		c.exempt++
		return Hit{}
	}
	var hit Hit
	at := cursor{field: field}
	for {
		f, ok := c.scanner.next(&at)
		if !ok {
			break
		}
		t := c.groups[f.group]
		if t == nil {
			t = &tally{seen: make(map[uint64]traits)}
			c.groups[f.group] = t
		}
		t.strings++
		t.found[f.found()]++
		t.add(hash(f.key), traitsOf(&f.reading), c.scanner.params.Sample)
		if !hit.Found() {
			hit = f.hit()
		}
	}
	c.hits[hit.Kind]++
	if hit.Test {
		c.test++
	}
	return hit
}

func (t *tally) add(h uint64, what traits, sample int) {
	if t.below != 0 && h >= t.below {
		return
	}
	t.seen[h] = what
	if len(t.seen) >= 2*sample {
		t.cut(sample)
	}
}

// cut leaves the strings with the smallest hashes.
func (t *tally) cut(sample int) {
	if len(t.seen) <= sample {
		return
	}
	all := make([]uint64, 0, len(t.seen))
	for h := range t.seen {
		all = append(all, h)
	}
	slices.Sort(all)
	t.below = all[sample]
	for _, h := range all[sample:] {
		delete(t.seen, h)
	}
}

// hash spreads the keys (splitmix64: Steele, Lea and Flood 2014).
func hash(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Merge adds what another part of the same column shows. In whatever order
// the parts come, the verdict is that on the whole.
func (c *Column) Merge(o *Column) {
	c.fields += o.fields
	c.exempt += o.exempt
	c.test += o.test
	for k, n := range o.hits {
		c.hits[k] += n
	}
	for g, from := range o.groups {
		if from == nil {
			continue
		}
		t := c.groups[g]
		if t == nil {
			t = &tally{seen: make(map[uint64]traits, len(from.seen))}
			c.groups[g] = t
		}
		t.strings += from.strings
		for m, n := range from.found {
			t.found[m] += n
		}
		// The smallest of both are the smallest of all.
		for h, what := range from.seen {
			t.add(h, what, c.scanner.params.Sample)
		}
	}
}

// Format prints the name of the type and nothing of what it holds.
func (c *Column) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "identity.Column") }

// Level is what a column comes to.
type Level uint8

const (
	// Clean: nothing found, or no more than chance puts into identifiers.
	Clean Level = iota
	// Isolated: numbers here and there. The rows are to be rejected.
	Isolated
	// Pattern: the column holds identity numbers. The file is to be rejected.
	Pattern
)

// String is the name of the level.
func (l Level) String() string {
	return [...]string{"clean", "isolated", "pattern"}[min(l, Pattern)]
}

// Verdict is the judgement of a column, in numbers alone.
//
// Each layout (digits in a run, with a hyphen, …; alone in the field or within
// a text) and each country is judged by itself, over the different strings n
// of that layout: D of them begin with a date of that country, and C of these
// have right check digits.
//
// The chance that C is met by: time stamps and case numbers begin with dates
// as well, so a date proves nothing, and chance is the binomial distribution
// of D trials with the probability c of right check digits (1/10 by Luhn, 1/11
// and 1/121 by one and two digits modulo 11, 1/31). Identifiers may have the
// same check digits (Luhn's rule is everywhere, Norwegian account numbers have
// the second of the two); so where at least MinIDs strings are not dates and
// more of these pass than AlphaChance allows, c is their share plus two
// standard errors. Pattern: C >= MinDistinct, P(X >= C) < Alpha, and the excess
// over chance is MinShare of the fields.
//
// Danish numbers have a modulus that most of them still keep, and it is judged
// in this way. Beyond it, and where Luhn's rule tells nothing because every
// identifier keeps it, dates are judged alone: D >= MinDated, D/n >=
// MinDatedShare, P(X >= D) < Alpha with n trials of DateChance (of 0.62 for
// Swedish numbers: identifiers with year and month in front), and the days of
// the month are spread as births are (MinDays); the same MinShare.
//
// Otherwise a hit is isolated and its row is rejected, except in a column of
// identifiers: at least MinIDs different strings of that layout, alone in
// their fields, and C not more than chance gives with a probability of
// AlphaChance, nor, where dates are judged, D with trials of DateChance unless
// the days are not spread. There a single number cannot be told from the
// identifiers around it. Among 6,000 random ones a share of 0.5 % of numbers
// with check digits is noticed in 85 of 100 columns or more, 2 % makes a
// pattern, and 20 % of Danish numbers without modulus is noticed. A declared
// opaque form exempts the column altogether.
type Verdict struct {
	Level Level
	// Kind is the commonest kind of the strongest evidence; None if clean.
	Kind Kind
	// Fields that are not empty, and those of an opaque form.
	Fields, Exempt int64
	// Shaped strings, and Hits: fields with a number, of which Test say that
	// they are no person's.
	Shaped, Hits, Test int64
	// ByKind counts the hits.
	ByKind [kinds]int64
	// Distinct, Dated and Checked are n, D and C of the strongest evidence,
	// Expected what chance would give of it, P the probability of so many.
	Distinct, Dated, Checked int
	Expected, P              float64
	// Share is the part of the fields that holds numbers, as estimated.
	Share float64

	// Forgiven and Rejected say whether any number that stood alone in its field
	// is explained by chance, and whether any is not.
	Forgiven, Rejected bool

	forgiven [groups]mask
}

// Rejects reports whether the row of a hit of this column is to be rejected.
func (v *Verdict) Rejects(h Hit) bool {
	return h.Found() && h.found&^v.forgiven[h.group] != 0
}

// evidence is the judgement of one country in one layout.
type evidence struct {
	level              Level
	n, dated, checked  int
	expected, p, share float64
	forgiven           bool
}

// Verdict judges what has been added. It changes nothing.
func (c *Column) Verdict() Verdict {
	v := Verdict{Fields: c.fields, Exempt: c.exempt, Test: c.test, ByKind: c.hits, P: 1}
	v.ByKind[None] = 0
	for _, n := range v.ByKind {
		v.Hits += n
	}
	strongest := families
	for g, t := range c.groups {
		if t == nil {
			continue
		}
		v.Shaped += t.strings
		sample := t.sample(c.scanner.params.Sample)
		for f := range families {
			if !t.any(f) {
				continue
			}
			e := c.judge(group(g), f, sample, float64(t.strings)/float64(c.fields))
			if e.forgiven {
				v.forgiven[g] |= f.bit()
			}
			if e.level > v.Level || e.level == v.Level && e.level > Clean && e.p < v.P {
				v.Level, strongest = e.level, f
				v.Distinct, v.Dated, v.Checked = e.n, e.dated, e.checked
				v.Expected, v.P, v.Share = e.expected, e.p, e.share
			}
		}
	}
	for g, t := range c.groups {
		if t == nil || !group(g).whole() {
			continue
		}
		for m, n := range t.found {
			switch {
			case n == 0 || m == 0:
			case mask(m)&^v.forgiven[g] == 0:
				v.Forgiven = true
			default:
				v.Rejected = true
			}
		}
	}
	// Within a country, the kind that occurs most.
	for k := Personnummer; k < kinds; k++ {
		if k.family() == strongest && (v.Kind == None || v.ByKind[k] > v.ByKind[v.Kind]) {
			v.Kind = k
		}
	}
	return v
}

// any reports whether a string was a number of that family.
func (t *tally) any(f family) bool {
	for m, n := range t.found {
		if n > 0 && mask(m).has(f) {
			return true
		}
	}
	return false
}

// sample is what the strings with the smallest hashes show.
func (t *tally) sample(most int) []traits {
	all := make([]uint64, 0, len(t.seen))
	for h := range t.seen {
		all = append(all, h)
	}
	slices.Sort(all)
	all = all[:min(len(all), most)]
	out := make([]traits, len(all))
	for i, h := range all {
		out[i] = t.seen[h]
	}
	return out
}

// judge weighs the strings of one layout as numbers of one country; weight is
// how many of them a field has on average.
func (c *Column) judge(g group, f family, sample []traits, weight float64) evidence {
	p := &c.scanner.params
	e := evidence{level: Isolated, n: len(sample)}
	undatedPass := 0
	var days [32]int
	for _, t := range sample {
		switch {
		case t.dated(f):
			e.dated++
			days[t.day(f)]++
			if t.passes(f) {
				e.checked++
			}
		case t.passes(f):
			undatedPass++
		}
	}
	chance := c.scanner.checkChance(f)
	if undated := e.n - e.dated; undated >= p.MinIDs && tail(undated, chance, undatedPass) < p.AlphaChance {
		rate := (float64(undatedPass) + 2*math.Sqrt(float64(undatedPass))) / float64(undated)
		chance = min(max(chance, rate), 1)
	}
	e.p = tail(e.dated, chance, e.checked)
	e.expected = chance * float64(e.dated)
	if chance < 1 {
		e.share = share((float64(e.checked)-e.expected)/(1-chance), e.n, weight)
	}
	if e.checked >= p.MinDistinct && e.p < p.Alpha && e.share >= p.MinShare {
		e.level = Pattern
		return e
	}
	unexplained := e.p < p.AlphaChance
	if f == danish || chance > 0.5 {
		spread := f == norwegian || spreadOf(days[:], e.dated) >= float64(p.MinDays)
		bound := p.DateChance
		if f == swedish {
			bound = yearMonthChance
		}
		byDate, expected := tail(e.n, bound, e.dated), bound*float64(e.n)
		part := share((float64(e.dated)-expected)/(1-bound), e.n, weight)
		if (f == danish || f == swedish) && e.dated >= p.MinDated && float64(e.dated) >= p.MinDatedShare*float64(e.n) &&
			byDate < p.Alpha && spread && part >= p.MinShare {
			e.level, e.p, e.expected, e.share = Pattern, byDate, expected, part
			return e
		}
		unexplained = unexplained || spread && tail(e.n, p.DateChance, e.dated) < p.AlphaChance
	}
	if g.whole() && e.n >= p.MinIDs && !unexplained {
		e.level, e.forgiven = Clean, true
	}
	return e
}

// yearMonthChance bounds the share of identifiers that begin with a Swedish
// date: of those with year and month in front, the next two digits are one of
// the 62 days.
const yearMonthChance = 0.62

// share is what an excess of so many among n strings is of the fields.
func share(excess float64, n int, weight float64) float64 {
	return max(0, min(1, excess/float64(n)*weight))
}

// tail is P(X >= k) of a binomial distribution, by the incomplete beta
// function.
func tail(n int, p float64, k int) float64 {
	switch {
	case k <= 0 || p >= 1:
		return 1
	case k > n:
		return 0
	}
	return mathext.RegIncBeta(float64(k), float64(n-k+1), p)
}

// spreadOf is the inverse of the probability that two of n days are equal
// (Simpson 1949, without bias); infinite where no two are.
func spreadOf(days []int, n int) float64 {
	equal := 0
	for _, m := range days {
		equal += m * (m - 1)
	}
	if equal == 0 {
		return math.Inf(1)
	}
	return float64(n) * float64(n-1) / float64(equal)
}
