package bootstrap

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	answers          *prometheus.CounterVec
	routes, messages prometheus.Counter
	working          prometheus.Gauge
	damaged, late    prometheus.Counter
}

// newMetrics registers the metrics with reg. A nil reg registers them nowhere.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		answers: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_bootstrap_answers_total",
			Help: "Gaps and checks that ended, by kind of answer and result.",
		}, []string{"kind", "result"}),
		routes: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_bootstrap_routes_total",
			Help: "Routes of table dumps written to bgp.updates.",
		}),
		messages: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_bootstrap_messages_total",
			Help: "Messages and state changes of update files written to bgp.updates to fill gaps.",
		}),
		working: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_ingest_bootstrap_working",
			Help: "Collectors whose gap or check is being answered.",
		}),
		damaged: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_bootstrap_damaged_total",
			Help: "Parts of archive files that could not be read.",
		}),
		late: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_bootstrap_late_checks_total",
			Help: "Checks postponed to the next table dump, because it was too late to begin.",
		}),
	}
}
