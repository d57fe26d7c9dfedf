package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/drain"
	"github.com/darkmap/darkmap/schemas"
)

const (
	// fetchWait is how long the broker waits for fetchMinBytes: it gathers the trickle of live feeds into few transactions.
	fetchWait     = 100 * time.Millisecond
	fetchMinBytes = 64 << 10
)

// SessionConfig says who consumes what.
type SessionConfig struct {
	// Stage names the group.
	Stage string
	// Instance tells the members of the group apart and stays over restarts: members are static, so that a restarted one
	// takes its place at once. Two processes must not share one.
	Instance string
	// Topics of the registry that are read.
	Topics []string
	// Sole: one member works and the others stand by. All share a transactional id, which the one that is given the partitions claims (Claim): so it aborts at
	// once what a dead member has left open, and a member that was replaced cannot commit. With an id for each, a takeover would wait for the transaction's timeout.
	Sole bool
}

// NewSession builds a member of a stage's group that consumes, transforms and produces in transactions: read_committed,
// static, rebalances blocked between polls. Control records are kept, so that offsets pass the markers of transactions:
// skip those whose Attrs.IsControl. Records are produced to the partition they name. It waits for the brokers until ctx
// ends, to abort what an earlier process under the instance's name has left open: its offsets would stay unreadable, and
// the partitions silent, until that transaction's timeout.
func NewSession(ctx context.Context, cfg Config, sc SessionConfig, log *slog.Logger, reg prometheus.Registerer, opts ...kgo.Opt) (*kgo.GroupTransactSession, error) {
	all, err := cfg.options(log)
	if err != nil {
		return nil, err
	}
	topics := make([]string, len(sc.Topics))
	for i, t := range sc.Topics {
		topics[i] = cfg.Topic(t)
	}
	group := cfg.Group(sc.Stage)
	instance := sc.Instance
	if sc.Sole {
		instance = "" // one id for all members: who takes over fences its predecessor
	}
	id := cfg.transactionalID(sc.Stage, instance)
	all = append(all,
		Metrics(reg, sc.Stage),
		kgo.TransactionalID(id),
		kgo.TransactionTimeout(txnTimeout),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMinBytes(fetchMinBytes),
		kgo.FetchMaxWait(fetchWait),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		FromCommitted(cfg, log),
	)
	s, err := kgo.NewGroupTransactSession(slices.Concat(all, Member(group, sc.Instance), FetchBounds(), opts)...)
	if err != nil {
		return nil, fmt.Errorf("building the session of %s: %w", group, err)
	}
	if sc.Sole {
		return s, nil
	}
	if err := Claim(ctx, s.Client()); err != nil {
		s.CloseAllowingRebalance()
		return nil, fmt.Errorf("beginning the session of %s: %w", group, cfg.Refused(err, "WRITE", "transactional id "+id))
	}
	return s, nil
}

// Claim makes a client the owner of its transactional id: what an earlier owner has left open is aborted, and it can commit nothing more. A Sole member calls
// it in OnPartitionsAssigned, before the committed offsets are read.
func Claim(ctx context.Context, cl *kgo.Client) error {
	_, _, err := cl.ProducerID(ctx)
	return err
}

// transactionTimeout is how long a transaction may take while its stage runs.
const transactionTimeout = 10 * time.Second

// TransactionContext returns the context for a transaction of a stage whose context is ctx: it ends after 10 seconds, and drain after the stage was
// told to end. A stage that ends may take longer than 10 seconds where drain is longer.
func TransactionContext(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	timeout := transactionTimeout
	if ctx.Err() != nil {
		timeout = d
	}
	last, stop := drain.Context(ctx, d)
	out, cancel := context.WithTimeout(last, timeout)
	return out, func() {
		cancel()
		stop()
	}
}

