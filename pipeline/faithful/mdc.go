package faithful

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// NHSRplotthedots 0.2.2, "Making Data Count". Points beyond the limits do not
// count as close to them, and the variation icon looks at the last point only.

type mdcInput struct {
	Date      []string        `json:"date"`
	Value     vec             `json:"value"`
	Facet     []string        `json:"facet"`
	Rebase    json.RawMessage `json:"rebase"`
	Target    json.RawMessage `json:"target"`
	Direction string          `json:"improvement_direction"`
	FixAfter  *float64        `json:"fix_after_n_points"`
	Screen    *bool           `json:"screen_outliers"`
}

type mdcPoint struct {
	facet, date                       string
	y                                 float64
	group                             int
	mean, lower, upper, target        float64
	outside, close                    any // bool, or nil where it cannot be said
	side                              int
	trend, twoInThree, shift, isShort bool
	label, kind                       string
}

func mdc(in mdcInput) (object, error) {
	n := len(in.Value)
	cols := map[string]int{"date": len(in.Date)}
	if in.Facet != nil {
		cols["facet"] = len(in.Facet)
	}
	if err := sameLength(n, cols); err != nil {
		return nil, err
	}
	direction := map[string]int{"": 1, "increase": 1, "decrease": -1, "neutral": 0}
	dir, ok := direction[in.Direction]
	if !ok {
		return nil, fmt.Errorf("improvement_direction %q is not known; give increase, decrease or neutral", in.Direction)
	}
	points := make([]mdcPoint, n)
	for i := range points {
		if _, err := time.Parse(time.DateOnly, in.Date[i]); err != nil {
			return nil, fmt.Errorf("date of row %d is %q; give a date as 2026-01-31", i+1, in.Date[i])
		}
		points[i] = mdcPoint{facet: "no facet", date: in.Date[i], y: in.Value[i], target: math.NaN()}
		if in.Facet != nil {
			points[i].facet = in.Facet[i]
		}
	}
	if why, err := in.refused(); err != nil || why != "" {
		if err != nil {
			return nil, err
		}
		return stopped("%s", why), nil
	}
	slices.SortStableFunc(points, func(a, b mdcPoint) int {
		if c := strings.Compare(a.facet, b.facet); c != 0 {
			return c
		}
		return strings.Compare(a.date, b.date)
	})
	for i := 1; i < n; i++ {
		if points[i].facet == points[i-1].facet && points[i].date == points[i-1].date {
			return stopped("duplicate rows found in '%s'", points[i].date), nil
		}
	}
	var icons []object
	for lo := 0; lo < n; {
		hi := lo + 1
		for hi < n && points[hi].facet == points[lo].facet {
			hi++
		}
		facet := points[lo:hi]
		dates, err := perFacet[[]string](in.Rebase, facet[0].facet)
		if err != nil {
			return nil, fmt.Errorf("rebase: %w", err)
		}
		target, err := perFacet[*float64](in.Target, facet[0].facet)
		if err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		if !in.facet(facet, dates, target, dir) {
			return stopped("missing value where TRUE/FALSE needed"), nil
		}
		// With targets for some facets only, the others are called inconsistent.
		icons = append(icons, mdcIcons(facet[len(facet)-1], dir, given(in.Target)))
		lo = hi
	}
	return mdcResult(points, icons), nil
}

// refused is why the tool would not take the options, "" where it would. An empty
// object is what the tool's functions give for no arguments: none.
func (in *mdcInput) refused() (string, error) {
	if in.FixAfter != nil && *in.FixAfter < 12 {
		return "fix_after_n_points must be a single numeric that is greater than or equal to 12.", nil
	}
	for _, o := range []struct {
		name  string
		value *json.RawMessage
	}{{"rebase", &in.Rebase}, {"target", &in.Target}} {
		if !given(*o.value) || (*o.value)[0] != '{' {
			continue
		}
		var byFacet map[string]json.RawMessage
		if err := json.Unmarshal(*o.value, &byFacet); err != nil {
			return "", fmt.Errorf("%s: %w", o.name, err)
		}
		if len(byFacet) == 0 {
			*o.value = nil
			continue
		}
		if in.Facet == nil {
			return o.name + " must not be given by facet if facet_field is not set", nil
		}
		for f := range byFacet {
			if !slices.Contains(in.Facet, f) {
				return "options provided to " + o.name + " are not in the facet_field column.", nil
			}
		}
	}
	return "", nil
}

