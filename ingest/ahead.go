package ingest

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
)

const (
	// noteEvery is after how many written bytes the progress is published and the slower stages are looked at.
	noteEvery = 1 << 20
	// lookAgain is how long to wait before looking at them again.
	lookAgain = 50 * time.Millisecond
)

// ahead holds back what can be read again while it is too far ahead of the slowest stage.
type ahead struct {
	log       *slog.Logger
	kafka     kafka.Config
	adm       *kadm.Client
	producer  *kafka.Producer
	consumers []kafka.Reading // nobody: nothing waits
	limit     int64
	waits     prometheus.Counter
}

// wait waits while the slowest consumer is too far behind. The error is ctx's.
func (a *ahead) wait(ctx context.Context) error {
	if len(a.consumers) == 0 {
		return nil
	}
	t := time.NewTicker(lookAgain)
	defer t.Stop()
	var wait retry.Backoff
	for {
		behind, err := a.behind(ctx)
		if err != nil { // a broker that is away: writing waits for it too, and says what is final
			a.log.Warn("cannot tell how far the slower stages are", "err", err)
			if err := wait.Wait(ctx); err != nil {
				return err
			}
			continue
		}
		if behind < a.limit {
			return nil
		}
		a.waits.Inc()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

// behind estimates how many bytes of the input the slowest consumer has not read, at the mean size of a record: routes are
// about as many and as large as updates.
func (a *ahead) behind(ctx context.Context) (int64, error) {
	lags, err := kafka.Lag(ctx, a.adm, a.kafka, a.consumers...)
	if err != nil {
		return 0, err
	}
	records, bytes := a.producer.Produced()
	var most int64
	for _, l := range lags {
		most = max(most, l.Records)
	}
	return most * (bytes / max(records, 1)), nil
}
