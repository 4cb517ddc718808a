package quality

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// Causes that an incident may have.
const (
	CauseMoved     = "merge_or_split"
	CauseStale     = "stale_copy"
	CauseSilent    = "silent_unit"
	CauseCommon    = "common_mode"
	CauseDelivery  = "delivery"
	CauseRestated  = "restated"
	CauseFeed      = "feed"      // one check, one feed, its indicators
	CauseUnit      = "unit"      // one check, one unit, several indicators
	CauseCheck     = "indicator" // one check, one indicator, several units
	CauseExplained = "explained" // one explains the others
	CauseBudget    = "budget"    // more questions than a steward can answer in a day
)

// Incident is flags with one likely cause, to be decided together. Each keeps
// its own event.
type Incident struct {
	// ID depends on the cause, its target and the as-of date alone.
	ID     string
	Cause  string
	Region string
	AsOf   catalog.Date
	// Check, Indicator and Unit are those that the flags share; empty: several.
	Check, Indicator, Unit string
	// Severity is the gravest of the flags'.
	Severity event.Severity
	Text     string
	// Flags are the ids of the flags that ask, Children those of findings that
	// they explain; both sorted.
	Flags, Children []string
}

// ofFeed begins the cause of what was found about a feed.
const ofFeed = "feed "

// manyUnits is how many units of a registry may be asked about their history one
// by one.
const manyUnits = 10

// several is how many findings of one check make an incident of what they
// share.
const several = 3

