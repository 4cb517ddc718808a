package warehouse_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/spc"
	"larstrom/pipeline/warehouse"
)

// engineTicks is the processor time of this process's children, in seconds.
func engineSeconds() float64 {
	children, _ := filepath.Glob("/proc/self/task/*/children")
	sum := 0.0
	for _, name := range children {
		text, _ := os.ReadFile(name)
		for _, id := range strings.Fields(string(text)) {
			stat, _ := os.ReadFile("/proc/" + id + "/stat")
			_, rest, _ := strings.Cut(string(stat), ") ")
			f := strings.Fields(rest)
			var u, s float64
			fmt.Sscan(f[11], &u)
			fmt.Sscan(f[12], &s)
			sum += (u + s) / 100
		}
	}
	return sum
}

func bigSet(of string, units, months int, seed float64) publication.Set {
	var tables []publication.Table
	for _, t := range publication.IndicatorTemplate().Tables {
		n := units * months
		if t.Name == "funnel" {
			n = units
		}
		if t.Name == "variation" {
			n = 1
		}
		out := publication.Table{Name: t.Name}
		for _, c := range t.Columns {
			switch c.Values.(type) {
			case []string:
				v := make([]string, n)
				for i := range v {
					switch c.Name {
					case "unit":
						v[i] = fmt.Sprintf("u%04d", i/months)
					case "fingerprint":
						v[i] = fmt.Sprintf("%064x", uint64(i)*0x9E3779B97F4A7C15+uint64(seed))
					case "why":
						v[i] = fmt.Sprintf("Limits from the first 24 months, of unit %d, are a sentence or two long, as they say what they rest on.", i/months)
					default:
						v[i] = c.Name
					}
				}
				c.Values = v
			case []float64:
				v := make([]float64, n)
				for i := range v {
					v[i] = seed + math.Sin(float64(i))
				}
				if c.Name == "target" || c.Name == "coverage" || c.Name == "expected" || c.Name == "reference_value" || c.Name == "p_value" {
					for i := range v {
						v[i] = math.NaN()
					}
				}
				c.Values = v
			case []int32:
				v := make([]int32, n)
				for i := range v {
					v[i] = int32(19000 + 30*(i%months))
				}
				c.Values = v
			case []uint32:
				c.Values = make([]uint32, n)
			case []uint16:
				c.Values = make([]uint16, n)
			case []int8:
				c.Values = make([]int8, n)
			case []bool:
				c.Values = make([]bool, n)
			case [][]string:
				c.Values = make([][]string, n)
			}
			out.Columns = append(out.Columns, c)
		}
		tables = append(tables, out)
	}
	return publication.Seal(of, tables)
}

func TestBigPatch(t *testing.T) {
	store, conn := newReleased(t, "big_patch")
	ctx := t.Context()
	in := shares("a", nil)
	in.Cells = nil
	for u := range 1200 {
		for m := range 60 {
			k := cell.Key{Region: "nord", Registry: "g", Indicator: "a", Version: "1", Granularity: "month", Unit: fmt.Sprintf("u%04d", u), PeriodStart: catalog.NewDate(2021, 1, 1).AddMonths(m).Days()}
			content := cell.Content{Rows: 100, Numerator: cell.FixedOf(int64((u*m+7*m)%90) * cell.Micro), Denominator: cell.FixedOf(100 * cell.Micro)}
			in.Cells = append(in.Cells, publication.Cell{Key: k, State: spc.StateValue, Content: content, Fingerprint: cell.FingerprintOf(k, content, false)})
		}
	}
	whole, made, err := publication.BuildMade(in)
	if err != nil {
		t.Fatal(err)
	}
	var flags []publication.Flag
	for i := range 300 {
		flags = append(flags, publication.Flag{FlagRaised: event.FlagRaised{Flag: fmt.Sprintf("%032x", i), Indicator: "a", Check: "C06", Text: "so many rows"}, Status: "open"})
	}
	measure := func(name string, f func() error) {
		before := engineSeconds()
		times := 1
		if len(name) < 10 && (name[:1] < "a" || name == "ask") {
			times = 10
		}
		for range times {
			if err := f(); err != nil {
				t.Fatal(name, err)
			}
		}
		t.Logf("%-20s %.3f s", name, (engineSeconds()-before)/float64(times))
	}
	measure("whole", func() error { return store.WriteSets(ctx, []warehouse.Named{{Of: "a", Set: whole}}) })
	last := whole.ID
	measure("move", func() error {
		return store.MovePointer(ctx, warehouse.Pointer{Publication: 1, AsOf: catalog.NewDate(2026, 1, 1), PublishedAt: time.Unix(1, 0), Sets: []string{whole.ID}, Meta: "m"})
	})
	for range 2 {
		measure("ASK", func() error { return conn.Exec(ctx, "SELECT * FROM cell FORMAT Null") })
		measure("ASK TABLE", func() error { return conn.Exec(ctx, "SELECT * FROM result_cell FORMAT Null") })
	}
	for n := range 2 {
		flags[n].Status = "accepted"
		meta, _ := publication.MetaApart(publication.MetaInput{Flags: flags, Catalog: &catalog.Catalog{}})
		own := in
		own.Cells = slices.Clone(in.Cells[600 : 660+60*n])
		own.Cells[7].State = spc.StateHeldEmpty
		p, next, ok, err := made.Update(own)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		made = next
		measure("patch", func() error { return store.WritePatches(ctx, []warehouse.NamedPatch{{Of: "a", Patch: p}}) })
		measure("flags", func() error { return store.WriteSets(ctx, []warehouse.Named{{Of: "meta", Set: meta}}) })
		measure("pointer", func() error { _, _, err := store.Pointer(ctx); return err })
		measure("move", func() error {
			return store.MovePointer(ctx, warehouse.Pointer{Publication: uint64(n + 2), AsOf: catalog.NewDate(2026, 1, 1), PublishedAt: time.Unix(1, 0), Sets: []string{p.ID}, Meta: meta.ID})
		})
		measure("ask", func() error {
			return conn.Exec(ctx, "SELECT (SELECT any(state) FROM flag WHERE flag = 'x'), state FROM cell WHERE indicator = 'a' AND unit = 'u0010' AND period_start = '2021-08-01' FORMAT Null")
		})
		measure("ASK", func() error { return conn.Exec(ctx, "SELECT * FROM cell FORMAT Null") })
		measure("ask all of table", func() error { return conn.Exec(ctx, "SELECT * FROM result_cell FORMAT Null") })
		measure("drop", func() error { return store.DropUnused(ctx, []string{p.ID, last, meta.ID}) })
		last = p.ID
	}
}
