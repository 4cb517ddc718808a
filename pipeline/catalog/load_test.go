package catalog_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"larstrom/pipeline/catalog"
	catalogschema "larstrom/schemas/catalog"
)

func example(t testing.TB, name string) *catalog.Catalog {
	t.Helper()
	fsys, err := catalogschema.Example(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Load(fsys)
	if err != nil {
		t.Fatalf("example %s:\n%v", name, err)
	}
	return c
}

func TestExampleNHS(t *testing.T) {
	c := example(t, "nhs-ae")
	if len(c.Units) != 274 || len(c.Indicators) != 3 || len(c.Feeds) != 1 {
		t.Errorf("%d units, %d indicators, %d feeds; want 274, 3, 1", len(c.Units), len(c.Indicators), len(c.Feeds))
	}
	f, err := c.FeedFor("nhsr_ae_attendances.csv")
	if err != nil || f.ID != "ae" {
		t.Fatalf("feed %v, %v", f, err)
	}
	if u, ok := c.Index().UnitByCode("ods", "RF4", day("2017-03-01")); !ok || u.ID != "RF4" {
		t.Errorf("ODS RF4: %v, %v", u, ok)
	}
	if in, _ := c.Index().Indicator("ae_admitted"); in.Subset {
		t.Error("ae_admitted must not be a subset: a row of the real file has more admissions than attendances")
	}
}

// TestNHSUnitsAreThoseOfTheFile compares the units with the real file, where
// it is there.
func TestNHSUnitsAreThoseOfTheFile(t *testing.T) {
	name := filepath.Join(shared(), "data", "nhsr_ae_attendances.csv")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Logf("not run: the A&E file is absent (LARSTROM_SHARED): %v", err)
		return
	}
	c := example(t, "nhs-ae")
	seen := map[string]bool{}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	for _, row := range rows {
		fields := strings.Split(strings.ReplaceAll(row, `"`, ""), ",")
		at := day(fields[0])
		u, ok := c.Index().UnitByCode("ods", fields[1], at)
		if !ok {
			t.Fatalf("no unit for %s at %s", fields[1], at)
		}
		seen[u.ID] = true
	}
	if len(rows) != 12765 || len(seen) != len(c.Units) {
		t.Errorf("%d rows, %d of %d units", len(rows), len(seen), len(c.Units))
	}
	t.Logf("ran on %d rows, %d units", len(rows), len(seen))
}

func shared() string {
	if dir := os.Getenv("LARSTROM_SHARED"); dir != "" {
		return dir
	}
	// The default is relative to the module's root, two folders up.
	return filepath.Join("..", "..", "..", "shared")
}

func TestExampleNorrsund(t *testing.T) {
	c := example(t, "norrsund")
	classes, types := map[string]int{}, map[catalog.IndicatorType]int{}
	for _, in := range c.Indicators {
		classes[in.Class]++
		types[in.Type]++
	}
	for _, class := range []string{"process", "outcome", "balancing", "structure"} {
		if classes[class] == 0 {
			t.Errorf("no indicator of the class %s", class)
		}
	}
	for _, kind := range []catalog.IndicatorType{catalog.Proportion, catalog.Rate, catalog.Mean, catalog.Median,
		catalog.Percentile, catalog.Count, catalog.TimeBetween, catalog.StandardisedRatio} {
		if types[kind] == 0 {
			t.Errorf("no indicator of the type %s", kind)
		}
	}
	roles := map[string]bool{}
	for _, p := range c.People {
		for _, r := range p.Roles {
			roles[r.Role] = true
		}
	}
	if len(roles) != 7 {
		t.Errorf("roles %v; want all seven", roles)
	}
	for name, feed := range map[string]string{
		"pvk_norrsund_20240301.csv": "pvk-night",
		"hofte_delta_17.csv":        "hofte-delta",
		"slagregister-2024.csv":     "slag-registry",
	} {
		if f, err := c.FeedFor(name); err != nil || f.ID != feed {
			t.Errorf("%s: %v, %v; want %s", name, f, err, feed)
		}
	}
	if p, ok := c.Index().PersonByToken("p-2001-demo"); !ok || p.ID != "p-2001" {
		t.Errorf("the documented demonstration token names %v", p)
	}
}

