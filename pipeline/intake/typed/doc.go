// Package typed owns how a value of a typed column (Parquet, Arrow) is written
// as the text that a feed declares: digits with the feed's decimal sign, dates
// in the feed's form and zone.
//
// It refuses to own where a value comes from (one package a format) and what
// it means (package intake). Nothing is rounded: a decimal keeps all digits of
// its scale, a double is the shortest text that gives the same double, a time
// keeps its fraction. What the feed's form cannot hold whole is written so that
// it is no text of that form, and its row is rejected: a day within a month,
// where the feed has months, is no month.
package typed
