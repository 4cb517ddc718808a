package block_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event/block"
)

// TestJoin reads joined blocks, each with dictionaries of its own, as one
// stream. That the store reads them too is held by package warehouse.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var blocks [][]byte
		var want []cell.Version
		for range rapid.IntRange(1, 5).Draw(t, "blocks") {
			vs := anyVersions(t)
			b := must(block.EncodeCells(vs, "run", "delivery"))
			blocks, want = append(blocks, b), append(want, vs...)
		}
		joined, err := block.Join([]byte("before"), blocks...)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(joined, []byte("before")) {
			t.Fatal("what was in dst is gone")
		}
		got, err := block.ReadCells(bytes.NewReader(joined[len("before"):]), true)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d versions, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("version %d is %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

// TestRows holds the number that the frames give against the content.
func TestRows(t *testing.T) {
	for _, n := range []int{1, 2, 23, 4000} {
		b := must(block.EncodeObservations(observations(n, 1, n%2 == 0)))
		if got, err := block.Rows(b); err != nil || got != n {
			t.Errorf("%d, %v; want %d", got, err, n)
		}
	}
	if got, err := block.Rows(must(block.EncodeCells([]cell.Version{oneCell()}, "run", "delivery"))); err != nil || got != 1 {
		t.Errorf("%d, %v; want 1 cell", got, err)
	}
	b := must(block.EncodeObservations(observations(3, 1, true)))
	for n := range b {
		if rows, err := block.Rows(b[:n]); err == nil && rows != 3 || err != nil && !errors.Is(err, block.ErrCorrupt) {
			t.Fatalf("cut after %d of %d bytes: %d, %v", n, len(b), rows, err)
		}
	}
	for i := range b { // whatever a byte says, no number is one that no block has
		other := bytes.Clone(b)
		other[i] ^= 0xff
		if rows, err := block.Rows(other); err == nil && (rows < 1 || rows > block.MaxRows) || err != nil && !errors.Is(err, block.ErrCorrupt) {
			t.Fatalf("byte %d: %d, %v", i, rows, err)
		}
	}
}

// A block that is refused leaves nothing in the stream, which goes on behind it.
func TestJoinerGoesOn(t *testing.T) {
	first, second := must(block.EncodeCells([]cell.Version{oneCell()}, "run", "a")), must(block.EncodeCells([]cell.Version{oneCell()}, "run", "b"))
	var out bytes.Buffer
	j := block.NewJoiner(&out)
	for _, b := range [][]byte{first, first[:len(first)-9], must(block.EncodeObservations(observations(3, 1, true))), second} {
		was := out.Len()
		if err := j.Add(b); err != nil && (!errors.Is(err, block.ErrCorrupt) || out.Len() != was) {
			t.Fatalf("%v, and %d bytes more", err, out.Len()-was)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := block.ReadCells(&out, true); err != nil || len(got) != 2 {
		t.Errorf("%d cells, %v", len(got), err)
	}
}

func TestJoinRefuses(t *testing.T) {
	obs := must(block.EncodeObservations(observations(3, 1, true)))
	cells := must(block.EncodeCells([]cell.Version{oneCell()}, "run", "delivery"))
	for name, blocks := range map[string][][]byte{
		"two kinds":        {obs, cells},
		"bytes at the end": {append(bytes.Clone(obs), 0)},
		"no block":         {[]byte("a text, no block")},
		"an empty block":   {obs, nil},
	} {
		if _, err := block.Join(nil, blocks...); !errors.Is(err, block.ErrCorrupt) {
			t.Errorf("%s: error %v, want ErrCorrupt", name, err)
		}
	}
	for n := range obs {
		if _, err := block.Join(nil, obs[:n], obs); !errors.Is(err, block.ErrCorrupt) {
			t.Fatalf("cut after %d of %d bytes: error %v, want ErrCorrupt", n, len(obs), err)
		}
	}
}
