package warehouse_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/warehouse"
)

// drawSet fills the tables of a template with rows whose values are awkward.
func drawSet(t *rapid.T, of string, template publication.Set, indicator string) publication.Set {
	texts := rapid.SampledFrom([]string{"", "a", "Å'\\", "line\nbreak", "0"})
	floats := rapid.OneOf(rapid.SampledFrom([]float64{math.NaN(), 0, -1.5, 1e-300, math.MaxFloat64, 0.1}), rapid.Float64Range(-1e9, 1e9))
	var tables []publication.Table
	for _, table := range template.Tables {
		n := rapid.IntRange(0, 3).Draw(t, "rows of "+table.Name)
		out := publication.Table{Name: table.Name}
		for _, c := range table.Columns {
			switch c.Values.(type) {
			case []string:
				c.Values = rapid.SliceOfN(texts, n, n).Draw(t, c.Name)
				if c.Name == "indicator" {
					c.Values = slices.Repeat([]string{indicator}, n)
				}
			case []float64:
				c.Values = rapid.SliceOfN(floats, n, n).Draw(t, c.Name)
			case []int32:
				c.Values = rapid.SliceOfN(rapid.SampledFrom([]int32{0, -1, days(1900, 1, 1), days(2199, 12, 31), days(2024, 2, 29)}), n, n).Draw(t, c.Name)
			case []int64:
				of := rapid.SampledFrom([]int64{0, -1, math.MaxInt64, math.MinInt64, 42})
				if strings.HasSuffix(c.Name, "_at") {
					of = rapid.SampledFrom([]int64{0, -1, 1_700_000_000_123, -86_400_001, 4_000_000_000_999})
				}
				c.Values = rapid.SliceOfN(of, n, n).Draw(t, c.Name)
			case []uint32:
				c.Values = rapid.SliceOfN(rapid.SampledFrom([]uint32{0, 1, math.MaxUint32}), n, n).Draw(t, c.Name)
			case []uint16:
				c.Values = rapid.SliceOfN(rapid.SampledFrom([]uint16{0, 1, math.MaxUint16}), n, n).Draw(t, c.Name)
			case []int8:
				c.Values = rapid.SliceOfN(rapid.SampledFrom([]int8{0, -1, 1, -128}), n, n).Draw(t, c.Name)
			case []bool:
				c.Values = rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, c.Name)
			case [][]string:
				c.Values = rapid.SliceOfN(rapid.SampledFrom([][]string{{}, {"sigma"}, {"shift", "å"}}), n, n).Draw(t, c.Name)
			default:
				t.Fatalf("a column of type %T", c.Values)
			}
			out.Columns = append(out.Columns, c)
		}
		tables = append(tables, out)
	}
	return publication.Seal(of, tables)
}

// What is written is read back: the checksum in SQL is the checksum in Go, for
// every type of column and value.
func TestChecksumsReadBack(t *testing.T) {
	store, _ := newReleased(t, "checksums")
	l := limit{most: 12}
	rapid.Check(t, func(t *rapid.T) {
		if l.reached(t) {
			return
		}
		ctx := context.Background()
		ids := []string{fmt.Sprint("i", l.cases), fmt.Sprint("j", l.cases)}
		sets := map[string]string{}
		var named []warehouse.Named
		for _, of := range ids {
			s := drawSet(t, of, publication.IndicatorTemplate(), of)
			sets[of] = s.ID
			named = append(named, warehouse.Named{Of: of, Set: s})
		}
		if err := store.WriteSets(ctx, named); err != nil {
			t.Fatal(err)
		}
		if broken, err := store.Whole(ctx, sets, publication.IndicatorTemplate()); err != nil || len(broken) > 0 {
			t.Fatalf("broken %v, %v", broken, err)
		}
		meta := drawSet(t, "meta", publication.MetaTemplate(), "")
		if err := store.WriteSets(ctx, []warehouse.Named{{Of: "meta", Set: meta}}); err != nil {
			t.Fatal(err)
		}
		if broken, err := store.Whole(ctx, map[string]string{"meta": meta.ID}, publication.MetaTemplate()); err != nil || len(broken) > 0 {
			t.Fatalf("broken %v, %v", broken, err)
		}
	})
}

