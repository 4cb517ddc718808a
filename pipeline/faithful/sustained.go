package faithful

import (
	"fmt"
	"math"
	"slices"
)

// runcharter: run charts that re-base themselves.

type sustainedInput struct {
	Group     []string `json:"group"`
	Date      []string `json:"date"`
	Y         vec      `json:"y"`
	MedRows   *float64 `json:"med_rows"`
	RunLength *float64 `json:"runlength"`
	Direction string   `json:"direction"`
}

type segment struct {
	group, start, end, extend, kind string
	median                          float64
	order                           int
}

func sustained(in sustainedInput) (object, error) {
	if err := sameLength(len(in.Y), map[string]int{"group": len(in.Group), "date": len(in.Date)}); err != nil {
		return nil, err
	}
	rows, length := or(in.MedRows, 13), or(in.RunLength, 9)
	if !(rows >= 1 && rows < 1e9 && length >= 1 && length < 1e9) {
		return nil, fmt.Errorf("med_rows %v and runlength %v must be positive", rows, length)
	}
	if !slices.Contains([]string{"above", "below", "both"}, in.Direction) {
		return nil, fmt.Errorf("direction %q is not known; give above, below or both", in.Direction)
	}
	return in.rebase(int(rows), int(length))
}

func (in *sustainedInput) rebase(medRows, runLength int) (object, error) {
	names, rows := groups(in.Group)
	var all []segment
	last, enough := "", false
	for _, g := range names {
		rows[g] = slices.DeleteFunc(rows[g], func(i int) bool { return in.Date[i] == "" })
		for _, i := range rows[g] {
			last = max(last, in.Date[i])
		}
		enough = enough || len(rows[g]) >= medRows+runLength
	}
	if !enough {
		return stopped("None of the groups have enough rows of data beyond the specified baseline period, for the desired runlength."), nil
	}
	for _, g := range names {
		r := rows[g]
		slices.SortStableFunc(r, func(a, b int) int {
			switch {
			case in.Date[a] < in.Date[b]:
				return -1
			case in.Date[a] > in.Date[b]:
				return 1
			}
			return 0
		})
		if len(r) < medRows {
			continue
		}
		all = append(all, in.segments(g, r, medRows, runLength, last)...)
	}
	// The tool lists baselines first, then each group's first shift, and so on.
	slices.SortStableFunc(all, func(a, b segment) int { return a.order - b.order })
	n := len(all)
	group, start, end, extend, kind := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	med := make([]float64, n)
	for i, s := range all {
		group[i], start[i], end[i], extend[i], kind[i], med[i] = s.group, s.start, s.end, s.extend, s.kind, s.median
	}
	return object{
		{"group", group}, {"median", med}, {"start_date", start}, {"end_date", end}, {"extend_to", extend}, {"run_type", kind},
	}, nil
}

// segments follows one group. What comes last extends to the last date of all
// groups, and rows of the date on which a baseline or run ends are passed over.
func (in *sustainedInput) segments(g string, r []int, medRows, runLength int, last string) []segment {
	values := func(idx []int) []float64 {
		var v []float64
		for _, i := range idx {
			v = append(v, in.Y[i])
		}
		return present(v)
	}
	out := []segment{{
		group: g, kind: "baseline", median: median(values(r[:medRows])),
		start: in.Date[r[0]], end: in.Date[r[medRows-1]], extend: last,
	}}
	m := out[0].median
	var run []int
	side := 0
	for _, i := range r[medRows:] {
		if in.Date[i] == out[len(out)-1].end {
			continue
		}
		s := 0
		switch {
		case in.Y[i] > m && in.Direction != "below":
			s = 1
		case in.Y[i] < m && in.Direction != "above":
			s = -1
		case in.Y[i] == m || math.IsNaN(in.Y[i]) || math.IsNaN(m):
			continue // on the median, or missing: neither breaks nor extends
		}
		if s == 0 || s != side {
			run = run[:0]
		}
		side = s
		if s == 0 {
			continue
		}
		run = append(run, i)
		if len(run) == runLength {
			m = median(values(run))
			out[len(out)-1].extend = in.Date[run[0]]
			out = append(out, segment{
				group: g, kind: "sustained", median: m, order: len(out),
				start: in.Date[run[0]], end: in.Date[i], extend: last,
			})
			run, side = run[:0], 0
		}
	}
	return out
}
