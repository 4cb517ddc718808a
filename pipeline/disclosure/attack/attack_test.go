package attack_test

import (
	"math"
	"testing"

	"larstrom/pipeline/disclosure/attack"
)

// TestBounds: a table of two by two of which the margins are known.
func TestBounds(t *testing.T) {
	s := attack.New()
	v := func(name string, known float64) int {
		i := s.Variable(name)
		if known >= 0 {
			s.Know(i, known)
		}
		return i
	}
	a, b, c, d := v("a", -1), v("b", -1), v("c", -1), v("d", -1)
	s.Equal([]int{a, b}, []int{v("first row", 9)})
	s.Equal([]int{c, d}, []int{v("second row", 4)})
	s.Equal([]int{a, c}, []int{v("first column", 7)})
	s.Equal([]int{b, d}, []int{v("second column", 6)})
	free := v("free", -1)
	s.Propagate()
	if low, high := s.Range(a); low != 3 || high != 7 {
		t.Errorf("a is %v to %v by propagation, want 3 to 7", low, high)
	}
	for _, want := range []struct {
		at        int
		low, high float64
	}{{a, 3, 7}, {b, 2, 6}, {c, 0, 4}, {d, 0, 4}, {free, 0, math.Inf(1)}} {
		low, high, err := s.Bounds(want.at)
		if err != nil || low != want.low || high != want.high {
			t.Errorf("%d is %v to %v (%v), want %v to %v", want.at, low, high, err, want.low, want.high)
		}
	}
	if again := s.Variable("a"); again != a {
		t.Errorf("a is another variable: %d", again)
	}
	s.Know(d, 1)
	if low, high, err := s.Bounds(a); err != nil || low != 4 || high != 4 {
		t.Errorf("a is %v to %v (%v) once d is known, want 4", low, high, err)
	}
}
