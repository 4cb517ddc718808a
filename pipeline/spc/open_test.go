package spc_test

import (
	"testing"

	"larstrom/pipeline/spc"
)

// A baseline window that is not over keeps its limits provisional, however many
// values it has; one that is over is frozen, however few.
func TestOpenBaselineIsProvisional(t *testing.T) {
	s := spc.Series{}
	for i := range 40 {
		s.Num, s.Den, s.States = append(s.Num, float64(40+i*7%11)), append(s.Den, 100), append(s.States, spc.StateValue)
	}
	for _, c := range []struct {
		phase spc.Phase
		want  spc.Stage
	}{
		{spc.Phase{BaselineFrom: 2, BaselineTo: 39, BaselineOpen: true}, spc.StageProvisional},
		{spc.Phase{BaselineFrom: 2, BaselineTo: 39}, spc.StageFrozen},
		{spc.Phase{BaselineFrom: 20, BaselineTo: 33}, spc.StageFrozen},
		{spc.Phase{BaselineFrom: 35, BaselineTo: 39, BaselineOpen: true}, spc.StageRun},
		{spc.Phase{}, spc.StageFrozen},
	} {
		chart, err := spc.Choose(s, spc.Options{Measure: spc.Proportion}, spc.Plan{Phases: []spc.Phase{c.phase}})
		if err != nil {
			t.Fatal(err)
		}
		if got := chart.Parts[0].Stage; got != c.want {
			t.Errorf("%+v: %s, want %s", c.phase, got, c.want)
		}
	}
}
