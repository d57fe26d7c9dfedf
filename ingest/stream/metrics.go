package stream

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	messages, undecodable *prometheus.CounterVec
	corrected             *prometheus.CounterVec
	gaps                  *prometheus.CounterVec
	lag                   *prometheus.GaugeVec
	up                    *prometheus.GaugeVec
	peers                 *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	collector := []string{"collector"}
	m := metrics{
		messages:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_ingest_messages_total", Help: "BGP messages of live feeds written to bgp.updates."}, collector),
		undecodable: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_ingest_undecodable_total", Help: "What live sources sent and could not be decoded, by reason."}, []string{"reason"}),
		corrected:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_ingest_timestamps_corrected_total", Help: "Timestamps that could not be, replaced by the time of reception."}, collector),
		gaps:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_ingest_gaps_total", Help: "Gaps that began."}, collector),
		lag:         prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "darkmap_ingest_lag_seconds", Help: "How far the last message lay behind the clock when it came."}, collector),
		up:          prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "darkmap_ingest_collector_up", Help: "1 where the collector's stream is up and fresh."}, collector),
		peers:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "darkmap_ingest_peers_up", Help: "Peers whose sessions are up."}, collector),
	}
	if reg != nil {
		reg.MustRegister(m.messages, m.undecodable, m.corrected, m.gaps, m.lag, m.up, m.peers)
	}
	return m
}

// forget drops the series of a collector that is not followed any more.
func (m metrics) forget(collector string) {
	m.lag.DeleteLabelValues(collector)
	m.up.DeleteLabelValues(collector)
	m.peers.DeleteLabelValues(collector)
}
