// Package clickhouse holds the numbered SQL files of the two stores. It
// refuses to own how they are applied (package warehouse).
package clickhouse
