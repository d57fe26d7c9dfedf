package sink

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/telemetry"
)

const (
	// idleAfter is the time without records after which a batch ends even if it is not full.
	idleAfter = 100 * time.Millisecond
	// lookLimit bounds each of: reading windows, reading positions (with the kill after an
	// assignment), writing a dead letter, and committing offsets.
	lookLimit = 5 * time.Second
	// retryAfter is the wait after a record could not be processed.
	retryAfter = 500 * time.Millisecond
	// maxPoll bounds the records of one poll.
	maxPoll = 10_000
)

// Stage reads the topics and inserts their rows into ClickHouse.
type Stage struct {
	cfg      Config
	deps     Deps
	metrics  *metrics
	settings map[string]string
	// run makes the query ids of this process differ from those of others.
	run string
	// retryLog and incurableLog are rate-limited logs for repeated errors of ClickHouse: retryLog for
	// temporary failures, incurableLog for errors that an operator must fix.
	retryLog, incurableLog *telemetry.Limited
	// copying is the rate-limited log of refills that take long.
	copying *telemetry.Limited
	// pieces has capacity 1: the partition that has put a value copies a piece. refills counts the
	// goroutines that complete copies.
	pieces  chan struct{}
	refills sync.WaitGroup
	// The readiness of each dependency: the reason why the stage is not ready.
	kafkaReady, storeReady telemetry.Readiness

	client *kgo.Client
	store  *store

	mu         sync.Mutex
	partitions map[string]map[int32]*partition // by Kafka topic and partition; guarded by mu
	writers    map[string]*writer              // by Kafka topic; the map is fixed, mu guards the writers' states
	// mu guards the following fields.
	lastRecord time.Time          // arrival of the last record
	wake       context.CancelFunc // interrupts the current wait; nil: the stage does not wait
	woken      bool               // wakeUp was called while the stage did not wait: skip the next wait
	fatal      error              // the error with which the stage must end
	retryAt    time.Time          // no record of any partition is processed before this time
}

// New checks the configuration. It does not connect.
func New(cfg Config, d Deps) (*Stage, error) {
	if err := errors.Join(config.Validate(&cfg), d.validate()); err != nil {
		return nil, fmt.Errorf("configuring the sink: %w", err)
	}
	d.Drain = cmp.Or(d.Drain, kafka.DefaultDrain)
	s := &Stage{
		cfg: cfg, deps: d, metrics: newMetrics(d.Registerer), settings: insertSettings(d.ClickHouse),
		run:          rand.Text()[:8],
		retryLog:     telemetry.NewLimited(d.Log, retryLogEvery, 1),
		incurableLog: telemetry.NewLimited(d.Log, retryLogEvery, 1),
		copying:      telemetry.NewLimited(d.Log, retryLogEvery, 1),
		pieces:       make(chan struct{}, 1),
		store:        &store{server: d.ClickHouse, dataset: d.Dataset, pieceLimit: pieceLimit},
		partitions:   map[string]map[int32]*partition{}, writers: map[string]*writer{},
	}
	for _, t := range tables {
		s.writers[d.Kafka.Topic(t.topic)] = &writer{
			stage: s, table: t, jobs: make(chan *batch, 1),
			inserter: clickhouse.NewInserter(d.ClickHouse),
		}
	}
	s.kafkaReady.Set(errors.New("not started"))
	return s, nil
}

// Topics returns the topics of the registry that the stage reads, for kafka.Reading.
func Topics() []string {
	var all []string
	for _, t := range tables {
		all = append(all, t.topic)
	}
	return all
}

// Ready returns nil while the stage is a member of its group and ClickHouse accepts its inserts.
func (s *Stage) Ready() error {
	if err := errors.Join(s.kafkaReady.Ready(), s.storeReady.Ready()); err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	return nil
}

// Run reads and inserts until ctx ends. It then inserts and commits the records that it has
// processed, within Deps.Drain, and returns nil. It fails if another process has joined the group
// under its instance name, or with an error that retries do not fix.
func (s *Stage) Run(ctx context.Context) error {
	if err := s.connect(); err != nil {
		return err
	}
	defer s.client.CloseAllowingRebalance()
	defer func() { _ = s.store.close() }()
	var wg sync.WaitGroup
	for _, w := range s.writers {
		wg.Go(w.run) // ends when its jobs are closed, below
	}
	s.kafkaReady.Set(errors.New("joining the group"))
	err := s.loop(ctx)
	if err == nil {
		err = s.drain(ctx)
	}
	s.mu.Lock()
	for _, topic := range s.partitions {
		for _, p := range topic {
			p.cancel()
		}
	}
	s.mu.Unlock()
	s.refills.Wait()
	for _, w := range s.writers {
		close(w.jobs)
	}
	wg.Wait()
	return err
}

