package introduction_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/introduction"
)

func rows(t *rapid.T) []introduction.Row {
	var out []introduction.Row
	for i := range rapid.IntRange(2, 120).Draw(t, "rows") {
		out = append(out, introduction.Row{Delivery: rapid.SampledFrom([]string{"d1", "d2"}).Draw(t, "delivery"), Line: uint64(i + 2),
			Unit: rapid.SampledFrom([]string{"E", "F", "G"}).Draw(t, "unit"), Stratum: rapid.SampledFrom([]string{"", "f"}).Draw(t, "stratum"),
			Inside: rapid.IntRange(0, 2).Draw(t, "inside") > 0})
	}
	return out
}

// The same seed and rows give the same sample in any order of the rows; every
// case is one of the rows, once, from its side, and spread over the strata.
func TestDraw(t *testing.T) {
	drawn := 0
	rapid.Check(t, func(t *rapid.T) {
		all := rows(t)
		n, m := rapid.IntRange(1, 12).Draw(t, "n"), rapid.IntRange(1, 12).Draw(t, "m")
		s, err := introduction.Draw(all, "seed", n, m)
		sides := map[bool]int{}
		strata := map[introduction.Row]int{} // by side, unit and stratum
		for _, r := range all {
			sides[r.Inside]++
			strata[introduction.Row{Unit: r.Unit, Stratum: r.Stratum, Inside: r.Inside}]++
		}
		if short := sides[true] < n || sides[false] < m; short != (err != nil) || err != nil && !errors.Is(err, introduction.ErrRows) {
			t.Fatalf("%d and %d of %v: %v", n, m, sides, err)
		} else if short {
			return
		}
		drawn++
		again, err := introduction.Draw(rapid.Permutation(all).Draw(t, "order"), "seed", n, m)
		if err != nil || again.Digest() != s.Digest() {
			t.Fatalf("drawn again: %v", err)
		}
		if len(s.Inside) != n || len(s.Outside) != m {
			t.Fatalf("%d and %d cases", len(s.Inside), len(s.Outside))
		}
		for inside, side := range map[bool][]introduction.Row{true: s.Inside, false: s.Outside} {
			got := map[introduction.Row]int{}
			seen := map[introduction.Row]bool{}
			for _, r := range side {
				if r.Inside != inside || !slices.Contains(all, r) || seen[r] {
					t.Fatalf("%+v is on the wrong side, invented or there twice", r)
				}
				seen[r] = true
				got[introduction.Row{Unit: r.Unit, Stratum: r.Stratum, Inside: r.Inside}]++
			}
			kinds := 0
			for k := range strata {
				if k.Inside == inside {
					kinds++
				}
			}
			for k, size := range strata {
				if k.Inside != inside {
					continue
				}
				share := float64(len(side)) * float64(size) / float64(sides[inside])
				if len(side) >= kinds && got[k] == 0 {
					t.Fatalf("no case of stratum %+v", k)
				}
				if float64(got[k]) > share+2 || got[k] > size {
					t.Fatalf("%d cases of stratum %+v, whose share is %.2f of %d", got[k], k, share, size)
				}
			}
		}
	})
	if drawn == 0 {
		t.Error("nothing was drawn")
	}
}