// aSet is a set of one indicator with a row in every table.
func aSet(of string, value float64) publication.Set {
	var tables []publication.Table
	for _, t := range publication.IndicatorTemplate().Tables {
		out := publication.Table{Name: t.Name}
		for _, c := range t.Columns {
			switch c.Values.(type) {
			case []string:
				c.Values = []string{"x", "y"}
				if c.Name == "indicator" {
					c.Values = []string{of, of}
				}
			case []float64:
				c.Values = []float64{value, math.NaN()}
			case []int32:
				c.Values = []int32{days(2024, 1, 1), 0}
			case []uint32:
				c.Values = []uint32{7, 8}
			case []uint16:
				c.Values = []uint16{1, 2}
			case []int8:
				c.Values = []int8{-1, 1}
			case []bool:
				c.Values = []bool{true, false}
			case [][]string:
				c.Values = [][]string{{"sigma", "runs"}, {}}
			default:
				panic(fmt.Sprintf("a column of type %T", c.Values))
			}
			out.Columns = append(out.Columns, c)
		}
		tables = append(tables, out)
	}
	return publication.Seal(of, tables)
}

func exec(t *testing.T, conn driver.Conn, statement string) {
	t.Helper()
	if err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestWriteSets(t *testing.T) {
	store, conn := newReleased(t, "write_sets")
	ctx := t.Context()
	a, b := aSet("a", 0.25), aSet("b", 0.5)
	named := []warehouse.Named{{Of: "a", Set: a}, {Of: "b", Set: b}}
	ids := map[string]string{"a": a.ID, "b": b.ID}
	write := func(t *testing.T) {
		t.Helper()
		if err := store.WriteSets(ctx, named); err != nil {
			t.Fatal(err)
		}
		if got := lines(t, conn, "SELECT count() FROM result_chart UNION ALL SELECT count() FROM result_cell"); !slices.Equal(got, []string{"4", "4"}) {
			t.Fatalf("rows %v", got)
		}
	}
	broken := func(t *testing.T) []string {
		t.Helper()
		got, err := store.Whole(ctx, ids, publication.IndicatorTemplate())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := broken(t); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("an empty store lacks %v", got)
	}
	write(t)
	parts := func() string {
		return strings.Join(lines(t, conn, "SELECT name FROM system.parts WHERE database = 'write_sets' AND active AND table LIKE 'result_%' ORDER BY name"), " ")
	}
	was := parts()
	write(t)
	if parts() != was {
		t.Error("sets that are there were written again")
	}
	for _, damage := range []string{
		"ALTER TABLE result_chart DROP PARTITION '" + a.ID + "'",
		"ALTER TABLE result_cell DELETE WHERE result_set = '" + a.ID + "' AND state = 'y' SETTINGS mutations_sync = 1",
		"INSERT INTO result_funnel SELECT * FROM result_funnel WHERE result_set = '" + a.ID + "'",
		"INSERT INTO result_cell SELECT * FROM result_cell WHERE result_set = '" + a.ID + "' LIMIT 1",
		"ALTER TABLE result_cell UPDATE numerator = numerator + 1 WHERE result_set = '" + a.ID + "' AND state = 'x' SETTINGS mutations_sync = 1",
		"ALTER TABLE result_chart UPDATE rules = ['sigma'] WHERE result_set = '" + a.ID + "' AND state = 'x' SETTINGS mutations_sync = 1",
		"ALTER TABLE result_chart UPDATE sigma_signal = false WHERE result_set = '" + a.ID + "' AND state = 'x' SETTINGS mutations_sync = 1",
		"ALTER TABLE result_variation UPDATE mor = nan, raw_p90 = 1 WHERE result_set = '" + a.ID + "' AND state = 'x' SETTINGS mutations_sync = 1",
		"ALTER TABLE result_funnel UPDATE outlier = 0 WHERE result_set = '" + a.ID + "' AND state = 'x' SETTINGS mutations_sync = 1",
		"ALTER TABLE result_cell UPDATE period_end = period_end + 1 WHERE result_set = '" + a.ID + "' SETTINGS mutations_sync = 1",
	} {
		exec(t, conn, damage)
		if got := broken(t); !slices.Equal(got, []string{"a"}) {
			t.Errorf("after %s broken are %v", damage, got)
		}
		write(t)
		if got := broken(t); len(got) > 0 {
			t.Errorf("after %s and writing again broken are %v", damage, got)
		}
	}
	lie := a
	lie.ID = b.ID[:31] + "0"
	if err := store.WriteSets(ctx, []warehouse.Named{{Of: "a", Set: lie}}); err == nil {
		t.Error("a set under another name was taken")
	}
	if err := store.DropUnused(ctx, []string{b.ID}); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"cell", "chart", "funnel", "variation"} {
		if got := lines(t, conn, "SELECT DISTINCT result_set FROM result_"+table); !slices.Equal(got, []string{b.ID}) {
			t.Errorf("result_%s keeps %v", table, got)
		}
	}
	if got := broken(t); !slices.Equal(got, []string{"a"}) {
		t.Errorf("broken are %v", got)
	}
	many := make([]warehouse.Named, 120) // more than one insert takes
	for i := range many {
		of := fmt.Sprint("many", i)
		many[i] = warehouse.Named{Of: of, Set: aSet(of, float64(i))}
	}
	many[7].Set = publication.Seal("many7", publication.IndicatorTemplate().Tables) // a set without rows
	if err := store.WriteSets(ctx, many); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, conn, "SELECT uniqExact(result_set) FROM result_cell"); !slices.Equal(got, []string{"120"}) { // 119 and b
		t.Errorf("%v sets", got)
	}
	if err := store.Truncate(ctx); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, conn, "SELECT count() FROM result_cell"); !slices.Equal(got, []string{"0"}) {
		t.Errorf("%v rows after all was emptied", got)
	}
}

