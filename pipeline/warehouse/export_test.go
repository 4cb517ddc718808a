package warehouse

// PackAtMost lets the keys of the scope's cells be packed into a number only
// where there are fewer different ones than most.
func (s *Scope) PackAtMost(most uint64) { s.packAtMost = most }

// KeysAtOnce lets about so many keys of each source be compared at once.
func (s *Scope) KeysAtOnce(n uint64) {
	s.every.keysAtOnce = n
	for i := range s.Others {
		s.Others[i].every.keysAtOnce = n
	}
}
