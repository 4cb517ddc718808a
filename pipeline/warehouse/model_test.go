package warehouse_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
)

// The model says what the cells of a feed are by going through the rows one by
// one: the newest snapshot of every day, later deltas by key, the first row of
// a key in a delivery, rejected rows where they may belong.

const region, registry = "nord", "reg"

// obs is one row of a delivery.
type obs struct {
	line                             uint64
	kind                             event.Kind
	indicator, version, unit, strata string
	event, registered                int32
	has                              event.Has
	finding                          event.Finding
	key                              byte // 0: none
	num, den, val, exp               int64
}

// sent is one delivery.
type sent struct {
	id       string
	snapshot bool
	from, to catalog.Date
	// windows bound what it replaces by the length of the periods, nil: from..to
	// of all; units those that it replaces, nil: every one.
	windows  []event.Window
	units    []string
	order    string
	replaces string
	retracts bool // it only takes the place of what it replaces
	blocks   [][]obs
}

// covers reports whether a snapshot replaces what a unit has on a day, of the
// indicators with periods of length g.
func (s *sent) covers(day int32, unit string, g catalog.Granularity) bool {
	if s.units != nil && !slices.Contains(s.units, unit) {
		return false
	}
	if s.windows == nil {
		return catalog.DateOfDays(day).Within(s.from, s.to)
	}
	return slices.ContainsFunc(s.windows, func(w event.Window) bool {
		return w.Period == g && catalog.DateOfDays(day).Within(w.From, w.To)
	})
}

func (s *sent) rows() []obs { return slices.Concat(s.blocks...) }

// keys are those of the rows that have one, each with its indicator.
func (s *sent) keys() (keys []string) {
	for _, r := range s.rows() {
		if r.key != 0 {
			keys = append(keys, fmt.Sprint(r.key, r.indicator))
		}
	}
	return keys
}

// world is a feed with its deliveries in the order of acceptance.
type world struct {
	feed       catalog.Feed
	indicators []catalog.Indicator
	sent       []sent
}

func (w *world) indicator(id string) *catalog.Indicator {
	for i := range w.indicators {
		if w.indicators[i].ID == id {
			return &w.indicators[i]
		}
	}
	return nil
}

func (w *world) pointers() []*catalog.Indicator {
	out := make([]*catalog.Indicator, len(w.indicators))
	for i := range w.indicators {
		out[i] = &w.indicators[i]
	}
	return out
}

// ordered are the deliveries in effective order: a delivery that was read
// again has the place of the first reading, order keys come before acceptance.
func (w *world) ordered(n int) []sent {
	type placed struct {
		sent
		place int
	}
	var all []placed
	for i, s := range w.sent[:n] {
		p := placed{s, i}
		if j := slices.IndexFunc(all, func(o placed) bool { return s.replaces != "" && o.id == s.replaces }); j >= 0 {
			p.place = all[j].place
			all = slices.Delete(all, j, j+1)
		}
		all = append(all, p)
	}
	number := func(s string) int { // no key comes first
		n, err := strconv.Atoi(s)
		if err != nil {
			return -1
		}
		return n
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(number(a.order), number(b.order)), cmp.Compare(a.place, b.place))
	})
	var out []sent
	for _, p := range all {
		if !p.retracts {
			out = append(out, p.sent)
		}
	}
	return out
}

// baseOf is the place of the newest snapshot over a unit's day, -1 for none.
func baseOf(order []sent, day int32, unit string, g catalog.Granularity) int {
	for i, s := range slices.Backward(order) {
		if s.snapshot && s.covers(day, unit, g) {
			return i
		}
	}
	return -1
}

