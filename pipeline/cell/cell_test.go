package cell_test

import (
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/cell"
)

func key() cell.Key {
	return cell.Key{Region: "nord", Registry: "hjarta", Indicator: "i1", Version: "2", Granularity: "month",
		Unit: "E01", Stratum: "f", PeriodStart: 19723}
}

func content() cell.Content {
	return cell.Content{
		Rows: 7, Numerator: cell.FixedOf(3 * cell.Micro), Denominator: cell.FixedOf(7 * cell.Micro),
		ValueCount: 6, Values: cell.FixedOf(-12), ValueSquares: cell.Fixed{Hi: 1, Lo: 2}, Expected: cell.FixedOf(2_500_000),
		Histogram: "1*2 3*4", Missing: 1, Rejected: 2, Duplicates: 3, NumeratorAbove: 4, Negative: 5,
		ZeroDenominator: 6, RateMismatch: 8, UnknownCodes: 9,
	}
}

// The vectors were computed from the description of the canonical form, outside
// this package: a changed form would give every cell of every log a new version.
func TestFingerprintVectors(t *testing.T) {
	for _, c := range []struct {
		name      string
		key       cell.Key
		content   cell.Content
		tombstone bool
		want      string
	}{
		{"full", key(), content(), false, "946b84c7cabe6bf3ca116b5d3f19f54995d778008a54d4f2e1afe98722d5f518"},
		{"tombstone", key(), cell.Content{}, true, "e3e57e5a988a1d1f2511ef2a0d8660871f04e6d9e19b886f6896d9de0d42072e"},
		{"empty", cell.Key{}, cell.Content{}, false, "68bb5e61b905246c039ce22d99ee72107cf12bbbf243b47e0c87067cb6303b6b"},
	} {
		if got := cell.FingerprintOf(c.key, c.content, c.tombstone).String(); got != c.want {
			t.Errorf("%s: fingerprint %s, want %s", c.name, got, c.want)
		}
	}
	if cell.FingerprintOf(key(), content(), true) != cell.FingerprintOf(key(), cell.Content{}, true) {
		t.Error("the fingerprint of an absence depends on content")
	}
}

// Every field, also one that is added later, must change the fingerprint.
func TestEveryFieldChangesTheFingerprint(t *testing.T) {
	base := cell.FingerprintOf(key(), content(), false)
	seen := map[cell.Fingerprint]string{base: "nothing"}
	note := func(name string, fp cell.Fingerprint) {
		if other, ok := seen[fp]; ok {
			t.Errorf("changing %s gives the fingerprint of changing %s", name, other)
		}
		seen[fp] = name
	}
	k := key()
	leaves(reflect.ValueOf(&k).Elem(), "Key", func(name string) { note(name, cell.FingerprintOf(k, content(), false)) })
	c := content()
	leaves(reflect.ValueOf(&c).Elem(), "Content", func(name string) { note(name, cell.FingerprintOf(key(), c, false)) })
	note("tombstone", cell.FingerprintOf(key(), content(), true))
	if want := 1 + 8 + 11 + 2*5 + 1 + 0; len(seen) < want {
		t.Errorf("%d fields were changed, want at least %d", len(seen), want)
	}
}

// leaves changes each field of v in turn, calls try, and restores it.
func leaves(v reflect.Value, name string, try func(string)) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			leaves(v.Field(i), name+"."+v.Type().Field(i).Name, try)
		}
		return
	}
	old := reflect.New(v.Type()).Elem()
	old.Set(v)
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int64, reflect.Int32:
		v.SetInt(v.Int() + 1)
	case reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	default:
		panic("a field of kind " + v.Kind().String() + " is not in the fingerprint test")
	}
	try(name)
	v.Set(old)
}

func TestFingerprintsDoNotRunTogether(t *testing.T) {
	a, b := key(), key()
	a.Unit, a.Stratum = "E01f", ""
	b.Unit, b.Stratum = "E01", "f"
	if cell.FingerprintOf(a, content(), false) == cell.FingerprintOf(b, content(), false) {
		t.Error("unit and stratum run together")
	}
}

func TestFingerprintText(t *testing.T) {
	fp := cell.FingerprintOf(key(), content(), false)
	b, err := fp.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var back cell.Fingerprint
	if err := back.UnmarshalText(b); err != nil || back != fp {
		t.Errorf("read back %v, %v", back, err)
	}
	for _, bad := range []string{"", "ab", fp.String() + "00", strings.Repeat("g", 64)} {
		if _, err := cell.ParseFingerprint(bad); err == nil {
			t.Errorf("%q was read as a fingerprint", bad)
		}
	}
	if !(cell.Fingerprint{}).IsZero() || fp.IsZero() {
		t.Error("IsZero")
	}
}

