package intake

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/identity"
)

// Check C15 on one file.
//
// Every field is looked at for personal identity numbers, except those of the
// subject and of other declared identifiers. What a number in a column means is
// known only at the end of the file: among identifiers of ten digits some pass
// by chance. Reading twice would cost a third of the speed, so the first reading
// supposes: a number within a text is one; a number alone in its field is one
// where the column's text becomes part of an observation, and chance where it
// does not (a key leaves as a hash, an ignored column not at all). So no number
// can leave, whatever the verdict is. If a verdict then says otherwise, Read
// returns a *Reread, and the second reading knows the verdicts.

// Looked are the verdicts of one reading, for the next.
type Looked struct {
	verdicts map[string]identity.Verdict
}

// Reread says that a file holds what only the verdict on its columns explains,
// and that it must be read once more, from its beginning, with Looked in the
// Delivery. What the sink has taken is to be erased.
type Reread struct{ Looked *Looked } //nolint:errname // it asks for a second reading; nothing has failed

// Error says what to do.
func (*Reread) Error() string {
	return "numbers that look like those of persons stand in columns of identifiers: read the file once more with what is known of them now"
}

// beside is the name of what stands in no column: ignored values of JSON, and
// text that could not be split.
const beside = ""

// look is what a reading has seen of identity numbers.
type look struct {
	layout  *layout
	scanner *identity.Scanner
	columns []lookColumn
	// secret are the positions of the columns with declared identifiers.
	secret []int
	// known says that the verdicts are those of an earlier reading.
	known bool
	// outer is what stands in no row: the lines around them, other sheets, what
	// else a Bundle holds. outerHit says that a number stood within such a text.
	outer    *identity.Column
	outerHit bool

	// Of the row at hand: its stratum holds a number; it could not be split.
	stratum, unsplit bool
}

type lookColumn struct {
	name    string
	at      int
	kept    bool // its text becomes part of an observation
	stratum bool
	column  *identity.Column
	verdict identity.Verdict // if known
}

