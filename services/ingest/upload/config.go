package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/rawstore"
)

// Submitter takes whole files. The receipts come in the order of the paths;
// the base name of a path tells its feed, and its manifest lies beside it. A file
// may lie sealed (rawstore.Sealer). The same bytes again change nothing.
type Submitter interface {
	Submit(ctx context.Context, paths []string, again bool) ([]intake.Receipt, error)
}

// Receipts are what senders were told of deliveries. What is not there is
// fs.ErrNotExist.
type Receipts interface {
	Receipt(delivery string) (intake.Receipt, error)
	// RejectedRows is the file of the rejected rows, as its sender may read it.
	RejectedRows(delivery string) (io.ReadCloser, error)
}

// Config of a Handler.
type Config struct {
	// Dir is where files on their way in lie; it outlives the process. Required.
	Dir       string
	Catalog   *catalog.Catalog // required: feeds, their patterns and tokens
	Submitter Submitter        // required
	Receipts  Receipts         // required
	Clock     func() time.Time // required
	Logger    *slog.Logger     // required
	Metrics   *Metrics         // nil counts nothing
	// Seal encrypts what is on its way in, and the Submitter opens it; nil: it
	// lies as it came.
	Seal *rawstore.Sealer
	// RefusedName is told of an identity number in the name of a file of the
	// feed, by the outline of the name; nil: nobody is.
	RefusedName func(ctx context.Context, feed, shown string) error
	// BehindProxy says that what comes in clear text from a network was
	// encrypted up to a proxy that nobody can pass by.
	BehindProxy bool
	Limits      Limits
}

// Limits bound what senders can take. Zero values are the defaults.
type Limits struct {
	// FileBytes is the most that a file may have; 0: 64 GiB.
	FileBytes int64
	// StoredBytes is the most that all unfinished files may come to, by their
	// announced lengths; 0: 256 GiB.
	StoredBytes int64
	// Unfinished is how many uploads of a feed may be under way; 0: 32.
	Unfinished int
	// Requests and FeedRequests are how many bodies are read at a time, of all
	// feeds and of one; 0: 32 and 8.
	Requests, FeedRequests int
	// Stall is how long 64 KiB of a body may take; 0: 30 seconds.
	Stall time.Duration
	// Unsent is how long an unfinished upload waits for its next part; 0: 24
	// hours. Kept is how long a finished one tells its receipt; 0: 7 days.
	Unsent, Kept time.Duration
	// Wait is the longest that one request waits for a receipt; 0: 60 seconds.
	Wait time.Duration
}

func orElse[T int | int64 | time.Duration](v *T, byDefault T) {
	if *v <= 0 {
		*v = byDefault
	}
}

func (l Limits) withDefaults() Limits {
	orElse(&l.FileBytes, 64<<30)
	orElse(&l.StoredBytes, 256<<30)
	orElse(&l.Unfinished, 32)
	orElse(&l.Requests, 32)
	orElse(&l.FeedRequests, 8)
	orElse(&l.Stall, 30*time.Second)
	orElse(&l.Unsent, 24*time.Hour)
	orElse(&l.Kept, 7*24*time.Hour)
	orElse(&l.Wait, time.Minute)
	return l
}

// Validate joins everything that is missing.
func (c Config) Validate() error {
	var errs []error
	missing := func(is bool, what string) {
		if is {
			errs = append(errs, errors.New("upload: "+what))
		}
	}
	missing(c.Dir == "", "no folder for files on their way in")
	missing(c.Catalog == nil, "a catalog is needed")
	missing(c.Submitter == nil || c.Receipts == nil, "a submitter and its receipts are needed")
	missing(c.Clock == nil || c.Logger == nil, "a clock and a logger are needed")
	return errors.Join(errs...)
}

// Handler answers the protocol. Run hands in what is whole.
type Handler struct {
	cfg   Config
	index *catalog.Index
	store *store
	mux   *http.ServeMux
	// slots are the bodies that may be read at a time.
	slots chan struct{}

	mu    sync.Mutex
	feeds map[string]int           // bodies being read, by feed
	done  map[string]chan struct{} // closed when the upload has its receipt
	wake  chan struct{}            // something is whole
}

// New is a handler that is ready to serve.
func New(cfg Config) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Limits = cfg.Limits.withDefaults()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("upload: %w", err)
	}
	h := &Handler{cfg: cfg, index: cfg.Catalog.Index(), store: &store{dir: cfg.Dir, seal: cfg.Seal},
		slots: make(chan struct{}, cfg.Limits.Requests), feeds: map[string]int{}, done: map[string]chan struct{}{},
		wake: make(chan struct{}, 1)}
	h.mux = h.routes()
	for _, f := range cfg.Catalog.Feeds {
		cfg.Metrics.start(f.ID)
	}
	return h, nil
}

// decided is closed when the upload has its receipt in this process.
func (h *Handler) decided(id string) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.done[id]
	if c == nil {
		c = make(chan struct{})
		h.done[id] = c
	}
	return c
}

// tell wakes those who wait for the receipt.
func (h *Handler) tell(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.done[id]; c != nil {
		close(c)
		delete(h.done, id)
	}
}