func TestPointerAndViews(t *testing.T) {
	store, conn := newReleased(t, "pointer")
	ctx := t.Context()
	if _, ok, err := store.Pointer(ctx); ok || err != nil {
		t.Errorf("a pointer before the first: %v, %v", ok, err)
	}
	a, newer, b := aSet("a", 0.25), aSet("a", 0.75), aSet("b", 0.5)
	meta := publication.Meta(publication.MetaInput{Catalog: &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Units: []catalog.Unit{
		{ID: "U1", Kind: "clinic", From: catalog.NewDate(1955, 3, 1)}}}})
	for _, n := range []warehouse.Named{{Of: "a", Set: a}, {Of: "a", Set: newer}, {Of: "b", Set: b}, {Of: "meta", Set: meta}} {
		if err := store.WriteSets(ctx, []warehouse.Named{n}); err != nil {
			t.Fatal(err)
		}
	}
	values := func() string {
		return strings.Join(lines(t, conn, "SELECT indicator, value, run FROM cell ORDER BY ALL"), "; ")
	}
	if got := values(); got != "" {
		t.Errorf("before the pointer the view shows %s", got)
	}
	at := time.Date(2026, 3, 2, 12, 0, 0, 123e6, time.UTC)
	p := warehouse.Pointer{Publication: 1, Run: "r1", AsOf: catalog.NewDate(2026, 3, 1), Catalog: "c", PublishedAt: at, Sets: []string{a.ID, b.ID}, Meta: meta.ID}
	for range 2 { // moving it to where it is changes nothing
		if err := store.MovePointer(ctx, p); err != nil {
			t.Fatal(err)
		}
		got, ok, err := store.Pointer(ctx)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if d := cmp.Diff(p, got); d != "" {
			t.Errorf("pointer (-want +got):\n%s", d)
		}
		if got := values(); got != "a 0.25 r1; a NULL r1; b 0.5 r1; b NULL r1" {
			t.Errorf("publication 1 shows %s", got)
		}
		if got := lines(t, conn, "SELECT run, publication, as_of, published_at FROM run"); !slices.Equal(got, []string{"r1 1 2026-03-01T00:00:00.000 2026-03-02T12:00:00.123"}) {
			t.Errorf("runs %q", got)
		}
	}
	second := p
	second.Publication, second.Run, second.Sets = 2, "r2", []string{newer.ID}
	if err := store.MovePointer(ctx, second); err != nil {
		t.Fatal(err)
	}
	if got := values(); got != "a 0.75 r2; a NULL r2" {
		t.Errorf("publication 2 shows %s", got)
	}
	// A late writer of the earlier publication does not bring it back.
	if err := store.MovePointer(ctx, p); err != nil {
		t.Fatal(err)
	}
	if got := values(); got != "a 0.75 r2; a NULL r2" {
		t.Errorf("a late writer makes it show %s", got)
	}
	if got := lines(t, conn, "SELECT unit, kind, valid_from, valid_to, run FROM unit"); !slices.Equal(got, []string{"U1 clinic 1955-03-01T00:00:00.000 NULL r2"}) {
		t.Errorf("units %q", got)
	}
	// Publication 3 has its lists in a set beside the flags.
	flags, lists := publication.MetaApart(publication.MetaInput{Flags: []publication.Flag{{FlagRaised: event.FlagRaised{Flag: "f", Indicator: "a"}, Status: "open", RaisedAt: at}},
		Catalog: &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Units: []catalog.Unit{{ID: "U2", From: catalog.NewDate(1955, 3, 1)}},
			Indicators: []catalog.Indicator{{ID: "a", Versions: []catalog.Version{{ID: "1"}}}}},
		Deliveries: []publication.Delivery{{Received: event.DeliveryReceived{Delivery: "d"}, ReceivedAt: at, Rejected: &event.DeliveryRejected{}}}})
	for _, n := range []warehouse.Named{{Of: publication.OfMeta, Set: flags}, {Of: publication.OfLists, Set: lists}} {
		if err := store.WriteSets(ctx, []warehouse.Named{n}); err != nil {
			t.Fatal(err)
		}
	}
	third := second
	third.Publication, third.Sets, third.Meta = 3, []string{newer.ID, lists.ID}, flags.ID
	if err := store.MovePointer(ctx, third); err != nil {
		t.Fatal(err)
	}
	if err := store.DropUnused(ctx, append(third.Sets, third.Meta)); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, conn, "SELECT * FROM (SELECT 'f', flag FROM flag UNION ALL SELECT 'u', unit FROM unit UNION ALL SELECT 'd', delivery FROM delivery UNION ALL SELECT 'i', indicator FROM indicator UNION ALL SELECT 'a', kind FROM annotation) ORDER BY ALL"); !slices.Equal(got, []string{"a unit_from", "d d", "f f", "i a", "u U2"}) {
		t.Errorf("publication 3 shows %q", got)
	}
	noFlags, noLists := publication.MetaApartTemplate()
	for of, x := range map[string][2]publication.Set{publication.OfMeta: {flags, noFlags}, publication.OfLists: {lists, noLists}} {
		if broken, err := store.Whole(ctx, map[string]string{of: x[0].ID}, x[1]); err != nil || len(broken) > 0 {
			t.Errorf("broken %v, %v", broken, err)
		}
	}
	// In no view does a number that is none, or a date that is none, appear.
	for _, view := range []string{"cell", "chart", "funnel", "variation"} {
		for _, c := range publicationFloats(view) {
			if got := lines(t, conn, fmt.Sprintf("SELECT countIf(isNull(%s)), countIf(isNaN(%s)) FROM %s", c, c, view)); !slices.Equal(got, []string{"1 0"}) {
				t.Errorf("%s.%s has nulls and NaNs %v", view, c, got)
			}
		}
	}
	if got := lines(t, conn, "SELECT baseline_from, baseline_to FROM chart ORDER BY state"); !slices.Equal(got, []string{"2024-01-01T00:00:00.000 2024-01-01T00:00:00.000", "NULL NULL"}) {
		t.Errorf("baselines %q", got)
	}
	if err := store.Truncate(ctx); err != nil {
		t.Fatal(err)
	}
	if got := values(); got != "" {
		t.Errorf("an emptied store shows %s", got)
	}
}

