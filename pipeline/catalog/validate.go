package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// validator checks what values must hold together. It walks values and their
// places side by side and does not stop at the first problem; a value that is
// told to be broken already is not judged again.
type validator struct {
	d   *decoder
	c   *Catalog
	top *place

	registries, indicators, units, feeds, systems, people, profiles ids
	unitSystems                                                     []string
	indicatorOf                                                     map[string]*Indicator
	unitOf                                                          map[string]*Unit
}

// ids are the names that other values may refer to, and where each stands.
type ids map[string]*place

func (s ids) names() []string {
	names := make([]string, 0, len(s))
	for n := range s {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// bad tells a problem. It leaves a mapping or list whole: what is wrong with it
// as one says nothing of its parts, which may have problems of their own.
func (v *validator) bad(p *place, value, says, hint string) {
	broken := p.broken
	v.d.bad(p, value, says, hint)
	if len(p.fields) > 0 || len(p.items) > 0 {
		p.broken = broken
	}
}

func (v *validator) list(key string) *place {
	if p, ok := v.top.fields[key]; ok {
		return p
	}
	return &place{path: key}
}

// collect gathers the ids of one list and tells those that stand twice.
func collect[T any](v *validator, list []T, at *place, key string, id func(*T) string) ids {
	s := make(ids, len(list))
	for i := range list {
		p, name := at.item(i).field(key), id(&list[i])
		if name == "" {
			continue
		}
		if first, ok := s[name]; ok {
			v.bad(p, name, "is used twice", "the first is at "+first.String()+"; rename or remove one of them")
			continue
		}
		s[name] = p
	}
	return s
}

func (v *validator) run() {
	c := v.c
	v.registries = collect(v, c.Registries, v.list("registries"), "code", func(r *Registry) string { return r.Code })
	v.indicators = collect(v, c.Indicators, v.list("indicators"), "id", func(i *Indicator) string { return i.ID })
	v.units = collect(v, c.Units, v.list("units"), "id", func(u *Unit) string { return u.ID })
	v.feeds = collect(v, c.Feeds, v.list("feeds"), "id", func(f *Feed) string { return f.ID })
	v.systems = collect(v, c.CodeSystems, v.list("code_systems"), "id", func(s *CodeSystem) string { return s.ID })
	v.people = collect(v, c.People, v.list("people"), "id", func(p *Person) string { return p.ID })
	v.profiles = collect(v, c.Profiles, v.list("profiles"), "id", func(p *Profile) string { return p.ID })
	v.indicatorOf = map[string]*Indicator{}
	for i := range c.Indicators {
		v.indicatorOf[c.Indicators[i].ID] = &c.Indicators[i]
	}
	v.unitOf = map[string]*Unit{}
	for i := range c.Units {
		v.unitOf[c.Units[i].ID] = &c.Units[i]
		for _, code := range c.Units[i].Codes {
			if !slices.Contains(v.unitSystems, code.System) {
				v.unitSystems = append(v.unitSystems, code.System)
			}
		}
	}
	for i := range c.Indicators {
		v.indicator(&c.Indicators[i], v.list("indicators").item(i))
	}
	for i := range c.Units {
		v.unit(&c.Units[i], v.list("units").item(i))
	}
	v.unitCodes()
	v.parentCycles()
	v.successorCycles()
	for i := range c.CodeSystems {
		v.codeSystem(&c.CodeSystems[i], v.list("code_systems").item(i))
	}
	for i := range c.Feeds {
		v.feed(&c.Feeds[i], v.list("feeds").item(i))
	}
	v.persons()
	v.audiences()
}

// audiences: what an audience sees is in the catalog, what is said of editions
// is of a wider audience, and what gives more away says who allowed it. Two that
// differ in the case of letters alone could not have a folder each.
func (v *validator) audiences() {
	folders := map[string]string{}
	for i := range v.c.Profiles {
		p, at := &v.c.Profiles[i], v.list("profiles").item(i)
		for j, id := range p.Indicators {
			v.refers(at.field("indicators").item(j), "indicator", id, v.indicators)
		}
		if at.field("rule").broken || p.Rule == "" {
			continue
		}
		if p.Lenient && p.Rule != "SE" {
			v.bad(at.field("lenient"), "true", "is of the rule SE alone", "leave it out, or use the rule SE")
		}
		switch {
		case at.field("id").broken:
			continue
		case !p.Wider():
			if p.EditionDay != 0 || len(p.Indicators) > 0 {
				v.bad(at, p.ID, "internal has no editions and sees all", "leave edition_day and indicators out")
			}
			continue
		}
		if first, ok := folders[strings.ToLower(p.ID)]; ok && first != p.ID {
			v.bad(at.field("id"), p.ID, "differs from "+first+" in the case of letters alone", "give it another name: each audience has a folder of its own")
		}
		folders[strings.ToLower(p.ID)] = p.ID
		if p.ID == "internal" || p.ID == "warehouse" {
			v.bad(at.field("id"), p.ID, "is the name of an exact store", "give the wider audience another")
		}
		if p.Lenient && p.Note == "" {
			v.bad(at.field("note"), "", "lenient needs a note", "it gives few persons away: say who has allowed it, and for whom")
		}
	}
}

// refers tells a name that does not exist.
func (v *validator) refers(p *place, what, name string, known ids) bool {
	if name == "" || p.broken || v.d.incomplete {
		return false
	}
	if _, ok := known[name]; ok {
		return true
	}
	names := known.names()
	hint := meant(name, names)
	switch {
	case hint != "":
	case len(names) == 0:
		hint = "the catalog has none"
	case len(names) <= 12:
		hint = "there are " + strings.Join(names, ", ")
	default:
		hint = "add it, or correct the name"
	}
	v.bad(p, name, "there is no "+what+" of that name", hint)
	return false
}

// ordered tells an interval that ends before it begins.
func (v *validator) ordered(p *place, from, to Date) bool {
	if from.IsZero() || to.IsZero() || from.Before(to) {
		return true
	}
	v.bad(p.field("to"), to.String(), "must be after from, "+from.String(), "to is the first day on which it no longer holds")
	return false
}

func (v *validator) indicator(in *Indicator, p *place) {
	v.refers(p.field("registry"), "registry", in.Registry, v.registries)
	isType := !p.field("type").broken
	if isType && in.Subset && in.Type != Proportion {
		v.bad(p.field("subset"), "true", "only a proportion can be a subset, this is a "+string(in.Type), "remove subset, or correct type")
	}
	v.pair(isType && in.Type == Percentile, in.Percentile != 0, p.field("percentile"), "the type percentile", "as percentile: 90")
	v.pair(isType && in.Type == StandardisedRatio, in.RiskModel != nil, p.field("risk_model"), "the type standardised_ratio", "as {id: …, version: …, reference_period: …}")
	if !p.field("measurement").broken {
		v.pair(in.Measurement == "rolling", in.RollingMonths != 0, p.field("rolling_months"), "the measurement rolling", "as rolling_months: 12")
	}
	for i, t := range in.Targets {
		at := p.field("targets").item(i)
		if in.Type == Proportion {
			v.share(at.field("value"), t.Value)
		}
		for j := range i {
			if in.Targets[j].From.Compare(t.From) == 0 && !at.field("from").broken {
				v.bad(at, t.From.String(), "two targets begin at the same time", fmt.Sprintf("the other is in line %d; date one of them", p.field("targets").item(j).line))
				break
			}
		}
	}
	for i, r := range in.References {
		if in.Type == Proportion {
			v.share(p.field("references").item(i).field("value"), r.Value)
		}
	}
	if at := p.field("coverage"); v.refers(at, "indicator", in.Coverage, v.indicators) {
		if in.Coverage == in.ID {
			v.bad(at, in.Coverage, "an indicator cannot be its own coverage", "name the indicator that tells how complete the data are")
		} else if of := v.indicatorOf[in.Coverage]; of.Type != Proportion {
			v.bad(at, in.Coverage, "a coverage indicator must be a proportion, this is a "+string(of.Type), "")
		}
	}
	for _, of := range []struct{ field, id string }{{"at_most", in.AtMost}, {"same_as", in.SameAs}, {"listed", in.Listed}, {"pair", in.Pair}} {
		if at := p.field(of.field); v.refers(at, "indicator", of.id, v.indicators) && of.id == in.ID {
			v.bad(at, of.id, "an indicator cannot be held against itself", "name the other indicator")
		}
	}
	if b := in.Plausible; b.Min != nil && b.Max != nil && *b.Min > *b.Max {
		v.bad(p.field("plausible"), fmt.Sprint(*b.Min), "the least value is above the largest", "swap min and max")
	}
	v.versions(in, p)
	intro := p.field("introduction")
	if !in.Introduction.Signed.IsZero() && in.Introduction.By == "" && !intro.field("by").broken {
		v.bad(intro.field("by"), "", "a signed protocol must say by whom", "add by")
	}
	for i, u := range in.Introduction.PilotUnits {
		v.refers(intro.field("pilot_units").item(i), "unit", u, v.units)
	}
	v.checks(in.Checks, p)
	v.charting(in, p)
}

// checks holds thresholds to what they must be together.
func (v *validator) checks(all map[string]CheckParams, p *place) {
	for id, params := range all {
		at := p.field("checks").field(id)
		changes := params.Count != nil || params.Fraction != nil || params.P != nil || params.Severity != "" || params.Off || params.Mode != ""
		for _, key := range []string{"count", "fraction", "p", "severity", "off", "mode"} {
			changes = changes || at.field(key).broken
		}
		if !changes {
			v.bad(at, id, "changes nothing of the check", "give count, fraction, p, severity, mode or off, or remove it")
		}
		v.ordered(at, params.From, params.To)
	}
}

// pair tells a key that is needed and missing, or there and not needed.
func (v *validator) pair(needed, given bool, p *place, by, hint string) {
	if p.broken {
		return
	}
	key := p.path[strings.LastIndexByte(p.path, '.')+1:]
	switch {
	case needed && !given:
		v.bad(p, "", by+" needs "+key, hint)
	case !needed && given:
		v.bad(p, "", "only "+by+" has "+key, "remove it, or correct the other")
	}
}

func (v *validator) share(p *place, f float64) {
	if !p.broken && (f < 0 || f > 1) {
		v.bad(p, fmt.Sprint(f), "a value of a proportion must be between 0 and 1", "write 0.8 for 80 %; multiplier is for display only")
	}
}

// versions must follow one another without overlap and without gap: at any
// date between the first and the last, one definition holds.
func (v *validator) versions(in *Indicator, p *place) {
	type dated struct {
		Version
		at *place
	}
	var vs []dated
	seen := ids{}
	for i, ver := range in.Versions {
		at := p.field("versions").item(i)
		if at.broken || at.field("from").broken || at.field("to").broken || !v.ordered(at, ver.From, ver.To) {
			return
		}
		if first, ok := seen[ver.ID]; ok && ver.ID != "" {
			v.bad(at.field("id"), ver.ID, "is used twice", "the first is at "+first.String()+"; every version has an id of its own")
		}
		seen[ver.ID] = at.field("id")
		vs = append(vs, dated{ver, at})
	}
	slices.SortStableFunc(vs, func(a, b dated) int { return a.From.Compare(b.From) })
	for i := 1; i < len(vs); i++ {
		a, b := vs[i-1], vs[i]
		end, begin := spanOf(a.From, a.To).to, spanOf(b.From, b.To).from
		switch {
		case end > begin:
			v.bad(b.at, b.ID, "overlaps version "+a.ID+" at "+a.at.String(), "end "+a.ID+" on the day on which "+b.ID+" begins")
		case end < begin:
			v.bad(b.at, b.ID, "leaves a gap after version "+a.ID+" at "+a.at.String()+", which ends on "+a.To.String(), "begin "+b.ID+" on the day on which "+a.ID+" ends")
		}
	}
}

func (v *validator) unit(u *Unit, p *place) {
	v.checks(u.Checks, p)
	if !v.ordered(p, u.From, u.To) {
		return
	}
	own := spanOf(u.From, u.To)
	for i, code := range u.Codes {
		at := p.field("codes").item(i)
		if v.ordered(at, code.From, code.To) && spanOf(code.From, code.To).intersect(own).empty() {
			v.bad(at, code.Code, "the code is never valid: it holds "+spanOf(code.From, code.To).String()+", its unit "+own.String(), "correct the dates")
		}
	}
	for i, parent := range u.Parents {
		at := p.field("parents").item(i)
		if !v.ordered(at, parent.From, parent.To) || !v.refers(at.field("unit"), "unit", parent.Unit, v.units) {
			continue
		}
		valid := spanOf(parent.From, parent.To).intersect(own)
		above := v.unitOf[parent.Unit]
		switch {
		case parent.Unit == u.ID:
			v.bad(at.field("unit"), parent.Unit, "a unit cannot be its own parent", "")
		case valid.empty():
			v.bad(at, parent.Unit, "the relation never holds: it is valid "+spanOf(parent.From, parent.To).String()+", its unit "+own.String(), "correct the dates")
		case !valid.within(spanOf(above.From, above.To)):
			v.bad(at, parent.Unit, "the parent must exist as long as the relation, which holds "+valid.String()+"; the parent exists "+spanOf(above.From, above.To).String(), "date the relation with from and to")
		}
		for j := range i {
			if o := u.Parents[j]; o.Unit == parent.Unit && !valid.intersect(spanOf(o.From, o.To)).empty() {
				v.bad(at, parent.Unit, "the same parent stands twice at the same time", fmt.Sprintf("the other is in line %d; remove or date one of them", p.field("parents").item(j).line))
				break
			}
		}
	}
	for i, s := range u.Successors {
		at := p.field("successors").item(i)
		if !v.refers(at.field("unit"), "unit", s.Unit, v.units) || at.field("from").broken {
			continue
		}
		next := v.unitOf[s.Unit]
		switch {
		case s.Unit == u.ID:
			v.bad(at.field("unit"), s.Unit, "a unit cannot succeed itself", "")
		case !u.From.IsZero() && !u.From.Before(s.From):
			v.bad(at.field("from"), s.From.String(), "a successor must begin after the unit itself, which begins on "+u.From.String(), "")
		case !s.From.Within(next.From, next.To):
			v.bad(at.field("from"), s.From.String(), "the successor must exist then; it exists "+spanOf(next.From, next.To).String(), "correct the date, here or at the successor")
		}
		for j := range i {
			if u.Successors[j].Unit == s.Unit {
				v.bad(at, s.Unit, "the same successor stands twice", fmt.Sprintf("the other is in line %d; remove one of them", p.field("successors").item(j).line))
				break
			}
		}
	}
}

// unitCodes holds that at any date a code of a system names one unit.
func (v *validator) unitCodes() {
	type use struct {
		span
		unit *Unit
		at   *place
	}
	uses := map[codeKey][]use{}
	for i := range v.c.Units {
		u := &v.c.Units[i]
		for j, code := range u.Codes {
			at := v.list("units").item(i).field("codes").item(j)
			if at.broken || at.field("code").broken || at.field("system").broken {
				continue
			}
			now := use{spanOf(code.From, code.To).intersect(spanOf(u.From, u.To)), u, at}
			k := codeKey{code.System, code.Code}
			for _, before := range uses[k] {
				if common := now.intersect(before.span); !now.empty() && !before.empty() && !common.empty() {
					v.bad(at, code.Code, fmt.Sprintf("the %s code names %s and %s at the same time, %s", code.System, before.unit.ID, u.ID, common),
						"the other is at "+before.at.String()+"; date the codes with from and to, or the units")
					break
				}
			}
			uses[k] = append(uses[k], now)
		}
	}
}

// parentCycles looks for a unit above itself at some date. Relations change
// only at the dates at which one begins, so these are the dates to look at.
func (v *validator) parentCycles() {
	type edge struct {
		span
		to string
		at *place
	}
	edges := map[string][]edge{}
	begins := []int32{beginningOfTime}
	for i := range v.c.Units {
		u := &v.c.Units[i]
		for j, parent := range u.Parents {
			s := spanOf(parent.From, parent.To).intersect(spanOf(u.From, u.To))
			// A unit that is its own parent is told already.
			if parent.Unit == u.ID || s.empty() {
				continue
			}
			edges[u.ID] = append(edges[u.ID], edge{s, parent.Unit, v.list("units").item(i).field("parents").item(j)})
			begins = append(begins, s.from)
		}
	}
	order := make([]string, 0, len(edges))
	for i := range v.c.Units {
		order = append(order, v.c.Units[i].ID)
	}
	told := map[string]bool{}
	search := func(holds func(span) bool, tell bool) bool {
		const onPath, done = 1, 2
		state := map[string]int{}
		found := false
		var trail []string
		var walk func(id string)
		walk = func(id string) {
			state[id] = onPath
			trail = append(trail, id)
			for _, e := range edges[id] {
				if !holds(e.span) {
					continue
				}
				switch state[e.to] {
				case onPath:
					found = true
					ring := trail[slices.Index(trail, e.to):]
					if name := ringName(ring); tell && !told[name] {
						told[name] = true
						v.bad(e.at, e.to, "a unit cannot be above itself: "+strings.Join(ring, " under ")+" under "+e.to, "remove or date one of these relations")
					}
				case 0:
					walk(e.to)
				}
			}
			trail = trail[:len(trail)-1]
			state[id] = done
		}
		for _, id := range order {
			if state[id] == 0 {
				walk(id)
			}
		}
		return found
	}
	// Hardly any hierarchy has a ring even without regard to dates.
	if !search(func(span) bool { return true }, false) {
		return
	}
	slices.Sort(begins)
	for _, day := range slices.Compact(begins) {
		search(func(s span) bool { return s.holds(day) }, true)
	}
}

// ringName is the same for a ring wherever one enters it.
func ringName(ring []string) string {
	first := slices.Index(ring, slices.Min(ring))
	return strings.Join(slices.Concat(ring[first:], ring[:first]), " ")
}

// successorCycles refuses any ring: a series would be joined to itself.
func (v *validator) successorCycles() {
	next := map[string][]string{}
	for i := range v.c.Units {
		for _, s := range v.c.Units[i].Successors {
			if s.Unit != v.c.Units[i].ID {
				next[v.c.Units[i].ID] = append(next[v.c.Units[i].ID], s.Unit)
			}
		}
	}
	const onPath, done = 1, 2
	state := map[string]int{}
	var trail []string
	var walk func(id string)
	walk = func(id string) {
		state[id] = onPath
		trail = append(trail, id)
		for _, to := range next[id] {
			switch state[to] {
			case onPath:
				ring := trail[slices.Index(trail, to):]
				at := v.units[id]
				for i := range v.c.Units {
					if v.c.Units[i].ID != id {
						continue
					}
					for j, s := range v.c.Units[i].Successors {
						if s.Unit == to {
							at = v.list("units").item(i).field("successors").item(j)
						}
					}
				}
				v.bad(at, to, "a unit cannot succeed itself: "+strings.Join(ring, " then ")+" then "+to, "remove one of these, or give the later unit an id of its own")
			case 0:
				walk(to)
			}
		}
		trail = trail[:len(trail)-1]
		state[id] = done
	}
	for i := range v.c.Units {
		if id := v.c.Units[i].ID; state[id] == 0 {
			walk(id)
		}
	}
}

func (v *validator) codeSystem(s *CodeSystem, p *place) {
	type use struct {
		span
		at *place
	}
	uses := map[string][]use{}
	for i, code := range s.Codes {
		at := p.field("codes").item(i)
		if at.broken || !v.ordered(at, code.From, code.To) {
			continue
		}
		now := use{spanOf(code.From, code.To), at}
		for _, before := range uses[code.Code] {
			if !now.intersect(before.span).empty() {
				v.bad(at, code.Code, "stands twice at the same time", "the other is at "+before.at.String()+"; remove or date one of them")
				break
			}
		}
		uses[code.Code] = append(uses[code.Code], now)
	}
}

func (v *validator) feed(f *Feed, p *place) {
	known := v.refers(p.field("registry"), "registry", f.Registry, v.registries)
	v.dialect(f, p.field("dialect"))
	v.format(f, p)
	v.rows(f, p)
	v.checks(f.Checks, p)
	scope := p.field("scope")
	if !scope.field("window").broken {
		v.pair(f.Scope.Window == "months", f.Scope.Months != 0, scope.field("months"), "the window months", "as {window: months, months: 24}")
	}
	if !p.field("delivery").broken {
		if f.Delivery == "delta" && len(f.Key) == 0 && !p.field("key").broken {
			v.bad(p.field("key"), "", "a delta needs a key", "name the columns that tell one row from every other")
		}
		if f.Delivery == "delta" && scope.given {
			v.bad(scope, "", "only a snapshot has a scope", "a delta replaces rows by key; remove scope, or correct delivery")
		}
		if f.Delivery == "snapshot" && f.Operation != nil {
			v.bad(p.field("operation"), "", "only a delta has an operation", "a snapshot deletes by leaving out; remove operation, or correct delivery")
		}
	}
	v.extract(&f.Order, p.field("order"), f)
	v.sequence(f, p.field("sequence"))
	v.extract(&f.AsOf, p.field("as_of"), f)
	complete := p.field("complete")
	if !complete.field("by").broken {
		v.pair(f.Complete.By == "trailer", f.Complete.Pattern != "", complete.field("pattern"), "complete by trailer", `as {by: trailer, pattern: '^END;(\d+)$'}`)
	}
	if n := groups(f.Complete.Pattern); n > 1 && !complete.field("pattern").broken {
		v.bad(complete.field("pattern"), f.Complete.Pattern, fmt.Sprintf("must have at most one group, has %d", n), "the group is the number of rows; write (?: ) for the others")
	}
	if f.Schedule.Every == "" && f.Schedule.By != "" && !p.field("schedule").field("every").broken {
		v.bad(p.field("schedule").field("by"), f.Schedule.By, "a schedule with by needs every", "as {every: day, by: \"06:00\"}")
	}
	for i, u := range f.Schedule.Roster {
		v.refers(p.field("schedule").field("roster").item(i), "unit", u, v.units)
	}
	for i, code := range f.Codes {
		at := p.field("codes").item(i)
		v.refers(at.field("system"), "code system", code.System, v.systems)
		for j := range i {
			if f.Codes[j] == code && code.Column != "" {
				v.bad(at, code.Column, "stands twice", fmt.Sprintf("the other is in line %d; remove one of them", p.field("codes").item(j).line))
				break
			}
		}
	}
	v.unitSystem(f, p)
	v.mapping(f, p)
	v.identity(f, p)
	if len(f.Measures) > 0 {
		for i := range f.Measures {
			v.measure(f, i, p)
		}
	} else if known && f.Columns.Indicator != "" {
		v.longFeed(f, p)
	}
}

// identity holds that columns with identifiers of persons leave no text: they
// make a key, or are ignored.
func (v *validator) identity(f *Feed, p *place) {
	for i, name := range f.Identifiers {
		at := p.field("identifiers").item(i)
		switch {
		case at.broken || name == "":
		case name == f.Columns.Subject:
			v.bad(at, name, "the subject column is one of identifiers already", "remove it here")
		case !slices.Contains(f.Key, name) && !slices.Contains(f.IgnoreColumns, name):
			v.bad(at, name, "a column of identifiers is one of the key, or ignored", "its text may not go into strata, codes or numbers; list it under ignore_columns, or make it the subject")
		case slices.Contains(used(f), name):
			v.bad(at, name, "a column of identifiers is read as something else, too", "its text may not go into units, strata, dates, codes or numbers")
		}
	}
	for i, o := range f.Opaque {
		at := p.field("opaque").item(i)
		if at.broken || o.Column == "" {
			continue
		}
		for j := range i {
			if f.Opaque[j].Column == o.Column {
				v.bad(at.field("column"), o.Column, "stands twice", fmt.Sprintf("the first is in line %d; give it all forms", p.field("opaque").item(j).line))
				break
			}
		}
		if o.Column == f.Columns.Subject || slices.Contains(f.Identifiers, o.Column) {
			v.bad(at.field("column"), o.Column, "the column holds identifiers of persons", "remove it here, or there")
		}
	}
}

// used are the columns whose texts become a part of an observation.
func used(f *Feed) []string {
	c := &f.Columns
	out := append([]string{c.Unit, c.Indicator, c.IndicatorVersion, c.EventDate, c.RegistrationDate,
		c.Numerator, c.Denominator, c.Value, c.Expected, c.Rate, f.Order.Column, f.AsOf.Column}, c.Strata...)
	for _, m := range f.Measures {
		out = append(out, m.Numerator, m.Denominator, m.Value, m.Expected, m.Rate)
		if m.When != nil {
			out = append(out, m.When.Column)
		}
	}
	for _, code := range f.Codes {
		out = append(out, code.Column)
	}
	return out
}

func (v *validator) unitSystem(f *Feed, p *place) {
	v.knownSystem(f.Columns.UnitSystem, p.field("columns").field("unit_system"))
	for i, u := range f.Columns.UnitElse {
		v.knownSystem(u.System, p.field("columns").field("unit_else").item(i).field("system"))
	}
}

func (v *validator) knownSystem(system string, at *place) {
	if at.broken || v.d.incomplete || system == "" || slices.Contains(v.unitSystems, system) {
		return
	}
	hint := meant(system, v.unitSystems)
	if hint == "" {
		hint = "units have codes of " + strings.Join(v.unitSystems, ", ")
		if len(v.unitSystems) == 0 {
			hint = "no unit has any code yet"
		}
	}
	v.bad(at, system, "no unit has a code of that system", hint)
}

// rows holds what a feed says of its rows beside their columns.
func (v *validator) rows(f *Feed, p *place) {
	preamble := p.field("dialect").field("preamble")
	if f.Dialect.Preamble.Lines > 0 && f.Dialect.Preamble.Until != "" {
		v.bad(preamble, "", "a preamble has lines or until, not both", "until is safer: it does not depend on the number of lines")
	}
	if at := preamble.field("until"); f.Dialect.Preamble.Until != "" && !f.Dialect.Header && !at.broken {
		v.bad(at, f.Dialect.Preamble.Until, "only a file with a header has until", "give the number of lines: preamble: {lines: 2}")
	}
	if in := f.Instruction; in != nil {
		at := p.field("instruction")
		if f.Format != "delimited" && f.Format != "xlsx" && !p.field("format").broken {
			v.bad(at, "", "the format "+f.Format+" has no instruction", "remove it, or correct format")
		}
		if in.At == "above" && f.Format == "xlsx" {
			v.bad(at.field("at"), in.At, "a workbook has no line above its header", "begin at the header with xlsx.header_row, and write at: below")
		}
		for i, t := range in.Texts {
			if t.Then == "append" && len(f.Key) == 0 && !p.field("key").broken {
				v.bad(at.field("texts").item(i).field("then"), t.Then, "a feed whose files append needs a key", "name the columns that tell one row from every other")
			}
			if t.Then == "append" && at.field("texts").item(i).field("scope").given {
				v.bad(at.field("texts").item(i).field("scope"), t.Scope, "only a file that replaces has a scope", "remove scope, or correct then")
			}
			for j := range i {
				if a, b := t.Text, in.Texts[j].Text; a != "" && b != "" && (a == b || in.Column != "" && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))) {
					v.bad(at.field("texts").item(i).field("text"), a, "begins as another instruction", fmt.Sprintf("the other is in line %d", at.field("texts").item(j).line))
				}
			}
		}
	}
	if names := groupNames(f.FromName); f.FromName != "" && !p.field("from_name").broken {
		if len(names) == 0 {
			v.bad(p.field("from_name"), f.FromName, "must have a named group", `as '_(?P<year>\d{4})\.csv$'`)
		}
	}
	if f.Reasons != nil && !p.field("reasons").broken {
		for i, code := range f.Reasons.Masked {
			if !slices.Contains(f.Reasons.Codes, code) {
				v.bad(p.field("reasons").field("masked").item(i), code, "is none of the codes", "add it to codes, or remove it here")
			}
		}
	}
	if f.Reasons != nil && f.Reasons.Column == "" && !p.field("reasons").broken {
		for i, code := range f.Reasons.Codes {
			if slices.Contains(f.Dialect.Missing, code) {
				v.bad(p.field("reasons").field("codes").item(i), code, "is a text for no value and a reason", "remove it here, or from dialect.missing")
			}
		}
	}
	if pv := f.Pivot; pv != nil {
		at := p.field("pivot")
		for i, n := range pv.Ignore {
			if slices.Contains(pv.Columns, n) {
				v.bad(at.field("ignore").item(i), n, "is ignored and a column", "remove it here, or from columns")
			}
		}
		if pv.Name != "" && pv.Name == pv.Value {
			v.bad(at.field("value"), pv.Value, "is the column of the name", "the name and the number stand in two columns")
		}
	}
	said := map[[2]string]int{}
	for i, t := range f.Translate {
		for _, c := range t.Columns {
			for k, text := range t.Texts {
				if first, ok := said[[2]string{c, text}]; ok {
					v.bad(p.field("translate").item(i).field("texts").item(k), text, "is translated twice in column "+c, fmt.Sprintf("the first is in line %d", p.field("translate").item(first).line))
				}
				said[[2]string{c, text}] = i
			}
		}
	}
}