// hasEffect reports whether delivery i holds on any day at all: a snapshot
// where it is the newest, a delta where it is newer than the snapshot.
func hasEffect(order []sent, i int) bool {
	days := []int32{-200_000, 200_000}
	for _, s := range order {
		edges := []catalog.Date{s.from, s.to}
		for _, w := range s.windows {
			edges = append(edges, w.From, w.To)
		}
		for _, d := range edges {
			if !d.IsZero() {
				days = append(days, d.Days()-1, d.Days())
			}
		}
	}
	for _, day := range days {
		for _, unit := range []string{"U1", "U2", "Å'\\3", "another"} {
			for _, g := range []catalog.Granularity{catalog.Day, catalog.Week, catalog.Month, catalog.Tertial, catalog.Quarter, catalog.HalfYear, catalog.Year, "another"} {
				if b := baseOf(order, day, unit, g); b == i || b < i && !order[i].snapshot {
					return true
				}
			}
		}
	}
	return false
}

// dated is the day on which the row lies for its indicator's periods.
func (w *world) dated(r obs) (day int32, ok bool) {
	if ind := w.indicator(r.indicator); ind != nil && ind.PeriodBy == "registration_date" {
		return r.registered, r.has&event.HasRegistrationDate != 0
	}
	return r.event, r.has&event.HasEventDate != 0
}

type effective struct {
	obs
	duplicates int64
}

// effective are the rows that hold of the indicators with periods of length g
// after the first n deliveries. What could not be read of a row may be anything,
// so such a row stands also where its snapshot names nothing, until a newer one
// comes over it.
func (w *world) effective(n int, g catalog.Granularity) []effective {
	order := w.ordered(n)
	holds := func(i int, r obs) bool {
		day, ok := w.dated(r)
		s := order[i]
		anybodys := r.kind == event.Rejected && (r.unit == "*" || r.indicator == "*") && (s.units != nil || s.windows != nil)
		b := baseOf(order, day, r.unit, g)
		switch {
		case !hasEffect(order, i):
			return false
		case !ok:
			return true
		case s.snapshot && !anybodys:
			return b == i
		default:
			return b < i || s.snapshot && b == i
		}
	}
	var out []effective
	type subject struct {
		key       byte
		indicator string
	}
	keys := map[subject]bool{}
	for i, s := range order {
		for _, r := range s.rows() {
			switch {
			case r.kind == event.Parked:
			case len(w.feed.Key) > 0 && r.key != 0:
				keys[subject{r.key, r.indicator}] = true
			case r.kind != event.Deleted && holds(i, r):
				out = append(out, effective{r, 0})
			}
		}
	}
	for k := range keys {
		for i, s := range slices.Backward(order) {
			if !hasEffect(order, i) {
				continue
			}
			var same []obs
			for _, r := range s.rows() {
				if r.kind != event.Parked && r.key == k.key && r.indicator == k.indicator && (!s.snapshot || holds(i, r)) {
					same = append(same, r)
				}
			}
			if len(same) == 0 {
				continue
			}
			first := slices.MinFunc(same, func(a, b obs) int { return cmp.Compare(a.line, b.line) })
			if first.kind != event.Deleted && holds(i, first) {
				out = append(out, effective{first, int64(len(same) - 1)})
			}
			break
		}
	}
	return out
}

// periodStart is the first day of the period, found by the calendar alone.
func periodStart(g catalog.Granularity, day int32) int32 {
	t := time.Unix(int64(day)*86400, 0).UTC()
	months := map[catalog.Granularity]time.Month{catalog.Month: 1, catalog.Quarter: 3, catalog.Tertial: 4, catalog.HalfYear: 6, catalog.Year: 12}
	switch g {
	case catalog.Day:
		return day
	case catalog.Week:
		for t.Weekday() != time.Monday {
			t = t.AddDate(0, 0, -1)
		}
	default:
		for t.Day() != 1 || (t.Month()-1)%months[g] != 0 {
			t = t.AddDate(0, 0, -1)
		}
	}
	return int32(math.Floor(float64(t.Unix()) / 86400))
}

