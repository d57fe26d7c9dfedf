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

// LiveDeps is what Live is given.
type LiveDeps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Kafka      kafka.Config
	// Instance is this replica among those of the stage: stable over restarts, different in each process. Version is told to RIPE.
	Instance, Version string
	Now               func() time.Time
	// Installation is an id that no other installation has; empty is the Kafka cluster's and what the topics are called there.
	Installation string
	// Consumers are waited for by tables and fills; empty is nobody.
	Consumers []kafka.Reading
	// Drain bounds the last flush, and half of it what sources do before that. 0 is kafka.DefaultDrain.
	Drain time.Duration
	// Follow plays archives alone, late, instead of the live sources.
	Follow bool
	// Watch reads the watch lists; nil writes none, and leaves those as they are that were written before. Hosts says where the addresses of
	// their hosts are asked for.
	Watch *watch.Reader
	Hosts hosts.Config
	// Hangup makes the files of watch lists be read at once; nil: nothing does.
	Hangup <-chan os.Signal
}

// source is one kind of feed.
type source interface {
	// Run follows it until ctx ends; nil then, else why it cannot go on.
	Run(ctx context.Context) error
	// Ready is nil while messages come; the error says in words what it waits for.
	Ready() error
}

// Live follows the live sources.
type Live struct {
	cfg     Config
	d       LiveDeps
	waits   prometheus.Counter
	running atomic.Pointer[running]
	ready   telemetry.Readiness // while running is nil: why
}

// running is a Live while it runs.
type running struct {
	cfg      Config
	d        LiveDeps
	updates  *kafka.Producer
	feeds    *kafka.Producer
	dead     *kgo.Client
	lost     *telemetry.Limited
	caughtUp time.Time // from when on followRequests reads bgp.feeds
	// life is that of every dead letter: it is written even where its source has ended. end ends it.
	life       context.Context //nolint:containedctx // as a kafka.Producer's
	end        context.CancelFunc
	backlog    backlog.Limit
	set        *stream.Set
	id         string // of the installation
	sources    []source
	station    *bmp.Station
	member     *kafka.GroupMember
	assignment *assignment
	watch      *watch.Source // nil without
	answers    answerer
	tables     tables
}

// NewLive checks; nothing runs yet.
func NewLive(cfg Config, d LiveDeps) (*Live, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	d.Drain = cmp.Or(d.Drain, kafka.DefaultDrain)
	l := &Live{cfg: cfg, d: d, waits: backlog.NewWaits(d.Registerer)}
	l.ready.Set(errors.New("not started"))
	return l, nil
}

// Ready is nil while every source brings messages and this replica has its place in the group; the error says what is missing.
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

// silence is for how long the broker may answer nothing while records wait for it.
const silence = 5 * time.Second

// blocked says in words which topics the broker takes nothing for.
func (r *running) blocked() []error {
	var reasons []error
	for _, p := range []struct {
		topic    string
		producer *kafka.Producer
	}{{schemas.TopicUpdates, r.updates}, {schemas.TopicFeeds, r.feeds}} {
		if silent, ok := p.producer.Waiting(); ok && silent > silence {
			reasons = append(reasons, fmt.Errorf("waiting for Kafka: nothing was written to %s for %v", p.topic, silent.Round(time.Second)))
		}
	}
	return reasons
}

// waiting reports whether anybody waits for room in the producers.
func (r *running) waiting() bool {
	_, updates := r.updates.Waiting()
	_, feeds := r.feeds.Waiting()
	return updates || feeds
}

// Live is an error where the loop that writes the clock does not turn, unless it waits for the broker.
func (l *Live) Live() error {
	if r := l.running.Load(); r != nil {
		return r.set.Live()
	}
	return nil
}

