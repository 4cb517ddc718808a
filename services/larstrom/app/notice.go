package app

import (
	"context"
	"crypto/rand"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/learning"
	"larstrom/services/notifier"
)

// Notify says how people are told of their tasks.
type Notify struct {
	// Sink takes the messages; nil: nobody is written to, and what is not done
	// in its time is recorded all the same.
	Sink notifier.Sink
	// Pages is where people reach the portal; empty: messages have no links.
	Pages string
}

// Notifier is the service that tells people of their tasks. The caller runs it.
// Where the log is on a server, other processes may run one as well.
func (a *App) Notifier(n Notify) (*notifier.Service, error) {
	cfg := notifier.Config{Ledger: a.log, Catalog: a.Catalog, Sink: n.Sink, Pages: n.Pages, Clock: a.cfg.Clock,
		Logger: a.cfg.Logger.With("service", "notifier"), Metrics: notifier.NewMetrics(a.cfg.Registry)}
	if a.cfg.NATS != "" {
		cfg.Holder = rand.Text()
	}
	return notifier.New(cfg)
}

// Learned is what the decisions teach about the checks.
func (a *App) Learned(ctx context.Context) ([]learning.Stat, error) {
	s, err := a.State(ctx)
	if err != nil {
		return nil, err
	}
	return notifier.Learned(s, a.Catalog)
}

// LearnedFor is Learned, for a person who may read the events of everything.
func (a *App) LearnedFor(ctx context.Context, who catalog.Person) ([]learning.Stat, error) {
	if err := a.readsEvents(who); err != nil {
		return nil, err
	}
	return a.Learned(ctx)
}