func TestKeyOrder(t *testing.T) {
	if key().Compare(key()) != 0 {
		t.Error("a key differs from itself")
	}
	k := key()
	leaves(reflect.ValueOf(&k).Elem(), "Key", func(name string) {
		if key().Compare(k) != -1 || k.Compare(key()) != 1 {
			t.Errorf("%s does not order keys", name)
		}
		if k.String() == key().String() {
			t.Errorf("%s is not in the text of a key", name)
		}
	})
}

var span = new(big.Int).Lsh(big.NewInt(1), 128)

// wrap is b in 128-bit two's complement.
func wrap(b *big.Int) *big.Int {
	w := new(big.Int).Mod(b, span)
	if w.Bit(127) == 1 {
		w.Sub(w, span)
	}
	return w
}

func fixed(t *rapid.T, label string) cell.Fixed {
	edge := []int64{0, 1, -1, 1 << 62, -1 << 63, 1<<63 - 1}
	hi := rapid.OneOf(rapid.SampledFrom(edge), rapid.Int64()).Draw(t, label+" high")
	if rapid.Bool().Draw(t, label+" small") {
		return cell.FixedOf(hi)
	}
	lo := rapid.OneOf(rapid.SampledFrom([]uint64{0, 1, 1 << 63, 1<<64 - 1}), rapid.Uint64()).Draw(t, label+" low")
	return cell.Fixed{Hi: hi, Lo: lo}
}

func TestFixedAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := fixed(t, "a"), fixed(t, "b")
		x, y := a.Big(), b.Big()
		same := func(what string, got cell.Fixed, want *big.Int) {
			if got.Big().Cmp(wrap(want)) != 0 {
				t.Fatalf("%s of %v and %v is %v, want %v", what, x, y, got.Big(), wrap(want))
			}
		}
		same("sum", a.Add(b), new(big.Int).Add(x, y))
		same("negative", a.Neg(), new(big.Int).Neg(x))
		if a.Cmp(b) != x.Cmp(y) {
			t.Fatalf("Cmp(%v, %v) = %d", x, y, a.Cmp(b))
		}
		if a.Sign() != x.Sign() || a.IsZero() != (x.Sign() == 0) {
			t.Fatalf("sign of %v is %d", x, a.Sign())
		}
		if a.String() != x.String() {
			t.Fatalf("%v is written %s", x, a)
		}
		// -2^127 is the one number without a positive counterpart; FixedOfBig
		// takes 127 bits of magnitude.
		lowest := a == cell.Fixed{Hi: -1 << 63}
		if back, ok := cell.FixedOfBig(x); ok == lowest || ok && back != a {
			t.Fatalf("%v comes back as %v, %v", x, back, ok)
		}
		want, _ := new(big.Float).SetInt(x).Float64()
		if got := a.Float(1); got != want {
			t.Fatalf("%v as a float is %v, want %v", x, got, want)
		}
	})
}

func TestFixedOfBigRefusesWhatDoesNotFit(t *testing.T) {
	top := new(big.Int).Lsh(big.NewInt(1), 127)
	if _, ok := cell.FixedOfBig(top); ok {
		t.Error("2^127 was taken")
	}
	if f, ok := cell.FixedOfBig(new(big.Int).Sub(top, big.NewInt(1))); !ok || f.Big().BitLen() != 127 {
		t.Error("2^127 - 1 was refused")
	}
	if f, ok := cell.FixedOfBig(new(big.Int).Add(new(big.Int).Neg(top), big.NewInt(1))); !ok || f.Sign() != -1 {
		t.Error("-(2^127 - 1) was refused")
	}
}

// Sums are exact, so the order of rows can never show in a fingerprint.
func TestFixedSumsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOf(rapid.Int64()).Draw(t, "values")
		p := rapid.Permutation(v).Draw(t, "permuted")
		sum := func(v []int64) (f cell.Fixed) {
			for _, x := range v {
				f = f.Add(cell.FixedOf(x))
			}
			return f
		}
		want := new(big.Int)
		for _, x := range v {
			want.Add(want, big.NewInt(x))
		}
		if sum(v) != sum(p) || sum(v).Big().Cmp(want) != 0 {
			t.Fatalf("sum %v, permuted %v, want %v", sum(v), sum(p), want)
		}
	})
}

func TestFixedFloatScales(t *testing.T) {
	for v, want := range map[int64]float64{0: 0, 500_000: 0.5, -1: -1e-6, 3_000_000: 3} {
		if got := cell.FixedOf(v).Float(cell.Micro); got != want {
			t.Errorf("%d micro is %v, want %v", v, got, want)
		}
	}
}

