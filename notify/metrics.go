package notify

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/darkmap/darkmap/notify/incident"
)

// metrics holds the metrics of the stage, with children resolved once.
type metrics struct {
	in, undecodable, aborts prometheus.Counter
	beats, missed           prometheus.Counter
	success                 prometheus.Gauge
	targets                 map[string]*targetMetrics // by name
}

// targetMetrics holds the metrics of one target.
type targetMetrics struct {
	sent, failed, doubled             prometheus.Counter
	open, waiting, parked, oldest, on prometheus.Gauge
}

// newMetrics registers the metrics with reg, which may be nil.
func newMetrics(reg prometheus.Registerer, targets map[string]*Place) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		in: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_notify_records_in_total",
			Help: "Records of bgp.outages read from Kafka.",
		}),
		undecodable: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_notify_records_undecodable_total",
			Help: "Records of bgp.outages that could not be decoded: no target receives them.",
		}),
		aborts: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_notify_transactions_aborted_total",
			Help: "Transactions that the broker aborted and that were tried again.",
		}),
		beats: f.NewCounter(
			prometheus.CounterOpts{Name: "darkmap_notify_heartbeats_total", Help: "Heartbeats that were answered."}),
		missed: f.NewCounter(
			prometheus.CounterOpts{Name: "darkmap_notify_heartbeats_failed_total", Help: "Heartbeats that failed."}),
		success: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_notify_last_success_timestamp_seconds",
			Help: "Wall-clock time of the last committed transaction, Unix seconds.",
		}),
		targets: map[string]*targetMetrics{},
	}
	m.ofTargets(f, targets)
	return m
}

// ofTargets registers the metrics of the targets.
func (m *metrics) ofTargets(f promauto.Factory, targets map[string]*Place) {
	label := []string{"target"}
	sent := f.NewCounterVec(
		prometheus.CounterOpts{Name: "darkmap_notify_sent_total", Help: "Messages that a target has taken."}, label)
	failed := f.NewCounterVec(
		prometheus.CounterOpts{Name: "darkmap_notify_failed_total", Help: "Attempts that a target has not taken."},
		label)
	doubled := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_notify_maybe_doubled_total",
		Help: "Messages sent again although an earlier attempt may have come through, to targets without keys.",
	},
		label)
	open := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "darkmap_notify_open_incidents",
		Help: "Ongoing incidents of which the target was notified.",
	}, label)
	waiting := f.NewGaugeVec(
		prometheus.GaugeOpts{Name: "darkmap_notify_waiting_messages", Help: "Messages that wait for a target."},
		label)
	parked := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "darkmap_notify_parked_messages",
		Help: "Messages for a target that were given up.",
	}, label)
	oldest := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "darkmap_notify_oldest_waiting_seconds",
		Help: "Since when the oldest message waits for a target; 0 where none waits.",
	}, label)
	on := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "darkmap_notify_target_on",
		Help: "Whether messages are sent to a target: 0 where it was switched off because it is gone " +
			"or refuses its key.",
	},
		label)
	for name := range targets {
		m.targets[name] = &targetMetrics{
			sent: sent.WithLabelValues(name), failed: failed.WithLabelValues(name),
			doubled: doubled.WithLabelValues(name), open: open.WithLabelValues(name),
			waiting: waiting.WithLabelValues(name), parked: parked.WithLabelValues(name),
			oldest: oldest.WithLabelValues(name), on: on.WithLabelValues(name),
		}
		m.targets[name].on.Set(1)
	}
}

// status sets the gauges to the status of a target.
func (m *targetMetrics) status(st incident.Status, now time.Time) {
	m.open.Set(float64(st.Open))
	m.waiting.Set(float64(st.Waiting))
	m.parked.Set(float64(st.Parked))
	age := 0.0
	if !st.Oldest.IsZero() {
		age = max(0, now.Sub(st.Oldest).Seconds())
	}
	m.oldest.Set(age)
	m.on.Set(1)
	if st.Off != "" {
		m.on.Set(0)
	}
}
