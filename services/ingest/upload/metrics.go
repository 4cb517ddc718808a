package upload

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the numbers of the uploads; nil counts nothing. Labels are feeds
// and outcomes: a file, a token or an address is none.
type Metrics struct {
	uploads *prometheus.CounterVec
	bytes   *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(reg *prometheus.Registry) *Metrics {
	m := &Metrics{
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larstrom_uploads_total", Help: "Uploads by what became of them: begun, handed_in, damaged, expired.",
		}, []string{"feed", "outcome"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larstrom_upload_bytes_total", Help: "Bytes of uploads that are on disk.",
		}, []string{"feed"}),
	}
	reg.MustRegister(m.uploads, m.bytes)
	return m
}

// start shows a feed's numbers from 0 on.
func (m *Metrics) start(feed string) {
	if m == nil {
		return
	}
	for _, outcome := range []string{"begun", "handed_in", "damaged", "expired"} {
		m.uploads.WithLabelValues(feed, outcome)
	}
	m.bytes.WithLabelValues(feed)
}

func (m *Metrics) created(feed string) { m.ended(feed, "begun") }

func (m *Metrics) ended(feed, outcome string) {
	if m != nil {
		m.uploads.WithLabelValues(feed, outcome).Inc()
	}
}

func (m *Metrics) received(feed string, n int64) {
	if m != nil {
		m.bytes.WithLabelValues(feed).Add(float64(n))
	}
}
