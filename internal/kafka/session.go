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
	// fetchWait caps the time for which the broker waits for fetchMinBytes. It gathers the slow
	// live feeds into few transactions.
	fetchWait     = 100 * time.Millisecond
	fetchMinBytes = 64 << 10
)

// SessionConfig identifies a consumer and its topics.
type SessionConfig struct {
	// Stage names the group.
	Stage string
	// Instance identifies a member of the group and stays the same over restarts. Members are
	// static, so a restarted member resumes its place at once. Two processes must not share an
	// instance.
	Instance string
	// Topics lists the topics of the registry that the session reads.
	Topics []string
	// Sole means that one member works and the others stand by. All share a transactional id. The
	// member that is assigned the partitions claims it (Claim). The claim aborts at once a
	// transaction that a dead member has left open, and a replaced member cannot commit. With one
	// id per member, a takeover would wait for the timeout of the transaction.
	Sole bool
}

// NewSession builds a member of a stage's group that consumes, transforms and produces in
// transactions. It reads with read_committed, is static, and blocks rebalances between polls. It
// keeps control records so that offsets pass the markers of transactions: skip records with
// Attrs.IsControl. It produces a record to the partition that the record names.
//
// NewSession waits for the brokers until ctx ends, to abort a transaction that an earlier process
// of the same instance has left open. Otherwise the records of that transaction would stay
// unreadable, and the partitions silent, until its timeout.
func NewSession(
	ctx context.Context, cfg Config, sc SessionConfig, log *slog.Logger, reg prometheus.Registerer,
	opts ...kgo.Opt,
) (*kgo.GroupTransactSession, error) {
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
		instance = "" // one id for all members: a new owner fences its predecessor
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
		return nil, fmt.Errorf("beginning the session of %s: %w",
			group, cfg.Refused(err, "WRITE", "transactional id "+id))
	}
	return s, nil
}

// transactionTimeout caps the time of a transaction while its stage runs.
const transactionTimeout = 10 * time.Second

// TransactionContext returns the context for a transaction of a stage with the context ctx. It ends
// after 10 seconds, and when d has passed after the stage was told to end. In a transaction that
// begins after the end of ctx, d replaces the 10 seconds.
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

// Transact publishes recs and commits the offsets polled since the last call, in one transaction.
// It returns false if the transaction was aborted: the session is then at its position before the
// poll. After an error the session must be closed. ctx comes from TransactionContext: it does not
// end with the stage.
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
		return false, fmt.Errorf("ending a transaction: %w",
			configOf(s.Client()).Refused(endErr, "WRITE", "the transactional id or the group"))
	}
	if err != nil {
		return false, fmt.Errorf("producing in a transaction: %w", err)
	}
	return committed, nil
}

// written counts the records of a transaction that the client has not finished, and holds the first
// failure.
type written struct {
	wait   sync.WaitGroup
	failed atomic.Pointer[unwritten]
}

type unwritten struct {
	topic string
	err   error
}

// done is the client's promise for a record.
func (w *written) done(r *kgo.Record, err error) {
	if err != nil {
		w.failed.CompareAndSwap(nil, &unwritten{r.Topic, err})
	}
	w.wait.Done()
}

// Fenced reports whether err means that another process runs under the same instance. This process
// must end.
func Fenced(err error) bool { return errors.Is(err, kerr.FencedInstanceID) }

// FetchErr joins the errors of a poll. It returns nil if there are none or the poll only ended with
// its context. Lost data are no error: the client has logged them and continues behind the hole. A
// rejection by brokers is a RefusedError.
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

// fetchErr adds the topic and partition to the error of a fetch. Errors of the group have no topic.
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
	// maxDeadValue caps the value of a dead letter, so that the letter fits for any record.
	maxDeadValue = MaxRecordBytes - 64<<10
)

// DeadLetter returns the record of the dead-letter topic for a record that a stage skips.
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
