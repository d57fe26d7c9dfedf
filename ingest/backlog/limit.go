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

// lookAgain is the time between two requests for the lag.
const lookAgain = 50 * time.Millisecond

// Limit bounds how far a source may be ahead.
type Limit struct {
	Log      *slog.Logger
	Kafka    kafka.Config
	Admin    *kadm.Client
	Producer *kafka.Producer // the producer that the source writes with
	// Consumers are the stages to wait for. Empty: Wait returns at once.
	Consumers []kafka.Reading
	// Bytes is the number of octets by which the source may be ahead of the slowest consumer.
	Bytes int64
	// Waits counts the waits, one for each lookAgain.
	Waits prometheus.Counter
}

// NewWaits creates the counter of a Limit. reg may be nil.
func NewWaits(reg prometheus.Registerer) prometheus.Counter {
	return promauto.With(reg).NewCounter(prometheus.CounterOpts{
		Name: "darkmap_ingest_waits_total", Help: "Times reading waited for slower stages.",
	})
}

// Wait waits while the slowest consumer is too far behind. It returns the error of ctx.
func (l *Limit) Wait(ctx context.Context) error {
	if len(l.Consumers) == 0 {
		return nil
	}
	t := time.NewTicker(lookAgain)
	defer t.Stop()
	var wait retry.Backoff
	for {
		behind, err := l.behind(ctx)
		// the broker is away: the source's writes wait for it too, and report final errors
		if err != nil {
			l.Log.Warn("cannot read the lag of the slower stages", "err", err)
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

// behind estimates how many octets of the input the slowest consumer has not read, from the mean
// size of a record. Routes are about as many and as large as updates.
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
