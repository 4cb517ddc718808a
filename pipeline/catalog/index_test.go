package catalog_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"larstrom/pipeline/catalog"
)

func TestUnitByCode(t *testing.T) {
	x := example(t, "norrsund").Index()
	for _, c := range []struct{ system, code, at, unit string }{
		{"hsa", "SE0000009999-1A01", "2024-01-01", "vc-almvik"},
		{"hsa", "SE0000009999-1A03", "2023-04-30", "vc-dalsjo"},
		{"hsa", "SE0000009999-1A03", "2023-05-01", ""}, // half-open
		{"hsa", "SE0000009999-2B03", "2023-04-30", ""},
		{"hsa", "SE0000009999-2B03", "2023-05-01", "vc-dalsjo"},
		{"hsa", "SE0000009999-2B01", "2023-12-31", ""}, // bounded by the unit
		{"hsa", "SE0000009999-2B01", "2024-01-01", "vc-hamnglantan"},
		{"resh", "099001", "1950-01-01", "no-fjellvik"},
		{"orgnr", "000000101", "2024-01-01", "no-fjellvik"},
		{"orgnr", "099001", "2024-01-01", ""}, // of another system
		{"hsa", "nowhere", "2024-01-01", ""},
		// A row whose date cannot be read still has its unit.
		{"hsa", "SE0000009999-1A03", "", "vc-dalsjo"},
		{"hsa", "nowhere", "", ""},
	} {
		var at catalog.Date
		if c.at != "" {
			at = day(c.at)
		}
		u, ok := x.UnitByCode(c.system, c.code, at)
		if ok != (c.unit != "") || ok && u.ID != c.unit {
			t.Errorf("%s %s at %q: %v, want %q", c.system, c.code, c.at, u, c.unit)
		}
	}
}

// TestCodeThatWasReused: a code may go to another unit; without a date it then
// names neither.
func TestCodeThatWasReused(t *testing.T) {
	c, problems, err := loadText(`
region: {code: r, name: R, time_zone: UTC}
registries: [{code: q, name: Q, country: SE}]
units:
  - {id: old, name: O, kind: k, codes: {hsa: A}, to: 2020-01-01}
  - {id: new, name: N, kind: k, codes: {hsa: A}, from: 2020-01-01}
`)
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	for at, want := range map[string]string{"2019-12-31": "old", "2020-01-01": "new"} {
		if u, ok := c.Index().UnitByCode("hsa", "A", day(at)); !ok || u.ID != want {
			t.Errorf("%s: %v, want %s", at, u, want)
		}
	}
	if u, ok := c.Index().UnitByCode("hsa", "A", catalog.Date{}); ok {
		t.Errorf("without a date: %s", u.ID)
	}
}

func TestCodeValid(t *testing.T) {
	x := example(t, "norrsund").Index()
	for _, c := range []struct {
		system, code, at string
		want             bool
	}{
		{"icd-10-se", "I10.9", "1999-01-01", true},
		{"icd-10-se", "J06.9", "2022-12-31", true},
		{"icd-10-se", "J06.9", "2023-01-01", false},
		{"icd-10-se", "J06.9A", "2022-12-31", false},
		{"icd-10-se", "J06.9A", "2023-01-01", true},
		{"icd-10-dk", "I10.9", "2023-01-01", false},
		{"icd-10-se", "j06.9A", "2023-01-01", false},
	} {
		if have := x.CodeValid(c.system, c.code, day(c.at)); have != c.want {
			t.Errorf("%s %s at %s: %v", c.system, c.code, c.at, have)
		}
	}
	if !x.CodeValid("icd-10-se", "J06.9", catalog.Date{}) || x.CodeValid("icd-10-se", "Z", catalog.Date{}) {
		t.Error("without a date: whether the code ever was valid")
	}
}

