package watch

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	lists, unresolved prometheus.Gauge
	records, reloads  prometheus.Counter
}

// newMetrics registers the metrics; reg may be nil.
func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	return metrics{
		lists: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_ingest_watch_lists", Help: "Watch lists that this process writes.",
		}),
		unresolved: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_ingest_watch_hosts_unresolved",
			Help: "Hosts of those lists whose newest question to DNS got no address.",
		}),
		records: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_watch_records_total",
			Help: "Records of watch lists and of their hosts written to bgp.updates.",
		}),
		reloads: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_watch_reloads_total",
			Help: "Times that changed watch lists were read without a fault.",
		}),
	}
}
