// Package spc computes statistical process control charts for series of
// quality-indicator values over time: which chart a series deserves, its centre
// line and limits, and its signals as data.
//
// It owns the states of a point, the choice of chart (Choose, Batch, Update), the
// baseline rule, the rules and their signals (Detect, icons), the tests of season
// and autocorrelation, sustained shifts and the proposal of phases (Sustained,
// Propose), the worklist of a night over all series (LatestEvidence, Worklist),
// what estimation does to limits and false alarms (LimitSE,
// EstimatedFalseAlarmRate), cumulative charts (EWMA, CUSUM, RiskAdjusted,
// Bernoulli, VLAD), the order of entries (Arrange), and the exact binomial,
// Poisson and chi-square quantiles that charts and funnels share.
//
// It refuses to own: what a period, unit or indicator is (a series is a slice of
// consecutive periods), how cells become values, suppression (it charts what it
// is given), and drawing. It performs no I/O, reads no clock and keeps no state
// between calls. It never re-bases: a new phase is a decision that comes in
// through Plan.
//
// # Lärström's own mode
//
// The methods here are the corrected ones. They differ from the common tools in
// these points, each argued where it is implemented:
//
//   - limits come from a frozen baseline: the first 24 mature values of a phase;
//     12 to 23 give provisional limits, fewer a run chart;
//   - moving ranges are divided by the exact constant 2/sqrt(pi), not by 1.128
//     (limits differ by 0.03 % from qicharts2, by 0.05 % from 2.66 times the
//     average moving range);
//   - moving ranges are not screened unless the caller asks, and the result says
//     which was done;
//   - a moving range never spans a gap;
//   - a proportion or rate chart is plain where a dispersion test allows it,
//     Laney's where not, exact where counts are small;
//   - a constant series has limits of zero width, not missing ones;
//   - signals compare unclipped values and limits, and each value with its own;
//   - an excluded point is excluded before differences are taken, and does not
//     signal;
//   - charts of spread (S, R, MR) have exact limits, of values made comparable
//     between sizes;
//   - equal neighbours neither add to a trend of Making Data Count nor cancel it,
//     and its variants of two of three are rules of their own;
//   - season and autocorrelation, where tested, turn run rules off.
package spc