// TestDefaults: what is not written has the documented value.
func TestDefaults(t *testing.T) {
	c, problems, err := loadText(`
region: {code: r, name: R, time_zone: Europe/Oslo}
registries: [{code: q, name: Q, country: "NO"}]
indicators: [{id: i, registry: q, name: I, type: count, class: process}]
units: [{id: u, name: U, kind: k, codes: {resh: "1"}, successors: [{unit: v, from: 2024-01-01, policy: sum}]}, {id: v, name: V, kind: k}]
feeds:
  - {id: f, registry: q, files: ["*"], delivery: snapshot, as_of: {by: column, column: d}, columns: {unit: u, unit_system: resh, event_date: e}, measures: [{indicator: i, numerator: n}]}
`)
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	want := catalog.Indicator{ID: "i", Registry: "q", Name: catalog.Text{"en": "I"}, Type: "count", Class: "process",
		Direction: "none", Measurement: "event", Period: "month", PeriodBy: "event_date", Missing: "exclude", Multiplier: 1,
		Versions: []catalog.Version{{ID: "1"}}}
	if d := cmp.Diff(want, c.Indicators[0]); d != "" {
		t.Error("indicator:", d)
	}
	feed := catalog.Feed{ID: "f", Registry: "q", Files: []string{"*"}, Format: "delimited",
		Dialect:  catalog.Dialect{Encoding: "utf-8", Delimiter: ",", Quote: `"`, Decimal: ".", Dates: "iso", Header: true},
		TimeZone: "Europe/Oslo", Delivery: "snapshot", Scope: catalog.Scope{Window: "file"},
		Order: catalog.Extract{By: "acceptance"}, AsOf: catalog.Extract{By: "column", Column: "d", Layout: "2006-01-02"},
		Complete: catalog.Complete{By: "newline"}, Columns: catalog.Columns{Unit: "u", UnitSystem: "resh", EventDate: "e"},
		Measures: []catalog.Measure{{Indicator: "i", Numerator: "n"}}, Tolerance: 0.01}
	if d := cmp.Diff(feed, c.Feeds[0]); d != "" {
		t.Error("feed:", d)
	}
	if d := cmp.Diff([]catalog.Profile{{ID: "internal", Rule: "internal"}}, c.Profiles); d != "" {
		t.Error("profiles:", d)
	}
	if s := c.Units[0].Successors[0]; s.AsOf != "period" {
		t.Errorf("successor as of %q", s.AsOf)
	}
}

