package ingest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// Metrics are the numbers of the service; nil counts nothing. Labels are feeds
// and rules of the catalogue, never files or units.
type Metrics struct {
	rows  *prometheus.CounterVec
	files *prometheus.CounterVec
	rules *prometheus.CounterVec
	found *prometheus.CounterVec
	steps prometheus.ObserverVec
}

// NewMetrics registers the metrics; steps takes the duration of each step.
func NewMetrics(reg *prometheus.Registry, steps prometheus.ObserverVec) *Metrics {
	m := &Metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larstrom_rows_total", Help: "Observations and lines by what became of them.",
		}, []string{"feed", "outcome"}),
		files: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larstrom_deliveries_total", Help: "Files by what became of them.",
		}, []string{"feed", "outcome"}),
		rules: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larstrom_rejects_total", Help: "Rejected and parked lines by rule.",
		}, []string{"feed", "rule"}),
		found: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larstrom_identity_found_total", Help: "Deliveries with personal identity numbers where none is declared.",
		}, []string{"feed"}),
		steps: steps,
	}
	reg.MustRegister(m.rows, m.files, m.rules, m.found)
	return m
}

func (m *Metrics) observe(step string, d time.Duration) {
	if m != nil {
		m.steps.WithLabelValues(step).Observe(d.Seconds())
	}
}

// start shows the numbers of every feed from 0 on: 0 is a number, not an
// absence.
func (m *Metrics) start(feeds []catalog.Feed) {
	if m == nil {
		return
	}
	for i := range feeds {
		id := feeds[i].ID
		for _, outcome := range []string{"accepted", "rejected", "repeated"} {
			m.files.WithLabelValues(id, outcome)
		}
		for _, outcome := range []string{"observed", "deleted", "rejected", "parked"} {
			m.rows.WithLabelValues(id, outcome)
		}
		m.found.WithLabelValues(id)
	}
}

func (m *Metrics) accepted(a event.DeliveryAccepted) {
	if m == nil {
		return
	}
	m.files.WithLabelValues(a.Feed, "accepted").Inc()
	m.rows.WithLabelValues(a.Feed, "observed").Add(float64(a.Observed))
	m.rows.WithLabelValues(a.Feed, "deleted").Add(float64(a.Deleted))
	m.rows.WithLabelValues(a.Feed, "rejected").Add(float64(a.Rejected))
	m.rows.WithLabelValues(a.Feed, "parked").Add(float64(a.Parked))
	for rule, n := range a.Rules {
		m.rules.WithLabelValues(a.Feed, rule).Add(float64(n))
	}
}

func (m *Metrics) identity(feed string) {
	if m != nil {
		m.found.WithLabelValues(feed).Inc()
	}
}

func (m *Metrics) rejectedFile(feed string) {
	if m != nil {
		m.files.WithLabelValues(feed, "rejected").Inc()
	}
}

func (m *Metrics) repeated(feed string) {
	if m != nil {
		m.files.WithLabelValues(feed, "repeated").Inc()
	}
}
