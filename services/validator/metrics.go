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
	flags *prometheus.GaugeVec
	held  *prometheus.GaugeVec
	steps prometheus.ObserverVec
}

// NewMetrics registers the metrics; steps takes the duration of each step.
func NewMetrics(reg *prometheus.Registry, steps prometheus.ObserverVec) *Metrics {
	m := &Metrics{
		flags: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larstrom_flags_open", Help: "Open flags by severity.",
		}, []string{"indicator", "severity"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larstrom_cells_held", Help: "Cells under question.",
		}, []string{"indicator"}),
		steps: steps,
	}
	reg.MustRegister(m.flags, m.held)
	return m
}

func (m *Metrics) observe(step string, d time.Duration) {
	if m != nil {
		m.steps.WithLabelValues(step).Observe(d.Seconds())
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