// cells are the cells of the feed after the first n deliveries whose periods
// begin in from..to; together with what other feeds have brought of the same
// indicators.
func (w *world) cells(n int, from, to catalog.Date, others ...*world) []cell.Version {
	in := func(day int32) bool { return catalog.DateOfDays(day).Within(from, to) }
	contents := map[cell.Key]*cell.Content{}
	histograms := map[cell.Key]map[int64]int64{}
	at := func(k cell.Key) *cell.Content {
		if contents[k] == nil {
			contents[k] = &cell.Content{}
			histograms[k] = map[int64]int64{}
		}
		return contents[k]
	}
	keyOf := func(r obs, g catalog.Granularity) (cell.Key, bool) {
		day, ok := w.dated(r)
		k := cell.Key{Region: region, Registry: registry, Indicator: r.indicator, Version: r.version, Granularity: string(g),
			Unit: r.unit, Stratum: r.strata}
		if ok {
			k.PeriodStart = periodStart(g, day)
		}
		return k, ok
	}
	type brought struct {
		effective
		by *world
	}
	lengths := map[catalog.Granularity][]brought{}
	for _, i := range w.indicators {
		lengths[i.Period] = nil
	}
	var rows []brought // each with the indicators of its length alone
	for g := range lengths {
		for _, o := range append([]*world{w}, others...) {
			m := n
			if o != w {
				m = len(o.sent)
			}
			for _, r := range o.effective(m, g) {
				lengths[g] = append(lengths[g], brought{r, o})
				if ind := w.indicator(r.indicator); ind != nil && ind.Period == g {
					rows = append(rows, brought{r, o})
				}
			}
		}
	}
	for _, r := range rows {
		ind := w.indicator(r.indicator)
		k, ok := keyOf(r.obs, ind.Period)
		whole := ok && !slices.Contains([]string{r.version, r.unit, r.strata}, "*")
		if !ok || !in(k.PeriodStart) {
			continue
		}
		if r.kind == event.Rejected {
			if whole {
				at(k).Rejected++
				if r.finding&event.BadReason != 0 {
					at(k).BadReasons++
				}
			}
			continue
		}
		c := at(k)
		c.Rows++
		c.Duplicates += r.duplicates
		sum := func(to *cell.Fixed, bit event.Has, v int64) {
			if r.has&bit != 0 {
				*to = to.Add(cell.FixedOf(v))
			}
		}
		sum(&c.Numerator, event.HasNumerator, r.num)
		sum(&c.Denominator, event.HasDenominator, r.den)
		sum(&c.Values, event.HasValue, r.val)
		sum(&c.Expected, event.HasExpected, r.exp)
		if r.has&event.HasValue != 0 {
			c.ValueCount++
			hi, lo := mul(r.val, r.val)
			c.ValueSquares = c.ValueSquares.Add(cell.Fixed{Hi: hi, Lo: lo})
			switch ind.Type {
			case catalog.Median, catalog.Percentile, catalog.TimeBetween:
				histograms[k][r.val]++
			default:
			}
		}
		count := func(to *int64, yes bool) {
			if yes {
				*to++
			}
		}
		count(&c.Missing, r.has&event.HasMissing != 0)
		count(&c.NumeratorAbove, r.finding&event.NumeratorAbove != 0)
		count(&c.Negative, r.finding&event.Negative != 0)
		count(&c.ZeroDenominator, r.finding&event.ZeroDenominator != 0)
		count(&c.RateMismatch, r.finding&event.RateMismatch != 0)
		count(&c.UnknownCodes, r.finding&event.UnknownCode != 0)
		count(&c.Masked, r.finding&event.Masked != 0)
	}
	for k, c := range contents {
		for _, r := range lengths[catalog.Granularity(k.Granularity)] {
			if r.kind != event.Rejected || r.by.indicator(k.Indicator) == nil {
				continue // a feed's unread row is of an indicator that the feed brings
			}
			read, ok := keyOf(r.obs, catalog.Granularity(k.Granularity))
			parts := [][2]string{{read.Indicator, k.Indicator}, {read.Version, k.Version}, {read.Unit, k.Unit}, {read.Stratum, k.Stratum}}
			open := !ok || slices.ContainsFunc(parts, func(p [2]string) bool { return p[0] == "*" })
			differs := ok && read.PeriodStart != k.PeriodStart ||
				slices.ContainsFunc(parts, func(p [2]string) bool { return p[0] != "*" && p[0] != p[1] })
			if open && !differs {
				c.Rejected++
				if r.finding&event.BadReason != 0 {
					c.BadReasons++
				}
			}
		}
		var bins []string
		for _, v := range slices.Sorted(maps.Keys(histograms[k])) {
			bins = append(bins, strconv.FormatInt(v, 10)+"*"+strconv.FormatInt(histograms[k][v], 10))
		}
		c.Histogram = strings.Join(bins, " ")
	}
	var out []cell.Version
	for k, c := range contents {
		out = append(out, cell.Version{Key: k, Content: *c, Fingerprint: cell.FingerprintOf(k, *c, false)})
	}
	slices.SortFunc(out, func(a, b cell.Version) int { return a.Key.Compare(b.Key) })
	return out
}