func newLook(feed *catalog.Feed, d Delivery, l *layout) (*look, error) {
	asOf := 0
	if !d.AsOf.IsZero() {
		y, m, day := d.AsOf.Time().Date()
		asOf = y*10000 + int(m)*100 + day
	}
	s, err := identity.NewScanner(thresholds(feed.Identity), asOf)
	if err != nil {
		return nil, fmt.Errorf("feed %s: %w", feed.ID, err)
	}
	k := &look{layout: l, scanner: s, known: d.Looked != nil}
	if k.outer, err = identity.NewColumn(s); err != nil {
		return nil, fmt.Errorf("feed %s: %w", feed.ID, err)
	}
	add := func(name string, at int, kept bool) error {
		var forms []string
		for _, o := range feed.Opaque {
			if o.Column == name {
				forms = o.Forms
			}
		}
		c, err := identity.NewColumn(s, forms...)
		if err != nil {
			return fmt.Errorf("feed %s: opaque: column %s: %w", feed.ID, name, err)
		}
		col := lookColumn{name: name, at: at, kept: kept, stratum: slices.Contains(feed.Columns.Strata, name), column: c}
		if k.known {
			col.verdict = d.Looked.verdicts[name]
		}
		k.columns = append(k.columns, col)
		return nil
	}
	secret := append([]string{feed.Columns.Subject}, feed.Identifiers...)
	keyless := *feed
	keyless.Key = nil
	read := wanted(&keyless)
	for name, at := range l.columns {
		switch {
		case slices.Contains(secret, name):
			k.secret = append(k.secret, at)
		case name == feed.AsOf.Column || name == feed.Order.Column:
			// The same in every row, and usually a time stamp, which may pass:
			// the first is looked at (sameValue).
		default:
			if err := add(name, at, slices.Contains(read, name)); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(k.columns, func(a, b lookColumn) int { return a.at - b.at })
	return k, add(beside, -1, false)
}

// thresholds are those of a feed, and the defaults where it has none.
func thresholds(l *catalog.IdentityLimits) identity.Params {
	p := identity.Defaults()
	if l == nil {
		return p
	}
	return identity.Params{
		MinDistinct: cmp.Or(l.MinDistinct, p.MinDistinct), MinShare: cmp.Or(l.MinShare, p.MinShare), Alpha: cmp.Or(l.Alpha, p.Alpha),
		MinIDs: cmp.Or(l.MinIDs, p.MinIDs), AlphaChance: cmp.Or(l.AlphaChance, p.AlphaChance),
		MinDated: cmp.Or(l.MinDated, p.MinDated), MinDatedShare: cmp.Or(l.MinDatedShare, p.MinDatedShare),
		DateChance: cmp.Or(l.DateChance, p.DateChance), MinDays: cmp.Or(l.MinDays, p.MinDays), Sample: p.Sample,
	}
}

// field looks at one field. The hit is one for which its row is rejected.
func (l *lookColumn) field(b []byte, known bool) (identity.Hit, bool) {
	hit := l.column.Add(b)
	switch {
	case !hit.Found():
		return hit, false
	case known:
		return hit, l.verdict.Rejects(hit)
	default:
		return hit, !hit.Whole() || l.kept
	}
}

// identityOf faults the columns of a row in which an identity number stands.
func (c *conformer) identityOf(fields [][]byte) {
	l := c.look
	l.stratum, l.unsplit = false, false
	for i := range l.columns {
		col := &l.columns[i]
		if col.at < 0 {
			continue
		}
		if col.at < len(fields) {
			c.identityIn(col, fields[col.at])
		}
		for _, more := range c.joined {
			if col.at >= len(more) {
				continue
			}
			if hit, bad := col.field([]byte(more[col.at]), l.known); bad && !c.told(RuleIdentity, col.name) {
				c.identityFault(col, []byte(more[col.at]), hit)
			}
		}
	}
	others := &l.columns[len(l.columns)-1]
	for _, b := range c.others {
		if hit, bad := others.field(b, l.known); bad && !c.told(RuleIdentity, beside) {
			c.identityFault(others, b, hit)
		}
	}
}

// identityIn looks at the field that the row at hand has in a column.
func (c *conformer) identityIn(col *lookColumn, field []byte) {
	cell := c.cells[col.at]
	switch {
	case cell != nil && cell.knows&knowsPlain != 0:
		col.column.AddPlain()
	case col.column.Short(field):
	default:
		if hit, bad := col.field(field, c.look.known); bad {
			c.identityFault(col, field, hit)
		} else if cell != nil && identity.Plain(field) {
			cell.knows |= knowsPlain
		}
	}
}

func (c *conformer) identityFault(col *lookColumn, field []byte, hit identity.Hit) {
	c.look.stratum = c.look.stratum || col.stratum
	text, hint := "what looks like a "+hit.Kind.String()+" stands here", "leave it out of the export, or declare what the column holds: its identifiers under identifiers, or the forms of others under opaque of the feed"
	if col.name == beside {
		text, hint = "what looks like a "+hit.Kind.String()+" stands in a value that the feed ignores", "leave it out of the export"
	}
	c.fault(fault{column: col.name, value: field[hit.Start:hit.End], field: textField, rule: RuleIdentity, text: text, hint: hint})
}

// outside looks at a text that stands in no row.
func (l *look) outside(text []byte, today catalog.Date) {
	rest := text
	for {
		hit := l.scanner.Scan(rest)
		if !hit.Found() || !isStamp(string(rest[hit.Start:hit.End]), today) {
			break
		}
		rest = rest[hit.End:] // a time, behind which a number may stand
	}
	if len(rest) == 0 && len(text) > 0 {
		return
	}
	if hit := l.outer.Add(rest); hit.Found() && (!hit.Whole() || len(rest) < len(text)) {
		l.outerHit = true
	}
}

// outsideProblem is nil where no identity number stands outside the rows. There
// is no row to reject for one that does: the file is.
func (l *look) outsideProblem() []event.Problem {
	v := l.outer.Verdict()
	if !l.outerHit && v.Level != identity.Pattern && !v.Rejected {
		return nil
	}
	return []event.Problem{{Rule: RuleIdentity,
		Text: fmt.Sprintf("what looks like a personal identity number (%s) stands outside the rows: above or below them, in another sheet or resource, or in what orders or dates the file", v.Kind),
		Hint: "leave it out of the export"}}
}

// unsplitRow looks at what could not be split into columns. Where identifiers
// are declared, theirs are among it.
func (l *look) unsplitRow(raw []string) {
	l.unsplit = true
	if len(l.secret) > 0 {
		return
	}
	for _, text := range raw {
		l.columns[len(l.columns)-1].field([]byte(text), l.known)
	}
}

// masked are the fields of a row as they may be given back: identity numbers
// and declared identifiers by their outline alone. It reports whether there
// were any.
func (l *look) masked(raw []string) ([]string, bool) {
	out, hidden := raw, false
	set := func(i int, text string) {
		if !hidden {
			out, hidden = slices.Clone(raw), true
		}
		out[i] = text
	}
	// Whatever has not the columns of the file may have any of them anywhere.
	most := l.layout.delivered + 1 + len(addedColumns())
	split := !l.unsplit && len(raw) >= l.layout.delivered && len(raw) <= most
	if !split && len(l.secret) > 0 {
		for i, text := range raw {
			set(i, outline(text))
		}
		return out, hidden
	}
	for i, text := range raw {
		if split && slices.Contains(l.secret, i) {
			if text != "" {
				set(i, outline(text))
			}
			continue
		}
		if split && slices.ContainsFunc(l.columns, func(c lookColumn) bool { return c.at == i && c.column.Exempt([]byte(text)) }) {
			continue
		}
		if masked, found := hideNumbers(l.scanner, text); found {
			set(i, masked)
		}
	}
	return out, hidden
}

// hideNumbers is the text with the outlines of the identity numbers in it.
func hideNumbers(s *identity.Scanner, text string) (string, bool) {
	rest, found := []byte(text), false
	var b strings.Builder
	for {
		hit := s.Scan(rest)
		if !hit.Found() {
			break
		}
		found = true
		b.Write(rest[:hit.Start])
		b.WriteString(outline(string(rest[hit.Start:hit.End])))
		rest = rest[hit.End:]
	}
	if !found {
		return text, false
	}
	b.Write(rest)
	return b.String(), true
}

// outline is the text with d for each digit and x for each letter; its signs
// and spaces stay.
func outline(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '?'
		case unicode.IsDigit(r) || unicode.IsNumber(r):
			return 'd'
		case unicode.IsLetter(r) || unicode.IsMark(r):
			return 'x'
		}
		return r
	}, text)
}

