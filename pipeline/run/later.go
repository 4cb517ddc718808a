package run

// Later is the newest of the accepted deliveries of a feed whose order key stands
// behind this one, and that count; nil: there is none. What it says goes before
// what a delivery of the key says, though that comes now.
func (s *State) Later(feed, orderKey string) *Delivery {
	var last *Delivery
	for _, d := range s.Deliveries() {
		if d.Feed != feed || d.Accepted == nil || d.Retracted != nil || d.Retracts != nil || compareKeys(d.Accepted.OrderKey, orderKey) <= 0 {
			continue
		}
		if last == nil || compareKeys(d.Accepted.OrderKey, last.Accepted.OrderKey) > 0 {
			last = d
		}
	}
	return last
}
