package ingest

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// writer writes the records of one run. It belongs to Run's goroutine.
type writer struct {
	ahead
	s     *Stage
	dead  *kgo.Client
	noted int64 // bytes written when the progress was last published
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
	return &writer{
		ahead: ahead{
			log: s.d.Log, kafka: s.d.Kafka, adm: kadm.NewClient(dead), producer: producer, consumers: s.d.Consumers,
			limit: s.cfg.AheadBytes, waits: s.metrics.waits,
		},
		s: s, dead: dead,
	}, nil
}

func (w *writer) close() {
	w.producer.Close()
	w.dead.Close()
}

// write encodes and sends a record; clock records go to every partition.
func (w *writer) write(ctx context.Context, rec playback.Record) error {
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
