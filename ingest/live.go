package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/ingest/backlog"
	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/drain"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/schemas"
)

// Name is the stage's name.
const Name = "ingest"

// LiveDeps holds the dependencies of Live.
type LiveDeps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Kafka      kafka.Config
	// Instance identifies this replica within the stage. It is stable over restarts, and different
	// in each process. Version is sent to RIPE.
	Instance, Version string
	Now               func() time.Time
	// Installation is an id that no other installation has. If empty, it is derived from the Kafka
	// cluster's id and the name of the consumer group.
	Installation string
	// Consumers are the stages that tables and fills wait for. Empty: they wait for none.
	Consumers []kafka.Reading
	// Drain bounds the last flush. The sources get half of it for their own end before that. 0
	// means kafka.DefaultDrain.
	Drain time.Duration
	// Follow plays only archives, with a delay, instead of the live sources.
	Follow bool
	// Watch reads the watch lists. If nil, Live writes none, and leaves lists that were written
	// before unchanged. Hosts configures the DNS servers for the addresses of the lists' hosts.
	Watch *watch.Reader
	Hosts hosts.Config
	// Hangup makes the files of watch lists be read at once. nil: no signal does.
	Hangup <-chan os.Signal
}

// source is a kind of feed.
type source interface {
	// Run follows the feed until ctx ends, then returns nil. Another result is the reason why it
	// cannot continue.
	Run(ctx context.Context) error
	// Ready returns nil while messages come. The error names in words the missing condition.
	Ready() error
}

// Live follows the live sources.
type Live struct {
	cfg     Config
	d       LiveDeps
	waits   prometheus.Counter
	running atomic.Pointer[running]
	ready   telemetry.Readiness // the reason while running is nil
}

// running is the state of a Live while it runs.
type running struct {
	cfg      Config
	d        LiveDeps
	updates  *kafka.Producer
	feeds    *kafka.Producer
	dead     *kgo.Client // writes dead letters
	caughtUp time.Time   // time from which followRequests reads bgp.feeds
	// deadLetterCtx is the context of every dead letter: a dead letter is written even if its
	// source has ended. cancelDeadLetters cancels it.
	deadLetterCtx     context.Context //nolint:containedctx // as a kafka.Producer's
	cancelDeadLetters context.CancelFunc
	deadLetterLog     *telemetry.Limited // reports dead letters that could not be written

	backlog    backlog.Limit
	set        *stream.Set
	id         string // id of the installation
	sources    []source
	station    *bmp.Station
	member     *kafka.GroupMember
	assignment *assignment
	watch      *watch.Source // nil without watch lists
	answers    answerer
	tables     tables
}

// NewLive checks cfg. It starts nothing.
func NewLive(cfg Config, d LiveDeps) (*Live, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	d.Drain = cmp.Or(d.Drain, kafka.DefaultDrain)
	l := &Live{cfg: cfg, d: d, waits: backlog.NewWaits(d.Registerer)}
	l.ready.Set(errors.New("not started"))
	return l, nil
}

// Ready returns nil while every source brings messages and this replica is a member of the group.
// The error names the missing parts.
func (l *Live) Ready() error {
	r := l.running.Load()
	if r == nil {
		return l.ready.Ready()
	}
	reasons := r.blocked()
	if !r.member.Joined() {
		reasons = append(reasons, errors.New("waiting for a place in the group of replicas"))
	}
	for _, s := range r.sources {
		if err := s.Ready(); err != nil {
			reasons = append(reasons, err)
		}
	}
	return errors.Join(append(reasons, r.answers.Ready())...)
}

// maxBrokerSilence is the time for which the broker may not answer while records wait. Beyond it
// Ready reports the topic.
const maxBrokerSilence = 5 * time.Second

