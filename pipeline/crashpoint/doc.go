// Package crashpoint owns the names of the moments at which a crash is
// interesting: right after each durable step of the main job.
//
// It refuses to own what a crash leaves behind: every service recovers by
// folding the LEDGER, as each point's comment says. Outside the crash
// campaign every hook is nil and Hit does nothing.
package crashpoint