// mul is the product of two int64 in 128 bits.
func mul(a, b int64) (hi int64, lo uint64) {
	f := cell.Fixed{}
	neg := (a < 0) != (b < 0)
	x, y := uint64(max(a, -a)), uint64(max(b, -b))
	for bit := range 64 { // schoolbook, so that it is nobody else's product
		if y>>bit&1 == 1 {
			part := cell.Fixed{Lo: x << bit}
			if bit > 0 {
				part.Hi = int64(x >> (64 - bit))
			}
			f = f.Add(part)
		}
	}
	if neg {
		f = f.Neg()
	}
	return f.Hi, f.Lo
}

// The indicators that the generator takes from: every granularity, both dates,
// all kinds of content.
func indicators() []catalog.Indicator {
	return []catalog.Indicator{
		{ID: "month", Type: catalog.Proportion, Period: catalog.Month},
		{ID: "month_reg", Type: catalog.Median, Period: catalog.Month, PeriodBy: "registration_date"},
		{ID: "week", Type: catalog.Percentile, Period: catalog.Week},
		{ID: "week_reg", Type: catalog.Rate, Period: catalog.Week, PeriodBy: "registration_date"},
		{ID: "day", Type: catalog.TimeBetween, Period: catalog.Day},
		{ID: "tertial", Type: catalog.Mean, Period: catalog.Tertial},
		{ID: "quarter", Type: catalog.StandardisedRatio, Period: catalog.Quarter},
		{ID: "half_year", Type: catalog.Median, Period: catalog.HalfYear, PeriodBy: "event_date"},
		{ID: "year", Type: catalog.Count, Period: catalog.Year},
	}
}

func days(y int, m time.Month, d int) int32 { return catalog.NewDate(y, m, d).Days() }

// drawDay gives days around the edges of periods: new year in the middle of an
// ISO week, a leap day, the beginning of the engine's time.
func drawDay(t *rapid.T, label string) int32 {
	return rapid.OneOf(
		rapid.Int32Range(days(2020, 12, 24), days(2021, 1, 12)),
		rapid.Int32Range(days(2024, 2, 26), days(2024, 3, 3)),
		rapid.Int32Range(days(2023, 1, 1), days(2024, 12, 31)),
		rapid.SampledFrom([]int32{days(1900, 1, 1), days(1969, 12, 28), days(1969, 12, 31), 0, 1, days(2199, 12, 31), days(2100, 3, 1)}),
	).Draw(t, label)
}

func drawDate(t *rapid.T, label string) catalog.Date {
	return catalog.DateOfDays(drawDay(t, label))
}

func oneIn(t *rapid.T, n int, label string) bool {
	return rapid.IntRange(1, n).Draw(t, label) == n
}

