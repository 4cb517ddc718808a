package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
	"larstrom/services/larstrom/app"
	"larstrom/services/larstrom/control"
	"larstrom/services/portal"
)

// watch is what monitors and the portal ask again and again: it reads only
// what is new in the LEDGER, and no cell.
type watch struct {
	direct direct

	mu    sync.Mutex
	state run.State
	// counted are numbers of the publication that the store showed then.
	counted struct {
		app.Shown
		open map[event.Severity]int
		held uint64
	}
}

// Read brings the fold of the LEDGER up to date and calls fn with it.
func (w *watch) Read(ctx context.Context, fn func(*run.State) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.direct.app.Sync(ctx, &w.state); err != nil {
		return err
	}
	return fn(&w.state)
}

func (w *watch) status(ctx context.Context) (control.Status, error) {
	var st control.Status
	if err := w.Read(ctx, func(s *run.State) error {
		st = control.StatusOf(w.direct.app.Catalog.Region.Code, s)
		var err error
		st.Late, err = control.LateOf(s)
		return err
	}); err != nil {
		return control.Status{}, err
	}
	open, held, err := w.counts(ctx)
	if err != nil {
		return control.Status{}, err
	}
	st.Running = true // it is this process that answers
	return w.direct.status(ctx, st, open, held)
}

// counts are the open flags and the held cells that the released store shows. They
// are counted once for each publication: what a publication shows never changes.
func (w *watch) counts(ctx context.Context) (map[event.Severity]int, uint64, error) {
	shown, err := w.direct.app.Shown(ctx)
	if err != nil {
		return nil, 0, err
	}
	w.mu.Lock()
	kept := w.counted
	w.mu.Unlock()
	if kept.Shown == shown && kept.open != nil {
		return kept.open, kept.held, nil
	}
	if kept.open, err = w.direct.app.OpenFlags(ctx); err != nil {
		return nil, 0, err
	}
	if kept.held, err = w.direct.app.HeldCells(ctx); err != nil {
		return nil, 0, err
	}
	// Counted while the pointer moved, they may be of two publications.
	if kept.Shown, err = w.direct.app.Shown(ctx); err != nil {
		return nil, 0, err
	}
	if kept.Shown == shown {
		w.mu.Lock()
		w.counted = kept
		w.mu.Unlock()
	}
	return kept.open, kept.held, nil
}

// Summary is the status for the first page; its flags are the published ones.
func (w *watch) Summary(ctx context.Context) (portal.Summary, error) {
	st, err := w.status(ctx)
	if err != nil {
		return portal.Summary{}, err
	}
	return portal.Summary{Region: st.Region, Facts: facts(st)}, nil
}

// scrapeTime bounds what a scrape waits for.
const scrapeTime = 5 * time.Second

func (w *watch) waiting() *prometheus.Desc {
	return prometheus.NewDesc("larstrom_stream_lag", "Messages of a stream that the next step has not dealt with; of the DLQ, all.", []string{"stream"}, nil)
}

func (w *watch) number() *prometheus.Desc {
	return prometheus.NewDesc("larstrom_publication", "Number of the last publication.", nil, nil)
}

func (w *watch) published() *prometheus.Desc {
	return prometheus.NewDesc("larstrom_publication_timestamp_seconds", "When the last publication was made.", nil, nil)
}

func (w *watch) late() *prometheus.Desc {
	return prometheus.NewDesc("larstrom_feed_late", "1 when a feed with a schedule should have come by now and has not, else 0.", []string{"feed"}, nil)
}

func (w *watch) overdue() *prometheus.Desc {
	return prometheus.NewDesc("larstrom_late_flags", "Open flags whose duty is beyond its working days (due), or beyond one and a half times as many (escalated).", []string{"stage"}, nil)
}

// Describe names the metrics.
func (w *watch) Describe(ch chan<- *prometheus.Desc) {
	ch <- w.waiting()
	ch <- w.number()
	ch <- w.published()
	ch <- w.late()
	ch <- w.overdue()
}

// Collect reads the status; what cannot be read is no number.
func (w *watch) Collect(ch chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), scrapeTime)
	defer stop()
	st, err := w.status(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(w.waiting(), err)
		return
	}
	for stream, n := range map[string]float64{"OBS": float64(st.Lag.Obs), "CELLS": float64(st.Lag.Cells),
		"LEDGER": float64(st.Lag.Ledger), "DLQ": float64(st.Lag.Dead)} {
		ch <- prometheus.MustNewConstMetric(w.waiting(), prometheus.GaugeValue, n, stream)
	}
	for stage, n := range map[string]int{"due": st.Late.Due, "escalated": st.Late.Escalated} {
		ch <- prometheus.MustNewConstMetric(w.overdue(), prometheus.GaugeValue, float64(n), stage)
	}
	var late map[string]bool
	if err := w.Read(ctx, func(s *run.State) error {
		late = s.LateFeeds(w.direct.app.Catalog, time.Now())
		return nil
	}); err != nil {
		ch <- prometheus.NewInvalidMetric(w.late(), err)
		return
	}
	for feed, is := range late {
		n := 0.0
		if is {
			n = 1
		}
		ch <- prometheus.MustNewConstMetric(w.late(), prometheus.GaugeValue, n, feed)
	}
	number, at := 0.0, 0.0
	if p := st.Publication; p != nil {
		number, at = float64(p.Publication), float64(p.At.UnixMilli())/1000
	}
	ch <- prometheus.MustNewConstMetric(w.number(), prometheus.GaugeValue, number)
	ch <- prometheus.MustNewConstMetric(w.published(), prometheus.GaugeValue, at)
}