// groupNames are the named groups of a pattern.
func groupNames(pattern string) []string {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(re.SubexpNames(), func(s string) bool { return s == "" })
}

// format holds that a feed has the keys of its format and no others, so that
// no setting is without effect in silence.
func (v *validator) format(f *Feed, p *place) {
	if p.field("format").broken {
		return
	}
	for _, only := range []struct{ key, format string }{{"fixed", "fixed"}, {"ndjson", "ndjson"}, {"xlsx", "xlsx"}, {"fhir", "fhir"}} {
		if at := p.field(only.key); at.given && f.Format != only.format {
			v.bad(at, "", "only the format "+only.format+" has "+only.key, "remove it, or correct format")
		}
	}
	var useless []string
	switch f.Format {
	case "fixed":
		useless = []string{"delimiter", "quote", "names", "nameless_last", "guards"}
	case "ndjson":
		useless = []string{"delimiter", "quote", "header", "names", "nameless_last", "preamble", "guards"}
	case "xlsx":
		useless = []string{"encoding", "delimiter", "quote", "preamble", "guards"}
	case "parquet", "arrow":
		useless = []string{"encoding", "delimiter", "quote", "header", "names", "nameless_last", "preamble", "guards"}
	case "fhir":
		useless = []string{"delimiter", "quote", "header", "names", "nameless_last", "preamble", "guards", "thousands"}
	}
	for _, key := range useless {
		if at := p.field("dialect").field(key); at.given {
			v.bad(at, "", "the format "+f.Format+" has no "+key, "remove it, or correct format")
		}
	}
	if at := p.field("dialect").field("encoding"); (f.Format == "ndjson" || f.Format == "fhir") && !at.broken && f.Dialect.Encoding != "utf-8" && f.Dialect.Encoding != "utf-8-bom" {
		v.bad(at, f.Dialect.Encoding, "JSON is written in UTF-8", "remove it, or write utf-8-bom if the sender writes a byte order mark")
	}
	if at := p.field("complete"); at.given && !at.field("by").broken {
		switch {
		case f.Complete.By == "trailer" && f.Format != "delimited" && f.Format != "fixed":
			v.bad(at.field("by"), f.Complete.By, "the format "+f.Format+" has no trailer", "let a manifest count the rows: complete: manifest")
		case f.Complete.By == "newline" && f.Format == "xlsx":
			v.bad(at.field("by"), f.Complete.By, "a workbook has no last line", "it has an end of its own; remove complete")
		case f.Complete.By == "newline" && (f.Format == "parquet" || f.Format == "arrow" || f.Format == "fhir" && f.FHIR != nil && f.FHIR.Form != "ndjson"):
			v.bad(at.field("by"), f.Complete.By, "the format "+f.Format+" has no last line", "it has an end of its own; remove complete")
		}
	}
	switch f.Format {
	case "fixed":
		v.fixed(f, p.field("fixed"))
	case "fhir":
		v.fhir(f, p)
	}
}