// perFacet reads a value for all facets or an object of values by facet.
func perFacet[T any](raw json.RawMessage, facet string) (value T, err error) {
	if !given(raw) {
		return value, nil
	}
	if raw[0] == '{' {
		var m map[string]T
		if err := json.Unmarshal(raw, &m); err != nil {
			return value, err
		}
		return m[facet], nil
	}
	return value, json.Unmarshal(raw, &value)
}

// facet computes one facet; it is false where the tool stops on missing values.
func (in *mdcInput) facet(pts []mdcPoint, rebase []string, target *float64, dir int) bool {
	group := 0
	for i := range pts {
		if slices.Contains(rebase, pts[i].date) {
			group++
		}
		pts[i].group = group
		if target != nil {
			pts[i].target = *target
		}
	}
	for lo := 0; lo < len(pts); {
		hi := lo + 1
		for hi < len(pts) && pts[hi].group == pts[lo].group {
			hi++
		}
		if mdcStops(pts[lo:hi]) {
			return false
		}
		in.limits(pts[lo:hi])
		mdcRules(pts[lo:hi])
		mdcLabels(pts[lo:hi], dir)
		lo = hi
	}
	return true
}

// mdcStops says whether the tool's search for trends fails: in a window of seven
// with a missing difference whose others, if any, all have one sign and are not 0,
// it cannot tell whether the trend holds, and stops.
func mdcStops(pts []mdcPoint) bool {
	for i := 0; i+7 <= len(pts); i++ {
		up, down, missing := 0, 0, 0
		for j := i + 1; j < i+7; j++ {
			switch d := pts[j].y - pts[j-1].y; {
			case d > 0:
				up++
			case d < 0:
				down++
			case math.IsNaN(d):
				missing++
			}
		}
		if missing > 0 && (up+missing == 6 || down+missing == 6) {
			return true
		}
	}
	return false
}

func (in *mdcInput) limits(pts []mdcPoint) {
	fixed := len(pts)
	if in.FixAfter != nil {
		fixed = min(fixed, int(*in.FixAfter))
	}
	var all, known []float64
	for _, p := range pts[:fixed] {
		all = append(all, p.y)
		if !math.IsNaN(p.y) {
			known = append(known, p.y)
		}
	}
	m := mean(known)
	amr := averageMR(movingRanges(all), in.Screen == nil || *in.Screen, 3.267)
	near := 2 * (2.66 / 3) * amr
	for i := range pts {
		p := &pts[i]
		p.mean, p.lower, p.upper = m, m-2.66*amr, m+2.66*amr
		p.isShort = len(pts) < 13
		switch {
		case p.y > m:
			p.side = 1
		case p.y < m:
			p.side = -1
		}
		if math.IsNaN(p.y) || math.IsNaN(amr) {
			continue
		}
		out := p.y > p.upper || p.y < p.lower
		p.outside = out
		p.close = !out && (p.y > m+near || p.y < m-near)
	}
}

// mdcRules marks all points of every pattern.
func mdcRules(pts []mdcPoint) {
	for i := 0; i+7 <= len(pts); i++ {
		up, down, above := 0, 0, 0
		for j := i; j < i+7; j++ {
			above += pts[j].side
			if j > i {
				d := pts[j].y - pts[j-1].y
				if d > 0 {
					up++
				}
				if d < 0 {
					down++
				}
			}
		}
		for j := i; j < i+7; j++ {
			pts[j].trend = pts[j].trend || up == 6 || down == 6
			pts[j].shift = pts[j].shift || above == 7 || above == -7
		}
	}
	for i := 0; i+3 <= len(pts); i++ {
		side, close := 0, 0
		for j := i; j < i+3; j++ {
			side += pts[j].side
			if pts[j].close == true {
				close++
			}
		}
		if (side == 3 || side == -3) && close >= 2 {
			for j := i; j < i+3; j++ {
				pts[j].twoInThree = pts[j].twoInThree || pts[j].close == true
			}
		}
	}
}