func (s *Stage) connect() error {
	topics := make([]string, len(tables))
	for i, t := range tables {
		topics[i] = s.deps.Kafka.Topic(t.topic)
	}
	var err error
	s.client, err = kafka.NewClient(s.deps.Kafka, s.deps.Log,
		append(kafka.Member(s.deps.Kafka.Group(Name), s.deps.Instance),
			kafka.Metrics(s.deps.Registerer, Name),
			kgo.ConsumeTopics(topics...),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			// The client returns transaction markers, so that offsets move past them and the
			// group's lag becomes 0.
			kgo.KeepControlRecords(),
			kgo.BlockRebalanceOnPoll(),
			kgo.DisableAutoCommit(),
			kafka.FromCommitted(s.deps.Kafka, s.deps.Log),
			kgo.FetchMaxBytes(8<<20),
			kgo.FetchMaxPartitionBytes(2<<20),
			kgo.FetchMaxWait(500*time.Millisecond),
			kgo.OnPartitionsAssigned(s.assigned),
			kgo.OnPartitionsRevoked(s.revoked),
			kgo.OnPartitionsLost(s.revoked))...)
	return err
}

// loop polls until ctx ends or a fatal error occurs.
func (s *Stage) loop(ctx context.Context) error {
	var wait retry.Backoff
	for ctx.Err() == nil {
		fetches := s.poll(ctx)
		if err := s.deps.Kafka.FetchErr(fetches); kafka.Fenced(err) {
			return fmt.Errorf("running the sink: instance %q is running elsewhere: %w", s.deps.Instance, err)
		} else if err != nil {
			s.deps.Log.Warn("reading failed, trying again", "err", err)
			s.kafkaReady.Set(err)
			_ = wait.Wait(ctx)
		} else if fetches.NumRecords() > 0 {
			s.kafkaReady.Set(nil)
			wait.Reset()
		}
		err := s.step(ctx, fetches)
		s.commit(ctx)
		s.client.AllowRebalance()
		if err != nil {
			return err
		}
	}
	return nil
}

// poll waits for records. It returns early when a batch is due or a writer has finished.
func (s *Stage) poll(ctx context.Context) kgo.Fetches {
	s.mu.Lock()
	var cancel context.CancelFunc
	if wait, ok := s.dueIn(time.Now()); ok {
		ctx, cancel = context.WithTimeout(ctx, wait)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	s.wake = cancel
	if s.woken {
		s.woken = false
		cancel()
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.wake = nil
		s.mu.Unlock()
		cancel()
	}()
	return s.client.PollRecords(ctx, maxPoll)
}

// dueIn returns the time until the next batch must be processed, if there is one. The caller holds
// mu.
func (s *Stage) dueIn(now time.Time) (time.Duration, bool) {
	waiting := false
	due := now.Add(time.Hour)
	for _, topic := range s.partitions {
		for _, p := range topic {
			if len(p.backlog) > 0 && len(p.sealed) == 0 && !p.blocked() {
				waiting = true
				due = earlier(due, s.retryAt)
			}
			if p.open != nil && !s.writers[p.kafkaTopic].busy {
				waiting = true
				due = earlier(due, p.open.since.Add(s.cfg.FlushInterval))
				due = earlier(due, s.lastRecord.Add(idleAfter))
			}
		}
	}
	return max(due.Sub(now), 0), waiting
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// wakeUp interrupts a poll. The caller holds mu.
func (s *Stage) wakeUp() {
	if s.wake != nil {
		s.wake()
		return
	}
	s.woken = true
}

// step adds the polled records to the backlogs, fills batches and passes them to the writers.
func (s *Stage) step(ctx context.Context, fetches kgo.Fetches) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		p := s.partitions[f.Topic][f.Partition]
		if p == nil || len(f.Records) == 0 {
			return
		}
		s.lastRecord = now
		p.backlog = append(p.backlog, f.Records...)
		for _, r := range f.Records {
			p.backlogBytes += len(r.Key) + len(r.Value)
		}
	})
	for _, topic := range s.partitions {
		for _, p := range topic {
			s.consume(ctx, p, now)
			s.pauseOrResume(p)
		}
	}
	s.dispatch(now, false)
	return s.fatal
}