// Transact publishes recs and commits what was polled since the last time, in one transaction. It reports false where
// the transaction was aborted: the session then stands where it stood before the poll. After an error the session must
// be closed. ctx is TransactionContext's: it does not end with the stage.
func Transact(ctx context.Context, s *kgo.GroupTransactSession, recs []*kgo.Record) (bool, error) {
	if err := s.Begin(); err != nil {
		return false, fmt.Errorf("beginning a transaction: %w", err)
	}
	var produced written
	done := produced.done
	produced.wait.Add(len(recs))
	for _, r := range recs {
		s.Produce(ctx, r, done)
	}
	try := kgo.TryCommit
	err := s.Client().Flush(ctx)
	produced.wait.Wait()
	if first := produced.failed.Load(); first != nil {
		err = configOf(s.Client()).Refused(first.err, "WRITE", "topic "+first.topic)
	}
	if err != nil {
		try = kgo.TryAbort
	}
	committed, endErr := s.End(ctx, try)
	if endErr != nil {
		return false, fmt.Errorf("ending a transaction: %w", configOf(s.Client()).Refused(endErr, "WRITE", "the transactional id or the group"))
	}
	if err != nil {
		return false, fmt.Errorf("producing in a transaction: %w", err)
	}
	return committed, nil
}

// written counts the records of a transaction that the client has not answered for, and keeps the first
// failure.
type written struct {
	wait   sync.WaitGroup
	failed atomic.Pointer[unwritten]
}

type unwritten struct {
	topic string
	err   error
}

// done is a promise of the client's.
func (w *written) done(r *kgo.Record, err error) {
	if err != nil {
		w.failed.CompareAndSwap(nil, &unwritten{r.Topic, err})
	}
	w.wait.Done()
}

// Fenced reports whether err says that another process runs under the same instance's name: this one must end.
func Fenced(err error) bool { return errors.Is(err, kerr.FencedInstanceID) }

// FetchErr joins the errors of a poll; nil where there are none or the poll only ended with its context. Lost data is no
// error: the client has logged it and goes on behind the hole. What brokers refuse is a RefusedError.
func (c Config) FetchErr(f kgo.Fetches) error {
	var errs []error
	f.EachError(func(topic string, partition int32, err error) {
		_, lost := errors.AsType[*kgo.ErrDataLoss](err)
		if !lost && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			errs = append(errs, c.fetchErr(topic, partition, err))
		}
	})
	return errors.Join(errs...)
}

// fetchErr says what was read. Errors of the group come without a topic.
func (c Config) fetchErr(topic string, partition int32, err error) error {
	resource := "topic " + topic
	if topic == "" {
		resource = "the consumer group"
	}
	err = c.Refused(err, "READ", resource)
	if _, refused := errors.AsType[*RefusedError](err); refused || topic == "" {
		return err
	}
	return fmt.Errorf("reading %s partition %d: %w", topic, partition, err)
}

const (
	maxReason = 1 << 10
	// maxDeadValue cuts a dead letter's value so that it fits whatever was read.
	maxDeadValue = MaxRecordBytes - 64<<10
)

// DeadLetter is the record of the dead-letter topic for one that was read and is passed over.
func DeadLetter(cfg Config, stage string, rec *kgo.Record, reason string) *kgo.Record {
	out := &kgo.Record{Topic: cfg.Topic(schemas.TopicDeadLetter), Key: rec.Key, Value: rec.Value}
	out.Headers = []kgo.RecordHeader{
		{Key: schemas.HeaderReason, Value: []byte(reason[:min(len(reason), maxReason)])},
		{Key: schemas.HeaderStage, Value: []byte(stage)},
		{Key: schemas.HeaderTopic, Value: []byte(rec.Topic)},
		{Key: schemas.HeaderPartition, Value: strconv.AppendInt(nil, int64(rec.Partition), 10)},
		{Key: schemas.HeaderOffset, Value: strconv.AppendInt(nil, rec.Offset, 10)},
	}
	if len(rec.Key) > maxDeadValue-len(rec.Value) {
		out.Key, out.Value = nil, rec.Value[:min(len(rec.Value), maxDeadValue)]
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: schemas.HeaderTruncated, Value: []byte("true")})
	}
	return out
}