func publicationFloats(table string) []string {
	var out []string
	for _, t := range publication.IndicatorTemplate().Tables {
		for _, c := range t.Columns {
			if _, ok := c.Values.([]float64); ok && t.Name == table {
				out = append(out, c.Name)
			}
		}
	}
	return out
}

// Grafana and the portal read these names.
func TestViewColumns(t *testing.T) {
	_, conn := newReleased(t, "views")
	every := "region indicator indicator_version granularity stratum run state "
	aboutCell := every + "unit period_start period_end fingerprint maturity data_through "
	deciles := ""
	for _, prefix := range []string{"p", "raw_p"} {
		for i := 1; i <= 9; i++ {
			deciles += fmt.Sprintf(" %s%d0", prefix, i)
		}
	}
	for view, want := range map[string]string{
		"cell": aboutCell + "numerator denominator value ci_low ci_high expected coverage missing_share",
		"chart": aboutCell + "chart value n sd centre lcl ucl target reference_value reference_source sigma_signal runs_signal rules phase " +
			"baseline_from baseline_to dispersion why excluded p_value false_alarm",
		"funnel":     aboutCell + "value denominator centre lcl95 ucl95 lcl998 ucl998 outlier phi tau2 units why",
		"variation":  every + "period_start period_end data_through units mean phi tau2 tau2_low tau2_high i2 icc mor scv" + deciles,
		"flag":       every + "unit period_start flag check severity observed expected direction cells text raised_at raised_run incident sla",
		"delivery":   every + "delivery registry feed file as_of received_at lines observed rejected parked reason",
		"unit":       "region indicator indicator_version granularity stratum run unit state name kind parent valid_from valid_to successor affirmed_through",
		"indicator":  every + "registry name type class direction measurement multiplier min_denominator specification",
		"annotation": "region indicator indicator_version granularity stratum run unit period_start state kind text",
		"run":        every + "publication as_of catalog published_at",
	} {
		got := lines(t, conn, "SELECT name FROM system.columns WHERE database = 'views' AND table = ? ORDER BY position", view)
		wanted, have := strings.Fields(want), slices.Clone(got)
		slices.Sort(wanted)
		slices.Sort(have)
		if d := cmp.Diff(wanted, have); d != "" {
			t.Errorf("view %s (-want +got):\n%s", view, d)
		}
	}
}
