package stream

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	messages, undecodable *prometheus.CounterVec
	corrected             *prometheus.CounterVec
	gaps                  *prometheus.CounterVec
	lag                   *prometheus.GaugeVec
	up                    *prometheus.GaugeVec
	peers                 *prometheus.GaugeVec
}

// newMetrics registers the metrics with reg. A nil reg registers them nowhere.
func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	collector := []string{"collector"}
	return metrics{
		messages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_messages_total",
			Help: "BGP messages of live sources written to bgp.updates, by collector.",
		}, collector),
		undecodable: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_undecodable_total",
			Help: "Messages of live sources that could not be decoded, by reason.",
		}, []string{"reason"}),
		corrected: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_timestamps_corrected_total",
			Help: "Impossible timestamps replaced by the time of reception, by collector.",
		}, collector),
		gaps: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_gaps_total", Help: "Gaps that began, by collector.",
		}, collector),
		lag: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "darkmap_ingest_lag_seconds",
			Help: "Age of a collector's last message when it was received.",
		}, collector),
		up: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "darkmap_ingest_collector_up",
			Help: "Whether a collector's stream is up and not stale: 1, else 0.",
		}, collector),
		peers: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "darkmap_ingest_peers_up", Help: "Peers of a collector whose sessions are up.",
		}, collector),
	}
}

// forget deletes the series of a collector that is no longer followed.
func (m metrics) forget(collector string) {
	m.lag.DeleteLabelValues(collector)
	m.up.DeleteLabelValues(collector)
	m.peers.DeleteLabelValues(collector)
}