func TestVersionAt(t *testing.T) {
	x := example(t, "norrsund").Index()
	in, ok := x.Indicator("dm_hba1c_le_52")
	if !ok {
		t.Fatal("no indicator")
	}
	for at, want := range map[string]string{"1990-01-01": "1", "2022-12-31": "1", "2023-01-01": "2", "2099-01-01": "2"} {
		if v, ok := x.VersionAt(in, day(at)); !ok || v.ID != want {
			t.Errorf("%s: %v, want %s", at, v, want)
		}
	}
	if _, ok := x.VersionAt(in, catalog.Date{}); ok {
		t.Error("a version at no date")
	}
	ended := &catalog.Indicator{Versions: []catalog.Version{{ID: "1", To: day("2020-01-01")}}}
	if _, ok := x.VersionAt(ended, day("2020-01-01")); ok {
		t.Error("a version after the last one")
	}
	if _, ok := x.VersionAt(nil, day("2020-01-01")); ok {
		t.Error("a version of no indicator")
	}
}

func TestHierarchy(t *testing.T) {
	x := example(t, "norrsund").Index()
	for _, c := range []struct {
		unit, at string
		want     []string
	}{
		{"vc-lilla", "2023-06-30", []string{"omr-nord", "norrsund"}},
		{"vc-lilla", "2023-07-01", []string{"omr-mitt", "norrsund"}},
		{"dk-sundby-geriatri", "2024-01-01", []string{"dk-sundby", "dk-omr", "norrsund"}},
		{"norrsund", "2024-01-01", nil},
		{"vc-hamnen", "2024-01-01", nil}, // closed
		{"nowhere", "2024-01-01", nil},
	} {
		if have := x.Ancestors(c.unit, day(c.at)); !slices.Equal(have, c.want) {
			t.Errorf("%s at %s: %v, want %v", c.unit, c.at, have, c.want)
		}
	}
}

// TestAncestorsEnd: a catalog put together by hand may hold a ring.
func TestAncestorsEnd(t *testing.T) {
	c := &catalog.Catalog{Units: []catalog.Unit{
		{ID: "a", Parents: []catalog.Parent{{Unit: "b"}, {Unit: "c"}}},
		{ID: "b", Parents: []catalog.Parent{{Unit: "a"}, {Unit: "c"}}},
		{ID: "c", Parents: []catalog.Parent{{Unit: "c"}, {Unit: "b"}}},
	}}
	if have := c.Index().Ancestors("a", day("2024-01-01")); !slices.Equal(have, []string{"b", "c"}) {
		t.Errorf("%v", have)
	}
}

func TestCovers(t *testing.T) {
	x := example(t, "norrsund").Index()
	everywhere := catalog.Role{Role: "auditor"}
	north := catalog.Role{Role: "super_user", Units: []string{"omr-nord"}, Registries: []string{"pvk"}}
	for _, c := range []struct {
		role               catalog.Role
		unit, registry, at string
		want               bool
	}{
		{everywhere, "vc-lilla", "pvk", "2023-01-01", true},
		{everywhere, "", "", "2023-01-01", true},
		{north, "vc-lilla", "pvk", "2023-06-30", true},
		{north, "vc-lilla", "pvk", "2023-07-01", false}, // has moved
		{north, "omr-nord", "pvk", "2023-01-01", true},
		{north, "norrsund", "pvk", "2023-01-01", false}, // above
		{north, "vc-lilla", "slag", "2023-01-01", false},
		{north, "vc-lilla", "", "2023-01-01", false},
		{north, "", "pvk", "2023-01-01", false},
		{north, "nowhere", "pvk", "2023-01-01", false},
	} {
		if have := x.Covers(c.role, c.unit, c.registry, day(c.at)); have != c.want {
			t.Errorf("%+v of %q, %q at %s: %v", c.role, c.unit, c.registry, c.at, have)
		}
	}
}

