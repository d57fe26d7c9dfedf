package detect

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/darkmap/darkmap/schemas"
)

// drop is why a record was passed over.
type drop int

const (
	dropUndecodable drop = iota
	dropInvalid
	dropRepeated
	drops
)

func (d drop) String() string { return [...]string{"undecodable", "invalid", "repeated"}[d] }

// metrics of the stage; children are resolved once.
type metrics struct {
	in, windows, rebuilds, aborts prometheus.Counter
	out                           map[string]prometheus.Counter // by topic
	dropped                       [drops]prometheus.Counter
	batch                         prometheus.Histogram
	window, buffered              prometheus.Gauge
	success                       prometheus.Gauge
	refusedPeers, refusedPrefixes prometheus.Gauge
}

// newMetrics registers with reg; nil is nowhere.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		in:       f.NewCounter(prometheus.CounterOpts{Name: "darkmap_detect_records_in_total", Help: "Records read from bgp.routes."}),
		windows:  f.NewCounter(prometheus.CounterOpts{Name: "darkmap_detect_windows_closed_total", Help: "One-minute windows closed and published."}),
		rebuilds: f.NewCounter(prometheus.CounterOpts{Name: "darkmap_detect_rebuilds_total", Help: "Times the state was built again from bgp.routes."}),
		aborts:   f.NewCounter(prometheus.CounterOpts{Name: "darkmap_detect_transactions_aborted_total", Help: "Kafka transactions aborted."}),
		batch:    f.NewHistogram(prometheus.HistogramOpts{Name: "darkmap_detect_batch_seconds", Help: "Time from a poll to its commit.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		window:   f.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_window_timestamp_seconds", Help: "Event time at which the open window begins, Unix seconds."}),
		buffered: f.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_buffered_bytes", Help: "Octets of records that wait for their window."}),
		success:  f.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_last_success_timestamp_seconds", Help: "Wall-clock time of the last committed transaction, Unix seconds."}),
		out:      map[string]prometheus.Counter{},

		refusedPeers:    f.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_refused_peers", Help: "Peers refused since the state was built, because the session table was full."}),
		refusedPrefixes: f.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_refused_prefixes", Help: "Prefixes refused since the state was built, because the prefix table was full."}),
	}
	out := f.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_detect_records_out_total", Help: "Records published, by topic."}, []string{"topic"})
	for _, t := range outTopics {
		m.out[t] = out.WithLabelValues(t)
	}
	m.out[schemas.TopicDeadLetter] = out.WithLabelValues(schemas.TopicDeadLetter)
	dropped := f.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_detect_records_dropped_total", Help: "Records of bgp.routes dropped, by reason."}, []string{"reason"})
	for d := range drops {
		m.dropped[d] = dropped.WithLabelValues(d.String())
	}
	return m
}

// refused shows what a detector that has bounds has turned away.
func (m *metrics) refused(d Detector) {
	if b, ok := d.(interface {
		Refused() (peers, prefixes uint64)
	}); ok {
		peers, prefixes := b.Refused()
		m.refusedPeers.Set(float64(peers))
		m.refusedPrefixes.Set(float64(prefixes))
	}
}
