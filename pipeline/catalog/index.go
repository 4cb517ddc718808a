package catalog

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Index answers the lookups that are asked per row, per cell and per
// decision. It is built once, never changes and may be shared by goroutines.
// It points into its catalog, which must not be altered.
type Index struct {
	cat        *Catalog
	registries map[string]*Registry
	indicators map[string]*Indicator
	units      map[string]*Unit
	feeds      map[string]*Feed
	people     map[string]*Person
	profiles   map[string]*Profile
	unitCodes  map[codeKey][]unitSpan
	codes      map[codeKey][]span
	tokens     []personToken
	uploads    []feedToken
}

type codeKey struct{ system, code string }

// span is a half-open interval of days; the open bounds are the extremes, so
// that a lookup is two comparisons.
type span struct{ from, to int32 }

type unitSpan struct {
	span
	unit *Unit
}

type personToken struct {
	hash   [sha256.Size]byte
	person *Person
}

type feedToken struct {
	hash [sha256.Size]byte
	feed *Feed
}

const (
	beginningOfTime int32 = -1 << 31
	endOfTime       int32 = 1<<31 - 1
)

func spanOf(from, to Date) span {
	s := span{beginningOfTime, endOfTime}
	if !from.IsZero() {
		s.from = from.Days()
	}
	if !to.IsZero() {
		s.to = to.Days()
	}
	return s
}

func (s span) holds(day int32) bool { return s.from <= day && day < s.to }

func (s span) empty() bool { return s.from >= s.to }

func (s span) intersect(o span) span { return span{max(s.from, o.from), min(s.to, o.to)} }

func (s span) within(o span) bool { return o.from <= s.from && s.to <= o.to }

// String names the interval for an error message.
func (s span) String() string {
	switch {
	case s.from == beginningOfTime && s.to == endOfTime:
		return "always"
	case s.from == beginningOfTime:
		return "before " + DateOfDays(s.to).String()
	case s.to == endOfTime:
		return "from " + DateOfDays(s.from).String()
	default:
		return "from " + DateOfDays(s.from).String() + " to before " + DateOfDays(s.to).String()
	}
}

// Index is the index of a loaded catalog. For a catalog that was put together
// by hand it builds one at every call: keep the result.
func (c *Catalog) Index() *Index {
	if c.index != nil {
		return c.index
	}
	return newIndex(c)
}

func newIndex(c *Catalog) *Index {
	x := &Index{
		cat:        c,
		registries: make(map[string]*Registry, len(c.Registries)),
		indicators: make(map[string]*Indicator, len(c.Indicators)),
		units:      make(map[string]*Unit, len(c.Units)),
		feeds:      make(map[string]*Feed, len(c.Feeds)),
		people:     make(map[string]*Person, len(c.People)),
		profiles:   make(map[string]*Profile, len(c.Profiles)),
		unitCodes:  make(map[codeKey][]unitSpan, len(c.Units)),
		codes:      map[codeKey][]span{},
	}
	for i := range c.Registries {
		x.registries[c.Registries[i].Code] = &c.Registries[i]
	}
	for i := range c.Indicators {
		x.indicators[c.Indicators[i].ID] = &c.Indicators[i]
	}
	for i := range c.Units {
		u := &c.Units[i]
		x.units[u.ID] = u
		for _, code := range u.Codes {
			k := codeKey{code.System, code.Code}
			valid := spanOf(code.From, code.To).intersect(spanOf(u.From, u.To))
			x.unitCodes[k] = append(x.unitCodes[k], unitSpan{valid, u})
		}
	}
	for i := range c.Feeds {
		x.feeds[c.Feeds[i].ID] = &c.Feeds[i]
		for _, sum := range c.Feeds[i].UploadTokens {
			var t feedToken
			if n, err := hex.Decode(t.hash[:], []byte(sum)); err == nil && n == len(t.hash) {
				t.feed = &c.Feeds[i]
				x.uploads = append(x.uploads, t)
			}
		}
	}
	for i := range c.CodeSystems {
		for _, code := range c.CodeSystems[i].Codes {
			k := codeKey{c.CodeSystems[i].ID, code.Code}
			x.codes[k] = append(x.codes[k], spanOf(code.From, code.To))
		}
	}
	for i := range c.People {
		p := &c.People[i]
		x.people[p.ID] = p
		var t personToken
		if n, err := hex.Decode(t.hash[:], []byte(p.TokenSHA256)); err == nil && n == len(t.hash) {
			t.person = p
			x.tokens = append(x.tokens, t)
		}
	}
	for i := range c.Profiles {
		x.profiles[c.Profiles[i].ID] = &c.Profiles[i]
	}
	return x
}

// Registry is the registry with that code.
func (x *Index) Registry(code string) (*Registry, bool) {
	r, ok := x.registries[code]
	return r, ok
}

// Indicator is the indicator with that id.
func (x *Index) Indicator(id string) (*Indicator, bool) {
	i, ok := x.indicators[id]
	return i, ok
}

// Unit is the unit with that id.
func (x *Index) Unit(id string) (*Unit, bool) {
	u, ok := x.units[id]
	return u, ok
}

// Feed is the feed with that id.
func (x *Index) Feed(id string) (*Feed, bool) {
	f, ok := x.feeds[id]
	return f, ok
}

// Person is the person with that id.
func (x *Index) Person(id string) (*Person, bool) {
	p, ok := x.people[id]
	return p, ok
}

// Profile is the audience profile with that id.
func (x *Index) Profile(id string) (*Profile, bool) {
	p, ok := x.profiles[id]
	return p, ok
}

