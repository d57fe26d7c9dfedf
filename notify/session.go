package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/drain"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/ledger"
	"github.com/darkmap/darkmap/schemas"
)

// errLost means that the partition was revoked or a transaction was aborted.
var errLost = errors.New("partition lost or transaction aborted")

const (
	// maxPoll bounds the records that are applied before their results are written.
	maxPoll = 1000
	// commitInterval is the maximum delay for committing offsets of records that change no
	// delivery.
	commitInterval = time.Second
	// lookInterval is the maximum time between two checks of the clock in the loop.
	lookInterval = time.Second
	// statusInterval is the interval between two updates of the targets' metrics.
	statusInterval = 5 * time.Second
	// maxAttempts is the number of attempts for a transaction before the session is given up.
	maxAttempts = 5
)

// session is one membership in the group: from an empty engine until the partition or a transaction
// is lost.
type session struct {
	*Stage
	s     *kgo.GroupTransactSession
	a     *assignment
	topic string
	ctx   context.Context //nolint:containedctx // the stage's: transactions outlive it by the drain

	// sending ends when no message may be sent any more.
	sending     context.Context //nolint:containedctx // of the senders
	stopSending context.CancelFunc
	senders     map[string]*sender
	working     sync.WaitGroup
	outcomes    chan outcome  // room for one of each target
	inbox       chan input    // items of the followers
	faults      chan error    // of the followers
	wake        chan struct{} // ends the current poll
	stopping    bool          // no new send is started
	inflight    int           // messages given to senders, without an outcome
	unwritten   []outcome     // answers whose deliveries are not written yet
	followers   sync.WaitGroup

	// The loop owns the following fields. engine is nil until the partition is assigned.
	engine  *incident.Engine
	writer  ledger.Writer
	next    map[int32]int64 // offset of the next record of each partition
	topicID [16]byte
	pending pending
	due     time.Time // deadline for committing the offsets of records read; zero when there are none
	counted time.Time // the last update of the targets' metrics
}

// session runs one membership in the group.
func (s *Stage) session(ctx context.Context, wait *retry.Backoff) (err error) {
	x := &session{
		Stage: s, a: &assignment{}, topic: s.d.Kafka.Topic(schemas.TopicOutages), ctx: ctx,
		senders:  map[string]*sender{},
		outcomes: make(chan outcome, len(s.d.Targets)), inbox: make(chan input, maxInbox),
		faults: make(chan error, 1), wake: make(chan struct{}, 1),
	}
	x.sending, x.stopSending = drain.Context(ctx, s.d.Drain)
	following, stopFollowing := context.WithCancel(ctx)
	gs, err := kafka.NewSession(ctx, s.d.Kafka,
		kafka.SessionConfig{Stage: Name, Instance: s.d.Instance, Topics: []string{schemas.TopicOutages}},
		s.d.Log, s.d.Registerer,
		kgo.Balancers(kafka.SingleOwner()), kgo.OnPartitionsAssigned(x.assigned),
		kgo.OnPartitionsRevoked(x.revoked), kgo.OnPartitionsLost(x.revoked),
		kgo.AdjustFetchOffsetsFn(x.from))
	if err != nil {
		x.stopSending()
		stopFollowing()
		return err
	}
	x.s = gs
	defer gs.CloseAllowingRebalance()
	defer func() {
		stopFollowing()
		x.followers.Wait()
		x.end()
	}()
	for {
		fetches := x.read(ctx)
		if ctx.Err() != nil {
			return x.finish()
		}
		if err := s.d.Kafka.FetchErr(fetches); err != nil {
			return err
		}
		if ok, err := x.begin(ctx, following); err != nil {
			return err
		} else if !ok {
			gs.AllowRebalance()
			continue
		}
		if err := x.turn(fetches); err != nil {
			return err
		}
		wait.Reset()
		gs.AllowRebalance()
	}
}

// read polls until it is woken or the next check is due.
func (x *session) read(ctx context.Context) kgo.Fetches {
	ctx, cancel := context.WithTimeout(ctx, x.pause())
	defer cancel()
	woken := make(chan struct{})
	go func() { // ends with ctx
		defer close(woken)
		select {
		case <-x.wake:
			cancel()
		case <-ctx.Done():
		}
	}()
	fetches := x.s.PollRecords(ctx, maxPoll)
	cancel()
	<-woken
	return fetches
}

