package rislive

import "github.com/prometheus/client_golang/prometheus"

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

func newMetrics(reg prometheus.Registerer) metrics {
	role := []string{"role"}
	messages := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_rislive_messages_total", Help: "Messages of RIS Live, by the role of their connection."}, role)
	octets := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_rislive_received_bytes_total", Help: "Octets of RIS Live's messages, unpacked."}, role)
	up := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "darkmap_rislive_connected", Help: "1 where there is a connection of that role."}, role)
	m := metrics{
		leaderMessages: messages.WithLabelValues(leader), followerMessages: messages.WithLabelValues(follower),
		leaderBytes: octets.WithLabelValues(leader), followerBytes: octets.WithLabelValues(follower),
		leaderUp: up.WithLabelValues(leader), followerUp: up.WithLabelValues(follower),
		held:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_rislive_held_bytes", Help: "Octets that the follower brought and the leader has not yet."}),
		switches: prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_rislive_switches_total", Help: "How often the follower took the lead."}),
		lost:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_rislive_lost_connections_total", Help: "Connections that were lost or not made, by reason."}, []string{"reason"}),
		passed:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_rislive_passed_over_total", Help: "Messages that say nothing for us, by kind."}, []string{"kind"}),
	}
	if reg != nil {
		reg.MustRegister(messages, octets, up, m.held, m.switches, m.lost, m.passed)
	}
	return m
}

// roles sets the gauges of how many connections there are.
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
