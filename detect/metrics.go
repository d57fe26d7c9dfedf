package detect

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/darkmap/darkmap/detect/checkpoint"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
)

// drop is the reason why a record was dropped.
type drop int

const (
	dropUndecodable drop = iota
	dropInvalid
	dropRepeated
	drops
)

func (d drop) String() string { return [...]string{"undecodable", "invalid", "repeated"}[d] }

// metrics holds the metrics of the stage. Children are resolved once.
type metrics struct {
	in, windows, rebuilds, aborts prometheus.Counter
	out                           map[string]prometheus.Counter // by topic
	dropped                       [drops]prometheus.Counter
	batch                         prometheus.Histogram
	buffered, success             prometheus.Gauge
	refusedPeers, refusedPrefixes prometheus.Gauge
	active, window                byFamily
	gateShut                      byFamily

	refusedCheckpoints                    map[string]prometheus.Counter // by reason
	checkpointsWritten, checkpointsFailed prometheus.Counter
	checkpointBytes, checkpointWindow     prometheus.Gauge
	checkpointSeconds                     prometheus.Histogram
}

// byFamily holds a gauge of each family, in the order of bgp.Families. It is nil for a family of
// another detector.
type byFamily [len(bgp.Families)]prometheus.Gauge

func newByFamily(f promauto.Factory, families core.Families, o prometheus.GaugeOpts) (out byFamily) {
	vec := f.NewGaugeVec(o, []string{"family"})
	for i, family := range bgp.Families {
		if families.Has(family) {
			out[i] = vec.WithLabelValues(family.String())
		}
	}
	return out
}

// set sets the gauges of all families of the detector.
func (g *byFamily) set(value float64) {
	for _, gauge := range g {
		if gauge != nil {
			gauge.Set(value)
		}
	}
}

// newMetrics registers the metrics with reg; with nil they are not registered.
func newMetrics(reg prometheus.Registerer, families core.Families) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		in: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_detect_records_in_total", Help: "Records read from bgp.routes.",
		}),
		windows: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_detect_windows_closed_total", Help: "One-minute windows closed and published.",
		}),
		active: newByFamily(f, families, prometheus.GaugeOpts{
			Name: "darkmap_detect_active",
			Help: "Whether this process decides about outages (1), or is on standby or starting (0), " +
				"by address family.",
		}),
		rebuilds: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_detect_rebuilds_total", Help: "Times the state was built again from bgp.routes.",
		}),
		aborts: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_detect_transactions_aborted_total", Help: "Kafka transactions aborted.",
		}),
		batch: f.NewHistogram(prometheus.HistogramOpts{
			Name: "darkmap_detect_batch_seconds", Help: "Time from a poll to its commit.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		window: newByFamily(f, families, prometheus.GaugeOpts{
			Name: "darkmap_detect_window_timestamp_seconds",
			Help: "Event time at which the open window begins, by address family, Unix seconds.",
		}),
		gateShut: newByFamily(f, families, prometheus.GaugeOpts{
			Name: "darkmap_detect_gate_shut",
			Help: "Whether nothing is decided because many own feeds were lost at once (1) or not (0), " +
				"by address family.",
		}),
		buffered: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_detect_buffered_bytes", Help: "Octets of records that wait for their window.",
		}),
		success: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_detect_last_success_timestamp_seconds",
			Help: "Wall-clock time of the last committed transaction, Unix seconds.",
		}),
		out: map[string]prometheus.Counter{},

		refusedPeers: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_detect_refused_peers",
			Help: "Peers refused since the state was built, because the session table was full.",
		}),
		refusedPrefixes: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_detect_refused_prefixes",
			Help: "Prefixes refused since the state was built, because the prefix table was full.",
		}),
	}
	m.checkpoints(f)
	m.byLabel(f)
	return m
}

// byLabel registers the metrics with a series by topic or reason.
func (m *metrics) byLabel(f promauto.Factory) {
	out := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_detect_records_out_total", Help: "Records published, by topic.",
	}, []string{"topic"})
	for _, t := range outTopics {
		m.out[t] = out.WithLabelValues(t)
	}
	m.out[schemas.TopicCheckpoints] = out.WithLabelValues(schemas.TopicCheckpoints)
	m.out[schemas.TopicDeadLetter] = out.WithLabelValues(schemas.TopicDeadLetter)
	dropped := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_detect_records_dropped_total", Help: "Records of bgp.routes dropped, by reason.",
	}, []string{"reason"})
	for d := range drops {
		m.dropped[d] = dropped.WithLabelValues(d.String())
	}
}

// checkpoints registers the metrics of checkpoints.
func (m *metrics) checkpoints(f promauto.Factory) {
	m.checkpointsWritten = f.NewCounter(prometheus.CounterOpts{
		Name: "darkmap_detect_checkpoints_written_total", Help: "Checkpoints written and published.",
	})
	m.checkpointsFailed = f.NewCounter(prometheus.CounterOpts{
		Name: "darkmap_detect_checkpoints_failed_total", Help: "Checkpoints that could not be written.",
	})
	m.checkpointBytes = f.NewGauge(prometheus.GaugeOpts{
		Name: "darkmap_detect_checkpoint_bytes", Help: "Octets of the last checkpoint written, compressed.",
	})
	m.checkpointWindow = f.NewGauge(prometheus.GaugeOpts{
		Name: "darkmap_detect_checkpoint_window_timestamp_seconds",
		Help: "Event time at which the last window of the last checkpoint written begins, Unix seconds.",
	})
	m.checkpointSeconds = f.NewHistogram(prometheus.HistogramOpts{
		Name:    "darkmap_detect_checkpoint_stand_seconds",
		Help:    "Time for which the detector pauses while a checkpoint is taken.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
	})
	refused := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_detect_checkpoints_refused_total", Help: "Checkpoints not used at a start, by reason.",
	}, []string{"reason"})
	m.refusedCheckpoints = map[string]prometheus.Counter{}
	for _, r := range checkpoint.Reasons {
		m.refusedCheckpoints[r] = refused.WithLabelValues(r)
	}
}

// refused sets the metrics of the peers and prefixes that a detector with bounds has refused.
func (m *metrics) refused(d Detector) {
	if b, ok := d.(interface {
		Refused() (peers, prefixes uint64)
	}); ok {
		peers, prefixes := b.Refused()
		m.refusedPeers.Set(float64(peers))
		m.refusedPrefixes.Set(float64(prefixes))
	}
}

// gate sets the metrics that show whether the panel gates of a detector are shut, if it has gates.
func (m *metrics) gate(d Detector) {
	g, ok := d.(interface{ Gated(f bgp.Family) bool })
	if !ok {
		return
	}
	for i, f := range bgp.Families {
		if m.gateShut[i] == nil {
			continue
		}
		shut := 0.
		if g.Gated(f) {
			shut = 1
		}
		m.gateShut[i].Set(shut)
	}
}