// TestExplicitZeros: a zero that is written wins over a default.
func TestExplicitZeros(t *testing.T) {
	c, problems, err := loadText(strings.Replace(base, "    ignore_columns: [Note]", "    tolerance: 0", 1))
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	if f, _ := c.Index().Feed("night"); f.Tolerance != 0 {
		t.Errorf("tolerance %v", f.Tolerance)
	}
	if f, _ := c.Index().Feed("hip"); f.Dialect.Header {
		t.Error("header: false was lost")
	}
	if f, _ := c.Index().Feed("hip"); f.AsOf != (catalog.Extract{By: "arrival"}) {
		t.Errorf("as of %+v; want arrival and nothing else", f.AsOf)
	}
	back, err := catalog.Decode(c.Canonical())
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := back.Index().Feed("night"); f.Tolerance != 0 {
		t.Errorf("tolerance %v after Decode", f.Tolerance)
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	c, problems, err := loadText(strings.Replace(base, "  - {id: region, name: Region, kind: region}\n", `  - &centre {id: region, name: Region, kind: region}
  - {<<: *centre, id: below, parents: &under [region]}
  - {<<: [{kind: clinic}, *centre], id: lower, parents: *under}
`, 1))
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	below, _ := c.Index().Unit("below")
	lower, _ := c.Index().Unit("lower")
	if below.Kind != "region" || below.Name["en"] != "Region" || lower.Kind != "clinic" || lower.Parents[0].Unit != "region" {
		t.Errorf("%+v\n%+v", below, lower)
	}
}

func TestMergeKeyOfItself(t *testing.T) {
	_, problems, _ := loadText(strings.Replace(base, "{id: region, name: Region, kind: region}", "&a {<<: *a, id: region, name: Region, kind: region}", 1))
	if len(problems) != 1 || !strings.Contains(problems[0].Rule, "must not contain itself") {
		t.Errorf("%v", problems)
	}
}

// TestUnreadable: text that is no catalog has a place and an advice, and does
// not drag down what other files say.
func TestUnreadable(t *testing.T) {
	for _, c := range []struct {
		name, text, rule, hint string
		line, col              int
	}{
		{"tab", "region:\n\tcode: r\n", "cannot be read", "spaces, not with tabs", 2, 1},
		{"tab later", "a:\n  b:\n  \tc: r\n", "cannot be read", "spaces, not with tabs", 3, 3},
		{"open quote", "people:\n  - id: \"x\n", "cannot be read", "quotes", 2, 3},
		{"open bracket", "people: [\n", "cannot be read", "brackets", 1, 1},
		{"indentation", "people:\n  - id: x\n   name: y\n", "cannot be read", "indentation", 3, 4},
		{"indentation far down", "people:\n" + strings.Repeat("  - {id: x}\n", 3000) + "   - {id: y}\n  - {id: z}\n", "cannot be read", "indentation", 3002, 4},
		{"after a comment", "region:\n  code: a\n  # so\n\n   name: b\n", "cannot be read", "", 5, 4},
		{"value in a value", "region:\n  code: a: b\n  name: c\n", "cannot be read", "", 2, 3},
		{"unknown anchor", "people:\n  - *p\n", "cannot be read", "", 2, 5},
		{"latin 1", "people:\n  # \xe5\n", "must be UTF-8", "save it", 2, 5},
		{"nul", "people:\n  - \x00\n", "U+0000", "remove it", 2, 5},
		{"utf-16", "\xff\xfep\x00", "must be UTF-8", "", 1, 1},
		{"two documents", "x-a: 1\n---\nx-b: 2\n", "one YAML document", "", 2, 1},
		{"list", "- a\n", "must be a mapping, not a list", "begin with a key", 1, 1},
		{"text", "hello\n", "must be a mapping, not text", "", 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := catalog.Load(fstest.MapFS{"a.yaml": {Data: []byte(base)}, "b.yml": {Data: []byte(c.text)}})
			var wrong *catalog.Error
			if !errors.As(err, &wrong) || len(wrong.Problems) != 1 {
				t.Fatalf("want one problem, have %v", err)
			}
			p := wrong.Problems[0]
			if p.File != "b.yml" || p.Line != c.line || p.Column != c.col || !strings.Contains(p.Rule, c.rule) || !strings.Contains(p.Hint, c.hint) {
				t.Errorf("have %v", p)
			}
		})
	}
}

// TestBrokenFileDoesNotMakeReferencesDangle: with the file of the units gone,
// the units that other files name are not problems too.
func TestBrokenFileDoesNotMakeReferencesDangle(t *testing.T) {
	parts := split(t, base)
	parts["units.yaml"].Data = append(parts["units.yaml"].Data, "\t- broken"...)
	_, err := catalog.Load(parts)
	var wrong *catalog.Error
	if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || wrong.Problems[0].File != "units.yaml" {
		t.Errorf("want one problem, have:\n%v", err)
	}
}

// TestBrokenListDoesNotMakeReferencesDangle is the same for a list that is none.
func TestBrokenListDoesNotMakeReferencesDangle(t *testing.T) {
	parts := split(t, base)
	parts["units.yaml"].Data = []byte("units: {}\n")
	_, err := catalog.Load(parts)
	var wrong *catalog.Error
	if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || wrong.Problems[0].Path != "units" {
		t.Errorf("want one problem, have:\n%v", err)
	}
}

