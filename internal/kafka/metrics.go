package kafka

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// dropReason is the reason why a record was skipped.
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

// namespace is the prefix of the name of every metric.
const namespace = "darkmap"

// transformMetrics holds the metrics of one Transform. Children are resolved once.
type transformMetrics struct {
	in, out, aborts prometheus.Counter
	dropped         [dropReasons]prometheus.Counter
	batch           prometheus.Histogram
	success         prometheus.Gauge
}

func newTransformMetrics(reg prometheus.Registerer, stage string) transformMetrics {
	f := promauto.With(reg)
	m := transformMetrics{
		in: f.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: stage, Name: "records_in_total",
			Help: "Records read and committed.",
		}),
		out: f.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: stage, Name: "records_out_total",
			Help: "Records published and committed.",
		}),
		aborts: f.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: stage, Name: "transactions_aborted_total",
			Help: "Kafka transactions aborted and repeated.",
		}),
		batch: f.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: stage, Name: "batch_seconds",
			Help: "Time from a poll to its commit.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		success: f.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: stage, Name: "last_success_timestamp_seconds",
			Help: "Wall-clock time of the last committed transaction, Unix seconds.",
		}),
	}
	dropped := f.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: stage, Name: "records_dropped_total",
		Help: "Records sent to bgp.deadletter instead of being processed, by reason.",
	}, []string{"reason"})
	for r := range dropReasons {
		m.dropped[r] = dropped.WithLabelValues(r.String())
	}
	return m
}

func (m *transformMetrics) committed(in, out int, took time.Duration) {
	m.in.Add(float64(in))
	m.out.Add(float64(out))
	m.batch.Observe(took.Seconds())
	m.success.SetToCurrentTime()
}
