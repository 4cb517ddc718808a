package intake

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/fhir"
	"larstrom/pipeline/intake/record"
)

// anyOf stands for what a rejected or parked row does not tell.
const anyOf = "*"

// maxCached bounds the memory that a file full of distinct codes can take.
const maxCached = 1 << 16

// conformer turns the fields of records into observations and faults. It
// knows the feed and the catalog and no format.
type conformer struct {
	feed    *catalog.Feed
	idx     Catalog
	out     *handover
	res     *Result
	number  numberForm
	date    dateForm
	asOf    int32 // days
	hasAsOf bool
	// window bounds the period dates of a snapshot of months.
	window             bool
	windowLo, windowHi int32

	layout                                                            *layout
	shared                                                            Layout // for rejects
	unit, indicator, version, event, registration, subject, operation ref
	strata                                                            []ref
	key                                                               []ref
	codes                                                             []codeRef
	columns                                                           [2]columnValue // as-of, order
	places                                                            []place        // columns of the unit, the first before the others
	shown                                                             []shownColumn  // columns of texts, of a file in Unicode
	periodEnd, reason, instructed                                     ref
	only                                                              []onlyRef
	strict                                                            []ref    // columns of texts of which the feed translates all
	header                                                            []string // of the file; nil: it has none
	ruleIDs                                                           *regexp.Regexp
	long                                                              bool
	wide                                                              []*measure
	narrow                                                            map[string]*measure // by indicator, of a long file; nil: unknown

	strataOf map[string]*word // of the block
	unread   unread
	texts    map[string]string // codes of code systems
	// memos are the memories of columns, cells what they know of the texts of the
	// row at hand, by position.
	memos   []memo
	cells   []*cellSeen
	block   *blockWriter
	faults  []fault
	scratch []byte
	keys    ascent
	raw     []string
	// document is the report of FHIR that the row is of; nil: it is of none.
	document *fhir.Report
	ratio    ratio

	subjectPrefix    [16]byte
	look             *look
	delivery         Delivery
	maxRow, maxField int
	others           [][]byte // values of the row that no column has
	// reported is what the format finds wrong with the row, and at where the
	// row stands in its words.
	reported []record.Fault
	at       string
	// ragged lines could not be split, or not into the header's columns.
	ragged     int64
	lastRagged string
	// line is that of the row at hand; finer are the lines with a number that
	// is rounded, empty those without any value.
	line         uint64
	finer, empty tally
	// loose holds the dates of rows whose indicator is not known.
	loose dateSpan
	// days are those of rows, by the length of the indicator's period.
	days map[catalog.Granularity]*daySet
	// last is the row before the one at hand, now what becomes of that.
	last lastRow
	now  outcome
	// textBefore is the text of the record before the one at hand, in a format
	// of text.
	textBefore func() []byte
	// joined are the rows of the file that the row was made of beside the
	// first, and absent the positions of columns
	joined [][]string
	absent []int // of which not exactly one of them had the value
	// register is what the file's instruction names, and units those that
	// occur in the file; nil: neither is asked for.
	register []byte
	units    map[string]bool
}

// place is one column that names the unit of a row.
type place struct {
	ref
	system string
	known  map[string]*unitEntry
	blank  []ref // with any of which the row is of a unit below
}

// shownColumn is one in which two texts that look the same must be the same.
type shownColumn struct {
	name string
	at   int
}

// hidesAny reports whether a text has characters that do not show: of the
// category Cf, which no letter of Europe needs.
func hidesAny(b []byte) bool {
	for i, c := range b {
		if c >= 0x80 {
			return bytes.ContainsFunc(b[i:], func(r rune) bool { return unicode.Is(unicode.Cf, r) })
		}
	}
	return false
}

// onlyRef is a condition on all rows.
type onlyRef struct {
	ref
	in     []string
	reject bool
}

type codeRef struct {
	ref
	system string
}

// columnValue is a column in which every row has the same value.
type columnValue struct {
	ref
	seen  bool
	value []byte
}

// dateSpan is a closed interval of days.
type dateSpan struct {
	any    bool
	lo, hi int32
}

func (s *dateSpan) add(day int32) {
	if !s.any {
		*s = dateSpan{true, day, day}
		return
	}
	s.lo, s.hi = min(s.lo, day), max(s.hi, day)
}

// measure is one indicator and where its numbers stand.
type measure struct {
	ind     *catalog.Indicator
	numbers [4]ref // numerator, denominator, value, expected: the order of event.Has
	// read are those of them that are read in each row; the others are in given,
	// as given tells by hasGiven.
	read     []int
	given    [4]int64
	hasGiven event.Has
	rate     ref
	when     ref
	in       []string
	prefix   [16]byte
	// needs are the numbers without which the row counts as missing; ones
	// are those that are 1 where no column has them.
	needs, ones event.Has
	counts      bool // numerator and denominator are counts, never below 0
	subset      bool // the numerator counts some of those that the denominator does
	registered  bool // the period is that of the registration
	// least and most bound the value, in micro-units.
	least, most int64
	span        dateSpan
	days        *daySet // nil: not asked for
	id          word
	versions    []versionSpan
	version     *versionSpan // of the row before
}

type versionSpan struct {
	id     word
	lo, hi int32 // half-open
}

type unitEntry struct {
	system string
	code   string
	id     word
	ok     bool
	lo, hi int32 // half-open days for which the answer holds
}

// unread are the words for what rows do not tell, by column, and that of no
// stratum.
type unread struct{ indicator, version, unit, stratum, none word }

// fault is one thing that is wrong with a row.
type fault struct {
	column string
	value  []byte
	field  field
	rule   string
	text   string
	hint   string
	parked bool
}

// row is what the measures of a row share.
type row struct {
	line         uint64
	unit         *word
	stratum      *word
	event, reg   int32
	has          event.Has // date bits
	finding      event.Finding
	subject      []byte
	subjectAt    int32  // in the block subjectIn, if it is there already
	subjectIn    uint32 // number of that block, from 1
	key          []byte // its values, each with its length
	hasKey       bool
	reject, park bool
	reason       bool  // the row says why it has no number
	masked       bool  // and that is that its source withholds it
	badReason    bool  // or says it by a code that is none
	end          int32 // last day of its period
	hasEnd       bool
}

