package playback

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/darkmap/darkmap/ingest/backlog"
	"github.com/darkmap/darkmap/internal/capture"
)

type metrics struct {
	records   prometheus.Counter
	damaged   *prometheus.CounterVec
	eventTime prometheus.Gauge
	waits     prometheus.Counter
}

// newMetrics registers the metrics with reg. A nil reg registers them nowhere.
func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	return metrics{
		records: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_ingest_playback_records_total", Help: "Records of files written to bgp.updates.",
		}),
		damaged: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_ingest_playback_damaged_total",
			Help: "Parts of files that could not be read, by reason.",
		}, []string{"reason"}),
		eventTime: f.NewGauge(prometheus.GaugeOpts{
			Name: "darkmap_ingest_playback_event_timestamp_seconds",
			Help: "Event time up to which the files are played, Unix seconds.",
		}),
		waits: backlog.NewWaits(reg),
	}
}

func (m metrics) damage(d *capture.Damage) { m.damaged.WithLabelValues(string(d.Reason)).Inc() }