// fhir holds that reports become rows whose period, unit and indicator are
// told.
func (v *validator) fhir(f *Feed, p *place) {
	at, columns := p.field("fhir"), p.field("columns")
	if at.broken || columns.broken {
		return
	}
	if f.FHIR == nil {
		v.bad(at, "", "the format fhir needs to know its reports", "as fhir: {reports: summary, unit: {system: …}, measures: [{url: …, indicator: …}]}")
		return
	}
	if dates := p.field("dialect").field("dates"); f.Dialect.Dates != "iso" && !dates.broken {
		v.bad(dates, f.Dialect.Dates, "FHIR writes dates as ISO does", "remove it")
	}
	if f.Columns.PeriodEnd != "end" && f.FHIR.Reports == "summary" && !columns.field("period_end").broken {
		v.bad(columns.field("period_end"), f.Columns.PeriodEnd, "a summary is of a period, which must be one of the indicator", "as event_date: start, period_end: end")
	}
	if f.Columns.Subject != "" && f.FHIR.Reports == "summary" {
		v.bad(columns.field("subject"), f.Columns.Subject, "a summary has no subject", "remove it, or correct fhir.reports")
	}
	if len(f.FHIR.Stratifiers) > 0 && !slices.Contains(f.Columns.Strata, "stratum") && !columns.field("strata").broken {
		v.bad(columns.field("strata"), "", "the strata of the stratifiers need columns.strata", "as strata: [stratum]; else each would count as the whole once more")
	}
	for i, m := range f.FHIR.Measures {
		item := at.field("measures").item(i)
		for j, o := range f.FHIR.Measures[:i] {
			if o.URL == m.URL && o.Group == m.Group && m.URL != "" {
				v.bad(item, m.URL, "stands twice", fmt.Sprintf("the first is in line %d; remove one of them, or name their groups", at.field("measures").item(j).line))
				break
			}
		}
		if v.refers(item.field("indicator"), "indicator", m.Indicator, v.indicators) {
			if in := v.indicatorOf[m.Indicator]; in.Registry != f.Registry && !p.field("registry").broken {
				v.bad(item.field("indicator"), m.Indicator, "the indicator belongs to the registry "+in.Registry+", the feed to "+f.Registry, "")
			}
		}
	}
}

