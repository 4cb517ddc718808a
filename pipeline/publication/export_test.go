package publication

// RowSums are what each row adds to the checksum of the table.
func RowSums(t Table) []uint64 {
	var out []uint64
	t.each(func(sum uint64) { out = append(out, sum) })
	return out
}
