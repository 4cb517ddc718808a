package attack

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"
)

// System is a set of equations over whole numbers of at least 0: in each row
// sum(plus) − sum(minus) = 0. The zero value is no system; see New.
type System struct {
	index map[string]int
	names []string
	low   []float64
	high  []float64
	plus  [][]int
	minus [][]int
}

// New is a system without equations.
func New() *System { return &System{index: map[string]int{}} }

// Variable is the number of the unknown count of that name, at least 0.
func (s *System) Variable(name string) int {
	if i, ok := s.index[name]; ok {
		return i
	}
	s.index[name] = len(s.names)
	s.names = append(s.names, name)
	s.low, s.high = append(s.low, 0), append(s.high, math.Inf(1))
	return len(s.names) - 1
}

// Know says what a count is.
func (s *System) Know(i int, v float64) { s.low[i], s.high[i] = v, v }

// Range is what is known of a count by now.
func (s *System) Range(i int) (low, high float64) { return s.low[i], s.high[i] }

// Equal says that two sums of counts are equal.
func (s *System) Equal(plus, minus []int) {
	s.plus, s.minus = append(s.plus, plus), append(s.minus, minus)
}

// Propagate narrows the bounds until none moves: every term of an equation lies
// within what the others leave of it.
func (s *System) Propagate() {
	for range 200 {
		moved := false
		narrow := func(terms, others []int, k int) {
			low, high := 0.0, 0.0 // of others − terms without k
			for _, j := range others {
				low, high = low+s.low[j], high+s.high[j]
			}
			for i, j := range terms {
				if i != k {
					low, high = low-s.high[j], high-s.low[j]
				}
			}
			j := terms[k]
			if low > s.low[j] {
				s.low[j], moved = low, true
			}
			if high < s.high[j] {
				s.high[j], moved = high, true
			}
		}
		for r := range s.plus {
			for k := range s.plus[r] {
				narrow(s.plus[r], s.minus[r], k)
			}
			for k := range s.minus[r] {
				narrow(s.minus[r], s.plus[r], k)
			}
		}
		if !moved {
			return
		}
	}
}

// Bounds are the least and the most that a variable can be by linear programming
// over all equations at once; known variables are put in as numbers.
func (s *System) Bounds(target int) (low, high float64, err error) {
	free := []int{}
	at := map[int]int{}
	for i := range s.names {
		if s.low[i] != s.high[i] {
			at[i] = len(free)
			free = append(free, i)
		}
	}
	if _, ok := at[target]; !ok {
		return s.low[target], s.high[target], nil
	}
	n := len(free)
	var rows [][]float64
	for r := range s.plus {
		row := make([]float64, n+1)
		for _, side := range []struct {
			terms []int
			sign  float64
		}{{s.plus[r], 1}, {s.minus[r], -1}} {
			for _, j := range side.terms {
				if k, ok := at[j]; ok {
					row[k] += side.sign
				} else {
					row[n] -= side.sign * s.low[j]
				}
			}
		}
		rows = append(rows, row)
	}
	rows = independent(rows, n)
	if len(rows) == 0 {
		return 0, math.Inf(1), nil
	}
	a, b := mat.NewDense(len(rows), n, nil), make([]float64, len(rows))
	for i, row := range rows {
		a.SetRow(i, row[:n])
		b[i] = row[n]
	}
	// Columns of nothing are free of every equation.
	used := false
	for _, row := range rows {
		used = used || row[at[target]] != 0
	}
	if !used {
		return 0, math.Inf(1), nil
	}
	if low, err = extreme(a, b, at[target], 1); err != nil {
		return 0, 0, err
	}
	high, err = extreme(a, b, at[target], -1)
	return low, high, err
}

func extreme(a *mat.Dense, b []float64, target int, sign float64) (float64, error) {
	r, n := a.Dims()
	keep, col := []int{}, 0
	for j := range n {
		zero := true
		for i := range r {
			zero = zero && a.At(i, j) == 0
		}
		if !zero {
			if j == target {
				col = len(keep)
			}
			keep = append(keep, j)
		}
	}
	m := mat.NewDense(r, len(keep), nil)
	for k, j := range keep {
		for i := range r {
			m.Set(i, k, a.At(i, j))
		}
	}
	c := make([]float64, len(keep))
	c[col] = sign
	if r == len(keep) { // one solution
		var x mat.VecDense
		if err := x.SolveVec(m, mat.NewVecDense(r, b)); err != nil {
			return 0, fmt.Errorf("attack: %w", err)
		}
		return math.Round(x.AtVec(col)), nil
	}
	v, _, err := lp.Simplex(c, m, b, 1e-9, nil)
	switch {
	case errors.Is(err, lp.ErrUnbounded):
		return math.Inf(int(-sign)), nil
	case err != nil:
		return 0, fmt.Errorf("attack: linear programme of %d rows and %d columns: %w", r, len(keep), err)
	}
	return math.Round(v * sign), nil
}

// independent reduces rows to as many as the rank, each with a positive right
// side.
func independent(rows [][]float64, n int) [][]float64 {
	var out [][]float64
	for col := 0; col < n; col++ {
		pivot := -1
		for i, r := range rows {
			if math.Abs(r[col]) > 1e-9 && (pivot < 0 || math.Abs(r[col]) > math.Abs(rows[pivot][col])) {
				pivot = i
			}
		}
		if pivot < 0 {
			continue
		}
		p := rows[pivot]
		rows = slices.Delete(rows, pivot, pivot+1)
		for _, set := range [][][]float64{rows, out} {
			for _, r := range set {
				if f := r[col] / p[col]; f != 0 {
					for k := range r {
						if r[k] -= f * p[k]; math.Abs(r[k]) < 1e-9 {
							r[k] = 0
						}
					}
				}
			}
		}
		out = append(out, p)
	}
	for _, r := range out {
		if r[n] < 0 {
			for k := range r {
				r[k] = -r[k]
			}
		}
	}
	return out
}