// versions gives cells of a small key space in key order, with the fingerprints
// that they have.
func versions(t *rapid.T, label string) []cell.Version {
	held := rapid.MapOf(rapid.Int32Range(0, 12), rapid.Int64Range(-1, 3)).Draw(t, label)
	var all []cell.Version
	for p, n := range held {
		k := key()
		k.PeriodStart = p
		v := cell.Version{Key: k, Content: cell.Content{Rows: n}, Tombstone: n < 0}
		if v.Tombstone {
			v.Content = cell.Content{}
		}
		v.Fingerprint = cell.FingerprintOf(k, v.Content, v.Tombstone)
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b cell.Version) int { return a.Key.Compare(b.Key) })
	return all
}

// What Diff gives, put over the previous night, is the next night; and it gives
// nothing that was so already.
func TestDiffTurnsOneNightIntoTheNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev := versions(t, "previous")
		next := slices.DeleteFunc(versions(t, "next"), func(v cell.Version) bool { return v.Tombstone })
		const rev = 7
		kept := []cell.Version{{Rev: 1}}
		got, err := cell.Diff(kept, prev, next, rev)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 || got[0] != kept[0] {
			t.Fatal("what was in dst is lost")
		}
		got = got[1:]
		state := map[cell.Key]cell.Version{}
		for _, v := range prev {
			state[v.Key] = v
		}
		for i, v := range got {
			if v.Rev != rev || v.Fingerprint != cell.FingerprintOf(v.Key, v.Content, v.Tombstone) {
				t.Fatalf("version %+v", v)
			}
			if old, ok := state[v.Key]; ok && old.Fingerprint == v.Fingerprint {
				t.Fatalf("%s has not changed", v.Key)
			}
			if _, ok := state[v.Key]; !ok && v.Tombstone {
				t.Fatalf("%s was never there and is gone", v.Key)
			}
			if i > 0 && got[i-1].Key.Compare(v.Key) >= 0 {
				t.Fatal("not in key order")
			}
			state[v.Key] = v
		}
		want := map[cell.Key]cell.Fingerprint{}
		for _, v := range next {
			want[v.Key] = v.Fingerprint
		}
		for k, v := range state {
			if fp, ok := want[k]; ok == v.Tombstone || ok && fp != v.Fingerprint {
				t.Fatalf("%s is %+v, want %v", k, v, ok)
			}
			delete(want, k)
		}
		if len(want) > 0 {
			t.Fatalf("missing %v", want)
		}
	})
}

func TestDiffRefusesDisorder(t *testing.T) {
	a, b := cell.Version{Key: key()}, cell.Version{Key: key()}
	b.Key.PeriodStart++
	for name, bad := range map[string][]cell.Version{"descending": {b, a}, "twice": {a, a}} {
		if _, err := cell.Diff(nil, bad, nil, 1); err == nil {
			t.Errorf("%s previous cells were taken", name)
		}
		if _, err := cell.Diff(nil, nil, bad, 1); err == nil {
			t.Errorf("%s next cells were taken", name)
		}
	}
}

// Changes are exactly the cells that Diff would write, each with what it was.
func TestChangesTellWhatDiffWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev := versions(t, "previous")
		next := slices.DeleteFunc(versions(t, "next"), func(v cell.Version) bool { return v.Tombstone })
		written, err := cell.Diff(nil, prev, next, 7)
		if err != nil {
			t.Fatal(err)
		}
		was := map[cell.Key]cell.Version{}
		var before []cell.Version
		for _, v := range prev {
			was[v.Key] = v
			if slices.ContainsFunc(written, func(w cell.Version) bool { return w.Key == v.Key }) {
				before = append(before, v)
			}
		}
		changes, err := cell.Changes(before, written)
		if err != nil || len(changes) != len(written) {
			t.Fatalf("%d changes of %d versions: %v", len(changes), len(written), err)
		}
		for i, c := range changes {
			w := written[i]
			old, had := was[w.Key]
			if c.Key != w.Key || (c.After == nil) != w.Tombstone || c.After != nil && *c.After != w {
				t.Fatalf("after: %+v, written %+v", c.After, w)
			}
			if (c.Before != nil) != (had && !old.Tombstone) || c.Before != nil && *c.Before != old {
				t.Fatalf("before: %+v, was %+v", c.Before, old)
			}
		}
		// What is the same on both sides is no change.
		if same, err := cell.Changes(prev, prev); err != nil || len(same) > 0 {
			t.Fatalf("%d changes from a night to itself: %v", len(same), err)
		}
		all, err := cell.Changes(prev, next)
		if err != nil || len(all) != len(written) {
			t.Fatalf("%d changes between two nights, %d written: %v", len(all), len(written), err)
		}
	})
	a, b := cell.Version{Key: key()}, cell.Version{Key: key()}
	b.Key.PeriodStart++
	for _, bad := range [][2][]cell.Version{{{b, a}, nil}, {nil, {b, a}}} {
		if _, err := cell.Changes(bad[0], bad[1]); err == nil {
			t.Error("disorder was taken")
		}
	}
}
