package spc

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestArrange(t *testing.T) {
	s := Series{Num: []float64{3, 1, 2}, Den: []float64{30, 10, 20}, States: []State{StateValue, StatePreliminary, StateValue}}
	got, index, err := Arrange([]int{7, 4, 5}, s, Proportion, RefuseDuplicates)
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	want := Series{Num: []float64{1, 2, nan, 3}, Den: []float64{10, 20, nan, 30}, States: []State{StatePreliminary, StateValue, StateMissing, StateValue}}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1, 2, -1, 0}, index); diff != "" {
		t.Error(diff)
	}
	if _, _, err := Arrange(nil, Series{}, Rate, RefuseDuplicates); err != nil {
		t.Error(err)
	}
}

func TestArrangeDuplicates(t *testing.T) {
	s := Series{Num: []float64{3, 1, 2}, Den: []float64{30, 10, 20}, States: values(3)}
	var at *PointError
	if _, _, err := Arrange([]int{4, 5, 4}, s, Rate, RefuseDuplicates); !errors.As(err, &at) || at.Point != 2 || !errors.Is(err, ErrSeries) {
		t.Errorf("%v", err)
	}
	got, index, err := Arrange([]int{4, 5, 4}, s, Rate, MergeDuplicates)
	if err != nil || got.Num[0] != 5 || got.Den[0] != 50 || index[0] != 0 {
		t.Errorf("%+v %v %v", got, index, err)
	}
	// Two of 1 and 3 (mean 2, SD sqrt 2) and one of 8: mean 4, SD sqrt 13.
	m := Series{Value: []float64{2, 8}, Den: []float64{2, 1}, SD: []float64{math.Sqrt2, nans(1)[0]}, States: values(2)}
	got, _, err = Arrange([]int{1, 1}, m, Mean, MergeDuplicates)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean", got.Value[0], 4)
	near(t, "SD", got.SD[0], math.Sqrt(13))
	near(t, "n", got.Den[0], 3)
	// The other way round it is the same.
	m = Series{Value: []float64{8, 2}, Den: []float64{1, 2}, SD: []float64{math.NaN(), math.Sqrt2}, States: values(2)}
	got, _, err = Arrange([]int{1, 1}, m, Mean, MergeDuplicates)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean, reversed", got.Value[0], 4)
	near(t, "SD, reversed", got.SD[0], math.Sqrt(13))
	// Events of one day keep their order and stay.
	e := Series{Value: []float64{9, 8, 7}, States: values(3)}
	got, index, err = Arrange([]int{5, 1, 5}, e, TimeBetween, RefuseDuplicates)
	if err != nil || !slices.Equal(got.Value, []float64{8, 9, 7}) || !slices.Equal(index, []int{1, 0, 2}) {
		t.Errorf("%v %v %v", got.Value, index, err)
	}
	for name, tc := range map[string]struct {
		periods []int
		s       Series
	}{
		"states":      {[]int{1, 1}, Series{Num: []float64{1, 2}, Den: []float64{3, 4}, States: []State{StateValue, StatePreliminary}}},
		"no n":        {[]int{1, 1}, Series{Value: []float64{1, 2}, States: values(2)}},
		"ranges":      {[]int{1, 1}, Series{Value: []float64{1, 2}, Den: []float64{3, 4}, Range: []float64{1, 1}, States: values(2)}},
		"nobody":      {[]int{1, 1}, Series{Value: []float64{1, 2}, Den: []float64{0, 0}, States: values(2)}},
		"far":         {[]int{math.MinInt, math.MaxInt}, Series{Value: []float64{1, 2}, States: values(2)}},
		"shape":       {[]int{1}, Series{Value: []float64{1, 2}, States: values(2)}},
		"column":      {[]int{1, 2}, Series{Value: []float64{1}, States: values(2)}},
		"many events": {[]int{1, 2_000_000}, Series{Value: []float64{1, 2}, States: values(2)}},
	} {
		if _, _, err := Arrange(tc.periods, tc.s, Mean, MergeDuplicates); !errors.Is(err, ErrSeries) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Arrange(nil, Series{}, 0, RefuseDuplicates); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
}

// Whatever the order of the entries, the series and its chart are the same.
func TestLawArrangeForgetsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 1)
		n := s.Len()
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		order = rapid.Permutation(order).Draw(t, "order")
		shuffled := Series{Num: make([]float64, n), Den: make([]float64, n), States: make([]State, n)}
		periods := make([]int, n)
		for i, from := range order {
			shuffled.Num[i], shuffled.Den[i], shuffled.States[i], periods[i] = s.Num[from], s.Den[from], s.States[from], from+400
		}
		got, index, err := Arrange(periods, shuffled, Rate, RefuseDuplicates)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Fatal(diff)
		}
		for i, from := range index {
			if order[from] != i {
				t.Fatalf("index %v", index)
			}
		}
	})
}

