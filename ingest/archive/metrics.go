package archive

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	files, bytes, retries, failed, evicted prometheus.Counter
	cache                                  prometheus.Gauge
}

// newMetrics registers the metrics with reg. A nil reg registers them nowhere.
func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	return metrics{
		files: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_archive_files_total", Help: "Files fetched from archives.",
		}),
		bytes: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_archive_bytes_total", Help: "Octets fetched from archives.",
		}),
		retries: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_archive_retries_total",
			Help: "Requests to archives that were repeated after a failure.",
		}),
		failed: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_archive_failures_total",
			Help: "Files of archives that could not be fetched.",
		}),
		evicted: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_archive_evictions_total",
			Help: "Files removed from the cache because it was full.",
		}),
		cache: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_ingest_archive_cache_bytes",
			Help: "Size of the cache of archive files when it was last cleaned.",
		}),
	}
}