// pauseOrResume bounds the backlog of the partition. The caller holds mu.
func (s *Stage) pauseOrResume(p *partition) {
	switch {
	case !p.paused && p.backlogBytes > maxBacklog:
		s.client.PauseFetchPartitions(map[string][]int32{p.kafkaTopic: {p.partition}})
		p.paused = true
	case p.paused && len(p.backlog) == 0:
		s.client.ResumeFetchPartitions(map[string][]int32{p.kafkaTopic: {p.partition}})
		p.paused = false
	}
}

// dispatch passes to each idle writer the oldest batch that is full or due, or any batch if no
// records arrive. If drain is set, all batches are due. The caller holds mu.
func (s *Stage) dispatch(now time.Time, drain bool) {
	idle := now.Sub(s.lastRecord) >= idleAfter
	for topic, w := range s.writers {
		var next *partition
		for _, p := range s.partitions[topic] {
			if p.open != nil && len(p.sealed) == 0 &&
				(drain || idle || now.Sub(p.open.since) >= s.cfg.FlushInterval) && !w.busy {
				p.seal()
			}
			s.skipEmpty(w, p)
			if len(p.sealed) > 0 && (next == nil || p.sealed[0].since.Before(next.sealed[0].since)) {
				next = p
			}
		}
		if next == nil || w.busy {
			continue
		}
		b := next.sealed[0]
		next.sealed, next.inserting, w.busy = next.sealed[1:], b, true
		w.jobs <- b // does not block: the writer is idle
	}
}

// skipEmpty acknowledges batches without rows, such as batches of ticks. The caller holds mu.
func (s *Stage) skipEmpty(w *writer, p *partition) {
	for p.inserting == nil && len(p.sealed) > 0 && p.sealed[0].rows.count() == 0 {
		p.acknowledge(p.sealed[0].next)
		w.release(p.sealed[0].rows)
		p.sealed = p.sealed[1:]
	}
}

// finish takes a batch back from its writer.
func (s *Stage) finish(w *writer, b *batch, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.busy, b.partition.inserting = false, nil
	switch {
	case err == nil:
		b.partition.acknowledge(b.next)
		s.metrics.rows[w.table.name].Add(float64(b.rows.count()))
		if r, ok := b.rows.(*routeRows); ok {
			s.metrics.repeats.Add(float64(r.repeated))
		}
		s.metrics.success.SetToCurrentTime()
	case b.partition.ctx.Err() == nil:
		s.fatal = err
	}
	w.release(b.rows)
	close(b.finished)
	s.wakeUp()
}

// commit commits the offsets of inserted records. A failed commit is retried in the next round.
func (s *Stage) commit(ctx context.Context) {
	s.mu.Lock()
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for topic, of := range s.partitions {
		for partition, p := range of {
			if p.done != p.committed {
				if offsets[topic] == nil {
					offsets[topic] = map[int32]kgo.EpochOffset{}
				}
				offsets[topic][partition] = p.done
			}
		}
	}
	s.mu.Unlock()
	if len(offsets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookLimit)
	defer cancel()
	if err := commitOffsets(ctx, s.client, offsets); err != nil {
		s.deps.Log.Warn("committing offsets failed, trying again", "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, of := range offsets {
		for partition, at := range of {
			if p := s.partitions[topic][partition]; p != nil {
				p.committed = at
			}
		}
	}
}

// drain inserts and commits the records that were read and processed.
func (s *Stage) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.deps.Drain)
	defer cancel()
	for {
		wait, woke := context.WithCancel(ctx)
		done, err := s.drainStep(woke)
		if !done {
			<-wait.Done() // a writer has finished, or time is up
		}
		woke()
		if done || ctx.Err() != nil {
			s.commit(ctx)
			if !done {
				err = fmt.Errorf("ending the sink: records were not inserted within %v; they will be read again",
					s.deps.Drain)
			}
			return err
		}
	}
}

// drainStep keeps the writers busy. done means that no batch is left, or that a fatal error
// occurred.
func (s *Stage) drainStep(wake context.CancelFunc) (done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake = wake
	s.dispatch(time.Now(), true)
	for _, topic := range s.partitions {
		for _, p := range topic {
			if p.open != nil || len(p.sealed) > 0 || p.inserting != nil {
				return s.fatal != nil, s.fatal
			}
		}
	}
	return true, s.fatal
}
