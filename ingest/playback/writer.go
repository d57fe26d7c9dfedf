package playback

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/backlog"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

const (
	// noteEvery is the number of written octets between two publications of the progress. lookEvery
	// is that between two checks of the slower stages.
	noteEvery = 32 << 10
	lookEvery = 1 << 20
)

// writer writes the records of one run. It belongs to Run's goroutine.
type writer struct {
	s        *Stage
	producer *kafka.Producer
	dead     *kgo.Client
	backlog  backlog.Limit
	noted    int64 // octets written when the progress was last published
	looked   int64 // octets written when the slower stages were last checked
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
		s: s, producer: producer, dead: dead,
		backlog: backlog.Limit{
			Log: s.d.Log, Kafka: s.d.Kafka, Admin: kadm.NewClient(dead), Producer: producer,
			Consumers: s.d.Consumers, Bytes: s.d.AheadBytes,
			Waits: s.metrics.waits,
		},
	}, nil
}

func (w *writer) close() {
	w.producer.Close()
	w.dead.Close()
}

// write encodes and sends a record. A clock record goes to every partition.
func (w *writer) write(ctx context.Context, rec Record) error {
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

// due reports whether enough was written to publish the progress, and to check the slower stages.
func (w *writer) due() (note, look bool) {
	_, bytes := w.producer.Produced()
	if note = bytes-w.noted >= noteEvery; note {
		w.noted = bytes
	}
	if look = bytes-w.looked >= lookEvery; look {
		w.looked = bytes
	}
	return note, look
}

// deadLetter counts a damage, reports it, and writes its octets, if it has any, to the dead
// letters.
func (w *writer) deadLetter(ctx context.Context, collector string, d *capture.Damage) error {
	w.s.metrics.damage(d)
	if w.s.d.Damaged != nil {
		w.s.d.Damaged(d)
	} else {
		w.s.damaged.Warn("passed over damaged input", "file", d.File, "offset", d.Offset, "record", d.Number,
			"reason", string(d.Reason), "err", d.Err)
	}
	if len(d.Raw) == 0 {
		return nil
	}
	at := &kgo.Record{Topic: filepath.Base(d.File), Offset: d.Offset, Key: []byte(collector), Value: d.Raw}
	// The dead letters go to one partition, and need no order with other records. The wait is short
	// and rare.
	if err := w.dead.ProduceSync(
		ctx, kafka.DeadLetter(w.s.d.Kafka, w.s.d.Stage, at, fmt.Sprintf("%s: %v", d.Reason, d.Err)),
	).FirstErr(); err != nil {
		return fmt.Errorf("writing to %s: %w", schemas.TopicDeadLetter, err)
	}
	return nil
}
