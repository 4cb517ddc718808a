// Package publication owns what is shown: it turns the released cells of one
// indicator into its result set (cells, control charts, funnels, variation),
// and the record of flags, deliveries, units and indicators into the set that
// belongs to no indicator.
//
// It refuses to own which version of a cell is released (package gate), the
// methods themselves (spc, funnel, variation) and where sets are stored
// (package warehouse). It is pure: equal input gives byte-equal sets, and a
// set is named by its content.
package publication
