// Package surveil finds what is odd in the numbers of one region in one night,
// over all units and indicators at once: volumes, rates and shares of missing
// values against their own past, shifts that are common to the units of a
// source or indicator, units that merged, split, fell silent or sent an old
// night again.
//
// It owns the models behind those findings, the control of false discoveries
// over a whole night, and the folding of findings with one cause. It refuses to
// own: what a cell, a check or a severity is (package quality), where the
// numbers of earlier nights are kept, and what follows from a finding (package
// gate). It is pure: no I/O, no clock, no randomness; the same panel gives the
// same findings on any number of processors.
//
// # What goes in
//
// A Panel: for every series (one indicator of one unit) one number a night,
// all taken at equal lag. Two ways to take them serve:
//
//   - what came: the records that night n brought and earlier nights had not.
//     The ages of the events are then mixed alike on every night, so that late
//     registration does not look like a loss;
//   - what happened: the records of the event day n-L as night n saw them, with
//     a fixed lag of L days. A day is compared with days at the same age.
//
// Or a Past, for Look: what is known tonight of each period of the events, where
// there are no nights to compare. A period is judged by those around it; what is
// still filling is in no baseline, and can only be found too high. Of an old one
// only what is gross is found, outside the control of false discoveries.
//
// What must never be done is to compare tonight's view of last week with weeks
// that have had months to fill.
//
// # Methods
//
// Volumes: counts are negative binomial about a level of the series, times a
// factor of the night that all units of the indicator share (season, holidays,
// slow registration). The test of a window against the earlier windows of the
// same series is conditional on their sum, which removes the unknown level: a
// beta-binomial, exact for negative binomial counts with known dispersion
// (Robinson and Smyth, Biostatistics 2008, for equal exposures), so that the
// uncertainty of the baseline is in the p-value, also far out in the tails.
// Dispersion is pooled over the units of an indicator, by scale, from residuals
// without gross outliers. Isolated outliers of the past are in no baseline.
//
// Rates and shares: beta-binomial with dispersion pooled per indicator, the
// tested window against earlier ones; in a window of several nights none of them
// counts for more than a night can.
//
// Common mode: the mean residual of the units of a source in one indicator
// against its own past residuals.
//
// All p-values of a night go through one Benjamini-Hochberg at q, and inside it
// each family (class and scale) through the level that Benjamini and Bogomolov
// (JRSS B 2014) give a selected family; a finding passes both. Floors of
// magnitude stand beside significance.
package surveil
