package follow

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct{ messages, missing, damaged prometheus.Counter }

// newMetrics registers the metrics with reg. A nil reg registers them nowhere.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		messages: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_follow_messages_total",
			Help: "Messages and state changes of update files written to bgp.updates.",
		}),
		missing: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_follow_missing_files_total",
			Help: "Update files that were not published when they were due.",
		}),
		damaged: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_follow_damaged_total",
			Help: "Parts of update files that could not be read.",
		}),
	}
}
