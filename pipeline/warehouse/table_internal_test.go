package warehouse

import (
	"fmt"
	"testing"

	"larstrom/pipeline/cell"
)

// Tables that were read last stay, within bounds; what was being read when rows
// came is not kept.
func TestKeptTables(t *testing.T) {
	versions := make([]cell.Version, 500_000)
	for i := range versions {
		versions[i] = cell.Version{Key: cell.Key{Region: "r", Indicator: "i", PeriodStart: int32(i)}, Rev: 1}
	}
	table, err := cell.TableOf("r", "i", versions)
	if err != nil {
		t.Fatal(err)
	}
	fit := tableBytes / table.Bytes()
	var k tables
	of := func(i int) tableOf { return tableOf{"r", fmt.Sprint(i), 1} }
	for i := range fit + 1 {
		_, turn := k.get(of(i))
		k.put(of(i), turn, table)
		if i == 1 { // so that 1, not 0, is the one that was not used for longest
			k.get(of(0))
		}
	}
	for i, want := range map[int]bool{0: true, 1: false, fit: true} {
		if got, _ := k.get(of(i)); (got != nil) != want {
			t.Errorf("of %d tables table %d is kept: %v", fit+1, i, got != nil)
		}
	}
	if k.bytes > tableBytes || k.bytes != fit*table.Bytes() || len(k.at) != k.order.Len() {
		t.Errorf("%d bytes in %d tables", k.bytes, len(k.at))
	}
	// Of one indicator the table up to the newest revision takes the place of the others.
	if got, _ := k.newest(of(0)); got != nil {
		t.Error("a table is before itself")
	}
	if got, _ := k.newest(tableOf{"r", "1", 3}); got != nil {
		t.Error("a table is there that was not kept")
	}
	later := tableOf{"r", "0", 3}
	if got, through := k.newest(later); got != table || through != 1 {
		t.Errorf("the table before revision 3 is up to %d: %v", through, got != nil)
	}
	k.put(later, k.turn, table)
	if got, _ := k.get(of(0)); got != nil || k.bytes != fit*table.Bytes() {
		t.Errorf("the earlier table is still there: %d bytes", k.bytes)
	}
	_, turn := k.get(of(-1))
	k.forget()
	k.put(of(-1), turn, table)
	if got, _ := k.get(of(-1)); got != nil || k.bytes != 0 || k.order.Len() != 0 {
		t.Error("a table that was being read when rows came is kept")
	}
}
