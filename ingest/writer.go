package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/file"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

const (
	// noteEvery is after how many written bytes the progress is published and the slower stages are looked at.
	noteEvery = 1 << 20
	// lookAgain is how long to wait before looking at them again.
	lookAgain = 50 * time.Millisecond
)

// writer writes the records of one run. It belongs to Run's goroutine.
type writer struct {
	s        *Stage
	producer *kafka.Producer
	dead     *kgo.Client
	adm      *kadm.Client
	noted    int64 // bytes written when the progress was last published
}

func newWriter(ctx context.Context, s *Stage) (*writer, error) {
	dead, err := kafka.NewClient(s.d.Kafka, s.d.Log)
	if err != nil {
		return nil, err
	}
	producer, err := kafka.NewProducer(ctx, s.d.Kafka, schemas.TopicUpdates, s.d.Log, s.d.Registerer)
	if err != nil {
		dead.Close()
		return nil, err
	}
	return &writer{s: s, producer: producer, dead: dead, adm: kadm.NewClient(dead)}, nil
}

func (w *writer) close() {
	w.producer.Close()
	w.dead.Close()
}

// write encodes and sends a record; clock records go to every partition.
func (w *writer) write(ctx context.Context, rec file.Record) error {
	rec.Update.ReceivedAtUs = w.s.d.Now().UnixMicro()
	value, err := rec.Update.MarshalVT()
	if err != nil {
		return fmt.Errorf("encoding a record of %s: %w", rec.Collector, err)
	}
	w.s.metrics.records.Inc()
	if rec.Collector == "" {
		return w.producer.ProduceAll(ctx, value)
	}
	return w.producer.Produce(ctx, rec.Collector, value)
}

func (w *writer) flush(ctx context.Context) error { return w.producer.Flush(ctx) }

// due reports whether enough was written to look around.
func (w *writer) due() bool {
	_, bytes := w.producer.Produced()
	if bytes-w.noted < noteEvery {
		return false
	}
	w.noted = bytes
	return true
}

// wait waits while the slowest consumer is too far behind.
func (w *writer) wait(ctx context.Context) error {
	if len(w.s.d.Consumers) == 0 {
		return nil
	}
	t := time.NewTicker(lookAgain)
	defer t.Stop()
	var retry kafka.Backoff
	for {
		behind, err := w.behind(ctx)
		if err != nil { // a broker that is away: writing waits for it too, and says what is final
			w.s.d.Log.Warn("cannot tell how far the slower stages are", "err", err)
			if err := retry.Wait(ctx); err != nil {
				return err
			}
			continue
		}
		if behind < w.s.cfg.AheadBytes {
			return nil
		}
		w.s.metrics.waits.Inc()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

// behind estimates how many bytes of the input the slowest consumer has not read, at the mean size of a record: routes are
// about as many and as large as updates.
func (w *writer) behind(ctx context.Context) (int64, error) {
	lags, err := kafka.Lag(ctx, w.adm, w.s.d.Kafka, w.s.d.Consumers...)
	if err != nil {
		return 0, err
	}
	records, bytes := w.producer.Produced()
	var most int64
	for _, l := range lags {
		most = max(most, l.Records)
	}
	return most * (bytes / max(records, 1)), nil
}
