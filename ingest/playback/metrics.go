package playback

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/ingest/backlog"
	"github.com/darkmap/darkmap/internal/capture"
)

type metrics struct {
	records   prometheus.Counter
	damaged   *prometheus.CounterVec
	eventTime prometheus.Gauge
	waits     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		records:   prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_ingest_records_total", Help: "Records written to bgp.updates."}),
		damaged:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_ingest_damaged_total", Help: "Parts of the input that could not be read, by reason."}, []string{"reason"}),
		eventTime: prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_ingest_event_time_seconds", Help: "The merged clock of the sources, Unix seconds."}),
		waits:     backlog.NewWaits(reg),
	}
	if reg != nil {
		reg.MustRegister(m.records, m.damaged, m.eventTime)
	}
	return m
}

func (m metrics) damage(d *capture.Damage) { m.damaged.WithLabelValues(string(d.Reason)).Inc() }