func drawRow(t *rapid.T, w *world, snapshot bool, line uint64) obs {
	r := obs{line: line, indicator: rapid.SampledFrom(w.indicators).Draw(t, "indicator").ID,
		version: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "version"), unit: rapid.SampledFrom([]string{"U1", "U2", "Å'\\3"}).Draw(t, "unit"),
		strata: rapid.SampledFrom([]string{"", "", "f"}).Draw(t, "stratum"),
		event:  drawDay(t, "event"), has: event.HasEventDate | event.HasRegistrationDate,
		finding: event.Finding(rapid.SampledFrom([]uint8{0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 127}).Draw(t, "finding"))}
	r.registered = r.event + rapid.Int32Range(0, 40).Draw(t, "delay")
	r.key = rapid.SampledFrom([]byte{1, 1, 2, 3, 4}).Draw(t, "key")
	if snapshot && oneIn(t, 4, "no key") {
		r.key = 0
	}
	r.has |= event.Has(rapid.SampledFrom([]uint8{0, 1, 3, 3, 3, 4, 7, 15, 15}).Draw(t, "has"))
	if oneIn(t, 6, "missing") {
		r.has |= event.HasMissing
	}
	count := rapid.OneOf(rapid.Int64Range(-3, 9), rapid.Int64Range(-3, 9), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, 0}))
	r.num, r.den, r.exp = count.Draw(t, "num"), count.Draw(t, "den"), count.Draw(t, "exp")
	r.val = rapid.OneOf(rapid.Int64Range(-2, 4), rapid.SampledFrom([]int64{-1_000_000, 2_500_000, 1e18, -1e18})).Draw(t, "val")
	switch rapid.IntRange(0, 11).Draw(t, "kind") {
	case 0, 1:
		r.kind = event.Rejected
		for _, f := range []*string{&r.indicator, &r.version, &r.unit, &r.strata} {
			if oneIn(t, 4, "unread") {
				*f = "*"
			}
		}
		if oneIn(t, 3, "no event date") {
			r.has, r.event = r.has&^event.HasEventDate, 0
		}
		if oneIn(t, 3, "no registration date") {
			r.has, r.registered = r.has&^event.HasRegistrationDate, 0
		}
		if oneIn(t, 3, "key unread") {
			r.key = 0
		}
	case 2:
		r.kind = event.Parked
		r.unit = "*"
	case 3, 4:
		if !snapshot {
			r.kind = event.Deleted
			if oneIn(t, 2, "undated delete") {
				r.has, r.event, r.registered = 0, 0, 0
			}
		}
	}
	if r.kind == event.Observed && w.indicator(r.indicator).PeriodBy != "registration_date" && oneIn(t, 2, "unregistered") {
		r.has, r.registered = r.has&^event.HasRegistrationDate, 0
	}
	return r
}

// drawWindows gives some of the feed's lengths of periods windows of their own,
// and what spans them all.
func drawWindows(t *rapid.T, w *world) (windows []event.Window, from, to catalog.Date) {
	windows = []event.Window{}
	for _, i := range w.indicators {
		if slices.ContainsFunc(windows, func(o event.Window) bool { return o.Period == i.Period }) || len(windows) > 0 && oneIn(t, 3, "none of this length") {
			continue
		}
		a, b := drawDate(t, "window from"), drawDate(t, "window to")
		if b.Before(a) {
			a, b = b, a
		}
		windows = append(windows, event.Window{Period: i.Period, From: a, To: b})
		if from.IsZero() || a.Before(from) {
			from = a
		}
		if to.Before(b) {
			to = b
		}
	}
	return windows, from, to
}

