package history

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The results of a question.
const (
	resultCached = "cached"
	resultAsked  = "asked"
	resultBusy   = "busy"
	resultFailed = "failed"
)

type metrics struct {
	questions *prometheus.CounterVec
	seconds   prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		questions: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_serve_history_questions_total",
			Help: "Questions to the store that were answered without it or together with others (cached), " +
				"by it (asked), or not: too many at a time (busy), failed.",
		}, []string{"result"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "darkmap_serve_history_question_seconds",
			Help:    "How long questions to the store took, with the wait for a place among those that may run.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 13),
		}),
	}
}