func TestByteOrderMark(t *testing.T) {
	c, problems, err := loadText("\ufeff" + base)
	if err != nil || problems != nil || c.Region.Code != "r1" {
		t.Errorf("%v %v", err, problems)
	}
}

// split puts every top-level key of a catalog into a file of its own.
func split(t testing.TB, text string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	var current string
	for line := range strings.Lines(text) {
		if line[0] != ' ' {
			key, _, ok := strings.Cut(line, ":")
			if !ok {
				t.Fatalf("no key in %q", line)
			}
			current = key + ".yaml"
			fsys[current] = &fstest.MapFile{}
		}
		fsys[current].Data = append(fsys[current].Data, line...)
	}
	return fsys
}

func TestFiles(t *testing.T) {
	parts := split(t, base)
	whole, _, err := loadText(base)
	if err != nil {
		t.Fatal(err)
	}
	// Deep folders are read; other files, hidden files and hidden folders are not.
	deep := fstest.MapFS{"README.md": {Data: []byte("no catalog")}, ".old.yaml": {Data: []byte("{")}, "..data/units.yaml": {Data: []byte("{")}, "empty.yaml": {}, "comment.yaml": {Data: []byte("# nothing yet\n")}}
	for name, f := range parts {
		deep["some/where/"+strings.TrimSuffix(name, "yaml")+"yml"] = f
	}
	for _, fsys := range []fs.FS{parts, deep} {
		c, err := catalog.Load(fsys)
		if err != nil {
			t.Fatal(err)
		}
		if c.Hash != whole.Hash {
			t.Error("the hash depends on how files are split")
		}
	}
}

func TestOneRegion(t *testing.T) {
	two := fstest.MapFS{"a.yaml": {Data: []byte(base)}, "b.yaml": {Data: []byte("region: {code: r2, name: R, time_zone: Europe/Oslo}\n")}}
	_, err := catalog.Load(two)
	if err == nil || !strings.Contains(err.Error(), `b.yaml:1:1: region: a catalog must have one region; the first is at a.yaml:2:3`) {
		t.Errorf("%v", err)
	}
	_, err = catalog.Load(fstest.MapFS{"a.yaml": {Data: []byte("units: []\n")}})
	if err == nil || !strings.Contains(err.Error(), `"region": the key is required`) || !strings.Contains(err.Error(), `"registries": the key is required`) {
		t.Errorf("%v", err)
	}
}

func TestDuplicateAcrossFilesNamesBothPlaces(t *testing.T) {
	_, err := catalog.Load(fstest.MapFS{"a.yaml": {Data: []byte(base)}, "sub/b.yaml": {Data: []byte("units:\n  - {id: vc1, name: Again, kind: k}\n")}})
	want := `sub/b.yaml:2:10: units[vc1].id: "vc1": is used twice; the first is at a.yaml:34:9; rename or remove one of them`
	if err == nil || err.Error() != want {
		t.Errorf("have %v\nwant %s", err, want)
	}
}