func drawWorld(t *rapid.T, id string) *world {
	w := &world{feed: catalog.Feed{ID: id, Registry: registry}}
	if oneIn(t, 4, "keyless") == false {
		w.feed.Key = []string{"id"}
	}
	// Mostly one granularity, for each is two queries.
	w.indicators = indicators()
	if one := rapid.SampledFrom(w.indicators).Draw(t, "indicator"); !oneIn(t, 4, "two granularities") {
		w.indicators = slices.DeleteFunc(w.indicators, func(i catalog.Indicator) bool { return i.Period != one.Period })
	} else {
		w.indicators = []catalog.Indicator{one, rapid.SampledFrom(slices.DeleteFunc(w.indicators, func(i catalog.Indicator) bool { return i.ID == one.ID })).Draw(t, "other")}
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "deliveries") {
		s := sent{id: fmt.Sprintf("%s-d%d", id, i), order: rapid.SampledFrom([]string{"", "", "1", "2", "10"}).Draw(t, "order")}
		s.snapshot = len(w.feed.Key) == 0 || rapid.Bool().Draw(t, "snapshot")
		if s.snapshot && !oneIn(t, 4, "all time") {
			if !oneIn(t, 6, "open start") {
				s.from = drawDate(t, "from")
			}
			if !oneIn(t, 6, "open end") {
				s.to = drawDate(t, "to")
			}
			if !s.from.IsZero() && !s.to.IsZero() && s.to.Before(s.from) {
				s.from, s.to = s.to, s.from
			}
		}
		if s.snapshot && oneIn(t, 4, "of units") {
			s.units = rapid.SampledFrom([][]string{{"U1"}, {"U1", "Å'\\3"}, {"U2", "U9"}}).Draw(t, "units")
		}
		if s.snapshot && oneIn(t, 4, "by length") {
			s.windows, s.from, s.to = drawWindows(t, w)
		}
		if i > 0 && oneIn(t, 6, "again") {
			// A delivery is read again once at most: what was replaced has no
			// effect any more.
			old := rapid.SampledFrom(w.sent).Draw(t, "old")
			if !old.retracts && !slices.ContainsFunc(w.sent, func(o sent) bool { return o.replaces == old.id }) {
				s.replaces, s.order, s.snapshot = old.id, old.order, old.snapshot
				s.retracts = rapid.Bool().Draw(t, "retracted")
			}
		}
		if s.retracts {
			s.snapshot, s.units, s.windows = false, nil, nil
			w.sent = append(w.sent, s)
			continue
		}
		line := uint64(1)
		for range rapid.IntRange(1, 2).Draw(t, "blocks") {
			var rows []obs
			for range rapid.IntRange(1, 7).Draw(t, "rows") {
				line += rapid.Uint64Range(1, 2).Draw(t, "line")
				r := drawRow(t, w, s.snapshot, line)
				rows = append(rows, r)
				if r.kind == event.Observed && len(w.indicators) > 1 && oneIn(t, 3, "wide") {
					other := w.indicators[(slices.IndexFunc(w.indicators, func(i catalog.Indicator) bool { return i.ID == r.indicator })+1)%len(w.indicators)]
					r.indicator, r.has, r.registered = other.ID, r.has|event.HasRegistrationDate, r.event+1
					rows = append(rows, r)
				}
			}
			s.blocks = append(s.blocks, rows)
		}
		w.sent = append(w.sent, s)
	}
	return w
}

// observations are the blocks of a delivery.
func (w *world) observations(s sent) []*event.Observations {
	var out []*event.Observations
	for i, rows := range s.blocks {
		o := &event.Observations{Region: region, Registry: registry, Feed: w.feed.ID, Delivery: s.id, Block: uint32(i)}
		for _, r := range rows {
			var key [16]byte
			if r.key != 0 {
				key = [16]byte{r.key}
				copy(key[1:], r.indicator) // the key of a row holds for one indicator
			}
			o.Line = append(o.Line, r.line)
			o.Kind = append(o.Kind, r.kind)
			o.Indicator.Add(r.indicator)
			o.Version.Add(r.version)
			o.Unit.Add(r.unit)
			o.Stratum.Add(r.strata)
			o.EventDate = append(o.EventDate, r.event)
			o.RegistrationDate = append(o.RegistrationDate, r.registered)
			o.Subject = append(o.Subject, [16]byte{})
			o.Key = append(o.Key, key)
			o.Has = append(o.Has, r.has)
			o.Finding = append(o.Finding, r.finding)
			o.Numerator = append(o.Numerator, r.num)
			o.Denominator = append(o.Denominator, r.den)
			o.Value = append(o.Value, r.val)
			o.Expected = append(o.Expected, r.exp)
		}
		out = append(out, o)
	}
	return out
}

