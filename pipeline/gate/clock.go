package gate

import (
	"slices"

	"larstrom/pipeline/catalog"
)

// Wait is a time in which the reviewer of a flag waited for its source: from
// the day of a comment to that of the answer or of the next decision. A zero To
// means that it still lasts.
type Wait struct{ From, To catalog.Date }

// Waiting reports whether the reviewer waits for the source: her clock stands
// and the source's runs.
func (f *Flag) Waiting() bool {
	return f.Status == Open && len(f.Waits) > 0 && f.Waits[len(f.Waits)-1].To.IsZero()
}

// asked begins a wait, unless one lasts.
func (f *Flag) asked(on catalog.Date) {
	if n := len(f.Waits); n > 0 && f.Waits[n-1].To.IsZero() {
		return
	}
	f.Waits = append(slices.Clone(f.Waits), Wait{From: on})
}

// answered ends a wait on a day; a zero day ends it where it began, because
// nobody said when.
func (f *Flag) answered(on catalog.Date) {
	n := len(f.Waits)
	if n == 0 || !f.Waits[n-1].To.IsZero() {
		return
	}
	w := slices.Clone(f.Waits)
	if on.Before(w[n-1].From) {
		on = w[n-1].From
	}
	w[n-1].To = on
	f.Waits = w
}

// Days counts, with the given measure of a span (working days of a country,
// say), how long the clock of the reviewer and that of the source have run
// from the day since up to the day on. Together they are the whole span.
func (f *Flag) Days(since, on catalog.Date, measure func(from, to catalog.Date) int) (reviewer, source int) {
	at := since
	for _, w := range f.Waits {
		from, to := later(w.From, at), w.To
		if to.IsZero() || on.Before(to) {
			to = on
		}
		if !from.Before(to) {
			continue
		}
		reviewer += measure(at, from)
		source += measure(from, to)
		at = to
	}
	if at.Before(on) {
		reviewer += measure(at, on)
	}
	return reviewer, source
}

func later(a, b catalog.Date) catalog.Date {
	if a.Before(b) {
		return b
	}
	return a
}