func TestSuccessorsAt(t *testing.T) {
	x := example(t, "norrsund").Index()
	if s := x.SuccessorsAt("vc-hamnen", day("2023-12-31")); s != nil {
		t.Errorf("before the merger: %v", s)
	}
	s := x.SuccessorsAt("vc-hamnen", day("2024-01-01"))
	if len(s) != 1 || s[0].Unit != "vc-hamnglantan" || s[0].Policy != "sum" || s[0].AsOf != "period" {
		t.Errorf("at the merger: %v", s)
	}
	if s := x.SuccessorsAt("nowhere", day("2024-01-01")); s != nil {
		t.Errorf("of no unit: %v", s)
	}
}

func TestPeople(t *testing.T) {
	c := example(t, "norrsund")
	x := c.Index()
	for _, p := range c.People {
		hash := sha256.Sum256([]byte(p.ID + "-demo"))
		if hex.EncodeToString(hash[:]) != p.TokenSHA256 {
			t.Errorf("%s: the token is not the documented one", p.ID)
		}
		if have, ok := x.PersonByToken(p.ID + "-demo"); !ok || have.ID != p.ID {
			t.Errorf("token of %s: %v", p.ID, have)
		}
		if have, ok := x.Person(p.ID); !ok || have.Name != p.Name {
			t.Errorf("person %s: %v", p.ID, have)
		}
	}
	for _, wrong := range []string{"", "p-1001", c.People[0].TokenSHA256} {
		if p, ok := x.PersonByToken(wrong); ok {
			t.Errorf("%q is the token of %s", wrong, p.ID)
		}
	}
	// A person without a token has none, not the empty one.
	none := &catalog.Catalog{People: []catalog.Person{{ID: "p"}}}
	if _, ok := none.Index().PersonByToken(""); ok {
		t.Error("the empty token was accepted")
	}
}

func TestLookups(t *testing.T) {
	x := example(t, "norrsund").Index()
	if r, ok := x.Registry("hofte"); !ok || r.Country != "DK" {
		t.Errorf("%v", r)
	}
	if f, ok := x.Feed("hofte-delta"); !ok || f.Dialect.Encoding != "iso-8859-1" || f.TimeZone != "Europe/Copenhagen" {
		t.Errorf("%v", f)
	}
	if p, ok := x.Profile("SE"); !ok || p.Rule != "SE" {
		t.Errorf("%v", p)
	}
	for _, ok := range []bool{second(x.Registry("x")), second(x.Feed("x")), second(x.Profile("x")), second(x.Person("x")), second(x.Unit("x")), second(x.Indicator("x"))} {
		if ok {
			t.Error("found what is not there")
		}
	}
}

func second[T any](_ *T, ok bool) bool { return ok }

func TestUnitByCodeAllocatesNothing(t *testing.T) {
	x := example(t, "nhs-ae").Index()
	at, code := day("2017-03-01"), fmt.Sprint("R", "F4")
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := x.UnitByCode("ods", code, at); !ok {
			t.Fatal("no unit")
		}
		x.CodeValid("ods", code, at)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUnitByCode(b *testing.B) {
	c := example(b, "nhs-ae")
	x, at := c.Index(), day("2017-03-01")
	var codes []string
	for _, u := range c.Units {
		codes = append(codes, u.Codes[0].Code)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok := x.UnitByCode("ods", codes[i%len(codes)], at); !ok {
			b.Fatal(codes[i%len(codes)])
		}
		i++
	}
}

func BenchmarkCodeValid(b *testing.B) {
	x, at := example(b, "norrsund").Index(), day("2024-01-01")
	b.ReportAllocs()
	for b.Loop() {
		if !x.CodeValid("icd-10-se", "J06.9A", at) {
			b.Fatal("not valid")
		}
	}
}

// BenchmarkLoad is a catalog of the size of a region: 1,200 units.
func BenchmarkLoad(b *testing.B) {
	text := base + "x-more: 1\n"
	more := "units:\n"
	for i := range 1200 {
		more += fmt.Sprintf("  - {id: u%d, name: Unit %d, kind: health_centre, codes: {hsa: SE-U%d}, parents: [region]}\n", i, i, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := catalog.Load(mapFS(text, more)); err != nil {
			b.Fatal(err)
		}
	}
}