// fataler is a test or a rapid test.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// accepted is what the LEDGER says of a delivery, and its blocks.
func (w *world) accepted(t fataler, s sent) (event.DeliveryAccepted, [][]byte) {
	t.Helper()
	a := event.DeliveryAccepted{Delivery: s.id, Feed: w.feed.ID, Registry: registry, OrderKey: s.order, Kind: "delta", Replaces: s.replaces}
	switch {
	case s.retracts:
		a.Kind = event.KindRetraction
	case s.snapshot:
		a.Kind, a.From, a.To, a.Units, a.Windows = "snapshot", s.from, s.to, s.units, s.windows
	}
	if keys := s.keys(); len(keys) > 0 && len(slices.Compact(slices.Sorted(slices.Values(keys)))) == len(keys) {
		a.KeyOrder = event.KeysAscend // or not: that none is there twice is what counts
	}
	var payloads [][]byte
	for _, o := range w.observations(s) {
		b, err := block.EncodeObservations(o)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, b)
		a.Blocks.Blocks++
		a.Blocks.Rows += int64(o.Len())
		for _, k := range o.Kind {
			if k == event.Rejected {
				a.Rejected++
			}
		}
	}
	return a, payloads
}

// ledger tells the story of the world: every delivery is a run.
func (w *world) ledger(t fataler) *run.State {
	t.Helper()
	var s run.State
	seq := uint64(0)
	apply := func(body event.Body) {
		seq++
		e, err := event.New("ledger.run.nord", strconv.FormatUint(seq, 10), body, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = seq
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	for i, d := range w.sent {
		a, _ := w.accepted(t, d)
		if d.retracts {
			apply(event.DeliveryRetracted{Delivery: d.replaces, Retraction: d.id, By: "somebody"})
		} else {
			apply(event.DeliveryReceived{Delivery: d.id, Feed: w.feed.ID, Registry: registry, Raw: d.id, Replaces: d.replaces})
			apply(a)
		}
		apply(event.RunOpened{Run: "r" + strconv.Itoa(i), Ordinal: i + 1, Deliveries: []string{d.id}})
	}
	return &s
}

// scope is the whole of the feed after the first n deliveries.
func (w *world) scope(s *run.State, n int) warehouse.Scope {
	r := s.Runs()[n-1]
	return warehouse.Scope{Source: warehouse.Source{Feed: &w.feed, Effective: s.EffectiveOf(w.feed.ID, r, w.sent[n-1].id), Indicators: w.pointers()}}
}

func (w *world) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "feed %s, key %v\n", w.feed.ID, w.feed.Key)
	for _, s := range w.sent {
		fmt.Fprintf(&b, "%s snapshot=%v %s..%s %v of %v order %q replaces %q retracts=%v\n", s.id, s.snapshot, s.from, s.to, s.windows, s.units, s.order, s.replaces, s.retracts)
		for _, r := range s.rows() {
			fmt.Fprintf(&b, "  %+v on %s\n", r, catalog.DateOfDays(r.event))
		}
	}
	return b.String()
}

func TestModelPeriods(t *testing.T) {
	for g, want := range map[catalog.Granularity]int32{
		catalog.Day: days(2021, 1, 2), catalog.Week: days(2020, 12, 28), catalog.Month: days(2021, 1, 1), catalog.Tertial: days(2021, 1, 1),
	} {
		if got := periodStart(g, days(2021, 1, 2)); got != want {
			t.Errorf("%s begins on %s", g, catalog.DateOfDays(got))
		}
	}
	if hi, lo := mul(math.MinInt64+1, 3); hi != -2 || lo != 1<<63+3 {
		t.Errorf("product %d, %d", hi, lo)
	}
}
