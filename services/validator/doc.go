// Package validator is the service that runs the checks on what a run changed,
// raises and closes flags, releases what is clean, and takes the decisions of
// people.
//
// It refuses to own what a check finds (package quality), what a decision does
// and who may take it (package gate), and what is shown (service aggregator).
package validator
