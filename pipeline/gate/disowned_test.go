package gate_test

import (
	"testing"

	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

// TestDisowned: of a version that others were shown, only what somebody took back
// goes; what is later or better takes its place at its time.
func TestDisowned(t *testing.T) {
	first := func() *book { return newBook(t).cells("E 1 A").release() }
	for _, c := range []struct {
		name   string
		book   *book
		letter string
		want   bool
	}{
		{"visible", first(), "A", false},
		{"superseded", first().cells("E 1 B").release(), "A", false},
		{"a later version is held", first().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").release(), "A", false},
		{"gone without a question", first().cells("E 1 -").release(), "A", false},
		{"noted", first().raise("f1", "K01", event.Note, "E 1 A").cells("E 1 B").release(), "A", false},
		{"held", first().raise("f1", "K01", event.Hold, "E 1 A"), "A", true},
		{"held, then vouched for", first().raise("f1", "K01", event.Hold, "E 1 A").accept("f1").cells("E 1 B").release(), "A", false},
		{"rejected", first().raise("f1", "K01", event.Hold, "E 1 A").reject("f1").release(), "A", true},
		{"rejected and superseded", first().raise("f1", "K01", event.Hold, "E 1 A").reject("f1").cells("E 1 B").release(), "A", true},
		{"held, and then sent anew", first().raise("f1", "K01", event.Hold, "E 1 A").cells("E 1 B").resolve("f1 resent").release(), "A", true},
		{"sent anew, and then as it was", first().raise("f1", "K01", event.Hold, "E 1 A").cells("E 1 B").resolve("f1 resent").release().
			cells("E 1 A").release(), "A", false},
		{"an acceptance undone", undone(first().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").accept("f1").release()), "B", true},
	} {
		k := key("E", 1)
		if got := c.book.s.Disowned(k, fp(k, c.letter)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		again, err := gate.Fold("nord", "i1", c.book.versions, c.book.events)
		if err != nil {
			t.Fatal(err)
		}
		if got := again.Disowned(k, fp(k, c.letter)); got != c.want {
			t.Errorf("%s, folded again: %v, want %v", c.name, got, c.want)
		}
	}
}

func undone(b *book) *book {
	b.t.Helper()
	return b.decide(gate.Command{Flag: "f1", Kind: gate.Undo, At: b.now}, steward).release()
}
