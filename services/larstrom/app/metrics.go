package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the numbers of the process as a whole. Every App registers them
// once, in the registry that it is given.
type metrics struct {
	engineRestarts *prometheus.CounterVec
	steps          *prometheus.HistogramVec
}

func newMetrics(reg *prometheus.Registry) *metrics {
	m := &metrics{
		engineRestarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larstrom_engine_restarts_total", Help: "How often an embedded engine died and was started again.",
		}, []string{"engine"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "larstrom_step_seconds", Help: "Duration of each step of the main job.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9),
		}, []string{"step"}),
	}
	reg.MustRegister(m.engineRestarts, m.steps)
	for _, name := range []string{"warehouse", "released"} {
		m.engineRestarts.WithLabelValues(name) // 0 is a number, not an absence
	}
	return m
}

// streams reports the streams of the log when they are asked for.
type streams struct {
	app             *App
	messages, bytes *prometheus.Desc
}

func newStreams(a *App) *streams {
	return &streams{
		app:      a,
		messages: prometheus.NewDesc("larstrom_stream_messages", "Messages in a stream.", []string{"stream"}, nil),
		bytes:    prometheus.NewDesc("larstrom_stream_bytes", "Bytes of a stream.", []string{"stream"}, nil),
	}
}

// Describe sends the descriptions.
func (s *streams) Describe(ch chan<- *prometheus.Desc) {
	ch <- s.messages
	ch <- s.bytes
}

// scrapeTimeout bounds how long a scrape waits for the log.
const scrapeTimeout = 3 * time.Second

// Collect asks the log. A log that does not answer gives no samples: an
// absence is not a zero.
func (s *streams) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	infos, err := s.app.log.Info(ctx)
	if err != nil {
		return
	}
	for _, i := range infos {
		ch <- prometheus.MustNewConstMetric(s.messages, prometheus.GaugeValue, float64(i.Messages), i.Stream)
		ch <- prometheus.MustNewConstMetric(s.bytes, prometheus.GaugeValue, float64(i.Bytes), i.Stream)
	}
}
