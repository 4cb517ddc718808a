// Package ingest is the service that takes exports: from the drop folder and
// from submit, through the raw store and intake, to OBS blocks, an acceptance
// in the LEDGER and a receipt, and that opens the runs. It also takes what
// people say of deliveries: that one is retracted, that a missing one is not
// awaited.
//
// It refuses to own what a row means (package intake), what follows from an
// accepted delivery (services aggregator and validator) and the raw files
// themselves (package rawstore).
package ingest
