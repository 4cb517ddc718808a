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
			o.Indicator, o.Version = append(o.Indicator, fmt.Sprintf("i%d", b%3)), append(o.Version, "1")
			o.Unit, o.Stratum = append(o.Unit, unit), append(o.Stratum, stratum)
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
	parts := lines(t, conn, "SELECT uniqExact(_part) <= 3 FROM obs")
	if parts[0] != "true" && parts[0] != "1" {
		t.Errorf("40 blocks are in %v parts, so a block was an insert", lines(t, conn, "SELECT uniqExact(_part) FROM obs"))
	}
}
