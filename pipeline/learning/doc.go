// Package learning says what the decisions of people teach about the checks:
// how often a check asked, how often it was right, and what its answers cost.
//
// It owns the counts by check and version, the precision with Wilson's
// interval, the minutes per decision, and the proposals that follow: to lower
// the severity of a check that is mostly wrong, to raise one that is nearly
// always right (CHECKS, rules for thresholds).
//
// It refuses to own any change of a check: a proposal is a task for a steward,
// and thresholds and severities are the catalog's. It is pure, and counts by
// check only: neither units nor people are in its results.
//
// # What is a decision
//
// One act of a person: what she decided of many flags at once, with one reason,
// counts once, so that one bad night does not judge a check by itself. A
// decision that was taken back or overruled does not count; of a proposal only
// the confirmed one does. A check was right when the data were rejected or
// corrected, wrong when they were accepted or the BLOCK was waived. What a new
// delivery resolved, and what a memory covered, nobody decided.
package learning