// blocked returns an error for each topic for which the broker accepts no records.
func (r *running) blocked() []error {
	var reasons []error
	for _, p := range []struct {
		topic    string
		producer *kafka.Producer
	}{{schemas.TopicUpdates, r.updates}, {schemas.TopicFeeds, r.feeds}} {
		if silent, ok := p.producer.Waiting(); ok && silent > maxBrokerSilence {
			reasons = append(reasons,
				fmt.Errorf("waiting for Kafka: nothing was written to %s for %v", p.topic,
					silent.Round(time.Second)))
		}
	}
	return reasons
}

// waiting reports whether a caller waits for room in the producers.
func (r *running) waiting() bool {
	_, updates := r.updates.Waiting()
	_, feeds := r.feeds.Waiting()
	return updates || feeds
}

// Alive returns an error if the loop that writes clock records is stuck. A loop that waits for the
// broker is not stuck.
func (l *Live) Alive() error {
	if r := l.running.Load(); r != nil {
		return r.set.Alive()
	}
	return nil
}

// Run follows the sources until ctx ends, and returns when the broker has acknowledged the records.
func (l *Live) Run(ctx context.Context) error {
	r, err := l.open(ctx)
	if err != nil || r == nil {
		return err
	}
	defer r.close()
	l.ready.Set(errors.New("reading the latest records of bgp.feeds"))
	r.catchUp(ctx)
	l.running.Store(r)
	defer l.running.Store(nil)
	defer l.ready.Set(errors.New("ended"))
	parts := []func(context.Context) error{
		r.set.Run, r.member.Run, r.assignment.run, r.answers.Run, r.followRequests,
	}
	for _, s := range r.sources {
		parts = append(parts, s.Run)
	}
	if r.watch != nil {
		parts = append(parts, r.watch.Run)
	}
	return r.run(ctx, parts...)
}

// run runs the parts until ctx ends or one of them fails. It then waits until the broker has
// acknowledged the records, for at most LiveDeps.Drain.
func (r *running) run(ctx context.Context, parts ...func(context.Context) error) error {
	g, running := errgroup.WithContext(ctx)
	// EndAfter counts from the end of running, not of ctx: if one part fails, ctx goes on, and the
	// other parts may wait for room in a producer
	defer r.updates.EndAfter(running, r.d.Drain)()
	defer r.feeds.EndAfter(running, r.d.Drain)()
	// dead letters that are not written within Drain are lost
	defer drain.EndAfter(running, r.d.Drain, r.deadLetterCtx, r.cancelDeadLetters)()
	for _, part := range parts {
		g.Go(func() error { return part(running) })
	}
	err := g.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.d.Drain)
	defer cancel()
	err = errors.Join(err, r.updates.Flush(last), r.feeds.Flush(last))
	if e := r.dead.Flush(last); e != nil {
		err = errors.Join(err, fmt.Errorf("writing to %s: %w", schemas.TopicDeadLetter, e))
	}
	return err
}

// open connects as soon as Kafka is available. It returns nil if ctx ends before.
func (l *Live) open(ctx context.Context) (*running, error) {
	var wait retry.Backoff
	for {
		r, err := l.connect(ctx)
		if err == nil {
			if err = r.build(l.waits); err != nil {
				r.close()
			}
			return r, err
		}
		if ctx.Err() != nil {
			return nil, nil //nolint:nilnil // told to end before it began
		}
		l.ready.Set(fmt.Errorf("waiting for Kafka: %w", err))
		l.d.Log.Warn("waiting for Kafka", "err", err)
		if wait.Wait(ctx) != nil {
			return nil, nil //nolint:nilnil // told to end before it began
		}
	}
}

