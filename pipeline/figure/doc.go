// Package figure draws the two charts of this field as SVG: the control chart
// of one unit and indicator over time (Control), and the funnel of one
// indicator with its units named (Funnel).
//
// It owns geometry, axes, shapes, colours, the legend and what assistive
// technology reads. It refuses to own statistics (centre lines, limits, signals
// and states come in as values), the words (they come in as Texts, one per
// language), and pages. It performs no I/O but to the writer it is given, reads
// no clock and keeps no state: the same values give the same bytes.
//
// # Rules of the drawing
//
//   - Limits are drawn where they are: stepped where they vary by point, absent
//     where they are NaN, broken between phases.
//   - A signal is told by shape and colour, never by colour alone. Colours are
//     distinct in the common forms of colour blindness (Okabe & Ito 2008).
//   - Points in state value, preliminary (hollow) and held_previous (grey) have
//     a value. Every other state breaks the line and has a mark of its own on
//     the time axis, so that the kinds of nothing stay distinct.
//   - The legend explains what occurs, and nothing else.
//   - Targets and reference values are named lines, drawn unlike limits.
//   - Units of a funnel are placed by their size and never ranked.
//
// # Two ways to be shown
//
// Standalone figures carry a style element with colours for light and dark.
// Others have classes and presentation attributes only, no style element, no
// style attribute and no script, so that a page with a strict content security
// policy can embed them; such a page serves Stylesheet from its own origin if
// it wants dark colours.
//
// A figure has no fixed width in pixels; it scales with its container, text
// included. Options.Narrow lays it out for a page of about 390 pixels.
package figure