// Every case has the same chance, over the seeds.
func TestSeedsDiffer(t *testing.T) {
	var all []introduction.Row
	for i := range 40 {
		all = append(all, introduction.Row{Delivery: "d", Line: uint64(i), Unit: "E", Inside: i%2 == 0})
	}
	times := map[uint64]int{}
	for seed := range 2000 {
		s, err := introduction.Draw(all, fmt.Sprint(seed), 5, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range append(s.Inside, s.Outside...) {
			times[r.Line]++
		}
	}
	for line, n := range times { // 500 expected, standard deviation 19
		if n < 400 || n > 600 {
			t.Errorf("line %d was drawn %d times in 2000", line, n)
		}
	}
	if _, err := introduction.Draw(append(all, all[0]), "1", 5, 5); !errors.Is(err, introduction.ErrRows) {
		t.Errorf("a row that is there twice: %v", err)
	}
	for _, c := range []struct {
		seed string
		n, m int
	}{{"", 1, 1}, {"1", 0, 1}, {"1", 1, 0}} {
		if _, err := introduction.Draw(all, c.seed, c.n, c.m); !errors.Is(err, introduction.ErrRows) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for atLeast, want := range map[float64]int{0.5: 4, 0.72: 10, 0.9: 35, 0.95: 73} {
		n, err := introduction.SizeToShow(atLeast)
		low, _ := introduction.Interval(n, n)
		before, _ := introduction.Interval(n-1, n-1)
		if err != nil || n != want || low < atLeast || before >= atLeast {
			t.Errorf("to show %v: %d (lower bound %v, with one less %v), %v; want %d", atLeast, n, low, before, err, want)
		}
	}
	for _, c := range []struct{ expected, within float64 }{{0.95, 0.05}, {0.5, 0.1}, {1, 0.02}, {0.9, 0.03}} {
		n, err := introduction.SizeToEstimate(c.expected, c.within)
		if err != nil {
			t.Fatal(err)
		}
		half := func(n int) float64 {
			p, z := c.expected, introduction.Z
			return z / (1 + z*z/float64(n)) * math.Sqrt(p*(1-p)/float64(n)+z*z/(4*float64(n)*float64(n)))
		}
		if c.expected < 1 && (half(n) > c.within+1e-12 || half(n-1) <= c.within) {
			t.Errorf("%+v: %d cases give plus or minus %v, one less %v", c, n, half(n), half(n-1))
		}
	}
	for _, bad := range []float64{0, 1, -1, math.NaN()} {
		if _, err := introduction.SizeToShow(bad); err == nil {
			t.Errorf("to show %v", bad)
		}
		if _, err := introduction.SizeToEstimate(0.9, bad); err == nil {
			t.Errorf("within %v", bad)
		}
	}
}

// Ten of ten is a smoke check, and says so.
func TestLevel(t *testing.T) {
	low, high := introduction.Interval(10, 10)
	if math.Abs(low-0.7225) > 1e-4 || high != 1 {
		t.Errorf("ten of ten: %v to %v", low, high)
	}
	for _, c := range []struct {
		in, out int
		want    string
	}{{10, 10, introduction.IsSmokeCheck}, {35, 34, introduction.IsSmokeCheck}, {35, 35, introduction.IsSample}, {0, 0, introduction.IsSmokeCheck}} {
		if got := introduction.Level(c.in, c.out); got != c.want {
			t.Errorf("%d and %d: %s", c.in, c.out, got)
		}
	}
}

// TestSharesOfStrata: each stratum has its part by largest remainders, ties to the
// earlier; one case at least while the number reaches, and never more than it has.
func TestSharesOfStrata(t *testing.T) {
	for _, c := range []struct{ sizes, want []int }{
		{[]int{50, 30, 20}, []int{4, 2, 1}},
		{[]int{45, 35, 20}, []int{3, 3, 1}},
		{[]int{30, 30, 40}, []int{2, 2, 3}},
		{[]int{35, 35, 70}, []int{2, 2, 3}},
		{[]int{25, 25, 20}, []int{3, 2, 2}},
		{[]int{98, 1, 1}, []int{5, 1, 1}},
		{[]int{3, 2, 2}, []int{3, 2, 2}},
		{[]int{1, 1, 1, 1, 1, 1, 1, 1, 1}, []int{1, 1, 1, 1, 1, 1, 1, 0, 0}},
	} {
		var rows []introduction.Row
		for i, n := range c.sizes {
			for line := range n {
				rows = append(rows, introduction.Row{Delivery: "d", Line: uint64(1000*i + line + 2), Unit: fmt.Sprint(i), Inside: true})
			}
		}
		rows = append(rows, introduction.Row{Delivery: "d", Line: 9999, Unit: "0"})
		sample, err := introduction.Draw(rows, "7", 7, 1)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]int, len(c.sizes))
		for _, r := range sample.Inside {
			i, err := strconv.Atoi(r.Unit)
			if err != nil {
				t.Fatal(err)
			}
			got[i]++
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("of strata of %v seven are drawn as %v, want %v", c.sizes, got, c.want)
		}
	}
}
