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
