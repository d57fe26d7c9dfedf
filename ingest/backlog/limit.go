package backlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
)

// lookAgain is how long to wait before the lag is asked for again.
const lookAgain = 50 * time.Millisecond

// Limit is how far a source may be ahead.
type Limit struct {
	Log      *slog.Logger
	Kafka    kafka.Config
	Admin    *kadm.Client
	Producer *kafka.Producer // what the source writes with
	// Consumers are the stages that are waited for; empty: nothing waits.
	Consumers []kafka.Reading
	// Bytes is how far ahead of the slowest consumer the source may be.
	Bytes int64
	// Waits counts how often it had to wait.
	Waits prometheus.Counter
}

// NewWaits makes the counter of a Limit; reg may be nil.
func NewWaits(reg prometheus.Registerer) prometheus.Counter {
	return promauto.With(reg).NewCounter(prometheus.CounterOpts{Name: "darkmap_ingest_waits_total", Help: "Times reading waited for slower stages."})
}

// Wait waits while the slowest consumer is too far behind. The error is ctx's.
func (l *Limit) Wait(ctx context.Context) error {
	if len(l.Consumers) == 0 {
		return nil
	}
	t := time.NewTicker(lookAgain)
	defer t.Stop()
	var wait retry.Backoff
	for {
		behind, err := l.behind(ctx)
		if err != nil { // a broker that is away: writing waits for it too, and says what is final
			l.Log.Warn("cannot tell how far the slower stages are", "err", err)
			if err := wait.Wait(ctx); err != nil {
				return err
			}
			continue
		}
		if behind <= l.Bytes {
			return nil
		}
		l.Waits.Inc()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

// behind estimates how many bytes of the input the slowest consumer has not read, at the mean size of a record: routes are
// about as many and as large as updates.
func (l *Limit) behind(ctx context.Context) (int64, error) {
	lags, err := kafka.Lag(ctx, l.Admin, l.Kafka, l.Consumers...)
	if err != nil {
		return 0, err
	}
	records, bytes := l.Producer.Produced()
	var most int64
	for _, lag := range lags {
		most = max(most, lag.Records)
	}
	return most * (bytes / max(records, 1)), nil
}