func newConformer(feed *catalog.Feed, idx Catalog, d Delivery, sink Sink, res *Result) (*conformer, error) {
	zone, err := feedZone(feed)
	if err != nil {
		return nil, err
	}
	if len(feed.Dialect.Decimal) != 1 {
		return nil, fmt.Errorf("feed %s: dialect.decimal is %q; it must be one character", feed.ID, feed.Dialect.Decimal)
	}
	c := &conformer{
		feed: feed, idx: idx, res: res,
		number: numberForm{decimal: feed.Dialect.Decimal[0], thousands: feed.Dialect.Thousands},
		date:   dateForm{form: feed.Dialect.Dates, zone: zone},
		long:   len(feed.Measures) == 0,
		narrow: map[string]*measure{}, texts: map[string]string{}, strataOf: map[string]*word{}, ruleIDs: ruleIDs(),
		unread: unread{indicator: word{text: anyOf}, version: word{text: anyOf}, unit: word{text: anyOf}, stratum: word{text: anyOf}},
	}
	c.subjectPrefix = prefix("subject", feed.Registry)
	if Pseudonymised(feed) {
		if d.Keys == nil {
			return nil, fmt.Errorf("feed %s: it has a subject or a key, and the keys of region %s, which make pseudonyms of them, are not here", feed.ID, d.Region)
		}
	}
	c.out = newHandover(sink, d.Keys)
	c.block = newBlockWriter(d.Keys)
	c.delivery = d
	c.maxRow, c.maxField = cmp.Or(feed.Limits.Row, maxRow), cmp.Or(feed.Limits.Field, maxField)
	c.block.begin(0, &event.Observations{Region: d.Region, Registry: feed.Registry, Feed: feed.ID, Delivery: d.ID})
	c.setAsOf(d.AsOf)
	return c, nil
}

func (c *conformer) setAsOf(asOf catalog.Date) {
	c.res.AsOf = asOf
	if c.hasAsOf = !asOf.IsZero(); !c.hasAsOf {
		return
	}
	c.asOf = asOf.Days()
	if c.feed.Delivery == "snapshot" && c.feed.Scope.Window == "months" {
		from, to := monthsWindow(c.feed, asOf)
		c.window, c.windowLo, c.windowHi = true, from.Days(), to.Days()
	}
}

// bind resolves the feed's columns in a file.
func (c *conformer) bind(l *layout) error {
	c.layout = l
	f := c.feed
	var err error
	if c.look, err = newLook(f, c.delivery, l); err != nil {
		return err
	}
	if text, found := hideNumbers(c.look.scanner, string(c.shared.Preamble)); found {
		c.shared.Preamble = []byte(text) // it stands above the rejected rows, too
	}
	c.unit, c.indicator, c.version = l.resolve(f.Columns.Unit), l.resolve(f.Columns.Indicator), l.resolve(f.Columns.IndicatorVersion)
	c.places = append(c.places, place{ref: c.unit, system: f.Columns.UnitSystem, known: map[string]*unitEntry{}})
	for _, u := range f.Columns.UnitElse {
		p := place{ref: l.resolve(u.Column), system: u.System, known: map[string]*unitEntry{}}
		for _, name := range u.Blank {
			p.blank = append(p.blank, l.resolve(name))
		}
		c.places = append(c.places, p)
	}
	c.event, c.registration = l.resolve(f.Columns.EventDate), l.resolve(f.Columns.RegistrationDate)
	c.periodEnd = l.resolve(f.Columns.PeriodEnd)
	c.subject = l.resolve(f.Columns.Subject)
	for _, s := range f.Columns.Strata {
		c.strata = append(c.strata, l.resolve(s))
	}
	for _, k := range f.Key {
		c.key = append(c.key, l.resolve(k))
	}
	for _, code := range f.Codes {
		c.codes = append(c.codes, codeRef{l.resolve(code.Column), code.System})
	}
	if f.Operation != nil {
		c.operation = l.resolve(f.Operation.Column)
	}
	for _, o := range f.Only {
		c.only = append(c.only, onlyRef{l.resolve(o.Column), o.In, o.Else == "reject"})
	}
	if f.Reasons != nil {
		c.reason = l.resolve(f.Reasons.Column)
	}
	if f.Instruction != nil {
		c.instructed = l.resolve(f.Instruction.Column)
	}
	for _, name := range l.texts {
		code := name == f.Columns.Unit || name == f.Columns.Indicator || name == f.Columns.IndicatorVersion
		if r := l.resolve(name); r.words != nil && !code && !slices.ContainsFunc(c.strict, func(s ref) bool { return s.name == name }) {
			c.strict = append(c.strict, r)
		}
	}
	if f.Format != "" && f.Format != "delimited" && f.Format != "fixed" || strings.HasPrefix(f.Dialect.Encoding, "utf") {
		for _, name := range l.texts {
			at, ok := l.columns[name]
			if ok && !slices.ContainsFunc(c.shown, func(s shownColumn) bool { return s.at == at }) {
				c.shown = append(c.shown, shownColumn{name, at})
			}
		}
	}
	c.cells = make([]*cellSeen, l.width)
	c.remember(c.event, c.registration, c.periodEnd)
	for _, p := range c.places {
		c.remember(p.ref)
	}
	if len(c.strata) == 1 {
		c.remember(c.strata...)
	}
	if f.AsOf.By == "column" {
		c.columns[0].ref = l.resolve(f.AsOf.Column)
	}
	if f.Order.By == "column" {
		c.columns[1].ref = l.resolve(f.Order.Column)
	}
	for i := range f.Measures {
		m := &f.Measures[i]
		ind, ok := c.idx.Indicator(m.Indicator)
		if !ok {
			return fmt.Errorf("feed %s: measures[%d]: indicator %q is not in the catalog", f.ID, i, m.Indicator)
		}
		n := c.newMeasure(ind, m.Numerator, m.Denominator, m.Value, m.Expected, m.Rate)
		if m.When != nil {
			n.when, n.in = l.resolve(m.When.Column), m.When.In
		}
		c.wide = append(c.wide, n)
	}
	return nil
}

// boundsOf are those of an indicator's values, in micro-units.
func boundsOf(ind *catalog.Indicator) (least, most int64) {
	least, most = math.MinInt64, math.MaxInt64
	if b := ind.Plausible.Min; b != nil && *b > -maxValue/cell.Micro {
		least = int64(math.Round(*b * cell.Micro))
	}
	if b := ind.Plausible.Max; b != nil && *b < maxValue/cell.Micro {
		most = int64(math.Round(*b * cell.Micro))
	}
	return least, most
}

