package validator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

// Metrics are the numbers of the service; nil counts nothing. There is no
// label for units: a series a unit would be a ranking in waiting.
type Metrics struct {
	flags   *prometheus.GaugeVec
	held    *prometheus.GaugeVec
	seconds *prometheus.HistogramVec
}

// NewMetrics registers the metrics.
func NewMetrics(reg *prometheus.Registry) *Metrics {
	m := &Metrics{
		flags: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larstrom_flags_open", Help: "Open flags by severity.",
		}, []string{"indicator", "severity"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larstrom_cells_held", Help: "Cells under question.",
		}, []string{"indicator"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "larstrom_check_seconds", Help: "Duration of the checks of a run.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9),
		}, []string{"step"}),
	}
	reg.MustRegister(m.flags, m.held, m.seconds)
	return m
}

func (m *Metrics) observe(step string, d time.Duration) {
	if m != nil {
		m.seconds.WithLabelValues(step).Observe(d.Seconds())
	}
}

func (m *Metrics) gate(indicator string, c gate.Counts) {
	if m == nil {
		return
	}
	for _, s := range []event.Severity{event.Block, event.Hold, event.Note} {
		m.flags.WithLabelValues(indicator, string(s)).Set(float64(c.Open[s]))
	}
	m.held.WithLabelValues(indicator).Set(float64(c.Held))
}
