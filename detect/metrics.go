package detect

import (
	"github.com/prometheus/client_golang/prometheus"

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
	m := &metrics{
		in:       prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_detect_records_in_total", Help: "Records read."}),
		windows:  prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_detect_windows_closed_total", Help: "Windows closed and published."}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_detect_rebuilds_total", Help: "Times that the state was built from the log."}),
		aborts:   prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_detect_transactions_aborted_total", Help: "Transactions that were aborted."}),
		batch:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "darkmap_detect_batch_seconds", Help: "Time from a poll to its commit.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		window:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_window_timestamp_seconds", Help: "Event time: the beginning of the open window."}),
		buffered: prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_buffered_bytes", Help: "Records that wait for their window."}),
		success:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_last_success_timestamp_seconds", Help: "When the last transaction was committed."}),
		out:      map[string]prometheus.Counter{},

		refusedPeers:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_refused_peers", Help: "Peers refused because the session table was full, since the state was built."}),
		refusedPrefixes: prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_detect_refused_prefixes", Help: "Prefixes refused because the table was full, since the state was built."}),
	}
	out := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_detect_records_out_total", Help: "Records published."}, []string{"topic"})
	for _, t := range outTopics {
		m.out[t] = out.WithLabelValues(t)
	}
	m.out[schemas.TopicDeadLetter] = out.WithLabelValues(schemas.TopicDeadLetter)
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_detect_records_dropped_total", Help: "Records passed over."}, []string{"reason"})
	for d := range drops {
		m.dropped[d] = dropped.WithLabelValues(d.String())
	}
	if reg != nil {
		reg.MustRegister(m.in, m.windows, m.rebuilds, m.aborts, m.batch, m.window, m.buffered, m.success, m.refusedPeers, m.refusedPrefixes, out, dropped)
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