// fixed holds that columns of fixed width have names of their own and do not
// overlap.
func (v *validator) fixed(f *Feed, p *place) {
	if len(f.Fixed) == 0 && !p.broken {
		v.bad(p, "", "the format fixed needs its columns", "as fixed: [{name: unit, from: 1, width: 8}]")
	}
	for i, c := range f.Fixed {
		at := p.item(i)
		if at.broken || at.field("from").broken || at.field("width").broken {
			continue
		}
		for j, o := range f.Fixed[:i] {
			if o.Name == c.Name && c.Name != "" {
				v.bad(at.field("name"), c.Name, "is used twice", fmt.Sprintf("the first is in line %d; rename or remove one of them", p.item(j).line))
				break
			}
			if c.From < o.From+o.Width && o.From < c.From+c.Width {
				v.bad(at, c.Name, fmt.Sprintf("overlaps the column %s, which has the characters %d to %d", o.Name, o.From, o.From+o.Width-1), "correct from or width")
				break
			}
		}
	}
}

func (v *validator) dialect(f *Feed, p *place) {
	d := &f.Dialect
	delimiter, decimal, quote, thousands := p.field("delimiter"), p.field("decimal"), p.field("quote"), p.field("thousands")
	text := f.Format == "delimited" // in others the delimiter and the quote mean nothing
	whole := !delimiter.broken && !decimal.broken && !quote.broken && !thousands.broken
	// The place to name is one that is written out, not a default.
	at := func(a, b *place) *place {
		if a.given {
			return a
		}
		return b
	}
	if whole && text && d.Delimiter == d.Decimal {
		v.bad(at(decimal, delimiter), d.Decimal, "delimiter and decimal must differ", "a file with decimal commas usually has the delimiter ;")
	}
	if whole && d.Thousands != "" && d.Thousands == d.Decimal {
		v.bad(at(thousands, decimal), d.Thousands, "thousands and decimal must differ", "")
	}
	if whole && text && d.Thousands != "" && d.Thousands == d.Delimiter && d.Quote == "" {
		v.bad(at(thousands, delimiter), d.Thousands, "thousands and delimiter must differ where nothing is quoted", "")
	}
	// The forms already keep the quote apart from the others; this holds
	// should either list grow.
	if whole && text && d.Quote != "" && (d.Quote == d.Delimiter || d.Quote == d.Decimal || d.Quote == d.Thousands) {
		v.bad(at(quote, delimiter), d.Quote, "quote must differ from delimiter, decimal and thousands", "")
	}
	names := p.field("names")
	if names.broken || p.field("header").broken || f.Format != "delimited" && f.Format != "xlsx" {
		return
	}
	switch {
	case d.Header && len(d.Names) > 0:
		v.bad(names, "", "only a file without header has names", "remove names, or add header: false")
	case !d.Header && len(d.Names) == 0:
		v.bad(names, "", "a file without header needs names", "list the columns in their order")
	}
}