// verdict judges the columns at the end of the file: a *FileError where one
// holds identity numbers, a *Reread where the reading supposed wrongly.
func (l *look) verdict() error {
	verdicts := make(map[string]identity.Verdict, len(l.columns))
	var bad []event.Problem
	wrong := false
	for i := range l.columns {
		col := &l.columns[i]
		v := col.column.Verdict()
		verdicts[col.name] = v
		if v.Level == identity.Pattern {
			bad = append(bad, patternProblem(col.name, &v))
		}
		wrong = wrong || col.kept && v.Forgiven || !col.kept && v.Rejected
	}
	bad = append(bad, l.outsideProblem()...)
	switch {
	case len(bad) > 0:
		return &FileError{Problems: bad}
	case wrong && !l.known:
		return &Reread{&Looked{verdicts}}
	}
	return nil
}

func patternProblem(column string, v *identity.Verdict) event.Problem {
	text := fmt.Sprintf("the column holds personal identity numbers (%s): %d of %d fields look like one", v.Kind, v.Hits, v.Fields)
	if column == beside {
		text = fmt.Sprintf("values that the feed ignores are personal identity numbers (%s): %d of %d look like one", v.Kind, v.Hits, v.Fields)
	}
	return event.Problem{Column: column, Rule: RuleIdentity, Text: text,
		Hint: "leave them out of the export; or, if they are to come, declare the column under columns.subject or identifiers of the feed; identifiers that are no person's are declared under opaque"}
}

// found is what a security event says: counts, never a value.
func (l *look) found() []event.IdentityColumn {
	var out []event.IdentityColumn
	for _, col := range append(slices.Clone(l.columns), lookColumn{name: beside, column: l.outer}) {
		v := col.column.Verdict()
		if v.Level == identity.Clean {
			continue
		}
		out = append(out, event.IdentityColumn{Column: col.name, Level: v.Level.String(), Kind: v.Kind.String(), Hits: v.Hits, Fields: v.Fields})
	}
	return out
}
