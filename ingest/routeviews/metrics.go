package routeviews

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	records, bytes, commits, lost prometheus.Counter
	faults                        *prometheus.CounterVec
	stripped                      *prometheus.CounterVec
	topics, collectors            prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		records:    prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_ingest_routeviews_records_total", Help: "Records read from RouteViews' stream."}),
		bytes:      prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_ingest_routeviews_bytes_total", Help: "Octets of the records read from RouteViews' stream."}),
		commits:    prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_ingest_routeviews_commits_total", Help: "Commits of offsets to RouteViews' cluster."}),
		lost:       prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_ingest_routeviews_lost_records_total", Help: "Records that RouteViews' cluster dropped before they were read."}),
		faults:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_ingest_routeviews_faults_total", Help: "What went wrong with RouteViews' cluster: fetch, commit, silence."}, []string{"kind"}),
		stripped:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_ingest_routeviews_paths_total", Help: "UPDATEs by what became of the collector's own AS: peer and server were stripped, absent and kept not, none has no path."}, []string{"result"}),
		topics:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_ingest_routeviews_topics", Help: "Topics of RouteViews' stream that this member follows."}),
		collectors: prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_ingest_routeviews_collectors", Help: "RouteViews collectors that this member follows."}),
	}
	if reg != nil {
		reg.MustRegister(m.records, m.bytes, m.commits, m.lost, m.faults, m.stripped, m.topics, m.collectors)
	}
	return m
}