func groups(pattern string) int {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return 0
	}
	return re.NumSubexp()
}

// extract holds that each way of finding a key has what it needs and nothing
// else, so that no setting is without effect in silence.
func (v *validator) extract(e *Extract, p *place, f *Feed) {
	if p.field("by").broken || p.broken {
		return
	}
	v.pair(e.By == "name", e.Pattern != "", p.field("pattern"), "by name", `as {by: name, pattern: '_(\d{8})\.csv$'}`)
	v.pair(e.By == "column", e.Column != "", p.field("column"), "by column", "name the column")
	v.pair(e.By == "manifest", e.Field != "", p.field("field"), "by manifest", "as {by: manifest, field: extracted_at}")
	if at := p.field("pattern"); e.Pattern != "" && !at.broken {
		if n := groups(e.Pattern); n != 1 {
			v.bad(at, e.Pattern, fmt.Sprintf("must have exactly one group, has %d", n), "put ( ) around the part that is wanted; write (?: ) for other groups")
		}
	}
	switch e.By {
	case "manifest":
		if f.Complete.By != "manifest" {
			v.bad(p.field("by"), e.By, "by manifest needs complete: manifest", "else a file could come without one")
		}
	case "acceptance", "arrival":
		if p.field("layout").given {
			v.bad(p.field("layout"), e.Layout, "by "+e.By+" reads no date, so it has no layout", "remove layout")
		}
	}
}