func (c *conformer) newMeasure(ind *catalog.Indicator, numerator, denominator, value, expected, rate string) *measure {
	l := c.layout
	m := &measure{
		ind:     ind,
		numbers: [4]ref{l.resolve(numerator), l.resolve(denominator), l.resolve(value), l.resolve(expected)},
		rate:    l.resolve(rate),
		days:    c.daysOf(ind.Period),
		prefix:  prefix("key", c.feed.Registry, c.feed.ID, ind.ID),
		id:      word{text: ind.ID},
		version: &versionSpan{},
		subset:  ind.Subset && ind.Type == catalog.Proportion, registered: ind.PeriodBy == "registration_date",
	}
	for _, v := range ind.Versions {
		lo, hi := days(v.From, v.To)
		m.versions = append(m.versions, versionSpan{word{text: v.ID}, lo, hi})
	}
	m.least, m.most = boundsOf(ind)
	has := func(i int) bool { return m.numbers[i].set }
	switch ind.Type {
	case catalog.Proportion, catalog.Rate:
		m.needs, m.counts = event.HasNumerator|event.HasDenominator, true
		if !has(1) {
			m.ones = event.HasDenominator // a case-level row
		}
	case catalog.Count:
		m.needs, m.counts = event.HasNumerator, true
		if !has(0) {
			m.ones = event.HasNumerator // each row is one
		}
	case catalog.StandardisedRatio:
		m.needs, m.counts = event.HasNumerator|event.HasExpected, true
	case catalog.TimeBetween:
		switch {
		case has(2):
			m.needs = event.HasValue
		case has(0):
			m.needs = event.HasNumerator
		default:
			m.ones = event.HasNumerator
		}
	default:
		m.needs = event.HasValue
		if !has(2) && has(0) {
			m.needs = event.HasNumerator | event.HasDenominator
		}
	}
	for i := range m.numbers {
		bit := event.HasNumerator << i
		if v, ok := c.constant(&m.numbers[i], bit); ok {
			m.given[i], m.hasGiven = v, m.hasGiven|bit
		} else if has(i) {
			m.read = append(m.read, i)
		} else if m.ones&bit != 0 {
			m.given[i], m.hasGiven = cell.Micro, m.hasGiven|bit
		}
	}
	return m
}

// constant is the number that the feed gives in place of a column, where there
// is nothing to say of it in any row.
func (c *conformer) constant(at *ref, bit event.Has) (int64, bool) {
	if !at.set || at.col >= 0 || c.missing(at.constant) || c.isReason(at.constant) || c.number.finer(at.constant) {
		return 0, false
	}
	v, bad := c.micro(at.constant, bit)
	return v, bad == numberOK
}

// isReason reports whether a text in the place of a number says why there is
// none.
func (c *conformer) isReason(b []byte) bool {
	return c.feed.Reasons != nil && !c.reason.set && slices.Contains(c.feed.Reasons.Codes, string(b))
}

// micro reads a number of that kind.
func (c *conformer) micro(b []byte, bit event.Has) (int64, numberFault) {
	v, bad := c.number.micro(b)
	if bit == event.HasValue && bad == numberOK && (v > maxValue || v < -maxValue) {
		bad = valueTooLarge
	}
	return v, bad
}

