package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNoFeed says that no feed claims a file.
var ErrNoFeed = errors.New("no feed has a pattern that matches")

// ErrAmbiguousFeed says that several feeds claim a file.
var ErrAmbiguousFeed = errors.New("more than one feed has a pattern that matches")

// Problem is one thing that is wrong in a catalog.
type Problem struct {
	// File is relative to the catalog's folder; Line and Column count from 1
	// and are 0 where the problem is not in one place of a file.
	File         string
	Line, Column int
	// Path names the value as a person would: feeds[ae].columns.unit.
	Path string
	// Value is what stands there, shortened; never a token.
	Value string
	// Rule is what must hold, Hint what to do.
	Rule, Hint string
}

// String is one line: place, path, value, rule and hint.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	if p.Value != "" {
		fmt.Fprintf(&b, "%q: ", p.Value)
	}
	b.WriteString(p.Rule)
	if p.Hint != "" {
		b.WriteString("; ")
		b.WriteString(p.Hint)
	}
	return b.String()
}

// Error refuses a catalog whole. Problems are sorted by file, line, column.
type Error struct{ Problems []Problem }

// Error has one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func sortProblems(ps []Problem) []Problem {
	slices.SortFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			strings.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Path, b.Path),
			strings.Compare(a.Rule, b.Rule),
			strings.Compare(a.Value, b.Value),
			strings.Compare(a.Hint, b.Hint),
		)
	})
	return ps
}

// shorten keeps a value readable in one line.
func shorten(s string) string {
	const most = 60
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}

// nearest is the candidate that a misspelt word most likely means, or "".
func nearest(word string, candidates []string) string {
	best, distance := "", max(1, len([]rune(word))/3)+1
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(word), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbours (the restricted Damerau-Levenshtein distance).
func editDistance(a, b string) int {
	s, t := []rune(a), []rune(b)
	// Long words are values, not slips of a key; they are not worth the time.
	if len(s) > 64 || len(t) > 64 {
		return 64
	}
	var before, above []int
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(s); i++ {
		before, above, row = above, row, make([]int, len(t)+1)
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, above[j]+1, above[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(t)]
}
