package faithful

import (
	"fmt"
	"slices"
)

// runcharter: run charts that re-base themselves.

type sustainedInput struct {
	Group     []string `json:"group"`
	Date      []string `json:"date"`
	Y         vec      `json:"y"`
	MedRows   int      `json:"med_rows"`
	RunLength int      `json:"runlength"`
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
	if in.MedRows < 1 || in.RunLength < 1 {
		return nil, fmt.Errorf("med_rows %d and runlength %d must be positive", in.MedRows, in.RunLength)
	}
	names, rows := groups(in.Group)
	var all []segment
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
		if len(r) < in.MedRows {
			continue
		}
		all = append(all, in.segments(g, r)...)
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

func (in *sustainedInput) segments(g string, r []int) []segment {
	values := func(idx []int) []float64 {
		var v []float64
		for _, i := range idx {
			v = append(v, in.Y[i])
		}
		return v
	}
	last := in.Date[r[len(r)-1]]
	out := []segment{{
		group: g, kind: "baseline", median: median(values(r[:in.MedRows])),
		start: in.Date[r[0]], end: in.Date[r[in.MedRows-1]], extend: last,
	}}
	m := out[0].median
	var run []int
	side := 0
	for _, i := range r[in.MedRows:] {
		s := 0
		switch {
		case in.Y[i] > m && in.Direction != "below":
			s = 1
		case in.Y[i] < m && in.Direction != "above":
			s = -1
		case in.Y[i] == m:
			continue // on the median: neither breaks nor extends
		}
		if s == 0 || s != side {
			run = run[:0]
		}
		side = s
		if s == 0 {
			continue
		}
		run = append(run, i)
		if len(run) == in.RunLength {
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
