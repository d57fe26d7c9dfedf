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
			Name: "darkmap_serve_questions_total", Help: "Questions to the store. result: cached (or shared with others who asked the same), asked, busy (too many at a time), failed.",
		}, []string{"result"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "darkmap_serve_question_seconds", Help: "How long statements of the store took, with their wait for a place.", Buckets: prometheus.ExponentialBuckets(0.002, 2, 13),
		}),
	}
}
