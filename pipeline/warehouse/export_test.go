package warehouse

// PackAtMost lets the keys of the scope's cells be packed into a number only
// where there are fewer different ones than most.
func (s *Scope) PackAtMost(most uint64) { s.packAtMost = most }