// sequence holds what numbered deliveries need.
func (v *validator) sequence(f *Feed, p *place) {
	switch {
	case f.Sequence == nil || p.broken:
	case f.Delivery != "delta":
		v.bad(p, "", "only a delta has a sequence", "a snapshot replaces what an earlier one said, so none is missed; remove sequence, or correct delivery")
	case f.Order.By == "acceptance":
		v.bad(p, "", "a sequence needs an order", `say where the number stands, as order: {by: name, pattern: '_(\d+)\.csv$'}`)
	case f.Order.Layout != "" && f.Sequence.First != 0:
		v.bad(p.field("first"), "", "days have no first number", "remove first; the first delivery that comes begins the sequence")
	}
}

// source is one column that a feed reads.
type source struct {
	at   *place
	name string
}

func isColumn(s string) bool { return s != "" && s[0] != '=' }

// mapping holds what mapped, ignored and named columns must hold together.
func (v *validator) mapping(f *Feed, p *place) {
	cols := p.field("columns")
	if cols.broken {
		return
	}
	var used []source
	use := func(at *place, name string) {
		if isColumn(name) && !at.broken {
			used = append(used, source{at, name})
		}
	}
	c := &f.Columns
	for _, s := range []source{{cols.field("unit"), c.Unit}, {cols.field("indicator"), c.Indicator},
		{cols.field("indicator_version"), c.IndicatorVersion}, {cols.field("event_date"), c.EventDate},
		{cols.field("registration_date"), c.RegistrationDate}, {cols.field("subject"), c.Subject},
		{cols.field("numerator"), c.Numerator}, {cols.field("denominator"), c.Denominator}, {cols.field("value"), c.Value},
		{cols.field("expected"), c.Expected}, {cols.field("rate"), c.Rate},
		{p.field("order").field("column"), f.Order.Column}, {p.field("as_of").field("column"), f.AsOf.Column}} {
		use(s.at, s.name)
	}
	for i, s := range c.Strata {
		use(cols.field("strata").item(i), s)
	}
	for i, k := range f.Key {
		use(p.field("key").item(i), k)
	}
	for i, code := range f.Codes {
		use(p.field("codes").item(i).field("column"), code.Column)
	}
	if f.Operation != nil {
		use(p.field("operation").field("column"), f.Operation.Column)
	}
	use(cols.field("period_end"), c.PeriodEnd)
	for i, u := range c.UnitElse {
		at := cols.field("unit_else").item(i)
		use(at.field("column"), u.Column)
		for j, name := range u.Blank {
			use(at.field("blank").item(j), name)
		}
	}
	for i, o := range f.Only {
		use(p.field("only").item(i).field("column"), o.Column)
	}
	if f.Reasons != nil {
		use(p.field("reasons").field("column"), f.Reasons.Column)
	}
	if f.Instruction != nil {
		use(p.field("instruction").field("column"), f.Instruction.Column)
	}
	if f.Pivot != nil {
		use(p.field("pivot").field("name"), f.Pivot.Name)
		use(p.field("pivot").field("value"), f.Pivot.Value)
	}
	for i, t := range f.Translate {
		for j, name := range t.Columns {
			at := p.field("translate").item(i).field("columns").item(j)
			if !at.broken && !slices.ContainsFunc(used, func(s source) bool { return s.name == name }) && !v.measured(f, name) {
				v.bad(at, name, "the feed does not read the column", "translate columns that are mapped")
			}
		}
	}
	for i, m := range f.Measures {
		at := p.field("measures").item(i)
		for _, s := range []source{{at.field("numerator"), m.Numerator}, {at.field("denominator"), m.Denominator},
			{at.field("value"), m.Value}, {at.field("expected"), m.Expected}, {at.field("rate"), m.Rate}} {
			use(s.at, s.name)
		}
		if m.When != nil {
			use(at.field("when").field("column"), m.When.Column)
		}
	}
	for i, name := range f.IgnoreColumns {
		if k := slices.IndexFunc(used, func(s source) bool { return s.name == name }); k >= 0 {
			v.bad(p.field("ignore_columns").item(i), name, "the column is ignored and used, by "+used[k].at.path, "remove it here, or there")
		}
	}
	names := f.Dialect.Names
	if f.Format == "fixed" {
		names = nil
		for _, c := range f.Fixed {
			names = append(names, c.Name)
		}
	}
	if f.Format == "fhir" {
		names = FhirColumns()
	}
	if (!f.Dialect.Header || f.Format == "fixed" || f.Format == "fhir") && len(names) > 0 {
		for _, s := range used {
			if !slices.Contains(names, s.name) && !slices.Contains(groupNames(f.FromName), s.name) &&
				(f.Pivot == nil || !slices.Contains(f.Pivot.Columns, s.name)) {
				v.bad(s.at, s.name, "the file has no column of that name", meant(s.name, names))
			}
		}
	}

	measures := p.field("measures")
	long := c.Indicator != "" || cols.field("indicator").broken
	wide := len(f.Measures) > 0 || measures.broken
	switch {
	case long && wide:
		v.bad(measures, "", "a feed has measures or columns.indicator, not both", "measures are for a wide file, with a column for each number; columns.indicator is for a long one")
	case !long && !wide:
		v.bad(cols, "", "a feed needs measures or columns.indicator", "measures are for a wide file, with a column for each number; columns.indicator is for a long one")
	case wide:
		for _, s := range []source{{cols.field("indicator_version"), c.IndicatorVersion}, {cols.field("numerator"), c.Numerator},
			{cols.field("denominator"), c.Denominator}, {cols.field("value"), c.Value}, {cols.field("expected"), c.Expected}, {cols.field("rate"), c.Rate}} {
			if s.name != "" {
				v.bad(s.at, s.name, "only a long file has this column", "in a wide file it belongs to the measures")
			}
		}
	}
}

