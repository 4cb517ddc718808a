// Package judge holds answers against a published document: every response that
// passes its transport is judged. It is for tests.
//
// It refuses to own the documents (package openapi) and what is asked.
package judge
