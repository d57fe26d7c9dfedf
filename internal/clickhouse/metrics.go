package clickhouse

import "github.com/prometheus/client_golang/prometheus"

// Register adds the engine's metrics to reg.
func (e *Engine) Register(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "darkmap_store_engine_up", Help: "Whether the embedded ClickHouse serves: 1, else 0."}, func() float64 {
			if e.State().Up {
				return 1
			}
			return 0
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "darkmap_store_engine_restarts_total", Help: "Times that the embedded ClickHouse served again after its end."}, func() float64 {
			return float64(e.State().Restarts)
		}),
	} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}
