// Package quality looks at what a delivery changed and says what is odd about
// it: the data-quality checks, as pure functions from cells and their history
// to findings.
//
// It owns the checks, their severities, thresholds and explanations, the
// models behind them, and the identity of a flag. It refuses to own: what
// follows from a finding (package gate), faults of rows and files as they are
// read (package intake; their counts come in and are put on record here),
// where history is kept, and control charts (package spc). It does no I/O and
// reads no clock.
//
// # What the caller gives
//
// One Input per indicator, run and feed: the cells that the delivery changed,
// the versions that they are compared with, and the series to which they
// belong. What a point may be compared with is decided here, so the caller
// gives everything and marks it: mature or not, withdrawn or not.
//
// EvaluateNight takes all of them together, with the panel of earlier nights
// (Arrivals makes one from cell versions), the facts of deliveries and feeds,
// and counts of what stood in columns, and runs the whole Catalogue: the checks
// above, those that look at several indicators, and those that package surveil
// judges over all series of the night at once. Flags with one likely cause come
// back with the name of one Incident; what a finding explains is on record
// under it and asks nobody, and its flag guards the cells of both. What is not
// given makes the checks that need it not applicable, with the reason. Indicators
// that are not in the panel, because too few nights are known of them or their feed
// never comes by night, are judged by the history of their periods instead: a first
// delivery brings months of it. A period of the last year is judged by the control
// of false discoveries, an older one only for what is gross; periods that are
// missing inside a history, that repeat an earlier one or of which columns changed
// places are looked for in all of it. Judged
// tells afterwards where the checks of the panel have looked: a flag of theirs
// closes by itself only after they did and found nothing again.
//
// # Where thresholds come from
//
// The defaults are in Catalogue. The catalog of a region may set others, with a
// note and the days on which they hold: for the night, a feed, an indicator, a
// unit, in this order of precedence from least to most. A check or threshold in
// shadow mode is on record and asks nobody.
//
// # What every check keeps to
//
//   - The tested point is never in its own baseline, nor is a withdrawn or
//     held one.
//   - Comparisons are made at equal maturity: a period that is still filling
//     is compared with earlier nights' views of their periods at the same lag,
//     or not at all.
//   - Too short a history is "not applicable". Only an error of ours, or of
//     the data that the check needs, is "could not run", and that blocks what
//     the check would have guarded.
//   - The same input in any order gives the same findings in the same order.
package quality
