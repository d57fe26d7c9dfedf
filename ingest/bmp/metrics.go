package bmp

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// The reasons for which a connection is refused, or a message is not passed on.
const (
	refusedAddress    = "unknown_address"
	refusedSessions   = "too_many_sessions"
	refusedRouter     = "too_many_of_router"
	refusedTLS        = "tls"
	refusedFirst      = "first_message"
	refusedVersion    = "version"
	refusedFraming    = "framing"
	refusedLarge      = "large_messages"
	refusedInitiation = "initiations"

	badMessage = "bad_bmp"
	badFraming = "bad_bmp_framing"
	peerIsDown = "bmp_peer_down"
	tooMany    = "bmp_too_many_peers"
)

type metrics struct {
	sessions prometheus.Gauge
	accepted prometheus.Counter
	refused  *prometheus.CounterVec
	// by type; the last is for unknown types
	messages    [wire.BMPRouteMirroring + 2]prometheus.Counter
	bytes       prometheus.Counter
	unannounced prometheus.Counter
	configured  prometheus.Counter
	hollow      prometheus.Counter
}

// newMetrics registers the metrics with reg. A nil reg registers them nowhere.
func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	m := metrics{
		sessions: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_ingest_bmp_sessions", Help: "BMP sessions that are up.",
		}),
		accepted: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_bmp_connections_total",
			Help: "Connections to the BMP port, including those refused.",
		}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_bmp_refused_total", Help: "Connections and sessions refused, by reason.",
		}, []string{"reason"}),
		bytes: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_bmp_read_bytes_total", Help: "Octets of BMP messages received.",
		}),
		unannounced: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_bmp_unannounced_total",
			Help: "Route Monitoring messages of peers without a Peer Up, read without ADD-PATH.",
		}),
		configured: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_bmp_left_out_total",
			Help: "Route Monitoring messages of tables that the configuration leaves out.",
		}),
		hollow: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_bmp_hollow_total",
			Help: "Route Monitoring messages that withdraw from or end a table " +
				"of which nothing was announced since Peer Up.",
		}),
	}
	vec := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_ingest_bmp_messages_total", Help: "BMP messages received, by type.",
	}, []string{"type"})
	for i := range m.messages {
		name := "unknown"
		if i <= int(wire.BMPRouteMirroring) {
			name = wire.BMPType(i).String()
		}
		m.messages[i] = vec.WithLabelValues(name)
	}
	return m
}

// count counts a message.
func (m *metrics) count(t wire.BMPType, octets int) {
	m.messages[min(int(t), len(m.messages)-1)].Inc()
	m.bytes.Add(float64(octets))
}
