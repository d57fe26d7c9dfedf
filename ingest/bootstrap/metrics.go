package bootstrap

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	answers          *prometheus.CounterVec
	routes, messages prometheus.Counter
	working          prometheus.Gauge
	damaged, late    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_ingest_bootstrap_" + name, Help: help})
	}
	m := &metrics{
		answers:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "darkmap_ingest_bootstrap_answers_total", Help: "Gaps and checks that ended, by what answered them and how."}, []string{"kind", "result"}),
		routes:   counter("routes_total", "Routes of table dumps written to bgp.updates."),
		messages: counter("messages_total", "Messages and states of archives written to bgp.updates, in fills."),
		working:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "darkmap_ingest_bootstrap_working", Help: "Collectors whose gap or check is being answered."}),
		damaged:  counter("damaged_total", "Parts of archive files that could not be read."),
		late:     counter("late_checks_total", "Checks that were too late to begin and wait for the next dump."),
	}
	if reg != nil {
		reg.MustRegister(m.answers, m.routes, m.messages, m.working, m.damaged, m.late)
	}
	return m
}
