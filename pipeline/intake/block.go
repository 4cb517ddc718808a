package intake

import "larstrom/pipeline/event"

// MaxBlockRows is how many rows a block has; the last of a file has what is
// left. The encoder may cut a block further to fit a message of the log; where
// it cuts depends on the rows alone, too.
const MaxBlockRows = 64_000

// blockWriter collects a block.
type blockWriter struct {
	obs event.Observations
	// subjects are the pseudonyms of the block on end, ends where each ends:
	// one string for all of them instead of one each.
	subjects []byte
	ends     []int32
}

// finish cuts the pseudonyms out of their common string.
func (w *blockWriter) finish() {
	all := string(w.subjects)
	from := int32(0)
	w.obs.Subject = w.obs.Subject[:0]
	for _, end := range w.ends {
		w.obs.Subject = append(w.obs.Subject, all[from:end])
		from = end
	}
}

func (w *blockWriter) reset() {
	w.obs.Reset()
	w.obs.Block++
	w.subjects, w.ends = w.subjects[:0], w.ends[:0]
}