// pause returns the maximum wait for records.
func (x *session) pause() time.Duration {
	wait := lookInterval
	now := x.d.Now()
	if x.engine != nil {
		if at := x.engine.Next(now); !at.IsZero() {
			wait = min(wait, at.Sub(now))
		}
	}
	if !x.due.IsZero() {
		wait = min(wait, time.Until(x.due))
	}
	return max(wait, time.Millisecond)
}

// stir ends the current poll, or the next one.
func (x *session) stir() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// turn applies records, inputs and answers, writes the resulting deliveries in one transaction, and
// starts the sends that are due.
func (x *session) turn(fetches kgo.Fetches) error {
	select {
	case err := <-x.faults:
		return err
	default:
	}
	now := x.d.Now()
	for it := fetches.RecordIter(); !it.Done(); {
		x.record(it.Next(), now)
	}
	if fetches.NumRecords() > 0 && x.due.IsZero() {
		x.due = time.Now().Add(commitInterval)
	}
	if err := x.learn(now); err != nil {
		return err
	}
	if err := x.answered(now); err != nil {
		return err
	}
	if err := x.put(x.engine.Advance(now)...); err != nil {
		return err
	}
	attempts, err := x.attempts(now)
	if err != nil {
		return err
	}
	x.say()
	x.look(now)
	if len(attempts) > 0 || !x.pending.empty() || !x.due.IsZero() && !time.Now().Before(x.due) {
		if err := x.flush(); err != nil {
			return err
		}
	}
	x.send(attempts)
	return nil
}

// attempts begins the sends that are due. Their intents must be written before the messages are
// sent.
func (x *session) attempts(now time.Time) ([]incident.Attempt, error) {
	if x.stopping {
		return nil, nil
	}
	attempts := x.engine.Ready(now)
	for _, a := range attempts {
		if d := x.engine.Begin(a, now); d != nil {
			if err := x.put(d); err != nil {
				return nil, err
			}
		}
	}
	return attempts, nil
}

// finish waits for the answers of running sends when the stage ends, and writes them.
func (x *session) finish() error {
	if x.engine == nil {
		return nil
	}
	x.stopping = true
	if x.inflight > 0 {
		x.d.Log.Warn("waiting for answers of targets before the end", "messages", x.inflight, "at_most", x.d.Drain)
	}
	for x.inflight > 0 {
		select {
		case o := <-x.outcomes:
			if err := x.outcome(o, x.d.Now()); err != nil {
				return err
			}
		case <-x.sending.Done():
			return x.flush() // the other sends have no answer; their intents record that
		}
	}
	return x.flush()
}

// end stops the senders and keeps unwritten answers. The next session writes them if the delivery
// has not changed.
func (x *session) end() {
	x.stopSending()
	for _, s := range x.senders {
		close(s.attempts)
	}
	x.working.Wait()
	close(x.outcomes)
	x.unsaved = x.unwritten
	for o := range x.outcomes {
		if !o.unsent && !o.unknown && !o.attempt.Repeat {
			x.unsaved = append(x.unsaved, o)
		}
	}
}

// flush writes pending deliveries and the read offsets in one transaction. If the broker aborts it
// while this process still owns the partition, flush repeats it: the client goes back to the
// committed offsets, and record skips records that it reads again.
func (x *session) flush() error {
	recs := x.pending.records()
	var wait retry.Backoff
	for range maxAttempts {
		began := time.Now()
		committed, err := x.transact(recs)
		if err != nil {
			return fmt.Errorf("writing the ledger: %w", err)
		}
		if committed {
			x.a.lease(began)
			x.pending, x.due, x.unwritten = pending{}, time.Time{}, nil
			x.m.success.SetToCurrentTime()
			return nil
		}
		x.m.aborts.Inc()
		if x.a.isLost() || wait.Wait(context.WithoutCancel(x.ctx)) != nil {
			break
		}
	}
	return fmt.Errorf("writing the ledger: %w", errLost)
}
