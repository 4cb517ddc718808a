// Package openapi owns the published documents (OpenAPI 3) of what this
// system answers over HTTP.
//
// It refuses to own the answers: the packages that give them hold themselves
// against these documents in their tests.
package openapi
