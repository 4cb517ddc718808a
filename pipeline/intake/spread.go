package intake

import (
	"fmt"
	"math/bits"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// Spread is which periods of one length a file spans, and of how many of them it
// has rows. A snapshot of the periods of its own rows replaces all that it spans:
// one slip of a date makes it replace what nobody meant.
type Spread struct {
	Period catalog.Granularity
	// From and To are half-open, and Line is that of the first row of the
	// outermost period behind the widest hole.
	From, To catalog.Date
	Line     uint64
	// Periods is how many there are from From to To, With how many have rows.
	Periods, With int
}

// sparse reports whether the file lacks periods that it spans: of days and weeks
// some have no rows as a rule.
func (s Spread) sparse() bool {
	if s.Period == catalog.Day || s.Period == catalog.Week {
		return 2*s.With < s.Periods
	}
	return s.With < s.Periods
}

func (s Spread) String() string {
	what := map[catalog.Granularity]string{catalog.Day: "days", catalog.Week: "weeks", catalog.Month: "months", catalog.Tertial: "tertials",
		catalog.Quarter: "quarters", catalog.HalfYear: "half-years", catalog.Year: "years"}[s.Period]
	return fmt.Sprintf("the file replaces %d %s, from %s to before %s, and has rows for %d of them", s.Periods, what, s.From, s.To, s.With)
}

// daySet are the days on which rows lie. Its zero value is empty.
type daySet struct {
	base  int32 // of the first word
	words []uint64
	// Of the first and the last day, the line of the row that made it that.
	low, high         int32
	lowLine, highLine uint64
}

func (s *daySet) add(day int32, line uint64) {
	at := day - s.base
	if s.words == nil || at < 0 || int(at) >= 64*len(s.words) {
		s.widen(day)
		at = day - s.base
	}
	s.words[at>>6] |= 1 << (at & 63)
	if s.lowLine == 0 || day < s.low {
		s.low, s.lowLine = day, line
	}
	if s.highLine == 0 || day > s.high {
		s.high, s.highLine = day, line
	}
}

// widen makes room for a day.
func (s *daySet) widen(day int32) {
	lo, hi := day&^63, day|63
	if s.words != nil {
		lo, hi = min(lo, s.base), max(hi, s.base+int32(64*len(s.words))-1)
	}
	words := make([]uint64, (hi-lo+1)/64)
	if s.words != nil {
		copy(words[(s.base-lo)/64:], s.words)
	}
	s.base, s.words = lo, words
}

// spread is that of the days, whose set is not empty.
func (s *daySet) spread(g catalog.Granularity) Spread {
	out := Spread{Period: g, From: g.PeriodStart(catalog.DateOfDays(s.low)), To: g.PeriodEnd(g.PeriodStart(catalog.DateOfDays(s.high)))}
	var first, last, before catalog.Date // of those with rows: the first two, the last two
	var second catalog.Date
	for at := out.From; at.Before(out.To); {
		next := g.PeriodEnd(at)
		out.Periods++
		if s.within(at.Days(), next.Days()) {
			out.With++
			if out.With == 1 {
				first = at
			}
			if out.With == 2 {
				second = at
			}
			before, last = last, at
		}
		at = next
	}
	out.Line = s.lowLine
	if out.With > 1 && last.Days()-before.Days() > second.Days()-first.Days() {
		out.Line = s.highLine
	}
	return out
}

// within reports whether a day of the half-open interval is in the set.
func (s *daySet) within(from, to int32) bool {
	from, to = max(from, s.low), min(to, s.high+1)
	for day := from; day < to; {
		at := day - s.base
		word := s.words[at>>6] >> (at & 63)
		if n := int32(bits.TrailingZeros64(word)); word != 0 && day+n < to {
			return true
		}
		day = s.base + (at | 63) + 1
	}
	return false
}

// spreads are those of the file by the lengths of its periods, in order, where
// it replaces the periods of its own rows.
func (c *conformer) spreads() []Spread {
	var out []Spread
	for _, g := range []catalog.Granularity{catalog.Day, catalog.Week, catalog.Month, catalog.Tertial, catalog.Quarter, catalog.HalfYear, catalog.Year} {
		if s := c.days[g]; s != nil && s.words != nil {
			out = append(out, s.spread(g))
		}
	}
	return out
}

// daysOf is where the days of a measure are noted; nil: the file does not
// replace the periods of its own rows.
func (c *conformer) daysOf(g catalog.Granularity) *daySet {
	if c.feed.Delivery != "snapshot" || c.feed.Scope.Window != "file" {
		return nil
	}
	if c.days == nil {
		c.days = map[catalog.Granularity]*daySet{}
	}
	if c.days[g] == nil {
		c.days[g] = &daySet{}
	}
	return c.days[g]
}

// sparse are the findings of a file that lacks periods that it replaces.
func sparse(spreads []Spread) []event.Problem {
	var out []event.Problem
	for _, s := range spreads {
		if s.sparse() {
			out = append(out, event.Problem{Line: s.Line, Rule: RuleWhole, Text: s.String() + ": what was there of the others is gone",
				Hint: "if a date is a slip, correct it and send the file again; this is the first line of its outermost period"})
		}
	}
	return out
}

// A file whose span is more than this many times that of the delivery before
// it, and of which more than half has no rows, is asked about.
const tooWide = 2

// TooWide is the error of a snapshot of the periods of its own rows that spans
// far more of them than the delivery before it, from and to, and has rows for the
// smaller part: a slip of one date does that, and what lies between would be
// gone. It is nil for any other file. Who hands the file in again means it.
func TooWide(feed *catalog.Feed, res *Result, from, to catalog.Date) error {
	if kind, scope := meant(feed, res); kind != "snapshot" || scope.Window != "file" || from.IsZero() || to.IsZero() {
		return nil
	}
	for _, s := range res.Spreads {
		if 2*s.With < s.Periods && s.To.Days()-s.From.Days() > tooWide*max(to.Days()-from.Days(), 1) {
			return &FileError{Problems: []event.Problem{{Line: s.Line, Rule: RuleWhole,
				Text: fmt.Sprintf("%s; the delivery before it went from %s to before %s", s, from, to),
				Hint: "this is the first line of its outermost period: if its date is a slip, correct it and send the file; if the file is right, hand it in again as it is, with the word that it is meant (again)"}}}
		}
	}
	return nil
}
