package cell_test

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/cell"
)

// Two tables of one indicator make the table of the versions of both, whichever
// has which and both have some.
func TestTablesJoined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := anyTableVersions(t)
		var of [2][]cell.Version
		newer := rapid.Bool().Draw(t, "by revision")
		for _, v := range all {
			switch where := rapid.IntRange(0, 2).Draw(t, "where"); {
			case newer && v.Rev < 3 || !newer && where == 0:
				of[0] = append(of[0], v)
			case newer || where == 1:
				of[1] = append(of[1], v)
			default:
				of[0], of[1] = append(of[0], v), append(of[1], v)
			}
		}
		var tables [2]*cell.Table
		var err error
		for i, vs := range of {
			if tables[i], err = cell.TableOf("r", "i", vs); err != nil {
				t.Fatal(err)
			}
		}
		want, err := cell.TableOf("r", "i", all)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tables[0].With(tables[1])
		if err != nil {
			t.Fatal(err)
		}
		if g, w := got.Versions(), want.Versions(); len(g) != len(w) || len(w) > 0 && !reflect.DeepEqual(g, w) {
			t.Fatalf("joined:\n%v\nof all:\n%v", g, w)
		}
		if got.Bytes() != want.Bytes() || got.Series() != want.Series() {
			t.Fatalf("joined it takes %d bytes and has %d series, of all %d and %d", got.Bytes(), got.Series(), want.Bytes(), want.Series())
		}
		if len(of[1]) > 0 {
			other := of[1][0]
			other.Fingerprint[0]++
			lie, err := cell.TableOf("r", "i", []cell.Version{other})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tables[1].With(lie); !errors.Is(err, cell.ErrTable) {
				t.Fatalf("two contents of one revision: %v", err)
			}
		}
		none, err := cell.TableOf("r", "j", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := got.With(none); !errors.Is(err, cell.ErrTable) {
			t.Fatalf("joined with another indicator: %v", err)
		}
	})
}
