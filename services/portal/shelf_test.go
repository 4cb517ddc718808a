package portal

import (
	"strconv"
	"testing"
	"time"
)

// TestShelf: what is kept is of the publication that is shown, also where an answer
// comes late, and there is not more of it than there may be.
func TestShelf(t *testing.T) {
	s, one := &shelf{}, publication{Number: 1, Run: "a"}
	put := func(key string, n int) { _, turn := s.get(key); s.put(key, turn, n, n) }
	has := func(key string, want bool) {
		t.Helper()
		if rows, _ := s.get(key); (rows != nil) != want {
			t.Errorf("%s is kept: %v", key, rows)
		}
	}
	put("before the first publication", 1)
	has("before the first publication", false)
	s.shows(one)
	put("x", 5)
	s.shows(one)
	has("x", true)
	_, late := s.get("late")
	for _, next := range []publication{{Number: 2, Run: "a"}, {Number: 2, Run: "b"}, {Number: 2, Run: "b", PublishedAt: time.Unix(1, 0)}} {
		s.shows(next)
		has("x", false)
		s.put("late", late, 1, 1) // was asked of the first
		has("late", false)
		put("x", 5)
		has("x", true)
	}
	put("too large", largestShelf+1)
	has("too large", false)
	for i := range 2 * mostShelved / largestShelf {
		put(strconv.Itoa(i), largestShelf)
		if s.kept > mostShelved {
			t.Fatalf("%d rows are kept", s.kept)
		}
	}
}

// TestMark: a page needs no second look at the pointer only if all of it was on the
// shelf, and the shelf is of the publication that the page says it shows.
func TestMark(t *testing.T) {
	s, one, two := &shelf{}, publication{Number: 1}, publication{Number: 2}
	s.shows(one)
	_, turn := s.get("x")
	s.put("x", turn, 1, 1)
	before, own := s.mark(one)
	s.get("x")
	if after, _ := s.mark(one); !own || after != before {
		t.Error("what was on the shelf is looked at again")
	}
	s.get("y")
	if after, _ := s.mark(one); after == before {
		t.Error("what the store was asked for is not looked at again")
	}
	before, _ = s.mark(one)
	s.shows(two) // another request has seen the next one
	_, turn = s.get("x")
	s.put("x", turn, 1, 1)
	if after, _ := s.mark(one); after == before {
		t.Error("the shelf of the next publication passes for this one's")
	}
	if _, own := s.mark(one); own {
		t.Error("the shelf is of the next publication from the beginning, and passes for this one's")
	}
}
