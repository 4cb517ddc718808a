package aggregator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/run"
)

// Metrics are the numbers of the service; nil counts nothing. There is no
// label for units or deliveries: their number has no bound.
type Metrics struct {
	cells   prometheus.Counter
	pending *prometheus.GaugeVec
	steps   prometheus.ObserverVec
}

// NewMetrics registers the metrics; steps takes the duration of each step.
func NewMetrics(reg *prometheus.Registry, steps prometheus.ObserverVec) *Metrics {
	m := &Metrics{
		cells: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "larstrom_cells_changed_total", Help: "Cell versions appended to CELLS.",
		}),
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larstrom_stream_pending_blocks",
			Help: "Blocks of a stream that wait for the next step: OBS for being loaded and computed, CELLS for being published.",
		}, []string{"stream"}),
		steps: steps,
	}
	reg.MustRegister(m.cells, m.pending)
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

func (m *Metrics) waiting(s *run.State) {
	if m == nil {
		return
	}
	var obs, cells int
	for _, d := range s.Deliveries() {
		switch {
		case d.Accepted == nil:
		case d.Cells == nil:
			obs += d.Accepted.Blocks.Blocks
		case !s.Run(d.Run).Published:
			cells += d.Cells.Cells.Blocks
		}
	}
	m.pending.WithLabelValues(eventlog.OBS).Set(float64(obs))
	m.pending.WithLabelValues(eventlog.CELLS).Set(float64(cells))
}
