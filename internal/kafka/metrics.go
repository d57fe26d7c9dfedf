package kafka

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// dropReason is why a record was passed over.
type dropReason int

const (
	dropUndecodable dropReason = iota
	dropPanic
	dropTooLarge
	dropReasons
)

func (r dropReason) String() string {
	return [...]string{"undecodable", "panic", "too_large"}[r]
}

// transformMetrics of one Transform; children are resolved once.
type transformMetrics struct {
	in, out, aborts prometheus.Counter
	dropped         [dropReasons]prometheus.Counter
	batch           prometheus.Histogram
	success         prometheus.Gauge
}

func newTransformMetrics(reg prometheus.Registerer, stage string) transformMetrics {
	name := func(what string) string { return prometheus.BuildFQName("darkmap", stage, what) }
	m := transformMetrics{
		in:      prometheus.NewCounter(prometheus.CounterOpts{Name: name("records_in_total"), Help: "Records read and committed."}),
		out:     prometheus.NewCounter(prometheus.CounterOpts{Name: name("records_out_total"), Help: "Records published and committed."}),
		aborts:  prometheus.NewCounter(prometheus.CounterOpts{Name: name("transactions_aborted_total"), Help: "Transactions that were aborted and done again."}),
		batch:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: name("batch_seconds"), Help: "Time from a poll to its commit.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		success: prometheus.NewGauge(prometheus.GaugeOpts{Name: name("last_success_timestamp_seconds"), Help: "When the last transaction was committed."}),
	}
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("records_dropped_total"), Help: "Records passed over and sent to the dead-letter topic."}, []string{"reason"})
	for r := range dropReasons {
		m.dropped[r] = dropped.WithLabelValues(r.String())
	}
	if reg != nil {
		reg.MustRegister(m.in, m.out, m.aborts, m.batch, m.success, dropped)
	}
	return m
}

func (m *transformMetrics) committed(in, out int, took time.Duration) {
	m.in.Add(float64(in))
	m.out.Add(float64(out))
	m.batch.Observe(took.Seconds())
	m.success.SetToCurrentTime()
}