func (l *Live) connect(ctx context.Context) (*running, error) {
	r := &running{cfg: l.cfg, d: l.d, deadLetterLog: telemetry.NewLimited(l.d.Log, time.Minute, 3)}
	r.deadLetterCtx, r.cancelDeadLetters = context.WithCancel(context.WithoutCancel(ctx))
	var err error
	if r.updates, err = kafka.NewProducer(
		ctx, l.d.Kafka, schemas.TopicUpdates, l.d.Log, l.d.Registerer,
	); err != nil {
		return nil, err
	}
	if r.feeds, err = kafka.NewProducer(ctx, l.d.Kafka, schemas.TopicFeeds, l.d.Log, nil); err != nil {
		r.close()
		return nil, err
	}
	if r.dead, err = kafka.NewClient(l.d.Kafka, l.d.Log); err == nil {
		r.id, err = r.installation(ctx)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// build creates the parts that need the producers.
func (r *running) build(waits prometheus.Counter) error {
	r.backlog = backlog.Limit{
		Log: r.d.Log, Kafka: r.d.Kafka, Admin: kadm.NewClient(r.dead), Producer: r.updates,
		Consumers: r.d.Consumers, Bytes: r.cfg.AheadBytes, Waits: waits,
	}
	var err error
	r.set, err = stream.NewSet(r.cfg.Stream, stream.Deps{
		Log: r.d.Log, Registerer: r.d.Registerer, Now: r.clock(), Instance: r.d.Instance, Updates: r.updates,
		Feeds: r.feeds, Acks: r.updates, Waiting: r.waiting,
		DeadLetter: r.deadLetter, OnGap: func(g *stream.Gap) { r.answers.Gap(g) },
	})
	if err != nil {
		return err
	}
	owners, err := r.openSources()
	if err != nil {
		return err
	}
	r.assignment = newAssignment(r, owners)
	if r.d.Watch != nil {
		r.watch = watch.NewSource(r.d.Watch, watch.Deps{
			Log: r.d.Log, Registerer: r.d.Registerer, Now: r.clock(), Kafka: r.d.Kafka, Updates: r.updates,
			Epochs: r.set, Ask: hosts.NewResolver(r.d.Hosts).Resolve, Hangup: r.d.Hangup,
		})
	}
	r.member, err = kafka.NewGroupMember(r.d.Kafka, Name, r.d.Instance, schemas.TopicUpdates, r.d.Log,
		r.d.Registerer, r.partitionsAssigned)
	return err
}

// partitionsAssigned is the callback of the group. partitions are the partitions of bgp.updates
// that belong to this replica. It does not block.
func (r *running) partitionsAssigned(partitions []int32) {
	r.assignment.changed(partitions)
	if r.watch != nil {
		r.watch.Own(partitions)
	}
}

// installation returns the configured id, or a hash of the cluster's id and the name of the
// consumer group.
func (r *running) installation(ctx context.Context) (string, error) {
	if r.d.Installation != "" {
		return r.d.Installation, nil
	}
	m, err := kadm.NewClient(r.dead).BrokerMetadata(ctx)
	if err != nil {
		return "", fmt.Errorf("asking for the cluster's id: %w", err)
	}
	sum := sha256.Sum256([]byte(m.Cluster + "\n" + r.d.Kafka.Group(Name)))
	return hex.EncodeToString(sum[:8]), nil
}

// close closes the clients that exist.
func (r *running) close() {
	r.cancelDeadLetters()
	for _, p := range []*kafka.Producer{r.updates, r.feeds} {
		if p != nil {
			p.Close()
		}
	}
	if r.dead != nil {
		r.dead.Close()
	}
}

// deadLetter writes input that a source could not decode to the dead-letter topic. The buffer of
// its client is bounded: sources wait while it is full. They also wait after their ctx ends, but
// not longer than LiveDeps.Drain.
func (r *running) deadLetter(_ context.Context, l stream.DeadLetter) error {
	at := &kgo.Record{
		Topic: l.Origin, Offset: l.Offset, Key: []byte(l.Collector), Value: append([]byte(nil), l.Raw...),
	}
	rec := kafka.DeadLetter(r.d.Kafka, Name, at, fmt.Sprintf("%s: %v", l.Reason, l.Err))
	r.dead.Produce(r.deadLetterCtx, rec, func(_ *kgo.Record, err error) {
		if err != nil {
			r.deadLetterLog.Warn("a dead letter is lost", "origin", l.Origin, "err", err)
		}
	})
	return nil
}