// Run follows the sources until ctx ends and what was heard is acknowledged.
func (l *Live) Run(ctx context.Context) error {
	r, err := l.open(ctx)
	if err != nil || r == nil {
		return err
	}
	defer r.close()
	l.ready.Set(errors.New("reading what bgp.feeds says of earlier epochs"))
	r.catchUp(ctx)
	l.running.Store(r)
	defer l.running.Store(nil)
	defer l.ready.Set(errors.New("ended"))
	parts := []func(context.Context) error{r.set.Run, r.member.Run, r.assignment.run, r.answers.Run, r.followRequests}
	for _, s := range r.sources {
		parts = append(parts, s.Run)
	}
	if r.watch != nil {
		parts = append(parts, r.watch.Run)
	}
	return r.run(ctx, parts...)
}

// run has parts run until ctx ends or one of them fails, and then waits until what was heard is acknowledged, for Deps.Drain at most.
func (r *running) run(ctx context.Context, parts ...func(context.Context) error) error {
	g, running := errgroup.WithContext(ctx)
	// Not after ctx: where one part fails the others may be waiting for room.
	defer r.updates.EndAfter(running, r.d.Drain)()
	defer r.feeds.EndAfter(running, r.d.Drain)()
	defer drain.EndAfter(running, r.d.Drain, r.life, r.end)() // dead letters that are not written by then are lost
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

// open connects, as soon as Kafka is there; nil where ctx ends before.
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
	r := &running{cfg: l.cfg, d: l.d, lost: telemetry.NewLimited(l.d.Log, time.Minute, 3)}
	r.life, r.end = context.WithCancel(context.WithoutCancel(ctx))
	var err error
	if r.updates, err = kafka.NewProducer(ctx, l.d.Kafka, schemas.TopicUpdates, l.d.Log, l.d.Registerer); err != nil {
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

// build makes the parts that need the producers.
func (r *running) build(waits prometheus.Counter) error {
	r.backlog = backlog.Limit{
		Log: r.d.Log, Kafka: r.d.Kafka, Admin: kadm.NewClient(r.dead), Producer: r.updates, Consumers: r.d.Consumers, Bytes: r.cfg.AheadBytes, Waits: waits,
	}
	var err error
	r.set, err = stream.NewSet(r.cfg.Stream, stream.Deps{
		Log: r.d.Log, Registerer: r.d.Registerer, Now: r.clock(), Instance: r.d.Instance, Updates: r.updates, Feeds: r.feeds, Acks: r.updates, Waiting: r.waiting,
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
			Log: r.d.Log, Registerer: r.d.Registerer, Now: r.clock(), Kafka: r.d.Kafka, Updates: r.updates, Epochs: r.set, Ask: hosts.NewResolver(r.d.Hosts).Resolve, Hangup: r.d.Hangup,
		})
	}
	r.member, err = kafka.NewGroupMember(r.d.Kafka, Name, r.d.Instance, schemas.TopicUpdates, r.d.Log, r.d.Registerer, r.owns)
	return err
}

// owns is told by the group which partitions of bgp.updates this replica has. It does not block.
func (r *running) owns(partitions []int32) {
	r.assignment.changed(partitions)
	if r.watch != nil {
		r.watch.Own(partitions)
	}
}

// installation is the configured id, or one made of the cluster's and of what the topics are called there.
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

// close ends the clients that were built.
func (r *running) close() {
	r.end()
	for _, p := range []*kafka.Producer{r.updates, r.feeds} {
		if p != nil {
			p.Close()
		}
	}
	if r.dead != nil {
		r.dead.Close()
	}
}

// deadLetter keeps what a source could not decode. Its client's buffer is bounded: sources wait where it is full, also where ctx ends,
// but not longer than Deps.Drain.
func (r *running) deadLetter(_ context.Context, l stream.DeadLetter) error {
	at := &kgo.Record{Topic: l.Origin, Offset: l.Offset, Key: []byte(l.Collector), Value: append([]byte(nil), l.Raw...)}
	rec := kafka.DeadLetter(r.d.Kafka, Name, at, fmt.Sprintf("%s: %v", l.Reason, l.Err))
	r.dead.Produce(r.life, rec, func(_ *kgo.Record, err error) {
		if err != nil {
			r.lost.Warn("a dead letter is lost", "origin", l.Origin, "err", err)
		}
	})
	return nil
}
