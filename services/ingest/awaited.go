package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
)

// patience is how long a file that is not whole is waited for, where its feed
// does not say.
const patience = time.Hour

// Awaited is a file of the drop folder whose rest has not come.
type Awaited struct {
	Feed, File string
	// Reason is what is missing, Hint what its sender can do.
	Reason, Hint string
	// Since is when it changed last, Until when it is rejected at the latest.
	Since, Until time.Time
}

// patienceOf is that of the feed.
func patienceOf(feed *catalog.Feed) time.Duration {
	if m := feed.Complete.PatienceMinutes; m > 0 {
		return time.Duration(m) * time.Minute
	}
	return patience
}

// Awaited are the files that wait for their rest, by feed and name.
func (s *Service) Awaited() []Awaited {
	s.seen.Lock()
	defer s.seen.Unlock()
	all := slices.Collect(maps.Values(s.awaited))
	slices.SortFunc(all, func(a, b Awaited) int {
		if c := strings.Compare(a.Feed, b.Feed); c != 0 {
			return c
		}
		return strings.Compare(a.File, b.File)
	})
	return all
}

// waits notes a file that waits until the time, or that it no longer does.
func (s *Service) waits(name string, r *intake.Receipt, f file) {
	s.seen.Lock()
	defer s.seen.Unlock()
	if r == nil || r.Status != intake.StatusWaiting || r.Feed == "" || len(r.Problems) == 0 {
		delete(s.awaited, name)
		return
	}
	if s.awaited == nil {
		s.awaited = map[string]Awaited{}
	}
	feed, ok := s.index.Feed(r.Feed)
	if !ok {
		return
	}
	s.awaited[name] = Awaited{Feed: r.Feed, File: r.File, Reason: r.Problems[0].Text, Hint: r.Problems[0].Hint,
		Since: f.changed, Until: f.changed.Add(patienceOf(feed))}
}

// impatient reports whether the file has waited long enough.
func (s *Service) impatient(name string) bool {
	s.seen.Lock()
	defer s.seen.Unlock()
	w, ok := s.awaited[name]
	return ok && !s.cfg.Clock().Before(w.Until)
}

// gone forgets what waited and is no longer in the folder.
func (s *Service) gone(there map[string]bool) {
	s.seen.Lock()
	defer s.seen.Unlock()
	maps.DeleteFunc(s.awaited, func(name string, _ Awaited) bool { return !there[name] })
}

// patient reports whether the service still waits for the rest of the file.
func (f *file) patient(feed *catalog.Feed, now time.Time) bool {
	return f.live && now.Before(f.changed.Add(patienceOf(feed)))
}

// small is up to which size a file is read whole to see whether it is whole; of
// a larger one its end is looked at.
const small = 4 << 20

// unfinished says why a file may still be on its way, nil where nothing shows
// it. It stores nothing: what is growing is not kept in every size that it had.
func (s *Service) unfinished(ctx context.Context, in *os.File, feed *catalog.Feed, f file) (*intake.FileError, error) {
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() <= small || feed.Complete.By == "trailer" {
		_, manifest, err := s.manifest(f)
		if err == nil {
			d := intake.Delivery{Region: s.cfg.Catalog.Region.Code, ID: "look", Name: f.name, Manifest: manifest, Keys: s.cfg.Keys}
			if d.AsOf, _, err = intake.AsOf(feed, f.name, manifest, s.cfg.Clock()); err == nil {
				_, err = intake.Read(ctx, in, feed, s.index, d, nothing{})
			}
		}
		bad, ok := isFileError(err)
		switch {
		case ok && bad.Incomplete:
			return bad, nil
		case ok || ctx.Err() == nil:
			return nil, nil // another fault is told when the file is taken
		default:
			return nil, context.Cause(ctx)
		}
	}
	err = ended(in, info.Size(), feed)
	var fault *record.Error
	if errors.As(err, &fault) {
		if !fault.Cut {
			return nil, nil
		}
		return &intake.FileError{Incomplete: true, Problems: []event.Problem{{Line: fault.Line, Rule: fault.Rule, Text: fault.Text, Hint: fault.Hint}}}, nil
	}
	return nil, err
}

// ended looks for the mark that the feed's form has at its end; a *record.Error
// that is Cut says that there is none.
func ended(in *os.File, size int64, feed *catalog.Feed) error {
	limits := compressed.Limits{Bytes: feed.Limits.Bytes, Ratio: int64(feed.Limits.Ratio)}
	mark := func(text string) error {
		return &record.Error{Rule: intake.RuleWhole, Text: text, Hint: "the file was cut short on its way, or is still being written; send it again", Cut: true}
	}
	last := make([]byte, 8)
	if _, err := in.ReadAt(last, size-int64(len(last))); err != nil {
		return err
	}
	switch {
	case feed.Compression == "zip", feed.Compression == "" && feed.Format == "xlsx":
		_, err := compressed.Archive(in, size)
		return err
	case feed.Compression != "":
		r, err := compressed.NewReader(in, feed.Compression, limits)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		return errors.Join(err, r.Close())
	case feed.Format == "parquet":
		if !bytes.HasSuffix(last, []byte("PAR1")) {
			return mark("the Parquet file has no footer at its end")
		}
	case feed.Format == "delimited", feed.Format == "fixed", feed.Format == "ndjson", feed.Format == "":
		end := bytes.TrimRight(last[4:], "\x00")
		if feed.Complete.By != "none" && (len(end) == 0 || end[len(end)-1] != '\n' && end[len(end)-1] != '\r') {
			return mark("the last line does not end")
		}
	}
	return nil
}
