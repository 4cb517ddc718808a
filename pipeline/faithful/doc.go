// Package faithful prints what the field's own tools print, defects included, so
// that somebody who comes from R can put the same numbers side by side and see
// where Lärström's own differ and why.
//
// It owns the reading of a case, one method of one named tool each, and the
// printing of the result. It refuses to own anything that reaches a chart: only
// the command `larstrom stat` imports it, and no method here is a correction.
// The corrected methods are in packages spc, funnel and variation. It performs
// no I/O and keeps no state between calls.
package faithful
