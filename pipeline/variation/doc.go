// Package variation describes how much units differ beyond chance, and gives
// intervals for single values.
//
// It owns the variance between units and what is derived from it (I², ICC,
// median odds and rate ratios, systematic component of variation), by moments
// (Describe) and by mixed models (FitLogitNormal, FitLogNormal), their bootstrap and
// null distributions, shrunken unit estimates and their deciles, standardisation,
// quantiles of cases and histograms, and the intervals of a proportion, a rate and
// a mean. It refuses to own the naming of outliers (package funnel), ranks, and the
// comparison of standardised ratios of two units with each other, which have
// different weights. It performs no I/O and keeps no state between calls.
//
// # Lärström's own mode
//
// The variance between units is estimated with the sampling variance under the
// common mean, not with each unit's own estimate, so that units without events
// need no correction and small units are not weighted by their luck. Deciles are
// of shrunken estimates; those of raw values are named raw. The extremal quotient
// is on request only: it is undefined with a unit at zero and grows with the
// number of units.
package variation
