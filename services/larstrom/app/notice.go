package app

import (
	"context"

	"larstrom/pipeline/learning"
	"larstrom/services/notifier"
)

// Notifier is the service that tells people of their tasks, through the sink;
// pages is where they reach the portal. The caller runs it.
func (a *App) Notifier(sink notifier.Sink, pages string) (*notifier.Service, error) {
	return notifier.New(notifier.Config{Ledger: a.log, Catalog: a.Catalog, Sink: sink, Pages: pages, Clock: a.cfg.Clock,
		Logger: a.cfg.Logger.With("service", "notifier"), Metrics: notifier.NewMetrics(a.cfg.Registry)})
}

// Learned is what the decisions teach about the checks.
func (a *App) Learned(ctx context.Context) ([]learning.Stat, error) {
	s, err := a.State(ctx)
	if err != nil {
		return nil, err
	}
	return notifier.Learned(s, a.Catalog)
}