// measured reports whether a measure reads the column.
func (v *validator) measured(f *Feed, name string) bool {
	return slices.ContainsFunc(f.Measures, func(m Measure) bool {
		return slices.Contains([]string{m.Numerator, m.Denominator, m.Value, m.Expected, m.Rate}, name) || m.When != nil && m.When.Column == name
	})
}

// needs are the columns without which an indicator of a type has no value;
// useless are those that it would not read.
func (t IndicatorType) needs() (needs, useless []string) {
	switch t {
	case Proportion, Rate:
		return []string{"numerator", "denominator"}, []string{"value", "expected"}
	case Mean, Median, Percentile:
		return []string{"value"}, []string{"expected", "rate"}
	case Count:
		return []string{"numerator"}, []string{"value", "expected", "rate"}
	case StandardisedRatio:
		return []string{"numerator", "expected"}, []string{"value"}
	default: // the time between events needs the dates only
		return nil, []string{"expected", "rate"}
	}
}

// holds are the periods that can be told from dates of a form.
func periodsOf(dates string) []string {
	switch dates {
	case "year":
		return []string{string(Year)}
	case "quarter":
		return []string{string(Quarter), string(HalfYear), string(Year)}
	case "year-month":
		return []string{string(Month), string(Tertial), string(Quarter), string(HalfYear), string(Year)}
	case "week":
		return []string{string(Week)}
	case "tertial":
		return []string{string(Tertial), string(Year)}
	case "half-year":
		return []string{string(HalfYear), string(Year)}
	case "financial-year":
		return []string{string(Year)}
	default:
		return nil
	}
}

