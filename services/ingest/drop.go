package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"larstrom/pipeline/intake"
)

const (
	// settle is how long a file that shows by itself whether it is whole must
	// not have changed before it is taken while the service runs.
	settle = 300 * time.Millisecond
	// DefaultSettle is that of a file of which a beginning looks like a whole:
	// longer than an exporter pauses between two lines.
	DefaultSettle = 5 * time.Second
)

// settles is how long the file must not have changed before it is taken.
func (s *Service) settles(name string) time.Duration {
	feed, err := s.index.FeedFor(name)
	if err != nil {
		return settle
	}
	switch by := feed.Complete.By; {
	case by == "trailer", by == "manifest", feed.Compression != "":
		return settle
	}
	switch feed.Format {
	case "xlsx", "parquet", "arrow", "fhir":
		return settle
	}
	return cmp.Or(s.cfg.Settle, DefaultSettle)
}

// rescan is how often the folder is read although no change was noticed.
const rescan = 2 * time.Second

// Run recovers, then takes files as they appear in the drop folder until ctx
// ends. A file that is being read is finished first.
func (s *Service) Run(ctx context.Context) error {
	if err := s.Recover(ctx); err != nil {
		return fmt.Errorf("ingest: recover: %w", err)
	}
	if s.cfg.Drop == "" {
		if err := s.Scan(ctx); err != nil {
			return fmt.Errorf("ingest: %w", err)
		}
		<-ctx.Done()
		return nil
	}
	watch, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("ingest: watch the drop folder: %w", err)
	}
	defer func() { _ = watch.Close() }()
	if err := watch.Add(s.cfg.Drop); err != nil {
		return fmt.Errorf("ingest: watch the drop folder: %w", err)
	}
	tick := time.NewTicker(rescan)
	defer tick.Stop()
	for {
		young, err := s.scan(ctx, true)
		if errors.Is(err, errFolder) && ctx.Err() == nil {
			s.cfg.Logger.Warn("the drop folder cannot be read; trying again", "error", err.Error())
		} else if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("ingest: %w", err)
		}
		var soon <-chan time.Time
		if young {
			soon = time.After(settle)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-watch.Events:
		case err := <-watch.Errors:
			s.cfg.Logger.Warn("drop folder", "error", err.Error())
		case <-soon:
		case <-tick.C:
		}
	}
}

// errFolder says that the drop folder cannot be read: a share that is away
// comes back.
var errFolder = errors.New("drop folder")

// Scan takes everything that lies in the drop folder now, and finishes what a
// crash left.
func (s *Service) Scan(ctx context.Context) error {
	_, err := s.scan(ctx, false)
	return err
}

// scan takes the files, live only those that have not changed for as long as
// settles says; young reports that there are others.
func (s *Service) scan(ctx context.Context, live bool) (young bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var entries []fs.DirEntry
	if s.cfg.Drop != "" {
		if entries, err = os.ReadDir(s.cfg.Drop); err != nil {
			return false, fmt.Errorf("%w: %w", errFolder, err)
		}
	}
	var files []file
	at, there := map[string]sighting{}, map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		if _, manifest := intake.IsManifest(name); manifest || unfinished(name) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone between two looks
		}
		if err != nil {
			if at, ok := errors.AsType[*fs.PathError](err); ok {
				err = at.Err // without the name, which nobody has looked at
			}
			return false, fmt.Errorf("drop folder: a file cannot be looked at: %w", err)
		}
		path := filepath.Join(s.cfg.Drop, name)
		seen := sighting{info.Size(), info.ModTime(), manifestSeen(path)}
		there[name] = true
		if s.known[name] == seen && !s.impatient(name) {
			continue
		}
		if live && s.cfg.Clock().Sub(info.ModTime()) < s.settles(name) {
			young = true
			continue
		}
		at[name] = seen
		files = append(files, file{path: path, name: name, live: live, changed: info.ModTime()})
	}
	s.gone(there)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	receipts, err := s.take(ctx, files)
	if err != nil {
		return young, err
	}
	s.sayHeld(receipts)
	for i, f := range files {
		// A file that waits for its rest is looked at again when it changes,
		// one that could not be opened always.
		if receipts[i].Status != intake.StatusWaiting || receipts[i].Feed != "" {
			s.known[f.name] = at[f.name]
		}
		s.waits(f.name, &receipts[i], f)
		s.giveBack(f, receipts[i])
		if receipts[i].Status == intake.StatusRejected && receipts[i].Delivery == "" {
			s.cfg.Logger.Warn("file not taken", "file", receipts[i].File, "rule", receipts[i].Problems[0].Rule)
		}
		if receipts[i].Status == intake.StatusWaiting {
			s.cfg.Logger.Info("file waits", "feed", receipts[i].Feed, "problems", len(receipts[i].Problems))
		}
	}
	if len(files) > 0 {
		s.last = receipts
	}
	return young, s.openRuns(ctx)
}

// Last are the receipts of the last look into the drop folder that found
// something new.
func (s *Service) Last() []intake.Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.last)
}

// unfinished reports whether the name is one that a program gives a file until
// all of it is there.
func unfinished(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") ||
		slices.Contains([]string{".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".writing", ".inprogress"}, strings.ToLower(filepath.Ext(name)))
}

// manifestSeen is when the file's manifest was written, so that a file is
// looked at again when its manifest comes.
func manifestSeen(path string) time.Time {
	info, err := os.Stat(intake.ManifestName(path))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
