package clickhouse

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Register adds the engine's metrics to reg. A nil reg adds them nowhere.
func (e *Engine) Register(reg prometheus.Registerer) {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "darkmap_store_engine_up", Help: "Whether the embedded ClickHouse serves: 1, else 0.",
	}, func() float64 {
		if e.State().Up {
			return 1
		}
		return 0
	})
	f.NewCounterFunc(prometheus.CounterOpts{
		Name: "darkmap_store_engine_restarts_total",
		Help: "Times the embedded ClickHouse was started again after its end.",
	}, func() float64 {
		return float64(e.State().Restarts)
	})
}