// prefix is the hash of what all keys of an indicator, or all subjects of a
// registry, have in common, each part with its length.
func prefix(parts ...string) (p [16]byte) {
	var b []byte
	for _, s := range parts {
		b = appendPart(b, []byte(s))
	}
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

func appendPart(b, part []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
	return append(b, part...)
}

// trim takes spaces, tabs and no-break spaces off both ends: exports pad
// their columns.
func trim(b []byte) []byte {
	if n := len(b); n > 0 && (padded(b[0]) || padded(b[n-1])) {
		return trimmed(b)
	}
	return b
}

func trimmed(b []byte) []byte { return bytes.Trim(b, " \t\u00a0\u202f") }

// padded reports whether a byte at the end of a text may be of what trim takes off.
func padded(c byte) bool { return c <= ' ' || c >= 0x80 }

func get(fields [][]byte, r *ref) []byte {
	switch {
	case r.col < 0:
		return r.constant
	case r.words == nil:
		return trim(fields[r.col])
	}
	b := trim(fields[r.col])
	if word, ok := r.words[string(b)]; ok {
		return word
	}
	return b
}

// missing reports whether a text means "no value".
func (c *conformer) missing(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	for _, m := range c.feed.Dialect.Missing {
		if len(m) == len(b) && m == string(b) {
			return true
		}
	}
	return false
}

func (c *conformer) fault(f fault) { c.faults = append(c.faults, f) }

// unreadable takes a record that could not be split into the header's
// columns. One that spans several lines stands for as many rows, since nobody
// can tell how many it swallowed.
func (c *conformer) unreadable(line, lines uint64, raw []string, rule, text, hint string) error {
	if rule == "" {
		rule = RuleDialect
	}
	c.ragged += int64(lines)
	c.lastRagged = text
	c.res.Lines += int64(lines)
	if err := c.doubt(line, raw); err != nil {
		return err
	}
	c.faults = c.faults[:0]
	c.look.unsplitRow(raw)
	if lines > 1 {
		text = fmt.Sprintf("%s; %d lines go with it", text, lines)
	}
	c.fault(fault{rule: rule, text: text, hint: hint})
	for i := range lines {
		r := row{line: line + i, unit: &c.unread.unit, stratum: &c.unread.stratum}
		if c.unit.set && c.unit.col < 0 {
			c.unitBy(&r, c.places[0].entry(c.unit.constant))
		}
		if len(c.strata) == 0 {
			r.stratum = &c.unread.none
		}
		for _, m := range c.wide {
			if err := c.emit(event.Rejected, &m.id, &c.unread.version, &r, nil, 0, 0, &[4]int64{}); err != nil {
				return err
			}
		}
		if c.long {
			id := &c.unread.indicator
			if c.indicator.set && c.indicator.col < 0 {
				if m := c.findIndicator(c.indicator.constant); m != nil {
					id = &m.id
				}
			}
			if err := c.emit(event.Rejected, id, &c.unread.version, &r, nil, 0, 0, &[4]int64{}); err != nil {
				return err
			}
		}
	}
	c.raw = raw
	return c.report(line, int64(lines))
}

// row takes the fields of one record. Those at the positions in faulty have
// the text of an error in place of a value.
func (c *conformer) row(line uint64, fields [][]byte, faulty []int) error {
	if name, text := c.tooLong(fields); text != "" {
		return c.unreadable(line, 1, rawOf(fields), RuleDialect, text, "the field may hold what belongs into others; or, if it is right, raise limits."+name+" of the feed")
	}
	c.line = line
	fields = c.withoutAdded(fields)
	if c.again(fields) {
		return c.headerAgain(line, fields)
	}
	whole, ok := c.layout.fit(fields)
	if !ok {
		hint := "the delimiter may stand inside a field that is not quoted"
		if len(fields) < c.layout.fields() {
			hint = "the line may have been cut"
		}
		text := fmt.Sprintf("%s where the header has %d", record.Count(int64(len(fields)), "field"), c.layout.fields())
		if len(fields) == c.layout.fields() {
			text = "a value in the last column, which has no name"
		}
		return c.unreadable(line, 1, rawOf(fields), RuleDialect, text, hint)
	}
	fields = whole
	c.now.took = true
	c.res.Lines += c.lines()
	c.faults = c.faults[:0]
	c.recall(fields)
	c.identityOf(fields)
	for _, col := range faulty {
		c.errorCell(col, fields)
	}
	for _, r := range c.reported {
		c.fault(fault{column: r.Column, rule: r.Rule, text: r.Text, hint: r.Hint})
	}
	for _, s := range c.shown {
		if s.at < len(fields) && hidesAny(fields[s.at]) {
			c.fault(fault{column: s.name, value: fields[s.at], field: textField, rule: RuleType, text: "the text has characters that do not show",
				hint: "zero-width spaces, marks of direction and the like make two texts of what looks like one: let the sender take them out"})
		}
	}
	for i := range c.columns {
		if v := &c.columns[i]; v.set {
			if err := c.sameValue(i, v, line, get(fields, &v.ref)); err != nil {
				return err
			}
		}
	}
	if c.register != nil && !bytes.Equal(get(fields, &c.instructed), c.register) {
		return fileError(event.Problem{Line: line, Column: c.instructed.name, Rule: RuleWhole,
			Text: "the column has another value than the file's instruction",
			Hint: "the instruction may replace what is stored, so every row must be of what it names; send one file for each"})
	}
	r := row{line: line, unit: &c.unread.unit}
	deleted := c.operation.set && slices.Contains(c.feed.Operation.Delete, string(get(fields, &c.operation)))
	if c.only != nil && !c.takes(fields) {
		if c.feed.Delivery != "delta" || len(c.key) == 0 {
			c.res.Skipped += c.lines()
			c.now.took, c.last.after = false, 0
			return nil
		}
		deleted = true // the row may have been taken before
	}
	for i := range c.strict {
		if at := &c.strict[i]; at.strange(fields) && !c.missing(get(fields, at)) {
			c.fault(fault{column: at.name, value: get(fields, at), field: textField, rule: RuleType, text: "a text that the feed does not translate",
				hint: "add it under translate of the feed"})
		}
	}
	if c.reason.set {
		c.reasonOf(&r, fields)
	}
	r.event, r.has = c.day(fields, &c.event, true, "event", event.HasEventDate)
	if c.registration.set {
		reg, has := c.day(fields, &c.registration, false, "registration", event.HasRegistrationDate)
		r.reg, r.has = reg, r.has|has
	}
	if c.periodEnd.set {
		var has event.Has
		r.end, has = c.day(fields, &c.periodEnd, true, "period end", 1)
		r.hasEnd = has != 0
	}
	c.unitOf(&r, fields)
	if c.units != nil && r.unit != &c.unread.unit {
		c.units[r.unit.text] = true
	}
	c.stratumOf(&r, fields)
	if c.look.stratum {
		r.stratum = &c.unread.stratum
	}
	c.keyOf(&r, fields)
	if c.subject.set {
		if b := get(fields, &c.subject); !c.missing(b) {
			r.subject = b
		}
	}
	c.codesOf(&r, fields)
	if deleted {
		return c.deleteRow(&r, fields)
	}
	for i := range c.faults {
		if c.faults[i].parked {
			r.park = true
		} else {
			r.reject = true
		}
	}
	if c.long {
		if err := c.longRow(&r, fields); err != nil {
			return err
		}
	}
	for _, m := range c.wide {
		if m.when.set && !slices.Contains(m.in, string(get(fields, &m.when))) {
			// In a delta the row may have met the condition before.
			if c.feed.Delivery == "delta" && r.hasKey && !r.reject {
				if err := c.emit(event.Deleted, &m.id, c.versionAt(m, &r), &r, &m.prefix, 0, 0, &[4]int64{}); err != nil {
					return err
				}
			}
			continue
		}
		if err := c.measureRow(m, &r, fields); err != nil {
			return err
		}
	}
	if len(c.faults) == 0 {
		return nil
	}
	c.raw = rawOf(c.delivered(fields))
	return c.report(line, c.lines())
}

// lines is how many rows of the file the row was made of.
func (c *conformer) lines() int64 { return 1 + int64(len(c.joined)) }

// delivered are the fields that stand in the file.
func (c *conformer) delivered(fields [][]byte) [][]byte {
	return fields[:min(len(fields), c.layout.delivered)]
}

// Limits of a row and of a field where the feed has no others, in bytes. A
// format of lines refuses a longer one before it is split.
const (
	maxRow   = 1 << 20
	maxField = 64 << 10
)

// tooLong says which limit of the feed a row breaks.
func (c *conformer) tooLong(fields [][]byte) (limit, text string) {
	row, longest := 0, 0
	for _, f := range fields {
		row += len(f)
		longest = max(longest, len(f))
	}
	if row <= min(c.maxField, c.maxRow) { // and so no field is longer
		return "", ""
	}
	if longest > c.maxField {
		return "field", fmt.Sprintf("a field of %d bytes, and the limit is %d", longest, c.maxField)
	}
	if row > c.maxRow {
		return "row", fmt.Sprintf("a row of %d bytes, and the limit is %d", row, c.maxRow)
	}
	return "", ""
}

// errorCell faults a column that is read and holds the text of an error. A
// number or date with such a text is faulted where it is read; here it is the
// columns that take any text. One that the feed lists under missing is none.
func (c *conformer) errorCell(col int, fields [][]byte) {
	if col >= len(fields) || c.missing(trim(fields[col])) {
		return
	}
	for name, at := range c.layout.columns {
		if at == col && slices.Contains(c.layout.texts, name) {
			c.fault(fault{column: name, value: fields[col], field: textField, rule: RuleType, text: "the cell holds an error, not a value",
				hint: "correct the formula; or, if the error stands for no value, list it under dialect.missing of the feed"})
		}
	}
}

func rawOf(fields [][]byte) []string {
	raw := make([]string, len(fields))
	for i, f := range fields {
		raw[i] = string(f)
	}
	return raw
}

// sameValue holds that a column which orders or dates the delivery has one
// value in all rows.
func (c *conformer) sameValue(which int, v *columnValue, line uint64, b []byte) error {
	name, layout := "as_of", layoutOf(c.feed.AsOf)
	if which == 1 {
		name, layout = "order", c.feed.Order.Layout
	}
	if v.seen {
		if bytes.Equal(b, v.value) {
			return nil
		}
		return fileError(event.Problem{Line: line, Column: v.name, Rule: RuleWhole,
			Text: fmt.Sprintf("the column, from which %s is read, has another value than in the first row", name),
			Hint: "send one delivery in a file"})
	}
	v.seen, v.value = true, bytes.Clone(b)
	c.look.outside(v.value, c.res.AsOf)
	var ok bool
	if which == 0 {
		var date catalog.Date
		if date, ok = extractDate(c.feed.AsOf, string(b)); ok {
			c.setAsOf(date)
		}
	} else {
		c.res.OrderKey, ok = orderKey(c.feed.Order, string(b))
		ok = ok && len(b) > 0
	}
	if !ok {
		text := "the column, from which " + name + " is read, has no value"
		if layout != "" {
			text += " of the form " + layout
		}
		return fileError(event.Problem{Line: line, Column: v.name, Rule: RuleWhole, Text: text, Hint: "every row has the same value there"})
	}
	return nil
}

// day reads a date. The bit says that it is one on which the row can lie: a
// date after the as-of date is a slip, and tells as little as none.
func (c *conformer) day(fields [][]byte, at *ref, must bool, what string, bit event.Has) (int32, event.Has) {
	cell := c.cell(at)
	if cell != nil && cell.knows&knowsDay != 0 && !(c.hasAsOf && cell.day > c.asOf) {
		return cell.day, bit
	}
	b := get(fields, at)
	if c.missing(b) {
		if must {
			c.fault(fault{column: at.name, value: b, field: dateField, rule: RuleType, text: "no " + what + " date", hint: c.date.hint()})
		}
		return 0, 0
	}
	day, ok := c.date.days(b)
	if !ok {
		c.fault(fault{column: at.name, value: b, field: dateField, rule: RuleType,
			text: "not a date in the declared form, or not in the calendar", hint: c.date.hint()})
		return 0, 0
	}
	if cell != nil {
		cell.day, cell.knows = day, cell.knows|knowsDay
	}
	if c.hasAsOf && day > c.asOf {
		c.fault(fault{column: at.name, value: b, field: dateField, rule: RuleFuture,
			text: "the " + what + " date lies after " + c.res.AsOf.String() + ", the date of the export", hint: "correct the date, or the feed's as_of"})
		return 0, 0
	}
	return day, bit
}

func (c *conformer) unitOf(r *row, fields [][]byte) {
	at := &c.places[0]
	cell := c.cell(&at.ref)
	if cell != nil && cell.knows&knowsUnit != 0 && r.has&event.HasEventDate != 0 && r.event >= cell.lo && r.event < cell.hi {
		r.unit = &cell.name
		return
	}
	code := get(fields, &at.ref)
	for i := 1; i < len(c.places) && c.missing(code); i++ {
		at, code = &c.places[i], nil
		if !slices.ContainsFunc(at.blank, func(b ref) bool { return !c.missing(get(fields, &b)) }) {
			code = get(fields, &at.ref)
		}
	}
	if c.missing(code) && len(c.places) > 1 {
		code = nil
	}
	if len(code) == 0 {
		c.fault(fault{column: c.unit.name, rule: RuleUnit, text: "no unit code", hint: "every row names its unit by its " + c.feed.Columns.UnitSystem + " code"})
		return
	}
	e := at.entry(code)
	if c.unitBy(r, e) {
		if cell != nil && len(c.places) == 1 && cell.knows&knowsStratum == 0 && r.has&event.HasEventDate != 0 {
			cell.name, cell.lo, cell.hi, cell.knows = e.id, e.lo, e.hi, cell.knows|knowsUnit
		}
	} else if r.has&event.HasEventDate != 0 {
		hint := "add the code, or its dates, to a unit of the catalog; the row waits until then"
		if mask(code, codeField) != string(code) {
			hint = "its value is not shown, as it may identify a person: look at the line in the file; if it is a unit's code, add it, or its dates, to that unit of the catalog, and the row waits until then; if not, correct the row, or columns.unit of the feed"
		}
		c.fault(fault{column: at.name, value: code, field: codeField, rule: RuleUnit, parked: true,
			text: "no unit of the catalog has this " + at.system + " code on the row's date", hint: hint})
	}
}

// unitBy takes the unit of a code at the event date; without one, that of a code
// that has only ever meant one unit.
func (c *conformer) unitBy(r *row, e *unitEntry) bool {
	if r.has&event.HasEventDate == 0 {
		if u, ok := c.idx.UnitByCode(e.system, e.code, catalog.Date{}); ok {
			r.unit = &word{text: u.ID}
			return true
		}
		return false
	}
	if r.event < e.lo || r.event >= e.hi {
		c.lookUp(e, r.event)
	}
	if e.ok {
		r.unit = &e.id
	}
	return e.ok
}

// entry is what is known of a code.
func (p *place) entry(code []byte) *unitEntry {
	e := p.known[string(code)]
	if e == nil {
		if len(p.known) >= maxCached {
			clear(p.known)
		}
		e = &unitEntry{system: p.system, code: string(code)}
		p.known[e.code] = e
	}
	return e
}

// lookUp asks the catalog and keeps for which days the answer holds: those of
// the unit's own code and life.
func (c *conformer) lookUp(e *unitEntry, day int32) {
	at := catalog.DateOfDays(day)
	u, ok := c.idx.UnitByCode(e.system, e.code, at)
	e.ok, e.id, e.lo, e.hi = ok, word{}, day, day+1
	if !ok {
		return
	}
	e.id.text = u.ID
	for _, code := range u.Codes {
		if code.System != e.system || code.Code != e.code || !at.Within(code.From, code.To) || !at.Within(u.From, u.To) {
			continue
		}
		lo1, hi1 := days(code.From, code.To)
		lo2, hi2 := days(u.From, u.To)
		e.lo, e.hi = max(lo1, lo2), min(hi1, hi2)
		return
	}
}

// days are the bounds of a half-open interval; open ones are the extremes.
func days(from, to catalog.Date) (lo, hi int32) {
	lo, hi = math.MinInt32, math.MaxInt32
	if !from.IsZero() {
		lo = from.Days()
	}
	if !to.IsZero() {
		hi = to.Days()
	}
	return lo, hi
}

// stratumOf joins the strata by "/". Where there are several, a "/" or "%"
// inside one is written %2F or %25, so that different strata stay different.
func (c *conformer) stratumOf(r *row, fields [][]byte) {
	if len(c.strata) == 0 {
		r.stratum = &c.unread.none
		return
	}
	var cell *cellSeen
	if len(c.strata) == 1 {
		if cell = c.cell(&c.strata[0]); cell != nil && cell.knows&knowsStratum != 0 {
			r.stratum = &cell.name
			return
		}
	}
	c.scratch = c.scratch[:0]
	for i := range c.strata {
		s := &c.strata[i]
		b := get(fields, s)
		if len(b) == 1 && b[0] == '*' {
			c.fault(fault{column: s.name, value: b, rule: RuleType, text: "a stratum cannot be *", hint: "* stands for a stratum that could not be read; give it another name"})
			r.stratum = &c.unread.stratum
			return
		}
		if s.strange(fields) && !c.missing(b) { // which is a fault of its own
			r.stratum = &c.unread.stratum
			return
		}
		if i > 0 {
			c.scratch = append(c.scratch, '/')
		}
		if len(c.strata) == 1 || bytes.IndexByte(b, '/') < 0 && bytes.IndexByte(b, '%') < 0 {
			c.scratch = append(c.scratch, b...)
			continue
		}
		c.scratch = append(c.scratch, strings.NewReplacer("%", "%25", "/", "%2F").Replace(string(b))...)
	}
	known, ok := c.strataOf[string(c.scratch)]
	if !ok {
		known = &word{text: string(c.scratch)}
		c.strataOf[known.text] = known
	}
	r.stratum = known
	if cell != nil && cell.knows&knowsUnit == 0 {
		cell.name, cell.knows = *known, cell.knows|knowsStratum
	}
}

// keyOf joins the key's values. A row of a delta needs a key.
func (c *conformer) keyOf(r *row, fields [][]byte) {
	r.key = c.keys.room()
	for i := range c.key {
		b := get(fields, &c.key[i])
		r.hasKey = r.hasKey || len(b) > 0
		r.key = appendPart(r.key, b)
	}
	if r.hasKey {
		c.keys.add(r.key)
	}
	if !r.hasKey && len(c.key) > 0 && c.feed.Delivery == "delta" {
		c.fault(fault{column: c.key[0].name, rule: RuleType, text: "no key", hint: "every row of a delta has a value in " + strings.Join(c.feed.Key, ", ")})
	}
}

// keyFor is what the key of a row is hashed with for one indicator; nil: the row
// has no key.
func (r *row) keyFor(prefix *[16]byte) *[16]byte {
	if !r.hasKey {
		return nil
	}
	return prefix
}

func (c *conformer) codesOf(r *row, fields [][]byte) {
	for i := range c.codes {
		code := &c.codes[i]
		b := get(fields, &code.ref)
		if c.missing(b) {
			continue
		}
		var at catalog.Date
		if r.has&event.HasEventDate != 0 {
			at = catalog.DateOfDays(r.event)
		}
		text, ok := c.texts[string(b)]
		if !ok {
			text = string(b)
			if len(c.texts) < maxCached {
				c.texts[text] = text
			}
		}
		if !c.idx.CodeValid(code.system, text, at) {
			r.finding |= event.UnknownCode
		}
	}
}

// deleteRow takes a key away, for every indicator of a wide row. It needs the
// key alone; what else can be read goes with it.
func (c *conformer) deleteRow(r *row, fields [][]byte) error {
	c.faults = slices.DeleteFunc(c.faults, func(f fault) bool { return f.text != "no key" })
	if len(c.faults) > 0 {
		r.reject = true
	}
	kind := event.Deleted
	if r.reject {
		kind = event.Rejected
	}
	for _, m := range c.wide {
		if err := c.emit(kind, &m.id, c.versionAt(m, r), r, r.keyFor(&m.prefix), 0, 0, &[4]int64{}); err != nil {
			return err
		}
	}
	if c.long {
		text := get(fields, &c.indicator)
		m, id, version := c.findIndicator(text), &c.unread.indicator, &c.unread.version
		p := prefix("key", c.feed.Registry, c.feed.ID, string(text))
		if m != nil {
			id, version, p = &m.id, c.versionAt(m, r), m.prefix
		}
		if err := c.emit(kind, id, version, r, r.keyFor(&p), 0, 0, &[4]int64{}); err != nil {
			return err
		}
	}
	if len(c.faults) == 0 {
		return nil
	}
	c.raw = rawOf(c.delivered(fields))
	return c.report(r.line, c.lines())
}

// findIndicator is the measure of a long row's indicator, nil where the
// registry has no such indicator.
func (c *conformer) findIndicator(text []byte) *measure {
	m, ok := c.narrow[string(text)]
	if ok {
		return m
	}
	id := string(text)
	if ind, known := c.idx.Indicator(id); known && ind.Registry == c.feed.Registry {
		f := c.feed.Columns
		m = c.newMeasure(ind, f.Numerator, f.Denominator, f.Value, f.Expected, f.Rate)
	} else if len(c.narrow) >= maxCached {
		return nil
	}
	c.narrow[id] = m
	return m
}

func (c *conformer) longRow(r *row, fields [][]byte) error {
	text := get(fields, &c.indicator)
	m := c.findIndicator(text)
	if m != nil {
		return c.measureRow(m, r, fields)
	}
	f := fault{column: c.indicator.name, value: text, field: codeField, rule: RuleIndicator, parked: true,
		text: "the catalog has no such indicator of registry " + c.feed.Registry,
		hint: "add the indicator to the catalog; the row waits until then"}
	kind := event.Parked
	if len(text) == 0 {
		f.parked, f.text, f.hint = false, "no indicator", "every row names its indicator"
		kind = event.Rejected
	}
	if r.reject {
		kind = event.Rejected
	}
	c.fault(f)
	if day, ok := r.eventDay(); ok {
		c.loose.add(day)
	}
	p := prefix("key", c.feed.Registry, c.feed.ID, string(text))
	return c.emit(kind, &c.unread.indicator, &c.unread.version, r, r.keyFor(&p), 0, 0, &[4]int64{})
}

func (r *row) eventDay() (int32, bool) { return r.event, r.has&event.HasEventDate != 0 }

// versionAt is the version of an indicator at the event date, "*" where there
// is none.
func (c *conformer) versionAt(m *measure, r *row) *word {
	day, ok := r.eventDay()
	if !ok {
		return &c.unread.version
	}
	if v := m.version; day >= v.lo && day < v.hi {
		return &v.id
	}
	for i := range m.versions {
		if v := &m.versions[i]; day >= v.lo && day < v.hi {
			m.version = v
			return &v.id
		}
	}
	return &c.unread.version
}

// measureRow takes one indicator of a row.
func (c *conformer) measureRow(m *measure, r *row, fields [][]byte) error {
	reject, park := r.reject, r.park
	version := c.versionOf(m, r, fields, &park)

	day, known := r.eventDay()
	if m.registered {
		day, known = r.reg, r.has&event.HasRegistrationDate != 0
		if !known && c.registration.set && c.missing(get(fields, &c.registration)) {
			if !c.told(RuleType, c.registration.name) {
				c.fault(fault{column: c.registration.name, value: get(fields, &c.registration), field: dateField, rule: RuleType, text: "no registration date", hint: c.date.hint()})
			}
			reject = true
		}
	}
	if known && c.window && (day < c.windowLo || day >= c.windowHi) {
		// The row replaces nothing and nothing would ever replace it: each
		// night would add it once more. No cell of the window lacks it.
		at := c.event.name
		if m.registered {
			at = c.registration.name
		}
		if !c.told(RuleWhole, at) {
			c.fault(fault{column: at, rule: RuleWhole,
				text: fmt.Sprintf("the row lies outside the %d months that the delivery replaces", c.feed.Scope.Months),
				hint: "send these months only, or widen scope.months of the feed"})
		}
		return nil
	}

	var n [4]int64
	has, finding, ok := c.numbersOf(&n, m, fields, r)
	if !ok || c.periodEnd.set && !c.onePeriod(m, r) {
		reject = true
	}
	if known {
		m.span.add(day)
		if m.days != nil {
			m.days.add(day, r.line)
		}
	}
	kind := event.Observed
	switch {
	case reject:
		kind = event.Rejected
		n, has, finding = [4]int64{}, 0, finding&event.BadReason
		if r.badReason {
			finding = event.BadReason
		}
	case park:
		kind = event.Parked
	}
	return c.emit(kind, &m.id, version, r, r.keyFor(&m.prefix), has, finding, &n)
}

// told reports whether the row already has a fault of the rule in the column:
// the measures of a wide row find it again.
func (c *conformer) told(rule, column string) bool {
	return slices.ContainsFunc(c.faults, func(f fault) bool { return f.rule == rule && f.column == column })
}

// versionOf is the version that the row names, or that holds at its date. A
// version that the catalog does not have at that date parks the row.
func (c *conformer) versionOf(m *measure, r *row, fields [][]byte, park *bool) *word {
	day, ok := r.eventDay()
	if c.version.set {
		if b := get(fields, &c.version); !c.missing(b) {
			for i := range m.versions {
				v := &m.versions[i]
				if v.id.text == string(b) && (!ok || day >= v.lo && day < v.hi) {
					return &v.id
				}
			}
			if ok {
				c.fault(fault{column: c.version.name, value: b, field: codeField, rule: RuleIndicator, parked: true,
					text: "indicator " + m.ind.ID + " has no such version on the row's date",
					hint: "add the version, or its dates, to the indicator; the row waits until then"})
				*park = true
			}
			return &c.unread.version
		}
	}
	id := c.versionAt(m, r)
	if ok && id == &c.unread.version {
		c.fault(fault{column: c.event.name, rule: RuleIndicator, parked: true,
			text: "indicator " + m.ind.ID + " has no version that holds on the row's date",
			hint: "widen the dates of a version of the indicator; the row waits until then"})
		*park = true
	}
	return id
}

// maxValue bounds a measured value, in micro-units, so that the exact sum of
// the squares of a hundred million of them fits.
const maxValue = 1_000_000_000 * cell.Micro

// numbersOf reads the numbers of a measure into n and applies the indicator's policy
// for missing ones:
//
//   - exclude and separate: the row gives no number and counts as missing (the
//     two differ in how the missing share is shown, not in what is read);
//   - not_met: a missing numerator is 0, and the row also counts as missing.
//     Without a denominator to stand against, as exclude.
//
// A value outside the indicator's bounds is none: it is missing like one that
// was not given, and stays beside for the checks of what the source sends.
// A row that says why it has no number has none, whatever the policy is.
func (c *conformer) numbersOf(n *[4]int64, m *measure, fields [][]byte, r *row) (has event.Has, finding event.Finding, ok bool) {
	ok = true
	*n, has = m.given, m.hasGiven
	reason, masked := r.reason, r.masked
	numbers := ""
	for _, i := range m.read {
		bit := event.HasNumerator << i
		at := &m.numbers[i]
		b := get(fields, at)
		if c.missing(b) {
			if c.lacks(at) {
				ok = false
			} else if bit == event.HasDenominator && c.feed.MissingDenominator == "one" {
				n[i], has = cell.Micro, has|bit
			}
			continue
		}
		if c.isReason(b) {
			if !reason {
				c.count(b)
			}
			reason, masked = true, masked || c.masks(b)
			continue
		}
		if at.col >= 0 {
			numbers = at.name
		}
		if at.strange(fields) {
			c.untranslated(at, b)
			ok = false
			continue
		}
		v, bad := c.micro(b, bit)
		if bad != numberOK {
			text, hint := bad.texts(c.number)
			if !c.told(RuleType, at.name) {
				c.fault(fault{column: at.name, value: b, field: numberField, rule: RuleType, text: text, hint: hint})
			}
			ok = false
			continue
		}
		if c.number.finer(b) {
			c.finer.add(c.line)
		}
		n[i], has = v, has|bit
	}
	var rate []byte
	if m.rate.set {
		if rate = get(fields, &m.rate); c.missing(rate) {
			rate = nil
		} else if c.isReason(rate) {
			reason, masked = true, masked || c.masks(rate)
			rate = nil
		} else if _, bad := c.number.plain(rate); bad != numberOK { // its digits count
			text, hint := bad.texts(c.number)
			if !c.told(RuleType, m.rate.name) {
				c.fault(fault{column: m.rate.name, value: rate, field: numberField, rule: RuleType, text: text, hint: hint})
			}
			ok = false
		}
	}
	if rate != nil {
		numbers = m.rate.name
	}
	if reason && numbers != "" {
		if !c.told(RuleReason, numbers) {
			c.fault(fault{column: numbers, rule: RuleReason, text: "a number, in a row that says why it has none",
				hint: "leave the number out, or the reason"})
		}
		ok, finding = false, event.BadReason
	}
	if !ok {
		return has, finding, false
	}
	if reason {
		if masked {
			finding = event.Masked
		}
		*n = [4]int64{}
		return event.HasMissing | event.HasReason, finding, true
	}
	if m.needs&has&event.HasValue != 0 && (n[2] < m.least || n[2] > m.most) {
		*n = [4]int64{2: n[2]}
		return event.HasMissing, event.Implausible, true
	}
	if absent := m.needs &^ has; absent != 0 {
		if m.ind.Missing == "not_met" && absent == event.HasNumerator {
			n[0], has = 0, has|event.HasNumerator|event.HasMissing
		} else {
			*n = [4]int64{}
			return event.HasMissing, 0, true
		}
	}
	const both = event.HasNumerator | event.HasDenominator
	if m.counts && (has&event.HasNumerator != 0 && n[0] < 0 || has&event.HasDenominator != 0 && n[1] < 0) {
		finding |= event.Negative
	}
	if m.subset && (n[0]%cell.Micro != 0 || n[1]%cell.Micro != 0) {
		c.partial(m, fields, *n)
		return has, finding, false
	}
	if has&both == both {
		if m.subset && n[0] > n[1] {
			finding |= event.NumeratorAbove
		}
		if n[0] > 0 && n[1] == 0 {
			finding |= event.ZeroDenominator
		}
		if rate != nil && n[1] > 0 && has&event.HasMissing == 0 && !c.ratio.fits(c.number, rate, n[0], n[1], m.ind.Multiplier) {
			finding |= event.RateMismatch
		}
	}
	return has, finding, true
}

// emit appends one observation and hands the block on when it is full.
func (c *conformer) emit(kind event.Kind, id, version *word, r *row, key *[16]byte, has event.Has, finding event.Finding, n *[4]int64) error {
	if c.block.ends(r.line) {
		if err := c.flush(); err != nil {
			return err
		}
	} else if c.block.obs.Len() == manyRows {
		c.block.grow()
	}
	w := c.block
	o := &w.obs
	o.Line = append(o.Line, r.line)
	o.Kind = append(o.Kind, kind)
	w.put(&o.Indicator, id)
	w.put(&o.Version, version)
	w.put(&o.Unit, r.unit)
	w.put(&o.Stratum, r.stratum)
	o.EventDate = append(o.EventDate, r.event)
	o.RegistrationDate = append(o.RegistrationDate, r.reg)
	o.Has = append(o.Has, has|r.has)
	o.Finding = append(o.Finding, finding|r.finding)
	o.Numerator = append(o.Numerator, n[0])
	o.Denominator = append(o.Denominator, n[1])
	o.Value = append(o.Value, n[2])
	o.Expected = append(o.Expected, n[3])
	ofKey, ofSubject := int32(-1), int32(-1)
	if key != nil {
		ofKey = w.keys.add(key[:], r.key)
	}
	if len(r.subject) > 0 {
		if r.subjectIn != w.number+1 {
			r.subjectAt, r.subjectIn = w.subjects.add(c.subjectPrefix[:], r.subject), w.number+1
		}
		ofSubject = r.subjectAt
	}
	w.keys.at, w.subjects.at = append(w.keys.at, ofKey), append(w.subjects.at, ofSubject)
	if w.keys.waiting.Size()+w.subjects.waiting.Size() > maxUnhashed {
		w.hash()
	}
	switch kind {
	case event.Observed:
		c.res.Observed++
	case event.Deleted:
		c.res.Deleted++
	}
	return nil
}

// flush hands the block on.
func (c *conformer) flush() error {
	n := c.block.obs.Len()
	if n == 0 {
		return nil
	}
	var err error
	if c.block, err = c.out.swap(c.block); err != nil {
		return err
	}
	c.res.Rows += int64(n)
	c.res.Blocks++
	clear(c.strataOf)
	clear(c.texts)
	return nil
}

// report hands the faults of a line on. The line counts once.
func (c *conformer) report(line uint64, lines int64) error {
	rejected := false
	raw, hidden := c.look.masked(c.raw)
	more := c.joined
	for i, fields := range more {
		if text, also := c.look.masked(fields); also {
			if hidden = true; &more[0] == &c.joined[0] {
				more = slices.Clone(c.joined)
			}
			more[i] = text
		}
	}
	if c.document != nil {
		hidden = c.document.Mask(func(text string) (string, bool) { return hideNumbers(c.look.scanner, text) }, outline) || hidden
	}
	for i := range c.faults {
		f := &c.faults[i]
		rejected = rejected || !f.parked
		if !slices.ContainsFunc(c.faults[:i], func(g fault) bool { return g.rule == f.rule }) {
			c.res.Rules[f.rule] += lines
		}
		out := Reject{Line: line, Column: f.column, Place: c.place(line, f.column), Value: mask(f.value, f.field), Rule: f.rule, Text: f.text, Hint: f.hint, Parked: f.parked}
		c.res.Faults++
		if len(c.res.First) < MaxFirst {
			c.res.First = append(c.res.First, out)
		}
		out.Raw, out.More, out.Layout, out.Report = raw, more, &c.shared, c.document
		if hidden && i == 0 {
			out.Hint += fmt.Sprintf("; this is line %d of the file, and identifiers are not repeated here", line)
		}
		if err := c.out.reject(&out); err != nil {
			return err
		}
	}
	c.now.rejected, c.now.parked = rejected, !rejected
	if rejected {
		c.res.Rejected += lines
	} else {
		c.res.Parked += lines
	}
	return nil
}

// place is the cell of a workbook where a fault stands, or the row of it.
func (c *conformer) place(line uint64, column string) string {
	if c.shared.Sheet == "" {
		return c.at
	}
	letters := ""
	if at, ok := c.layout.columns[column]; ok {
		for n := at + 1; n > 0; n = (n - 1) / 26 {
			letters = string(rune('A'+(n-1)%26)) + letters
		}
	}
	return fmt.Sprintf("%s!%s%d", c.shared.Sheet, letters, line)
}

// span is the half-open interval of the periods that occur in the file.
func (c *conformer) span() (from, to catalog.Date) {
	add := func(lo, hi catalog.Date) {
		if from.IsZero() || lo.Before(from) {
			from = lo
		}
		if to.IsZero() || to.Before(hi) {
			to = hi
		}
	}
	one := func(m *measure) {
		if m != nil && m.span.any {
			g := m.ind.Period
			add(g.PeriodStart(catalog.DateOfDays(m.span.lo)), g.PeriodEnd(g.PeriodStart(catalog.DateOfDays(m.span.hi))))
		}
	}
	for _, m := range c.wide {
		one(m)
	}
	for _, m := range c.narrow {
		one(m)
	}
	if c.loose.any {
		add(catalog.DateOfDays(c.loose.lo), catalog.DateOfDays(c.loose.hi).AddDays(1))
	}
	return from, to
}

// windows are the spans of the periods that occur in the file by their lengths,
// where these tell more than the span of all: where there are several, and where
// rows are of indicators that are not known, which no period of any other
// indicator may be lost to.
func (c *conformer) windows() []event.Window {
	spans := map[catalog.Granularity]dateSpan{}
	one := func(m *measure) {
		if m == nil {
			return
		}
		all := spans[m.ind.Period]
		if m.span.any {
			all.add(m.span.lo)
			all.add(m.span.hi)
		}
		spans[m.ind.Period] = all
	}
	for _, m := range c.wide {
		one(m)
	}
	for _, m := range c.narrow {
		one(m)
	}
	if len(c.wide) > 0 && len(spans) == 1 && !c.loose.any {
		return nil
	}
	var out []event.Window
	for _, g := range slices.Sorted(maps.Keys(spans)) {
		if s := spans[g]; s.any {
			out = append(out, event.Window{Period: g, From: g.PeriodStart(catalog.DateOfDays(s.lo)), To: g.PeriodEnd(g.PeriodStart(catalog.DateOfDays(s.hi)))})
		}
	}
	if len(out) == 0 && c.loose.any { // rows, but none that replaces anything
		at := catalog.DateOfDays(c.loose.lo)
		out = []event.Window{{Period: catalog.Day, From: at, To: at}}
	}
	return out
}