func (v *validator) measure(f *Feed, i int, p *place) {
	m, at := &f.Measures[i], p.field("measures").item(i)
	for j := range i {
		if o := &f.Measures[j]; o.Indicator == m.Indicator && m.Indicator != "" && !apart(o.When, m.When) && !at.field("when").broken {
			v.bad(at, m.Indicator, "one row could give the indicator twice", fmt.Sprintf("the other is in line %d; give both a when on one column with different values, or remove one", p.field("measures").item(j).line))
			break
		}
	}
	if !v.refers(at.field("indicator"), "indicator", m.Indicator, v.indicators) {
		return
	}
	in := v.indicatorOf[m.Indicator]
	if in.Registry != f.Registry && !p.field("registry").broken {
		v.bad(at.field("indicator"), m.Indicator, "the indicator belongs to the registry "+in.Registry+", the feed to "+f.Registry, "")
	}
	given := map[string]string{"numerator": m.Numerator, "denominator": m.Denominator, "value": m.Value, "expected": m.Expected, "rate": m.Rate}
	needs, useless := in.Type.needs()
	for _, key := range needs {
		if given[key] == "" && !at.field(key).broken {
			v.bad(at, m.Indicator, "a "+string(in.Type)+" needs "+key, "name its column, or a constant as \"=1\"")
		}
	}
	for _, key := range useless {
		if given[key] != "" {
			v.bad(at.field(key), given[key], "a "+string(in.Type)+" has no use for "+key, "remove it, or correct the indicator's type")
		}
	}
	v.dates(f, in, at.field("indicator"), p)
}

// dates holds that the feed's dates are fine enough for the indicator.
func (v *validator) dates(f *Feed, in *Indicator, at, p *place) {
	if told := periodsOf(f.Dialect.Dates); told != nil && !slices.Contains(told, string(in.Period)) && !at.broken {
		v.bad(at, in.ID, "the period is a "+string(in.Period)+", which dates of the form "+f.Dialect.Dates+" do not tell", "they tell "+strings.Join(told, ", "))
	}
	if reg := p.field("columns").field("registration_date"); in.PeriodBy == "registration_date" && f.Columns.RegistrationDate == "" && !reg.broken && !at.broken {
		v.bad(at, in.ID, "the indicator is by registration date, which the feed does not have", "add columns.registration_date, or change period_by")
	}
}

// longFeed checks a long feed against the indicators of its registry, if it
// is the only feed that could bring them.
func (v *validator) longFeed(f *Feed, p *place) {
	cols := p.field("columns")
	if cols.broken {
		return
	}
	c := &f.Columns
	given := map[string]string{"numerator": c.Numerator, "denominator": c.Denominator, "value": c.Value, "expected": c.Expected}
	for i := range v.c.Feeds {
		if o := &v.c.Feeds[i]; o.ID != f.ID && o.Registry == f.Registry {
			return
		}
	}
	for i := range v.c.Indicators {
		in := &v.c.Indicators[i]
		if in.Registry != f.Registry {
			continue
		}
		needs, _ := in.Type.needs()
		for _, key := range needs {
			if given[key] == "" && !cols.field(key).broken {
				v.bad(cols, in.ID, "a "+string(in.Type)+" needs "+key, "map it: the feed is the only one of its registry")
			}
		}
		at := &place{file: cols.file, line: cols.line, col: cols.col, path: cols.path}
		v.dates(f, in, at, p)
	}
}

// apart reports whether no row can meet both conditions.
func apart(a, b *When) bool {
	if a == nil || b == nil || a.Column != b.Column {
		return false
	}
	return !slices.ContainsFunc(a.In, func(x string) bool { return slices.Contains(b.In, x) })
}

func (v *validator) persons() {
	tokens := ids{}
	for i, person := range v.c.People {
		p := v.list("people").item(i)
		for j, r := range person.Roles {
			role := p.field("roles").item(j)
			for k, u := range r.Units {
				v.refers(role.field("units").item(k), "unit", u, v.units)
			}
			for k, reg := range r.Registries {
				v.refers(role.field("registries").item(k), "registry", reg, v.registries)
			}
		}
		if at := p.field("token_sha256"); person.TokenSHA256 != "" && !at.broken {
			if first, ok := tokens[person.TokenSHA256]; ok {
				v.bad(at, "", "two people must not have one token", "the other is at "+first.String()+"; give each a token of their own")
			}
			tokens[person.TokenSHA256] = at
		}
	}
	for i, f := range v.c.Feeds {
		for j, sum := range f.UploadTokens {
			at := v.list("feeds").item(i).field("upload_tokens").item(j)
			if at.broken {
				continue
			}
			if first, ok := tokens[sum]; ok {
				v.bad(at, "", "an upload token must be of one feed and of nobody", "the other is at "+first.String()+"; make one for each with larstrom token")
			}
			tokens[sum] = at
		}
	}
}
