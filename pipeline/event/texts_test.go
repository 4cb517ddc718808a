package event_test

import (
	"slices"
	"testing"

	"larstrom/pipeline/event"
)

// A column says what its rows were given, holds each text once, and begins anew
// in the same memory.
func TestTexts(t *testing.T) {
	column := event.TextsOf("b", "a", "b", "")
	if got := column.Rows(); !slices.Equal(got, []string{"b", "a", "b", ""}) || !slices.Equal(column.Values, []string{"b", "a", ""}) {
		t.Errorf("rows %q of texts %q", got, column.Values)
	}
	column.Reset()
	column.Add("a")
	column.Add("c")
	if got := column.Rows(); !slices.Equal(got, []string{"a", "c"}) || len(column.Values) != 2 {
		t.Errorf("after Reset rows %q of texts %q", got, column.Values)
	}
}
