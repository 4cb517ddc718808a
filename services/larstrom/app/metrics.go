package app

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	engineRestarts *prometheus.CounterVec
}

func newMetrics(reg *prometheus.Registry) *metrics {
	m := &metrics{engineRestarts: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "larstrom_engine_restarts_total", Help: "How often an embedded engine died and was started again.",
	}, []string{"engine"})}
	if reg != nil {
		reg.MustRegister(m.engineRestarts)
	}
	return m
}
