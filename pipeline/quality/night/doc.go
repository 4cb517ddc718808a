// Package night makes nights of a region with known truth: the fixed generator
// on which the statistical checks are measured, the faults that are put into
// its last nights, and the oracle that knows every parameter.
//
// It owns the measuring stick and refuses to own what it measures: it knows
// nothing of the models of package surveil beyond the shape of its panel. All
// randomness comes from the seed that is given; the same seed gives the same
// night on every machine.
//
// # What is in a night
//
// 24,000 series: 1,200 units of 20 indicators, and four codes without history.
// The mean number of records a day is log-normal with median 8 and sigma 1: of
// its variance 0.36 belongs to the unit, 0.25 to the indicator and 0.39 to the
// series. Events of a day are negative binomial with k = 30 about mean x weekday
// x season: weekday factors are uniform in ±20 % by unit, the season is a sine
// of ±10 % with a phase by indicator. Each event is registered after a
// geometric lag with a median of 5 days. 0.4 % of all series-nights before the
// tested one are contaminated: half are empty, half hold 2 to 5 times what they
// should. Each record is in the numerator with the probability of its series
// (beta-distributed about that of the indicator) and lacks a value in 4 % of
// cases.
package night