// foldIncidents gives findings with one cause the name of their incident.
// Beside are by finding those in whose incident they are; see mergeGuards.
func foldIncidents(n *Night, all []Finding, beside map[int]int) []Incident {
	groups := map[[2]string][]int{} // cause and target
	taken := make([]bool, len(all))
	group := func(cause, target string, i int) {
		groups[[2]string{cause, target}] = append(groups[[2]string{cause, target}], i)
		taken[i] = true
	}
	for i := range beside {
		taken[i] = true
	}
	for registry, list := range n.ofDelivery(all) {
		for _, i := range list {
			group(CauseDelivery, registry, i)
		}
	}
	odd := n.oddPeriods(all)
	for i := range all {
		f := &all[i]
		if !f.Raises() || f.Status != Flagged {
			continue
		}
		if taken[i] {
			continue
		}
		if f.cause == ofGap { // one history, one question
			group(CauseFeed, ofGap+" "+n.registry(f), i)
			continue
		}
		if f.Unit != "" && f.ofPeriod() {
			// What is odd in a unit's history is one question; where several
			// units are odd in one period it is the export's, and where many
			// are at any time it is the history's.
			registry := n.registry(f)
			units := odd[[2]string{registry, ""}]
			switch {
			case len(odd[[2]string{registry, f.Period.String()}]) >= several:
				group(CauseFeed, "volume "+registry+" "+f.Period.String(), i)
			case len(units) > manyUnits:
				group(CauseFeed, "volume "+registry, i)
			case units[f.Unit] > 1:
				group(CauseUnit, "volume "+registry+" "+f.Unit, i)
			}
			continue
		}
		switch f.Check {
		case "X06":
			group(CauseMoved, f.Unit, i)
		case "T08":
			if registry := n.registry(f); len(odd[[2]string{"T08 " + registry, f.Period.String()}]) >= several {
				group(CauseStale, registry+" "+f.Period.String(), i) // the export is
				continue
			}
			group(CauseStale, cmp.Or(f.Unit, f.cause), i)
		case "K01":
			group(CauseSilent, f.Unit, i)
		case "T06":
			group(CauseCommon, f.cause, i)
		case "T01", "K13", "L03":
			group(CauseDelivery, f.Check, i)
		case "K11":
			group(CauseRestated, f.Check, i)
		case "C06", "C09", "C10", "P03":
			group(CauseDelivery, f.Check+" "+n.registry(f), i)
		case "K03", "K08": // what a registry's fields and months are like
			group(CauseFeed, f.Check+" "+n.registry(f), i)
		case "C11", "C12": // changed places show as either
			group(CauseDelivery, "C11 "+n.registry(f), i)
		default:
			if strings.HasPrefix(f.cause, ofFeed) {
				group(CauseFeed, f.Check+" "+f.cause, i)
			}
		}
	}
	for _, by := range []struct {
		cause  string
		target func(*Finding) string
		member func(*Finding) string
	}{
		{CauseUnit, func(f *Finding) string { return f.Unit }, func(f *Finding) string { return f.Indicator }},
		{CauseCheck, func(f *Finding) string { return f.Indicator }, func(f *Finding) string { return f.Unit }},
	} {
		candidates := map[string][]int{}
		for i := range all {
			f := &all[i]
			if f.Raises() && !taken[i] && by.target(f) != "" {
				key := f.Check + " " + string(f.Status) + " " + by.target(f)
				candidates[key] = append(candidates[key], i)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(candidates)) {
			members := map[string]bool{}
			for _, i := range candidates[key] {
				members[by.member(&all[i])] = true
			}
			if len(members) >= several {
				for _, i := range candidates[key] {
					group(by.cause, key, i)
				}
			}
		}
	}
	for _, i := range overBudget(n, all, taken, len(groups)) {
		group(CauseBudget, "", i)
	}
	join(groups, beside)
	var out []Incident
	of := map[string]int{} // incident of a flag
	for _, key := range slices.SortedFunc(maps.Keys(groups), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		list := groups[key]
		if len(list) < 2 && (key[0] == CauseRestated || key[0] == CauseDelivery || key[0] == CauseFeed || key[0] == CauseUnit) {
			continue
		}
		inc := Incident{ID: incidentID(n, key), Cause: key[0], Region: n.Region, AsOf: n.AsOf}
		first := &all[list[0]]
		inc.Check, inc.Indicator, inc.Unit = first.Check, first.Indicator, first.Unit
		for _, i := range list {
			f := &all[i]
			f.Incident = inc.ID
			id := FlagID(*f)
			of[id] = len(out)
			inc.Flags = append(inc.Flags, id)
			if severityRank(f.Severity) > severityRank(inc.Severity) {
				inc.Severity = f.Severity
			}
			if f.Indicator != inc.Indicator {
				inc.Indicator = ""
			}
			if f.Unit != inc.Unit {
				inc.Unit = ""
			}
		}
		inc.Text = first.Text
		if len(list) > 1 {
			inc.Text = fmt.Sprintf("%d flags with one likely cause. The first: %s", len(list), first.Text)
		}
		out = append(out, inc)
	}
	for i := range all {
		f := &all[i]
		if f.FoldedInto == "" || f.Status != Flagged {
			continue
		}
		if at, ok := of[f.FoldedInto]; ok {
			f.Incident = out[at].ID
			out[at].Children = append(out[at].Children, FlagID(*f))
		}
	}
	for i := range out {
		slices.Sort(out[i].Flags)
		slices.Sort(out[i].Children)
	}
	slices.SortFunc(out, func(a, b Incident) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// oddPeriods are by registry and period the units of which the volume is odd
// then, with how many findings, and without a period those of all; behind T08
// those that repeat an earlier period.
func (n *Night) oddPeriods(all []Finding) map[[2]string]map[string]int {
	out := map[[2]string]map[string]int{}
	for i := range all {
		f := &all[i]
		at := [2]string{n.registry(f), f.Period.String()}
		switch {
		case !f.Raises() || f.Status != Flagged || f.Unit == "" || f.Period.IsZero():
			continue
		case f.Check == "T08":
			at[0] = "T08 " + at[0]
		case !f.ofPeriod():
			continue
		}
		for _, at := range [][2]string{at, {at[0], ""}} {
			if out[at] == nil {
				out[at] = map[string]int{}
			}
			out[at][f.Unit]++
		}
	}
	return out
}

// join puts findings into the groups of those beside which they are; where such
// a one is in none the two are one.
func join(groups map[[2]string][]int, beside map[int]int) {
	at := map[int][2]string{}
	for key, list := range groups {
		for _, i := range list {
			at[i] = key
		}
	}
	for _, i := range slices.Sorted(maps.Keys(beside)) {
		root := beside[i]
		key, ok := at[root]
		if !ok {
			key = [2]string{CauseExplained, fmt.Sprint(root)}
			at[root], groups[key] = key, []int{root}
		}
		groups[key] = append(groups[key], i)
	}
}

// mergeGuards gives every flag the guards of what it explains: one decision
// about it holds or releases all of them. What a flag cannot guard asks for
// itself, in its incident: cells of another indicator, or a graver finding than
// the flag. Beside are those by their places, with the flag that explains them.
// What explains nothing that anybody is asked, because its check only looks on,
// keeps nothing from being asked.
func mergeGuards(all []Finding) (beside map[int]int) {
	byID := map[string]int{}
	for i := range all {
		if all[i].Status == Flagged {
			byID[FlagID(all[i])] = i
		}
	}
	root := func(i int) int {
		for range all {
			at, ok := byID[all[i].FoldedInto]
			if !ok || all[i].FoldedInto == "" {
				break
			}
			i = at
		}
		return i
	}
	into := map[int]int{}
	beside = map[int]int{}
	for i := range all {
		if all[i].FoldedInto != "" {
			into[i] = root(i)
		}
	}
	for _, i := range slices.Sorted(maps.Keys(into)) {
		at := into[i]
		f, r := &all[i], &all[at]
		holds := f.Severity == event.Hold || f.Severity == event.Block
		switch {
		case at == i || f.Indicator == "":
		case !r.Raises():
			f.FoldedInto = ""
			delete(into, i)
		case !holds || len(f.Guards) == 0:
		case r.Indicator != f.Indicator || severityRank(f.Severity) > severityRank(r.Severity):
			f.FoldedInto = ""
			delete(into, i)
			if f.Raises() {
				beside[i] = at
			}
		default:
			r.Guards = append(r.Guards, f.Guards...)
		}
	}
	for _, at := range into {
		all[at].Guards = sortedGuards(all[at].Guards)
	}
	for i, at := range into {
		if at != i {
			all[i].FoldedInto = FlagID(all[at])
		}
	}
	return beside
}

// partOfUnits is the share of a registry's units from which what is missing of
// them has one cause: the file.
const partOfUnits = 0.2

// ofDelivery are by registry the findings about missing records, where they are
// about so many units at once that a part of the export itself is missing.
func (n *Night) ofDelivery(all []Finding) map[string][]int {
	found, units := map[string][]int{}, map[string]map[string]bool{}
	for i := range all {
		f := &all[i]
		if !f.Raises() || f.Status != Flagged || f.Unit == "" || !slices.Contains([]string{"K01", "K09", "K11", "T04"}, f.Check) {
			continue
		}
		registry := n.byID[f.Indicator].Indicator.Registry
		if units[registry] == nil {
			units[registry] = map[string]bool{}
		}
		units[registry][f.Unit] = true
		found[registry] = append(found[registry], i)
	}
	for registry := range found {
		has := map[string]bool{}
		for i := range n.Inputs {
			if n.Inputs[i].Indicator.Registry != registry {
				continue
			}
			for j := range n.Inputs[i].Series {
				has[n.Inputs[i].Series[j].Unit] = true
			}
		}
		if k := len(units[registry]); k < several || float64(k) < partOfUnits*float64(len(has)) {
			delete(found, registry)
		}
	}
	return found
}

// registry is that of a finding's indicator: what makes the rows of one export
// wrong in several units or indicators is one mistake.
func (n *Night) registry(f *Finding) string {
	if in := n.byID[f.Indicator]; in != nil {
		return in.Indicator.Registry
	}
	return ""
}

// budget is how many new questions a region steward is asked in one night.
const budget = 20

// overBudget are the flags without an incident that are too many for one night,
// given how many incidents there are: all but those with the largest expected
// impact. A BLOCK is always a question of its own.
func overBudget(n *Night, all []Finding, taken []bool, incidents int) []int {
	var alone []int
	for i := range all {
		if f := &all[i]; f.Raises() && !taken[i] && f.Severity != event.Block {
			alone = append(alone, i)
		}
	}
	room := max(cmp.Or(n.Budget, budget)-incidents, 0)
	if len(alone) <= room {
		return nil
	}
	slices.SortStableFunc(alone, func(a, b int) int {
		return cmp.Or(-cmp.Compare(impact(&all[a]), impact(&all[b])), cmp.Compare(FlagID(all[a]), FlagID(all[b])))
	})
	return alone[room:]
}

// impact is how many records a finding puts in question: a hold before a
// remark, then by the difference from what was expected.
func impact(f *Finding) float64 {
	v := math.Abs(f.Observed - f.Expected)
	if f.Severity == event.Hold {
		v += 1e12
	}
	return v
}

// incidentID names an incident by its cause, target and night.
func incidentID(n *Night, key [2]string) string {
	h := sha256.New()
	for _, s := range []string{"incident", n.Region, n.AsOf.String(), key[0], key[1]} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return "incident-" + hex.EncodeToString(h.Sum(nil)[:10])
}

func severityRank(s event.Severity) int {
	return slices.Index([]event.Severity{event.Info, event.Reject, event.Note, event.Hold, event.Block}, s)
}
