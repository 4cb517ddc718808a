package portal

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// How many rows a shelf keeps, of all results and of one.
const (
	mostShelved  = 50_000
	largestShelf = 10_000
)

// shelf keeps what was read of the publication that is shown: its result sets
// never change, so that the same question has the same answer until the pointer
// moves. It is one for all languages.
type shelf struct {
	mu   sync.Mutex
	of   publication
	turn uint64 // counts the changes of of
	// asked counts what the shelf did not have, and the store was asked for.
	asked uint64
	rows  map[string]any
	kept  int
}

// shows empties the shelf when another publication is shown than before.
func (s *shelf) shows(p publication) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of != p {
		s.of, s.rows, s.kept = p, nil, 0
		s.turn++
	}
}

// mark is a state of the shelf.
type mark struct{ turn, asked uint64 }

// mark is the same before and after a page all of which was on the shelf: then all
// of it is of that publication. It is not ok where the shelf is of another.
func (s *shelf) mark(p publication) (m mark, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return mark{s.turn, s.asked}, s.of == p
}

// get is what was kept under the key, and the turn that an answer which is read
// from now on belongs to.
func (s *shelf) get(key string) (rows any, turn uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rows = s.rows[key]; rows == nil {
		s.asked++
	}
	return rows, s.turn
}

// put keeps n rows, unless the publication has changed since they were asked for:
// they may be of the one before.
func (s *shelf) put(key string, turn uint64, rows any, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != turn || n > largestShelf || s.of == (publication{}) {
		return
	}
	if s.rows == nil || s.kept+n > mostShelved {
		s.rows, s.kept = map[string]any{}, 0
	}
	s.rows[key] = rows
	s.kept += n + 1
}

// published are the rows of a query on the released store, as of the publication
// that is shown. The caller may sort and cut them, and changes nothing within.
func published[T any](ctx context.Context, p *Portal, query string, args ...any) ([]T, error) {
	key := query + fmt.Sprintf("%q", args)
	kept, turn := p.shelf.get(key)
	if rows, ok := kept.([]T); ok {
		return slices.Clone(rows), nil
	}
	rows, err := selectRows[T](ctx, p.cfg.Pages.Released, query, args...)
	if err != nil {
		return nil, err
	}
	p.shelf.put(key, turn, slices.Clone(rows), len(rows))
	return rows, nil
}
