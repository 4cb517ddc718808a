package simulate

import (
	"fmt"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
)

// The groups of units, one a country.
const (
	groupSE = "se"
	groupDK = "dk"
	groupNO = "no"
	groupFI = "fi"
)

// unit is a care unit that reports.
type unit struct {
	catalog.Unit
	group  string
	label  string // its name in files
	vendor string // of its records system
	size   float64
	growth float64 // a year
	// life is when it is open, half-open days.
	from, to int32
	codes    []codeSpan
	key      key
}

type codeSpan struct {
	code     string
	from, to int32
}

const endOfTime = int32(1<<31 - 1)

func (u *unit) open(day int32) bool { return u.from <= day && day < u.to }

// codeAt is the code under which the unit reports an event of that day.
func (u *unit) codeAt(day int32) string {
	for _, c := range u.codes {
		if c.from <= day && day < c.to {
			return c.code
		}
	}
	return u.codes[0].code
}

// groupsOf are the groups that the first n indicators need, in a fixed order.
func groupsOf(n int) []string {
	var out []string
	for _, i := range indicators(n, catalog.Date{}) {
		for _, r := range registries() {
			if r.code == i.Registry && !slices.Contains(out, r.group) {
				out = append(out, r.group)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return groupOrder(a) - groupOrder(b) })
	return out
}

func groupOrder(g string) int { return slices.Index([]string{groupSE, groupDK, groupNO, groupFI}, g) }

// share of a group in the units: most are health centres.
func share(g string) float64 {
	switch g {
	case groupSE:
		return 0.62
	case groupFI:
		return 0.1
	default:
		return 0.14
	}
}

// split divides the units among the groups: at least one each, the rest by
// share, largest remainders first.
func split(units int, groups []string) map[string]int {
	total := 0.0
	for _, g := range groups {
		total += share(g)
	}
	out, left := map[string]int{}, units
	for _, g := range groups {
		out[g] = max(1, int(float64(units)*share(g)/total))
		left -= out[g]
	}
	for ; left > 0; left-- {
		out[groups[0]]++
	}
	for left < 0 {
		for _, g := range groups {
			if out[g] > 1 && left < 0 {
				out[g]--
				left++
			}
		}
	}
	return out
}

// places are invented: the parts of the names are put together.
func places(group string, i int) string {
	parts := map[string][2][]string{
		groupSE: {{"Skärv", "Ulv", "Tran", "Lom", "Vass", "Orr", "Rips", "Säl", "Tärn", "Ålk", "Ärl", "Gäss", "Häger", "Knip", "Mård", "Iller", "Öring", "Harr", "Siv", "Brax"},
			{"mosla", "vinge", "dalsö", "forsby", "hedna", "åbäck", "sundra", "kullen", "nöra", "strömma"}},
		groupDK: {{"Lyng", "Tange", "Klit", "Marsk", "Bøge", "Ravn", "Hvid", "Birke", "Måge", "Ternø"}, {"rupdal", "ørgård", "bækmose", "skovlund", "næshoved", "hedeby"}},
		groupNO: {{"Rein", "Tind", "Skar", "Løk", "Osp", "Jerv", "Rype", "Hegre", "Brim", "Ære"}, {"vassnes", "fjellbu", "dalsøy", "strandmo", "elvås", "bøvika"}},
		groupFI: {{"Pörk", "Sälg", "Hang", "Kök", "Enk", "Tall", "Grynn", "Vårdö", "Brändh", "Långn"}, {"skär", "holma", "näset", "lotsen", "fjärd", "gadden"}},
	}[group]
	a, b := parts[0], parts[1]
	n := len(a) * len(b)
	// Steps that share no factor with the lengths visit every pair.
	name := a[i%len(a)] + b[(i/len(a)+i)%len(b)]
	switch round := i / n; {
	case round == 0:
		return name
	case round < 5 && (group == groupSE || group == groupFI):
		return []string{"", "Norra ", "Södra ", "Östra ", "Västra "}[round] + name
	default:
		return fmt.Sprintf("%s %d", name, round+1)
	}
}

func slug(s string) string {
	return strings.NewReplacer("å", "a", "ä", "a", "ö", "o", "æ", "ae", "ø", "o", " ", "-", "–", "-", "/", "-").Replace(strings.ToLower(s))
}

// UnitEvent is what happened to units within the history; the catalog has it
// too.
type UnitEvent struct {
	// Kind is merged, renamed, opened, closed or continued.
	Kind  string       `json:"kind"`
	Date  catalog.Date `json:"date"`
	Units []string     `json:"units"`
	// Successor carries on the units' work.
	Successor string `json:"successor,omitempty"`
}

// region holds all units.
type region struct {
	fixed   []catalog.Unit // that do not report: region, areas, hospitals
	units   []*unit        // by id within a group
	byGroup map[string][]*unit
	events  []UnitEvent
}

// newRegion draws the units. Their ids do not depend on how many there are, and
// what is drawn for one does not depend on the others; only their fates do.
func newRegion(o Options, s streams, start int32) *region {
	r := &region{byGroup: map[string][]*unit{}}
	r.fixed = append(r.fixed, catalog.Unit{ID: regionCode, Name: catalog.Text{"sv": "Region Havsmark", "nb": "Region Havsmark", "da": "Region Havsmark", "en": "Havsmark Region"}, Kind: "region"})
	groups := groupsOf(o.Indicators)
	counts := split(o.Units, groups)
	for _, g := range groups {
		switch g {
		case groupSE:
			r.centres(o, s, counts[g], start)
		case groupDK:
			r.hospitals(g, counts[g], "dk", "da", "Området Sundland", "Sundland area", []string{"Ortopædkirurgisk afdeling", "Geriatrisk afdeling"})
		case groupNO:
			r.hospitals(g, counts[g], "no", "nb", "Helse Havsmark", "Havsmark health authority", []string{"Slagenheten", "Nevrologisk avdeling"})
		case groupFI:
			r.hospitals(g, counts[g], "fi", "sv", "Skärgårdens välfärdsområde", "Archipelago wellbeing area", []string{"Jouren"})
		}
	}
	for _, g := range groups {
		slices.SortFunc(r.byGroup[g], func(a, b *unit) int { return strings.Compare(a.ID, b.ID) })
		r.units = append(r.units, r.byGroup[g]...)
	}
	for _, u := range r.units {
		u.key = s.key("unit", u.ID)
		d := u.key.at(0)
		u.size *= exp(d.NormFloat64() * o.UnitSizeSD)
		u.growth = o.GrowthMean + o.GrowthSD*d.NormFloat64()
	}
	return r
}

func (r *region) add(u *unit) *unit {
	if u.to == 0 {
		u.to = endOfTime
	}
	r.byGroup[u.group] = append(r.byGroup[u.group], u)
	return u
}

func code(system, code string) []catalog.Code {
	return []catalog.Code{{System: system, Code: code}}
}

func span(code string) []codeSpan { return []codeSpan{{code, -endOfTime, endOfTime}} }

// hospitals adds n departments, and above them hospitals and one area.
func (r *region) hospitals(group string, n int, prefix, lang, area, areaEN string, departments []string) {
	areaID := prefix + "-omr"
	r.fixed = append(r.fixed, catalog.Unit{ID: areaID, Name: catalog.Text{lang: area, "en": areaEN}, Kind: "area", Parents: []catalog.Parent{{Unit: regionCode}}})
	systems := map[string]string{groupDK: "sor", groupNO: "resh", groupFI: "oid"}
	format := map[string]string{groupDK: "9990000000%05d", groupNO: "09%04d", groupFI: "1.2.246.999.20.%d"}
	first := map[string]int{groupDK: 26001, groupNO: 9101, groupFI: 1001}
	hospital := ""
	next := first[group]
	number := func() string {
		c := fmt.Sprintf(format[group], next)
		next++
		return c
	}
	for i := range n {
		name := places(group, i/len(departments))
		sick := map[string]string{groupDK: " Sygehus", groupNO: " sykehus", groupFI: " sjukhus"}[group]
		d := departments[i%len(departments)]
		if i%len(departments) == 0 {
			hospital = prefix + "-" + slug(name)
			r.fixed = append(r.fixed, catalog.Unit{ID: hospital, Name: catalog.Text{lang: name + sick}, Kind: "hospital", Codes: code(systems[group], number()),
				Parents: []catalog.Parent{{Unit: areaID}}})
		}
		c := number()
		kind, size := "department", 1.0
		switch {
		case group == groupFI:
			kind = "clinic"
		case i%2 == 1:
			size = 0.6
		}
		label := d + ", " + name + sick
		r.add(&unit{Unit: catalog.Unit{ID: hospital + "-" + slug(strings.Fields(d)[0]), Name: catalog.Text{lang: label}, Kind: kind, Codes: code(systems[group], c),
			Parents: []catalog.Parent{{Unit: hospital}}}, group: group, label: label, size: size, from: -endOfTime, codes: span(c)})
	}
}

// centres adds health centres in areas of about a dozen, and their fates.
func (r *region) centres(o Options, s streams, n int, start int32) {
	fates := func(share float64) int {
		if o.Months < 9 {
			return 0
		}
		k := int(share*float64(n) + 0.5)
		if k == 0 && n >= 10 && share > 0 {
			k = 1
		}
		return k
	}
	merged, renamed, opened, closed := fates(o.MergedShare), fates(o.RenamedShare), fates(o.OpenedShare), fates(o.ClosedShare)
	base := n - merged // a merger makes one unit more
	areas := max(1, (base+6)/12)
	names := []string{"Norra", "Södra", "Östra", "Västra", "Mellersta"}
	english := []string{"Northern", "Southern", "Eastern", "Western", "Central"}
	for i := range areas {
		sv, en := names[i%5]+" närområdet", english[i%5]+" area"
		if i >= 5 {
			sv, en = fmt.Sprintf("%s %d", sv, i/5+1), fmt.Sprintf("%s %d", en, i/5+1)
		}
		r.fixed = append(r.fixed, catalog.Unit{ID: fmt.Sprintf("omr-%02d", i+1), Name: catalog.Text{"sv": sv, "en": en}, Kind: "area", Parents: []catalog.Parent{{Unit: regionCode}}})
	}
	hsa := func(i int) string { return fmt.Sprintf("SE0000009998-%04X", 0x1A01+3*i) }
	centre := func(id, name string, area string, c string) *unit {
		u := &unit{Unit: catalog.Unit{ID: id, Name: catalog.Text{"sv": "Vårdcentralen " + name}, Kind: "health_centre", Codes: code("hsa", c), Parents: []catalog.Parent{{Unit: area}}},
			group: groupSE, label: "Vårdcentralen " + name, size: 1, from: -endOfTime, codes: span(c)}
		switch v := s.at("vendor", id).Float64(); {
		case v < 0.5:
			u.vendor = "Klarvy"
		case v < 0.87:
			u.vendor = "Novalind"
		default:
			u.vendor = "Mediskog"
		}
		return u
	}
	var all []*unit
	for i := range base {
		name := places(groupSE, i)
		all = append(all, r.add(centre("vc-"+slug(name), name, fmt.Sprintf("omr-%02d", i%areas+1), hsa(i))))
	}
	d := s.at("fates")
	order := d.Perm(base)
	take := func() *unit {
		u := all[order[0]]
		order = order[1:]
		return u
	}
	when := func() catalog.Date { // the first of a month well inside the history
		low, high := 4, o.Months-4
		return catalog.DateOfDays(start).AddMonths(low + d.IntN(max(1, high-low+1)))
	}
	for i := range merged {
		if len(order) < 4 {
			break
		}
		a := take()
		j := slices.IndexFunc(order, func(k int) bool { return all[k].Parents[0].Unit == a.Parents[0].Unit })
		j = max(j, 0)
		b := all[order[j]]
		order = slices.Delete(order, j, j+1)
		at := when()
		na, nb := strings.TrimPrefix(a.label, "Vårdcentralen "), strings.TrimPrefix(b.label, "Vårdcentralen ")
		u := centre("vc-"+slug(na)+"-"+slug(nb), na+"–"+nb, a.Parents[0].Unit, hsa(base+i))
		u.From, u.from, u.size, u.vendor = at, at.Days(), 2, a.vendor
		r.add(u)
		for _, old := range []*unit{a, b} {
			old.To, old.to = at, at.Days()
			old.Successors = []catalog.Successor{{Unit: u.ID, From: at, Policy: "sum", AsOf: "period"}}
		}
		r.events = append(r.events, UnitEvent{Kind: "merged", Date: at, Units: []string{a.ID, b.ID}, Successor: u.ID})
	}
	for i := range renamed {
		if len(order) == 0 {
			break
		}
		u, at := take(), when()
		second := hsa(base + merged + i)
		u.Codes = []catalog.Code{{System: "hsa", Code: u.codes[0].code, To: at}, {System: "hsa", Code: second, From: at}}
		u.codes = []codeSpan{{u.codes[0].code, -endOfTime, at.Days()}, {second, at.Days(), endOfTime}}
		r.events = append(r.events, UnitEvent{Kind: "renamed", Date: at, Units: []string{u.ID}})
	}
	for range opened {
		if len(order) == 0 {
			break
		}
		u, at := take(), when()
		u.From, u.from = at, at.Days()
		r.events = append(r.events, UnitEvent{Kind: "opened", Date: at, Units: []string{u.ID}})
	}
	for range closed {
		if len(order) == 0 {
			break
		}
		u, at := take(), when()
		u.To, u.to = at, at.Days()
		r.events = append(r.events, UnitEvent{Kind: "closed", Date: at, Units: []string{u.ID}})
	}
}
