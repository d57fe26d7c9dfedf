package serve

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The reasons for which the doors refuse a request.
const (
	refusedHost  = "host"
	refusedLogin = "login"
	refusedSite  = "site"
	refusedLimit = "limit"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	refused  *prometheus.CounterVec
	streams  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_serve_requests_total",
			Help: "Requests that were answered, by the class of their status (2xx, 3xx, 4xx, 5xx).",
		}, []string{"class"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "darkmap_serve_request_seconds",
			Help:    "How long answers took that are no streams.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "darkmap_serve_refused_total",
			Help: "Requests that were refused: another name was asked for (host), a login is wanted (login), " +
				"a page of another site asked (site), too many (limit).",
		}, []string{"reason"}),
		streams: f.NewGauge(prometheus.GaugeOpts{Name: "darkmap_serve_streams", Help: "Streams that are open."}),
	}
}

// count counts requests by the class of their status.
func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		c := &counted{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(c, r)
		m.requests.WithLabelValues(strconv.Itoa(c.status/100) + "xx").Inc()
		if !c.stream {
			m.seconds.Observe(time.Since(began).Seconds())
		}
	})
}

// counted records the status of an answer. A ResponseController reaches the wrapped writer.
type counted struct {
	http.ResponseWriter
	status int
	wrote  bool
	stream bool // the answer was flushed
}

// WriteHeader records the status.
func (c *counted) WriteHeader(status int) {
	if !c.wrote && status >= 200 {
		c.status, c.wrote = status, true
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write fixes the status: it is 200 if WriteHeader was not called.
func (c *counted) Write(b []byte) (int, error) {
	c.wrote = true
	return c.ResponseWriter.Write(b)
}

// Flush sends the written part of the answer.
func (c *counted) Flush() {
	c.stream = true
	_ = http.NewResponseController(c.ResponseWriter).Flush() // the client may be gone
}

// Unwrap returns the wrapped writer for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }
