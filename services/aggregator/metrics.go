package aggregator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the numbers of the service; nil counts nothing.
type Metrics struct {
	cells   prometheus.Counter
	seconds *prometheus.HistogramVec
}

// NewMetrics registers the metrics.
func NewMetrics(reg *prometheus.Registry) *Metrics {
	m := &Metrics{
		cells: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "larstrom_cells_changed_total", Help: "Cell versions appended to CELLS.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "larstrom_aggregate_seconds", Help: "Duration of loading, of computing cells and of publishing.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9),
		}, []string{"step"}),
	}
	reg.MustRegister(m.cells, m.seconds)
	return m
}

func (m *Metrics) observe(step string, d time.Duration) {
	if m != nil {
		m.seconds.WithLabelValues(step).Observe(d.Seconds())
	}
}

func (m *Metrics) changed(n int) {
	if m != nil {
		m.cells.Add(float64(n))
	}
}
