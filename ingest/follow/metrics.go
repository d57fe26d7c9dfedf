package follow

import "github.com/prometheus/client_golang/prometheus"

type metrics struct{ messages, missing, damaged prometheus.Counter }

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "darkmap_ingest_follow_" + name, Help: help})
	}
	m := &metrics{
		messages: counter("messages_total", "Messages and states of archives played as if live."),
		missing:  counter("missing_files_total", "Files of updates that were not there when they should have been played."),
		damaged:  counter("damaged_total", "Parts of files of updates that could not be read."),
	}
	if reg != nil {
		reg.MustRegister(m.messages, m.missing, m.damaged)
	}
	return m
}
