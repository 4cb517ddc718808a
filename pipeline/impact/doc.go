// Package impact owns what differs between two result sets of one indicator:
// which cells, charts, signals, funnel outliers and centre lines a decision
// would change before it is taken, and by how many points it would move the
// published values of each unit.
//
// It refuses to own what a decision does (package gate), how sets are made
// (package publication), who may see the difference and what follows from it.
// It is pure.
package impact