// Update equals Batch, whatever changed, became longer, or was added.
func TestLawUpdateEqualsBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Measure: Rate, PeriodsPerYear: 12, Multiplier: 100}
		var series []Series
		var plans []Plan
		for range rapid.IntRange(1, 5).Draw(t, "series") {
			series, plans = append(series, drawSeries(t, 1)), append(plans, Plan{})
		}
		join := func() (s Series, starts []int) {
			starts = []int{0}
			for _, one := range series {
				s.Num, s.Den, s.States = append(s.Num, one.Num...), append(s.Den, one.Den...), append(s.States, one.States...)
				starts = append(starts, len(s.States))
			}
			return s, starts
		}
		s, starts := join()
		var updated Charts
		if err := Batch(&updated, s, starts, o, plans); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			var changed []int
			for k := range series {
				switch rapid.IntRange(0, 5).Draw(t, "what") {
				case 0: // a new period
					series[k].Num, series[k].Den = append(slices.Clone(series[k].Num), 7), append(slices.Clone(series[k].Den), 90)
					series[k].States = append(slices.Clone(series[k].States), StateValue)
				case 1: // another series
					series[k], plans[k] = drawSeries(t, 1), Plan{}
				case 2: // a decision
					plans[k] = Plan{Exclude: []int{rapid.IntRange(0, series[k].Len()-1).Draw(t, "exclude")}}
				case 3: // corrections of a series that stays as long
					num := slices.Clone(series[k].Num)
					for i := range num {
						num[i] = float64(rapid.IntRange(0, 40).Draw(t, "num"))
					}
					series[k].Num = num
				default:
					continue
				}
				changed = append(changed, k)
			}
			if rapid.IntRange(0, 3).Draw(t, "more") == 0 {
				changed = append(changed, len(series))
				series, plans = append(series, drawSeries(t, 1)), append(plans, Plan{})
			}
			s, starts = join()
			if err := Update(&updated, s, starts, o, plans, changed); err != nil {
				t.Fatal(err)
			}
			var whole Charts
			if err := Batch(&whole, s, starts, o, plans); err != nil {
				t.Fatal(err)
			}
			for k := range series {
				a, b := whole.At(k), updated.At(k)
				if a.Excluded == nil && b.Excluded != nil && !slices.Contains(b.Excluded, true) {
					b.Excluded = nil
				}
				if diff := cmp.Diff(a, b, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmp.AllowUnexported(Chart{})); diff != "" {
					t.Fatalf("series %d: %s", k, diff)
				}
			}
		}
	})
}

func TestUpdateErrorsAndMemory(t *testing.T) {
	s, starts := region(20, 60, 3)
	o := Options{Measure: Proportion}
	var c Charts
	if err := Batch(&c, s, starts, o, nil); err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(c.UCL)
	longer := slices.Clone(starts)
	longer[3]--
	for name, err := range map[string]error{
		"options": Update(&c, s, starts, Options{Measure: Rate}, nil, nil),
		"fewer":   Update(&c, s.Slice(0, starts[19]), starts[:20], o, nil, nil),
		"order":   Update(&c, s, starts, o, nil, []int{3, 1}),
		"none":    Update(&c, s, starts, o, nil, []int{20}),
		"length":  Update(&c, s, longer, o, nil, nil),
		"measure": Update(&c, s, starts, Options{}, nil, nil),
		"shape":   Update(&c, s, starts[1:], o, nil, nil),
	} {
		if !errors.Is(err, ErrOptions) && !errors.Is(err, ErrSeries) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := Series{Num: slices.Clone(s.Num), Den: s.Den, States: s.States}
	bad.Num[starts[4]], bad.States[starts[4]] = -1, StateValue
	if err := Update(&c, bad, starts, o, nil, []int{4}); !errors.Is(err, ErrSeries) {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff(before, c.UCL, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("an error changed the charts: %s", diff)
	}
	changed := []int{2, 9}
	for range 2 {
		if err := Update(&c, s, starts, o, nil, changed); err != nil {
			t.Fatal(err)
		}
	}
	if got := testing.AllocsPerRun(10, func() {
		if err := Update(&c, s, starts, o, nil, changed); err != nil {
			t.Fatal(err)
		}
	}); got > 0 {
		t.Errorf("%v allocations for a third update", got)
	}
}
