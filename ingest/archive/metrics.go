package archive

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	files, bytes, retries, failed, evicted prometheus.Counter
	cache                                  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_ingest_archive_" + name, Help: help})
	}
	m := metrics{
		files:   counter("files_total", "Files fetched from archives."),
		bytes:   counter("bytes_total", "Octets fetched from archives."),
		retries: counter("retries_total", "Requests to archives made again."),
		failed:  counter("failures_total", "Files of archives given up."),
		evicted: counter("evictions_total", "Files removed from the cache to make room."),
		cache:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_ingest_archive_cache_bytes", Help: "What the cache of archive files held when room was made last."}),
	}
	if reg != nil {
		reg.MustRegister(m.files, m.bytes, m.retries, m.failed, m.evicted, m.cache)
	}
	return m
}
