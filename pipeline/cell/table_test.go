package cell_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/cell"
)

// anyTableVersions draws versions of one indicator in the order of keys and
// revisions.
func anyTableVersions(t *rapid.T) []cell.Version {
	var out []cell.Version
	for _, unit := range []string{"a", "b", "c"} {
		for _, stratum := range []string{"", "f", "m"} {
			for period := range int32(3) {
				for rev := range uint64(3) {
					if rapid.IntRange(0, 2).Draw(t, "there") > 0 {
						continue
					}
					v := cell.Version{Rev: rev + 1, Key: cell.Key{Region: "r", Registry: "g", Indicator: "i", Version: "1", Granularity: "month",
						Unit: unit, Stratum: stratum, PeriodStart: period * 31}}
					if rapid.Bool().Draw(t, "gone") {
						v.Tombstone = true
					} else {
						v.Content = anyContent(t)
					}
					v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, v.Tombstone)
					out = append(out, v)
				}
			}
		}
	}
	slices.SortFunc(out, func(x, y cell.Version) int {
		if c := x.Key.Compare(y.Key); c != 0 {
			return c
		}
		return int(x.Rev) - int(y.Rev)
	})
	return out
}

// anyContent draws a number for every field that there is, also for those that
// will be added: a table must lose none.
func anyContent(t *rapid.T) cell.Content {
	var c cell.Content
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		if rapid.IntRange(0, 3).Draw(t, "zero") > 0 {
			continue
		}
		switch f := v.Field(i); f.Interface().(type) {
		case int64:
			f.SetInt(rapid.Int64Range(-3, 1<<40).Draw(t, "count"))
		case cell.Fixed:
			f.Set(reflect.ValueOf(cell.Fixed{Hi: rapid.Int64Range(-1, 1).Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}))
		case string:
			f.SetString("7*1")
		default:
			t.Fatalf("a content has a field of type %s", f.Type())
		}
	}
	return c
}

// A table holds exactly what was given to it, in one order, in however many
// parts and orders and how often it came.
func TestTableHoldsItsVersions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyTableVersions(t)
		given := slices.Clone(want)
		if rapid.Bool().Draw(t, "mixed") {
			given = rapid.Permutation(append(given, given[:len(given)/2]...)).Draw(t, "order")
		}
		b := cell.NewTableBuilder("r", "i")
		for len(given) > 0 {
			n := rapid.IntRange(1, len(given)).Draw(t, "part")
			if err := b.Add(given[:n]); err != nil {
				t.Fatal(err)
			}
			given = given[n:]
		}
		table, err := b.Table()
		if err != nil {
			t.Fatal(err)
		}
		got := table.Versions()
		if len(want) != len(got) {
			t.Fatalf("%d versions, want %d", len(got), len(want))
		}
		for i, w := range want {
			if got[i] != w {
				t.Fatalf("version %d is %+v, want %+v", i, got[i], w)
			}
			row, ok := table.Row(w.Key, w.Rev)
			if series, from, to := table.Find(w.Key); !ok || row < from || row >= to || table.Version(series, row) != w {
				t.Fatalf("version %d is not found", i)
			}
		}
		if _, ok := table.Row(cell.Key{Region: "r", Indicator: "i"}, 1); ok {
			t.Fatal("a cell is found that is not there")
		}
	})
}

func TestTableRefuses(t *testing.T) {
	k := cell.Key{Region: "r", Indicator: "i", Unit: "a"}
	one := cell.Version{Key: k, Rev: 1, Fingerprint: cell.Fingerprint{1}}
	other := cell.Version{Key: k, Rev: 1, Fingerprint: cell.Fingerprint{2}}
	if _, err := cell.TableOf("r", "i", []cell.Version{one, other}); !errors.Is(err, cell.ErrTable) {
		t.Errorf("two contents of one revision: %v", err)
	}
	if _, err := cell.TableOf("r", "j", []cell.Version{one}); !errors.Is(err, cell.ErrTable) {
		t.Errorf("another indicator: %v", err)
	}
}

// The parts of a content that nothing uses take no memory.
func TestTableIsSmall(t *testing.T) {
	var versions []cell.Version
	for p := range int32(1000) {
		versions = append(versions, cell.Version{Key: cell.Key{Region: "r", Indicator: "i", Unit: "a", PeriodStart: p}, Rev: 1,
			Content: cell.Content{Rows: 1, Numerator: cell.FixedOf(1), Denominator: cell.FixedOf(2)}})
	}
	table, err := cell.TableOf("r", "i", versions)
	if err != nil {
		t.Fatal(err)
	}
	if n := table.Bytes() / table.Len(); n > 90 {
		t.Errorf("%d bytes a version", n)
	}
}
