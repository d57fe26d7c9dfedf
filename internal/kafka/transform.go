package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// Transformer turns one record into any number of records. It has no state and does no I/O. Several
// goroutines call it at once, in order within a partition. An error, or a panic, means that the
// record cannot be decoded. The stage then publishes none of its output (unless the error is from
// Partly), sends the record to the dead-letter topic, and continues with the next one.
type Transformer interface {
	// Transform may use parts of rec's key and value in its output. An emitted record without a key
	// gets that of rec.
	Transform(rec *kgo.Record, emit func(*kgo.Record)) error
}

// partly is the error that Partly returns.
type partly struct{ error }

func (p partly) Unwrap() error { return p.error }

// Partly marks err as the error of a record that was decoded in part. The stage publishes the
// emitted records beside the dead letter.
func Partly(err error) error { return partly{err} }

// isPartly reports whether err is from Partly.
func isPartly(err error) bool {
	_, ok := errors.AsType[partly](err)
	return ok
}

// LostTransformer is a Transformer whose output can report lost records of its input.
type LostTransformer interface {
	// Lost is called instead of Transform, in the place of the lost records.
	Lost(rec *kgo.Record, l Lost, emit func(*kgo.Record)) error
}

// DefaultDrain caps the last writes of a stage that is ending.
const DefaultDrain = 10 * time.Second

// TransformConfig configures the input and output of a Transform.
type TransformConfig struct {
	// Stage names the group and the metrics. Instance identifies the member (SessionConfig).
	Stage, Instance string
	// Input and Output are topics of the registry with the same number of partitions. Partition n
	// of Input goes to partition n of Output.
	Input, Output string
	// MaxPollRecords caps the records of one transaction. 0 is 10,000.
	MaxPollRecords int
	// Drain caps the last transaction of a stage that is ending. 0 is DefaultDrain.
	Drain time.Duration
}

// errCommit means that a transaction was not committed.
var errCommit = errors.New("transaction not committed")

// Transform is the consume-transform-produce loop. It processes records exactly once within Kafka,
// with one goroutine per partition and poll.
type Transform struct {
	cfg   Config
	tc    TransformConfig
	t     Transformer
	log   *slog.Logger
	reg   prometheus.Registerer
	m     transformMetrics
	ready telemetry.Readiness
}

// NewTransform returns an inert Transform. reg may be nil.
func NewTransform(
	cfg Config, tc TransformConfig, t Transformer, log *slog.Logger, reg prometheus.Registerer,
) *Transform {
	if tc.MaxPollRecords == 0 {
		tc.MaxPollRecords = 10_000
	}
	if tc.Drain == 0 {
		tc.Drain = DefaultDrain
	}
	x := &Transform{cfg: cfg, tc: tc, t: t, log: log, reg: reg, m: newTransformMetrics(reg, tc.Stage)}
	x.ready.Set(errors.New("not started"))
	return x
}

// Ready returns nil while the member has its partitions.
func (x *Transform) Ready() error {
	if err := x.ready.Ready(); err != nil {
		return fmt.Errorf("%s: %w", x.tc.Stage, err)
	}
	return nil
}

// Run blocks until ctx ends, and finishes its present transaction. It fails only if another process
// took over the instance. It retries after any other error.
func (x *Transform) Run(ctx context.Context) error {
	var wait retry.Backoff
	for {
		x.ready.Set(errors.New("joining the group"))
		err := x.session(ctx, &wait)
		switch {
		case Fenced(err):
			return fmt.Errorf("running %s: instance %q is running elsewhere: %w", x.tc.Stage, x.tc.Instance, err)
		case ctx.Err() != nil:
			if errors.Is(err, errCommit) {
				x.log.Warn("the last transaction failed; its records will be read again", "stage", x.tc.Stage, "err", err)
			}
			return nil
		}
		x.log.Warn("session ended, trying again", "stage", x.tc.Stage, "err", err)
		x.ready.Set(err)
		if wait.Wait(ctx) != nil {
			return nil
		}
	}
}

