package sink

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics holds the metrics of the stage, with children resolved once.
type metrics struct {
	in, duplicate, dead prometheus.Counter
	lost                prometheus.Counter
	retries             prometheus.Counter
	repeats, windows    prometheus.Counter
	rows                map[string]prometheus.Counter // by table
	insert              prometheus.Histogram
	success             prometheus.Gauge
}

// newMetrics registers the metrics with reg, which may be nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	dropped := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_sink_records_dropped_total",
		Help: "Records not stored, by reason: present (stored before), undecodable (sent to bgp.deadletter) " +
			"or lost (on the broker's disk).",
	},
		[]string{"reason"})
	rows := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_sink_rows_total",
		Help: "Rows inserted and acknowledged, by table.",
	}, []string{"table"})
	m := &metrics{
		in: f.NewCounter(
			prometheus.CounterOpts{Name: "darkmap_sink_records_in_total", Help: "Records read from Kafka."}),
		duplicate: dropped.WithLabelValues("present"),
		dead:      dropped.WithLabelValues("undecodable"),
		lost:      dropped.WithLabelValues("lost"),
		retries: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_sink_insert_retries_total",
			Help: "Inserts into ClickHouse that failed and were tried again.",
		}),
		repeats: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_sink_rows_repeated_total",
			Help: "Rows of route_change_log that repeat another row, so that route_changes leaves them out.",
		}),
		windows: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_sink_lookups_total",
			Help: "Queries for earlier route changes that a record may repeat.",
		}),
		rows: map[string]prometheus.Counter{},
		insert: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "darkmap_sink_batch_seconds",
			Help:    "Time from sending a batch to its acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		success: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_sink_last_success_timestamp_seconds",
			Help: "Wall-clock time of the last acknowledged batch, Unix seconds.",
		}),
	}
	for _, t := range tables {
		m.rows[t.name] = rows.WithLabelValues(t.name)
	}
	return m
}