func mdcLabels(pts []mdcPoint, dir int) {
	for i := range pts {
		p := &pts[i]
		sign := p.side
		pick := func(high, low string) string {
			if sign > 0 {
				return high
			}
			return low
		}
		switch {
		case p.outside == true:
			p.label = pick("Above UCL", "Below LCL")
		case p.trend:
			d := 0.0
			if i+1 < len(pts) && pts[i+1].trend {
				d = pts[i+1].y - p.y
			} else if i > 0 {
				d = p.y - pts[i-1].y
			}
			sign = -1
			if d > 0 {
				sign = 1
			}
			p.label = pick("7 Point Trend (Increasing)", "7 Point Trend (Decreasing)")
		case p.twoInThree:
			p.label = pick("2 in 3 Above CL", "2 in 3 Below CL")
		case p.shift:
			p.label = pick("7 Points Above CL", "7 Points Below CL")
		default:
			p.label, p.kind = "Common Cause", "common_cause"
			continue
		}
		switch {
		case dir == 0:
			p.kind = pick("special_cause_neutral_high", "special_cause_neutral_low")
		case sign*dir > 0:
			p.kind = "special_cause_improvement"
		default:
			p.kind = "special_cause_concern"
		}
	}
}

func mdcIcons(last mdcPoint, dir int, anyTarget bool) object {
	variation := map[string]string{
		"common_cause":               "common_cause",
		"special_cause_neutral_high": "neutral_high",
		"special_cause_neutral_low":  "neutral_low",
		"special_cause_improvement":  map[int]string{1: "improvement_high", -1: "improvement_low"}[dir],
		"special_cause_concern":      map[int]string{1: "concern_low", -1: "concern_high"}[dir],
	}[last.kind]
	var icon, kind any
	if dir != 0 && anyTarget {
		verdict := 0
		switch {
		case last.target > last.upper:
			verdict = -dir
		case last.target < last.lower:
			verdict = dir
		}
		icon = map[int]string{1: "pass", 0: "inconsistent", -1: "fail"}[verdict]
		kind = map[int]string{1: "consistent_pass", 0: "inconsistent", -1: "consistent_fail"}[verdict]
	}
	return object{
		{"facet", last.facet}, {"last_point_type", last.kind}, {"variation_icon", variation},
		{"assurance_icon", icon}, {"assurance_type", kind},
	}
}

func mdcResult(points []mdcPoint, icons []object) object {
	column := func(f func(*mdcPoint) any) []any {
		out := make([]any, len(points))
		for i := range points {
			out[i] = f(&points[i])
		}
		return out
	}
	return object{
		{"error", false},
		{"points", object{
			{"facet", column(func(p *mdcPoint) any { return p.facet })},
			{"date", column(func(p *mdcPoint) any { return p.date })},
			{"y", column(func(p *mdcPoint) any { return p.y })},
			{"rebase_group", column(func(p *mdcPoint) any { return p.group })},
			{"mean", column(func(p *mdcPoint) any { return p.mean })},
			{"lpl", column(func(p *mdcPoint) any { return p.lower })},
			{"upl", column(func(p *mdcPoint) any { return p.upper })},
			{"outside_limits", column(func(p *mdcPoint) any { return p.outside })},
			{"close_to_limits", column(func(p *mdcPoint) any { return p.close })},
			{"relative_to_mean", column(func(p *mdcPoint) any {
				return orNull(math.IsNaN(p.y) || math.IsNaN(p.mean), p.side)
			})},
			{"special_cause_type", column(func(p *mdcPoint) any { return p.label })},
			{"special_cause_flag", column(func(p *mdcPoint) any { return p.kind != "common_cause" })},
			{"point_type", column(func(p *mdcPoint) any { return p.kind })},
			{"short_group_warning", column(func(p *mdcPoint) any { return p.isShort })},
			{"target", column(func(p *mdcPoint) any { return p.target })},
		}},
		{"icons", icons},
	}
}