// session consumes until an error occurs or ctx ends.
func (x *Transform) session(ctx context.Context, wait *retry.Backoff) error {
	s, err := NewSession(ctx, x.cfg, SessionConfig{
		Stage: x.tc.Stage, Instance: x.tc.Instance, Topics: []string{x.tc.Input},
	}, x.log, x.reg,
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { x.ready.Set(nil) }))
	if err != nil {
		return err
	}
	defer s.CloseAllowingRebalance()
	for {
		fetches := s.PollRecords(ctx, x.tc.MaxPollRecords)
		if ctx.Err() != nil {
			return nil
		}
		if err := x.cfg.FetchErr(fetches); err != nil {
			return err
		}
		if fetches.NumRecords() == 0 {
			s.AllowRebalance()
			continue
		}
		began := time.Now()
		out := x.apply(fetches)
		committed, err := x.commit(ctx, s, out)
		s.AllowRebalance()
		if err != nil {
			return fmt.Errorf("%w: %w", errCommit, err)
		}
		if !committed { // the client returns to the committed offsets
			x.m.aborts.Inc()
			if wait.Wait(ctx) != nil {
				return errCommit
			}
			continue
		}
		wait.Reset()
		x.m.committed(fetches.NumRecords(), len(out), time.Since(began))
	}
}

// commit commits a transaction. It gives the transaction time to end although the stage may be
// ending.
func (x *Transform) commit(
	ctx context.Context, s *kgo.GroupTransactSession, out []*kgo.Record,
) (bool, error) {
	ctx, cancel := TransactionContext(ctx, x.tc.Drain)
	defer cancel()
	return Transact(ctx, s, out)
}

// apply transforms a poll, with its partitions in parallel. It returns the records to publish, in
// order of partitions.
func (x *Transform) apply(fetches kgo.Fetches) []*kgo.Record {
	in := map[int32][]*kgo.Record{}
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		in[p.Partition] = append(in[p.Partition], p.Records...)
	})
	parts := slices.Sorted(maps.Keys(in))
	outs := make([][]*kgo.Record, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		// Each goroutine ends with its partition's records of this poll; it owns outs[i].
		wg.Go(func() { outs[i] = x.partition(in[p]) })
	}
	wg.Wait()
	return slices.Concat(outs...)
}

func (x *Transform) partition(recs []*kgo.Record) []*kgo.Record {
	out := make([]*kgo.Record, 0, len(recs))
	output := x.cfg.Topic(x.tc.Output)
	for _, rec := range recs {
		l, lost := ParseLost(rec)
		if rec.Attrs.IsControl() && !lost {
			continue
		}
		if lost {
			x.log.Warn("records were lost before this stage read them",
				"stage", x.tc.Stage, "topic", rec.Topic, "partition", rec.Partition, "lost", l)
		}
		from := len(out)
		drop, err := x.one(rec, l, lost, func(o *kgo.Record) {
			o.Topic, o.Partition = output, rec.Partition
			if o.Key == nil {
				o.Key = rec.Key
			}
			out = append(out, o)
		})
		for _, o := range out[from:] {
			if size := len(o.Key) + len(o.Value); (err == nil || isPartly(err)) && size > MaxRecordBytes {
				drop, err = dropTooLarge, fmt.Errorf("result of %d octets is above %d", size, MaxRecordBytes)
			}
		}
		if err != nil {
			x.m.dropped[drop].Inc()
			if !isPartly(err) {
				out = out[:from]
			}
			out = append(out, DeadLetter(x.cfg, x.tc.Stage, rec, err.Error()))
		}
	}
	return out
}

// one transforms one record. It contains the only recover in the tree: a panic in this stateless
// code concerns the record, not the process.
func (x *Transform) one(
	rec *kgo.Record, l Lost, lost bool, emit func(*kgo.Record),
) (drop dropReason, err error) {
	defer func() {
		if r := recover(); r != nil {
			drop, err = dropPanic, fmt.Errorf("panic: %v", r)
		}
	}()
	if t, ok := x.t.(LostTransformer); lost && ok {
		err = t.Lost(rec, l, emit)
	} else if !lost {
		err = x.t.Transform(rec, emit)
	}
	if err != nil {
		return dropUndecodable, err
	}
	return 0, nil
}
