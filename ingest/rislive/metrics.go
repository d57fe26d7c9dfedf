package rislive

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The roles of a connection, as labels.
const (
	leader   = "leader"
	follower = "follower"
)

type metrics struct {
	leaderMessages, followerMessages prometheus.Counter
	leaderBytes, followerBytes       prometheus.Counter
	leaderUp, followerUp             prometheus.Gauge
	held                             prometheus.Gauge
	switches                         prometheus.Counter
	lost                             *prometheus.CounterVec
	passed                           *prometheus.CounterVec
}

// newMetrics registers the metrics with reg. A nil reg registers them nowhere.
func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	role := []string{"role"}
	messages := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_ingest_rislive_messages_total",
		Help: "Messages received from RIS Live, by role of the connection.",
	}, role)
	octets := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_ingest_rislive_received_bytes_total",
		Help: "Octets of RIS Live's messages after decompression, by role of the connection.",
	}, role)
	up := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "darkmap_ingest_rislive_connected",
		Help: "Whether the connection of that role is up: 1, else 0.",
	}, role)
	m := metrics{
		leaderMessages: messages.WithLabelValues(leader), followerMessages: messages.WithLabelValues(follower),
		leaderBytes: octets.WithLabelValues(leader), followerBytes: octets.WithLabelValues(follower),
		leaderUp: up.WithLabelValues(leader), followerUp: up.WithLabelValues(follower),
		held: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_ingest_rislive_held_bytes",
			Help: "Octets of messages that one connection has received and the other has not.",
		}),
		switches: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_rislive_switches_total", Help: "Times the follower became the leader.",
		}),
		lost: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_rislive_lost_connections_total",
			Help: "Connections lost or not established, by reason.",
		}, []string{"reason"}),
		passed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_rislive_passed_over_total", Help: "Messages ignored, by kind.",
		}, []string{"kind"}),
	}
	return m
}

// roles sets the gauges of the connections' roles.
func (m *metrics) roles(leads, follows bool) {
	for _, g := range []struct {
		gauge prometheus.Gauge
		is    bool
	}{{m.leaderUp, leads}, {m.followerUp, follows}} {
		if g.is {
			g.gauge.Set(1)
		} else {
			g.gauge.Set(0)
		}
	}
}
