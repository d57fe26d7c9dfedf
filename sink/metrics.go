package sink

import "github.com/prometheus/client_golang/prometheus"

// metrics of the stage; children are resolved once.
type metrics struct {
	in, duplicate, dead prometheus.Counter
	retries             prometheus.Counter
	repeats, windows    prometheus.Counter
	rows                map[string]prometheus.Counter // by table
	insert              prometheus.Histogram
	success             prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_sink_records_dropped_total", Help: "Records passed over: present already, or undecodable and sent to the dead-letter topic."}, []string{"reason"})
	rows := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_sink_rows_total", Help: "Rows inserted and acknowledged."}, []string{"table"})
	m := &metrics{
		in:        prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_sink_records_in_total", Help: "Records read."}),
		duplicate: dropped.WithLabelValues("present"),
		dead:      dropped.WithLabelValues("undecodable"),
		retries:   prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_sink_insert_retries_total", Help: "Inserts that failed and were looked into again."}),
		repeats:   prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_sink_rows_repeated_total", Help: "Rows of route_change_log that show a change again and are left out of route_changes."}),
		windows:   prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_sink_lookups_total", Help: "Reads of earlier route changes that records may repeat."}),
		rows:      map[string]prometheus.Counter{},
		insert:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "darkmap_sink_batch_seconds", Help: "Time from sending a batch to its acknowledgement.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		success:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_sink_last_success_timestamp_seconds", Help: "When the last batch was acknowledged."}),
	}
	for _, t := range tables {
		m.rows[t.name] = rows.WithLabelValues(t.name)
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.in, dropped, rows, m.retries, m.repeats, m.windows, m.insert, m.success} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
