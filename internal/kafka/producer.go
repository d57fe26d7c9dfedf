package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/darkmap/darkmap/internal/drain"
)

const (
	// producerBytes bounds what a Producer has not been told about by the broker. It is what everybody waits behind, so it is no more
	// than keeps the broker busy; the client's own bounds lie above it, for the client lets those who wait in as it happens.
	producerBytes = 8 << 20
	// recordBytes is added for each record.
	recordBytes = 96
)

// ErrTooLarge is a record that brokers would refuse: above MaxRecordBytes. It was not sent; the producer goes on.
var ErrTooLarge = errors.New("record is too large")

// Producer writes one topic that is keyed by collector. It is idempotent and keeps the order of each collector; its
// buffer is bounded, and Produce waits where it is full, first come, first served. After the first record that could not be written every call
// returns that error: what follows it must not overtake it. One that is too large is refused before it is taken. It is safe for concurrent use.
type Producer struct {
	cl         *kgo.Client
	topic      string
	partitions int32
	keys       sync.Map // collector: its partition, int32
	failed     atomic.Pointer[error]
	room       *semaphore.Weighted // of producerBytes
	records    atomic.Int64
	bytes      atomic.Int64
	answered   atomic.Int64 // when the broker last answered for a record, Unix nanoseconds

	mu      sync.Mutex
	waiters int       // for room; mu
	waiting time.Time // since when any are; mu

	// sent and acked count each partition's records: given to the client, and answered by the broker.
	sent, acked []atomic.Int64
	// life is that of every record: one that was given up because its caller's context ended would leave a hole, and end the producer.
	life context.Context //nolint:containedctx // of the producer, ended by cancel
	end  context.CancelFunc
}

// NewProducer connects and asks for the topic's partitions. topic is a name of the registry; reg may be nil.
func NewProducer(ctx context.Context, cfg Config, topic string, log *slog.Logger, reg prometheus.Registerer) (*Producer, error) {
	cl, err := NewClient(cfg, log, Metrics(reg, "producer"),
		kgo.DefaultProduceTopic(cfg.Topic(topic)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(100_000))
	if err != nil {
		return nil, err
	}
	n, err := Partitions(ctx, kadm.NewClient(cl), cfg, topic)
	if err != nil {
		cl.Close()
		return nil, err
	}
	p := &Producer{room: semaphore.NewWeighted(producerBytes), cl: cl, topic: cfg.Topic(topic), partitions: n, sent: make([]atomic.Int64, n), acked: make([]atomic.Int64, n)}
	p.life, p.end = context.WithCancel(context.WithoutCancel(ctx))
	return p, nil
}

// EndAfter gives up what is not written d after ctx has ended: calls that wait for room return then. Until ctx has ended, stop takes
// that back.
func (p *Producer) EndAfter(ctx context.Context, d time.Duration) (stop func() bool) {
	return drain.EndAfter(ctx, d, p.life, p.end)
}

// Produce sends a record of a collector. It does not wait for the broker, but for room; value must not be changed afterwards.
// A record that was taken is written even where ctx ends. The error wraps ErrTooLarge where it is this record's alone.
func (p *Producer) Produce(ctx context.Context, collector string, value []byte) error {
	part, ok := p.keys.Load(collector)
	if !ok {
		part, _ = p.keys.LoadOrStore(collector, PartitionOf(collector, p.partitions))
	}
	return p.send(ctx, &kgo.Record{Key: []byte(collector), Value: value, Partition: part.(int32)}) //nolint:forcetypeassert // only int32 is stored
}

// ProduceAll sends a record to every partition, as clock records go.
func (p *Producer) ProduceAll(ctx context.Context, value []byte) error {
	for i := range p.partitions {
		if err := p.send(ctx, &kgo.Record{Value: value, Partition: i}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Producer) send(ctx context.Context, rec *kgo.Record) error {
	if err := p.err(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("writing to %s: %w", p.topic, err)
	}
	if n := len(rec.Key) + len(rec.Value); n > MaxRecordBytes {
		return fmt.Errorf("writing %d octets to %s, above %d: %w", n, p.topic, MaxRecordBytes, ErrTooLarge)
	}
	if err := p.enter(size(rec)); err != nil {
		return fmt.Errorf("writing to %s: %w", p.topic, err)
	}
	p.records.Add(1)
	p.bytes.Add(int64(len(rec.Key) + len(rec.Value)))
	p.sent[rec.Partition].Add(1)
	p.cl.Produce(p.life, rec, p.done)
	return p.err()
}

// enter waits for room, in its turn.
func (p *Producer) enter(n int64) error {
	if p.room.TryAcquire(n) {
		return nil
	}
	p.count(1)
	defer p.count(-1)
	return p.room.Acquire(p.life, n)
}

// count notes that somebody begins, or ends, to wait.
func (p *Producer) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiters == 0 {
		p.waiting = time.Now()
	}
	p.waiters += n
}

// Waiting reports whether somebody waits for room, and for how long the broker has answered nothing meanwhile.
func (p *Producer) Waiting() (silent time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiters == 0 {
		return 0, false
	}
	return time.Since(time.Unix(0, max(p.waiting.UnixNano(), p.answered.Load()))), true
}

// done runs in the client's goroutine, in order of each partition.
func (p *Producer) done(rec *kgo.Record, err error) {
	if err != nil {
		err = fmt.Errorf("writing to %s: %w", p.topic, configOf(p.cl).Refused(err, "WRITE", "topic "+p.topic))
		p.failed.CompareAndSwap(nil, &err)
	}
	p.answered.Store(time.Now().UnixNano())
	p.acked[rec.Partition].Add(1)
	p.room.Release(size(rec))
}

// size is what a record takes of the room.
func size(rec *kgo.Record) int64 { return int64(len(rec.Key) + len(rec.Value) + recordBytes) }

func (p *Producer) err() error {
	if e := p.failed.Load(); e != nil {
		return *e
	}
	return nil
}

// PartitionOf is the partition that a collector's records go to.
func (p *Producer) PartitionOf(collector string) int32 { return PartitionOf(collector, p.partitions) }

// Flush waits until everything is acknowledged, and returns the first error of all.
func (p *Producer) Flush(ctx context.Context) error {
	if err := p.cl.Flush(ctx); err != nil {
		return fmt.Errorf("writing to %s: %w", p.topic, err)
	}
	return p.err()
}

// Produced counts the records given to the producer and the octets of their keys and values.
func (p *Producer) Produced() (records, bytes int64) { return p.records.Load(), p.bytes.Load() }

// Close drops what is not acknowledged yet: Flush before.
func (p *Producer) Close() {
	p.end()
	p.cl.Close()
}
