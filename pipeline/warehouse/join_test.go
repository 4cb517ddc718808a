package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
)

// TestLoadManyBlocks loads more blocks than one insert takes. Each has its own
// dictionaries, in an order of its own, which the engine must not mix up.
func TestLoadManyBlocks(t *testing.T) {
	store, conn := newWarehouse(t, "many_blocks")
	const blocks, rows = 40, 23
	var payloads [][]byte
	var want []string
	for b := range blocks {
		o := &event.Observations{Region: "r", Registry: "g", Feed: "f", Delivery: "d", Block: uint32(b)}
		for i := range rows {
			line := b*rows + i + 2
			unit, stratum := fmt.Sprintf("U%d", (line*7+b)%31), fmt.Sprintf("s%d", (b+i)%5)
			o.Line, o.Kind = append(o.Line, uint64(line)), append(o.Kind, event.Observed)
			o.Indicator.Add(fmt.Sprintf("i%d", b%3))
			o.Version.Add("1")
			o.Unit.Add(unit)
			o.Stratum.Add(stratum)
			o.EventDate, o.RegistrationDate = append(o.EventDate, int32(19000+line)), append(o.RegistrationDate, 0)
			o.Subject, o.Key = append(o.Subject, [16]byte{14: byte(line >> 8), 15: byte(line)}), append(o.Key, [16]byte{byte(b), byte(i), 1})
			o.Has, o.Finding = append(o.Has, event.HasEventDate), append(o.Finding, 0)
			o.Numerator, o.Denominator = append(o.Numerator, int64(line)), append(o.Denominator, 1)
			o.Value, o.Expected = append(o.Value, 0), append(o.Expected, 0)
			want = append(want, fmt.Sprintf("%d %d i%d %s %s %032X %d", b, line, b%3, unit, stratum, line, line))
		}
		p, err := block.EncodeObservations(o)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, p)
	}
	a := event.DeliveryAccepted{Delivery: "d", Feed: "f", Blocks: event.Range{Blocks: blocks, Rows: blocks * rows}}
	for range 2 {
		if err := store.LoadObservations(t.Context(), a, fromMemory(payloads)); err != nil {
			t.Fatal(err)
		}
		got := lines(t, conn, "SELECT block, line, indicator, unit, stratum, hex(subject), numerator FROM obs ORDER BY line")
		if !slices.Equal(got, want) {
			t.Fatalf("%d rows, want %d; the first: %q, want %q", len(got), len(want), got[0], want[0])
		}
	}
	if parts := lines(t, conn, "SELECT uniqExact(_part) FROM obs"); parts[0] != "1" {
		t.Errorf("40 blocks are in %s parts, so they were several inserts", parts[0])
	}
}

// TestInsertIsAPart loads more rows than one insert takes. Each insert is one
// part, so that a block is there whole or not at all.
func TestInsertIsAPart(t *testing.T) {
	store, conn := newWarehouse(t, "insert_is_a_part")
	const blocks = 17
	var payloads [][]byte
	for b := range blocks {
		o := &event.Observations{Region: "r", Registry: "g", Feed: "f", Delivery: "d", Block: uint32(b)}
		for i := range block.MaxRows {
			o.Line = append(o.Line, uint64(b*block.MaxRows+i+2))
		}
		o.Kind, o.Has, o.Finding = make([]event.Kind, block.MaxRows), make([]event.Has, block.MaxRows), make([]event.Finding, block.MaxRows)
		one := event.TextsOf(slices.Repeat([]string{"1"}, block.MaxRows)...)
		o.Indicator, o.Version, o.Unit, o.Stratum = one, one, one, one
		o.EventDate, o.RegistrationDate = make([]int32, block.MaxRows), make([]int32, block.MaxRows)
		o.Subject, o.Key = make([][16]byte, block.MaxRows), make([][16]byte, block.MaxRows)
		zeros := make([]int64, block.MaxRows)
		o.Numerator, o.Denominator, o.Value, o.Expected = zeros, zeros, zeros, zeros
		p, err := block.EncodeObservations(o)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, p)
	}
	a := event.DeliveryAccepted{Delivery: "d", Feed: "f", Blocks: event.Range{Blocks: blocks, Rows: blocks * block.MaxRows}}
	if err := store.LoadObservations(t.Context(), a, fromMemory(payloads)); err != nil {
		t.Fatal(err)
	}
	got := lines(t, conn, "SELECT uniqExact(part), max(n), sum(rows) FROM (SELECT block, any(_part) AS part, uniqExact(_part) AS n, count() AS rows FROM obs GROUP BY block)")
	if want := fmt.Sprintf("3 1 %d", blocks*block.MaxRows); got[0] != want {
		t.Errorf("parts, parts of a block, rows: %s; want %s", got[0], want)
	}
}