func TestNoCatalog(t *testing.T) {
	if _, err := catalog.Load(fstest.MapFS{"x.txt": {}}); err == nil || !strings.Contains(err.Error(), "holds no catalog") {
		t.Errorf("%v", err)
	}
	if _, err := catalog.LoadDir(filepath.Join(t.TempDir(), "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestEveryProblemAtOnce: faults in different files are all told, sorted.
func TestEveryProblemAtOnce(t *testing.T) {
	parts := split(t, base)
	for name, change := range map[string][2]string{
		"feeds.yaml":      {"encoding: windows-1252", "encoding: ebcdic"},
		"indicators.yaml": {"type: rate", "type: ratio"},
		"people.yaml":     {"units: [vc1]", "units: [vc7]"},
		"region.yaml":     {"Europe/Stockholm", "Atlantis"},
		"units.yaml":      {"policy: sum", "policy: sun"},
	} {
		text := strings.Replace(string(parts[name].Data), change[0], change[1], 1)
		parts[name].Data = []byte(text)
	}
	_, err := catalog.Load(parts)
	var wrong *catalog.Error
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	var files []string
	for _, p := range wrong.Problems {
		files = append(files, p.File)
	}
	if want := []string{"feeds.yaml", "indicators.yaml", "people.yaml", "region.yaml", "units.yaml"}; !slices.Equal(files, want) {
		t.Errorf("problems in %v, want %v\n%v", files, want, err)
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 5 {
		t.Errorf("want a line for each problem, have:\n%v", err)
	}
}

// TestTokenIsNeverShown: a token that was pasted in place of its hash must not
// get into a log.
func TestTokenIsNeverShown(t *testing.T) {
	for _, token := range []string{"hunter2", "12345", "[hunter2]", "{hunter2: 12345}"} {
		_, problems, _ := loadText(strings.Replace(base, strings.Repeat("b", 64), token, 1))
		if len(problems) == 0 {
			t.Fatal("accepted")
		}
		if all := (&catalog.Error{Problems: problems}).Error(); strings.Contains(all, "hunter2") || strings.Contains(all, "12345") {
			t.Errorf("shown: %s", all)
		}
	}
}

func TestFeedFor(t *testing.T) {
	c, problems, err := loadText(strings.Replace(base, `["hip_*.csv"]`, `["hip_*.csv", "p*_b.csv"]`, 1))
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	for name, want := range map[string]string{
		"pv_1.csv": "night", "/drop/in/pv_1.csv": "night", `C:\drop\pv_1.csv`: "night", "hip_.csv": "hip", "px_b.csv": "hip",
	} {
		if f, err := c.FeedFor(name); err != nil || f.ID != want {
			t.Errorf("%s: %v, %v; want %s", name, f, err, want)
		}
	}
	if _, err := c.FeedFor("pv_b.csv"); !errors.Is(err, catalog.ErrAmbiguousFeed) || !strings.Contains(err.Error(), "hip, night") {
		t.Errorf("ambiguous: %v", err)
	}
	if _, err := c.FeedFor("PV_1.csv"); !errors.Is(err, catalog.ErrNoFeed) || !strings.Contains(err.Error(), "night (pv_*.csv)") {
		t.Errorf("none: %v", err)
	}
}

func day(s string) catalog.Date {
	d, err := catalog.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

// TestREADME: the walk through adding a registry, typed in beside the example
// region, gives a catalog with that registry.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "schemas", "catalog", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	region, err := catalogschema.Example("norrsund")
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	files, err := fs.Glob(region, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := fs.Glob(region, "*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, deeper...) {
		b, err := fs.ReadFile(region, name)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: b}
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	for i, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		fsys["readme"+string(rune('0'+i))+".yaml"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll("\n"+block, "\n   ", "\n"))}
	}
	c, err := catalog.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := c.FeedFor("diab_2024.csv"); err != nil || len(f.Measures) != 1 || len(blocks) != 12 {
		t.Errorf("%d blocks, feed %v, %v", len(blocks), f, err)
	}
	if f, err := c.FeedFor("diabkontakt_1.csv"); err != nil || len(f.Identifiers) != 1 || len(f.Opaque) != 1 {
		t.Errorf("feed %v, %v", f, err)
	}
	if f, err := c.FeedFor("register_diab_1.csv"); err != nil || f.Instruction == nil || len(f.Instruction.Texts) != 2 || f.Reasons == nil || len(f.Translate) != 3 {
		t.Errorf("feed %v, %v", f, err)
	}
	for name, format := range map[string]string{"diab_1.txt": "fixed", "diab_1.ndjson.zst": "ndjson", "diab_1.xlsx": "xlsx",
		"diab_1.parquet": "parquet", "diab_1.feather": "arrow", "diab_1.fhir.json.gz": "fhir"} {
		if f, err := c.FeedFor(name); err != nil || f.Format != format {
			t.Errorf("%s: feed %v, %v", name, f, err)
		}
	}
}