// UnitByCode is the unit that the code of the system names at that date. It
// allocates nothing. With the zero Date (a row whose date cannot be read) it
// answers only if the code has never named two units.
func (x *Index) UnitByCode(system, code string, at Date) (*Unit, bool) {
	spans := x.unitCodes[codeKey{system, code}]
	if at.IsZero() {
		if len(spans) == 0 {
			return nil, false
		}
		for i := range spans[1:] {
			if spans[i+1].unit != spans[0].unit {
				return nil, false
			}
		}
		return spans[0].unit, true
	}
	day := at.Days()
	for i := range spans {
		if spans[i].holds(day) {
			return spans[i].unit, true
		}
	}
	return nil, false
}

// CodeValid reports whether the code is in the code system at that date; with
// the zero Date, whether it ever was. It allocates nothing.
func (x *Index) CodeValid(system, code string, at Date) bool {
	spans := x.codes[codeKey{system, code}]
	if at.IsZero() {
		return len(spans) > 0
	}
	day := at.Days()
	for i := range spans {
		if spans[i].holds(day) {
			return true
		}
	}
	return false
}

// VersionAt is the version of the indicator that holds at that date, which
// must be a date: no version holds at the zero Date.
func (x *Index) VersionAt(indicator *Indicator, at Date) (*Version, bool) {
	if indicator == nil || at.IsZero() {
		return nil, false
	}
	for i := range indicator.Versions {
		if v := &indicator.Versions[i]; at.Within(v.From, v.To) {
			return v, true
		}
	}
	return nil, false
}

// PersonByToken is the person whose token this is. The time it takes tells
// nothing of how near a wrong token came, nor of whose it is.
func (x *Index) PersonByToken(token string) (*Person, bool) {
	hash := sha256.Sum256([]byte(token))
	var found *Person
	for i := range x.tokens {
		if subtle.ConstantTimeCompare(hash[:], x.tokens[i].hash[:]) == 1 {
			found = x.tokens[i].person
		}
	}
	return found, found != nil
}

// FeedByToken is the feed whose files the bearer of the token may hand in. The
// time it takes tells nothing of how near a wrong token came.
func (x *Index) FeedByToken(token string) (*Feed, bool) {
	hash := sha256.Sum256([]byte(token))
	var found *Feed
	for i := range x.uploads {
		if subtle.ConstantTimeCompare(hash[:], x.uploads[i].hash[:]) == 1 {
			found = x.uploads[i].feed
		}
	}
	return found, found != nil
}

// Ancestors are the units above a unit at that date, nearest first, each
// once; units of one level in the order of their ids. The unit itself is not
// among them.
func (x *Index) Ancestors(unit string, at Date) []string {
	var above []string
	level := []string{unit}
	for len(level) > 0 {
		var next []string
		for _, id := range level {
			u, ok := x.units[id]
			if !ok || !at.Within(u.From, u.To) {
				continue
			}
			for _, p := range u.Parents {
				// A stored catalog is not validated again, so the walk must
				// end whatever it holds.
				if at.Within(p.From, p.To) && p.Unit != unit &&
					!slices.Contains(above, p.Unit) && !slices.Contains(next, p.Unit) {
					next = append(next, p.Unit)
				}
			}
		}
		slices.Sort(next)
		above = append(above, next...)
		level = next
	}
	return above
}

// Covers reports whether a role reaches a unit and a registry at that date.
// A role that is limited to units reaches them and what is below them. An
// empty unit or registry asks for all of them, which only a role without that
// limit reaches.
func (x *Index) Covers(role Role, unit string, registry string, at Date) bool {
	if len(role.Registries) > 0 && !slices.Contains(role.Registries, registry) {
		return false
	}
	if len(role.Units) == 0 || slices.Contains(role.Units, unit) {
		return true
	}
	for _, above := range x.Ancestors(unit, at) {
		if slices.Contains(role.Units, above) {
			return true
		}
	}
	return false
}

// SuccessorsAt are the units that carry on a unit's work at that date: those
// successors that had begun by then, in the order of their beginning.
func (x *Index) SuccessorsAt(unit string, at Date) []Successor {
	u, ok := x.units[unit]
	if !ok {
		return nil
	}
	var begun []Successor
	for _, s := range u.Successors {
		if !at.Before(s.From) {
			begun = append(begun, s)
		}
	}
	return begun
}

// FeedFor is the feed that a file belongs to, by its base name. It is an
// error, one that names the feeds, if none or more than one claims the file:
// a guess would put data where they do not belong.
func (x *Index) FeedFor(name string) (*Feed, error) {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	var claims []*Feed
	for i := range x.cat.Feeds {
		f := &x.cat.Feeds[i]
		for _, glob := range f.Files {
			if ok, err := path.Match(glob, base); err == nil && ok {
				claims = append(claims, f)
				break
			}
		}
	}
	switch len(claims) {
	case 1:
		return claims[0], nil
	case 0:
		var known []string
		for i := range x.cat.Feeds {
			known = append(known, x.cat.Feeds[i].ID+" ("+strings.Join(x.cat.Feeds[i].Files, ", ")+")")
		}
		if len(known) == 0 {
			return nil, fmt.Errorf("file %q: the catalog has no feeds; add one under feeds", base)
		}
		return nil, fmt.Errorf("file %q: %w; the feeds are %s; rename the file, name the feed, or add a pattern to its files",
			base, ErrNoFeed, strings.Join(known, ", "))
	default:
		var ids []string
		for _, f := range claims {
			ids = append(ids, f.ID)
		}
		return nil, fmt.Errorf("file %q: %w: %s; name the feed, or make their files patterns disjoint",
			base, ErrAmbiguousFeed, strings.Join(ids, ", "))
	}
}

// FeedFor is Index().FeedFor(name).
func (c *Catalog) FeedFor(name string) (*Feed, error) { return c.Index().FeedFor(name) }
