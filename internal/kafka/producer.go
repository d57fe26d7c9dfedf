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
	// producerBytes caps the octets for which a Producer has no acknowledgement. Every caller waits
	// behind these records, so the cap is only as high as needed to keep the broker busy. The
	// bounds of the client itself are higher, because the client admits waiting callers in no
	// particular order.
	producerBytes = 8 << 20
	// recordBytes is added to the size of each record.
	recordBytes = 96
)

// ErrTooLarge means a record above MaxRecordBytes, which brokers would reject. It was not sent, and
// the producer continues.
var ErrTooLarge = errors.New("record is too large")

// Producer writes one topic that is keyed by collector. It is idempotent and keeps the order of
// each collector. Its buffer is bounded; Produce waits while it is full, in the order of the calls.
// After the first record that could not be written, every call returns its error, because later
// records must not overtake it. A record that is too large is rejected before it is taken. A
// Producer is safe for concurrent use.
type Producer struct {
	cl         *kgo.Client
	topic      string
	partitions int32
	keys       sync.Map // collector to partition, int32
	failed     atomic.Pointer[error]
	room       *semaphore.Weighted // of producerBytes
	records    atomic.Int64
	bytes      atomic.Int64
	answered   atomic.Int64 // time of the broker's last answer for a record, Unix nanoseconds

	mu      sync.Mutex
	waiters int       // callers that wait for room; guarded by mu
	waiting time.Time // begin of the present wait; guarded by mu

	// sent and acked count each partition's records: those passed to the client, and those that the
	// broker answered.
	sent, acked []atomic.Int64
	// life is the context of every record. If the end of a caller's context cancelled a record, the
	// log would have a gap, and the producer would end.
	life context.Context //nolint:containedctx // of the producer, ended by cancel
	end  context.CancelFunc
}

// NewProducer connects and reads the number of the topic's partitions. topic is a name of the
// registry; reg may be nil.
func NewProducer(
	ctx context.Context, cfg Config, topic string, log *slog.Logger, reg prometheus.Registerer,
) (*Producer, error) {
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
	p := &Producer{
		room: semaphore.NewWeighted(producerBytes), cl: cl, topic: cfg.Topic(topic), partitions: n,
		sent: make([]atomic.Int64, n), acked: make([]atomic.Int64, n),
	}
	p.life, p.end = context.WithCancel(context.WithoutCancel(ctx))
	return p, nil
}

// EndAfter cancels unwritten records when the time d has passed after the end of ctx. Calls that
// wait for room then return. Before ctx ends, stop revokes that.
func (p *Producer) EndAfter(ctx context.Context, d time.Duration) (stop func() bool) {
	return drain.EndAfter(ctx, d, p.life, p.end)
}

// Produce sends a record of a collector. It does not wait for the broker, but it waits for room.
// The caller must not change value afterwards. The producer writes a record that it has taken even
// if ctx ends. The error wraps ErrTooLarge if it concerns only this record.
func (p *Producer) Produce(ctx context.Context, collector string, value []byte) error {
	part, ok := p.keys.Load(collector)
	if !ok {
		part, _ = p.keys.LoadOrStore(collector, PartitionOf(collector, p.partitions))
	}
	return p.send(ctx, &kgo.Record{
		Key: []byte(collector), Value: value,
		Partition: part.(int32), //nolint:forcetypeassert // only int32 is stored
	})
}

// ProduceAll sends a record to every partition. Clock records use it.
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

// enter waits for room, in the order of the calls.
func (p *Producer) enter(n int64) error {
	if p.room.TryAcquire(n) {
		return nil
	}
	p.count(1)
	defer p.count(-1)
	return p.room.Acquire(p.life, n)
}

// count records that a caller begins (1) or ends (-1) to wait.
func (p *Producer) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiters == 0 {
		p.waiting = time.Now()
	}
	p.waiters += n
}

// Waiting reports whether a caller waits for room, and the time for which the broker has answered
// nothing meanwhile.
func (p *Producer) Waiting() (silent time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiters == 0 {
		return 0, false
	}
	return time.Since(time.Unix(0, max(p.waiting.UnixNano(), p.answered.Load()))), true
}

// done runs in the client's goroutine, in the order of each partition.
func (p *Producer) done(rec *kgo.Record, err error) {
	if err != nil {
		err = fmt.Errorf("writing to %s: %w", p.topic, configOf(p.cl).Refused(err, "WRITE", "topic "+p.topic))
		p.failed.CompareAndSwap(nil, &err)
	}
	p.answered.Store(time.Now().UnixNano())
	p.acked[rec.Partition].Add(1)
	p.room.Release(size(rec))
}

// size returns the room that a record takes.
func size(rec *kgo.Record) int64 { return int64(len(rec.Key) + len(rec.Value) + recordBytes) }

func (p *Producer) err() error {
	if e := p.failed.Load(); e != nil {
		return *e
	}
	return nil
}

// PartitionOf returns the partition of a collector's records.
func (p *Producer) PartitionOf(collector string) int32 { return PartitionOf(collector, p.partitions) }

// Flush waits until every record is acknowledged, and returns the producer's first error.
func (p *Producer) Flush(ctx context.Context) error {
	if err := p.cl.Flush(ctx); err != nil {
		return fmt.Errorf("writing to %s: %w", p.topic, err)
	}
	return p.err()
}

// Produced counts the records that the producer has taken, and the octets of their keys and values.
func (p *Producer) Produced() (records, bytes int64) { return p.records.Load(), p.bytes.Load() }

// Close drops records that are not acknowledged yet. Call Flush before.
func (p *Producer) Close() {
	p.end()
	p.cl.Close()
}
