package aggregator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the numbers of the service; nil counts nothing. There is no
// label for units or deliveries: their number has no bound.
type Metrics struct {
	cells prometheus.Counter
	steps prometheus.ObserverVec
}

// NewMetrics registers the metrics; steps takes the duration of each step.
func NewMetrics(reg *prometheus.Registry, steps prometheus.ObserverVec) *Metrics {
	m := &Metrics{
		cells: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "larstrom_cells_changed_total", Help: "Cell versions appended to CELLS.",
		}),
		steps: steps,
	}
	reg.MustRegister(m.cells)
	return m
}

func (m *Metrics) observe(step string, d time.Duration) {
	if m != nil {
		m.steps.WithLabelValues(step).Observe(d.Seconds())
	}
}

func (m *Metrics) changed(n int) {
	if m != nil {
		m.cells.Add(float64(n))
	}
}
