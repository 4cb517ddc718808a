// Package introduction owns the arithmetic of an indicator's introduction
// protocol: how many cases to check, which ones, what their agreement with the
// record says, and whether that is a sample or a smoke check.
//
// It refuses to own where source rows are kept (package warehouse), who draws
// and signs, and what an introduced version may show (package gate). Cases are
// named by delivery and line, never by a person; whoever checks them finds the
// record where the export was made.
package introduction
