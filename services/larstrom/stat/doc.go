// Package stat charts a plain table: rows of a delimited file in, one control
// chart per unit, a funnel or a description of the variation between units out,
// as text, JSON or SVG.
//
// It owns how a table is read for this purpose: which columns mean what, which
// dates make periods, what a row without a value becomes. It refuses to own the
// methods (packages spc, funnel and variation, in Lärström's own mode), the
// drawing (package figure), and the grammar of delimited text (package
// delimited). It reads no catalog, stores nothing and knows no network.
//
// # What never happens
//
// No row is dropped in silence: a field that cannot be read is a *CellError
// with line, column, value, rule and hint, and nothing is charted. An empty
// field, or one of Request.Missing, is a missing value and remains one in the
// chart. What was decided on the reader's behalf (the delimiter, the columns,
// what is a proportion) is said in the notes of the result.
package stat
