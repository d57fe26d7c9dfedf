package routeviews

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	records, bytes, commits, lost prometheus.Counter
	faults                        *prometheus.CounterVec
	stripped                      *prometheus.CounterVec
	topics, collectors            prometheus.Gauge
}

// newMetrics registers the metrics with reg. A nil reg registers them nowhere.
func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	return metrics{
		records: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_routeviews_records_total", Help: "Records read from RouteViews' stream.",
		}),
		bytes: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_routeviews_bytes_total",
			Help: "Octets of the records read from RouteViews' stream.",
		}),
		commits: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_routeviews_commits_total",
			Help: "Commits of offsets to RouteViews' cluster.",
		}),
		lost: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_routeviews_lost_records_total",
			Help: "Records that RouteViews' cluster deleted before they were read.",
		}),
		faults: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_routeviews_faults_total", Help: "Faults of RouteViews' cluster, by kind.",
		}, []string{"kind"}),
		stripped: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_routeviews_paths_total",
			Help: "UPDATEs by treatment of the collector's own AS: removed (peer, server), " +
				"not removed (absent, kept), or without a path (none).",
		}, []string{"result"}),
		topics: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_ingest_routeviews_topics",
			Help: "Topics of RouteViews' stream that this member follows.",
		}),
		collectors: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_ingest_routeviews_collectors",
			Help: "RouteViews collectors that this member follows.",
		}),
	}
}
