package routeviews

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/drain"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/neterror"
	"github.com/darkmap/darkmap/internal/telemetry"
)

const (
	// maxPoll bounds the records between two checks of commits and of waiting rebalances.
	maxPoll = 20_000
	// turn bounds the time that a poll waits.
	turn = 250 * time.Millisecond
	// fetchWait is short, because a topic that is new here is not fetched before the waiting fetch
	// has returned.
	fetchWait = 500 * time.Millisecond
	// faultFor is the time for which a fault is shown if nothing contradicts it: quiet topics have
	// no records.
	faultFor = time.Minute
	// maxDecompressed bounds a batch of RouteViews' cluster, which darkmap does not control.
	maxDecompressed = 64 << 20
)

// Acknowledger reports when the records given to bgp.updates are acknowledged. kafka.Producer
// implements it.
type Acknowledger interface {
	Mark() kafka.Mark
	Acked(m kafka.Mark) (bool, error)
}

// Deps holds the dependencies of a Source.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Streams    *stream.Set
	// Updates is the producer behind Streams.
	Updates Acknowledger
	// Instance identifies this member within the installation. It is stable over restarts.
	// Installation is an id that no other installation in the world has. It is required if the
	// configuration names no group.
	Instance, Installation string
	// Drain is the time for the last acknowledgements when collectors are handed over, or the
	// source ends.
	Drain time.Duration
}

// Source follows RouteViews' stream. New creates it.
type Source struct {
	cfg         Config
	d           Deps
	group       string
	own         []bgp.ASN
	metrics     metrics
	stripped    [5]prometheus.Counter
	undecodable *telemetry.Limited
	broken      *telemetry.Limited

	heard  atomic.Int64        // time of the cluster's last answer, Unix nanoseconds
	dialed telemetry.Readiness // the reason why the last connection to the cluster failed

	mu         sync.Mutex
	started    time.Time // zero: Run has not begun
	joined     bool
	fault      error // the last fault; nil after a success
	faultAt    time.Time
	parts      map[string]map[int32]*partition
	collectors map[string]*collector
	fresh      []*partition // assigned since the last commit
	fatal      error        // error of a callback; Run returns it

	// work is held by Run while it is not polling, and by the callbacks that take partitions away.
	// It is taken before mu. It guards partitions and all fields below.
	work    sync.Mutex
	cl      *kgo.Client
	adm     *kadm.Client
	dirty   map[*partition]struct{} // partitions with offsets that are not committed yet
	pending *pending
	last    time.Time // of the last commit
	silent  bool
	closing bool
	header  wire.OpenBMP
	bmp     wire.BMPMessage
	buf     []byte
}

// New checks cfg and allocates the Source. It starts nothing.
func New(cfg Config, d Deps) (*Source, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	s := &Source{
		cfg: cfg, d: d, group: cfg.Group, metrics: newMetrics(d.Registerer),
		undecodable: telemetry.NewLimited(d.Log, time.Minute, 5),
		broken:      telemetry.NewLimited(d.Log, time.Minute, 3),
		parts:       map[string]map[int32]*partition{}, collectors: map[string]*collector{},
		dirty: map[*partition]struct{}{},
	}
	if s.group == "" {
		s.group = "darkmap-" + d.Installation
	}
	if cfg.Enabled && cfg.Group == "" && d.Installation == "" {
		return nil,
			errors.New("ingest.routeviews.group: is empty, and the installation has no id: no other may have the same")
	}
	for _, a := range cfg.CollectorASNs {
		s.own = append(s.own, bgp.ASN(a))
	}
	for i := range s.stripped {
		s.stripped[i] = s.metrics.stripped.WithLabelValues(wire.Stripped(i).String())
	}
	return s, nil
}

// Ready returns nil while the cluster answers and this member has its place in the group. The error
// names the missing condition.
func (s *Source) Ready() error {
	if !s.cfg.Enabled {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch heard := s.heard.Load(); {
	case s.started.IsZero():
		return errors.New("routeviews: not started")
	case heard == 0:
		return fmt.Errorf("routeviews: %s", s.unheard())
	case time.Since(time.Unix(0, heard)) > s.cfg.SuspendTimeout:
		return fmt.Errorf("routeviews: %s (last answer: %s UTC)", s.unheard(),
			time.Unix(0, heard).UTC().Format(time.DateTime))
	case s.fault != nil && time.Since(s.faultAt) < faultFor:
		return fmt.Errorf("routeviews: %w", neterror.Explain(s.fault))
	case !s.joined:
		return fmt.Errorf("routeviews: waiting for topics that fit %s and a place in the group %s",
			s.cfg.Topics, s.group)
	}
	return nil
}

// unheard describes why the cluster does not answer.
func (s *Source) unheard() string {
	if err := s.dialed.Ready(); err != nil {
		return neterror.Why(err)
	}
	return strings.Join(s.cfg.Brokers, ", ") + " does not answer"
}

// broker is the address of a broker, as configured or as the cluster gives it.
type broker string

func (broker) Network() string { return "tcp" }

func (b broker) String() string { return string(b) }

// OnBrokerConnect implements kgo's hook. It is called after an attempt to connect.
func (s *Source) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	if err != nil {
		err = &net.OpError{
			Op: "dial", Net: "tcp", Addr: broker(net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))),
			Err: err,
		}
	}
	s.dialed.Set(err)
}

// OnBrokerRead implements kgo's hook. It is called after a read from the cluster.
func (s *Source) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	if err == nil {
		s.heard.Store(time.Now().UnixNano())
	}
}

// Run follows the stream until ctx ends and the records read are acknowledged and committed. It
// fails if another process took the instance's place in the group, or if bgp.updates cannot be
// written. It waits without limit for RouteViews' cluster.
func (s *Source) Run(ctx context.Context) error {
	if !s.cfg.Enabled {
		<-ctx.Done()
		return nil
	}
	last, cancel := drain.Context(ctx, s.d.Drain)
	defer cancel()
	if err := s.connect(last); err != nil {
		return err
	}
	defer s.adm.Close()
	defer s.cl.CloseAllowingRebalance()
	s.mu.Lock()
	s.started = time.Now()
	s.mu.Unlock()
	err := s.follow(ctx, last)
	s.work.Lock()
	defer s.work.Unlock()
	if err == nil {
		s.settle(last)
	}
	s.closing = true
	return err
}

// connect creates the clients. The callbacks use both, and run only once the first poll has begun.
func (s *Source) connect(last context.Context) error {
	cfg := kafka.Config{Brokers: s.cfg.Brokers}
	quiet := kgo.DisableClientMetrics() // the cluster is RouteViews'
	admin, err := kafka.NewClient(cfg, s.d.Log, quiet)
	if err != nil {
		return err
	}
	s.adm = kadm.NewClient(admin)
	opts := slices.Concat(kafka.Member(s.group, s.d.Instance), kafka.FetchBounds(), []kgo.Opt{
		kgo.FetchMaxWait(fetchWait),
		kafka.Metrics(s.d.Registerer, "routeviews"), kgo.WithHooks(s), quiet,
		kgo.ConsumeTopics(s.cfg.Topics), kgo.ConsumeRegex(), kgo.MetadataMaxAge(s.cfg.RefreshInterval),
		kgo.MetadataMinAge(min(time.Second, s.cfg.RefreshInterval)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords(),
		kgo.MaxDecompressBatchBytes(maxDecompressed),
		kgo.Balancers(kafka.Collectors(groupKey)), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { s.join() }),
		kgo.AdjustFetchOffsetsFn(func(
			session context.Context, at map[string]map[int32]kgo.Offset,
		) (map[string]map[int32]kgo.Offset, error) {
			return s.assigned(session, last, at)
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, m map[string][]int32) {
			s.revoked(last, m)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.lost(m) }),
	})
	cl, err := kafka.NewClient(cfg, s.d.Log, opts...)
	if err != nil {
		s.adm.Close()
		return err
	}
	s.cl = cl
	return nil
}

// follow polls until ctx ends.
func (s *Source) follow(ctx, last context.Context) error {
	for {
		poll, cancel := context.WithTimeout(ctx, turn)
		fetches := s.cl.PollRecords(poll, maxPoll)
		cancel()
		err := s.digest(last, fetches)
		s.cl.AllowRebalance()
		if err != nil || ctx.Err() != nil || fetches.IsClientClosed() {
			return err
		}
	}
}

// digest processes the result of a poll, commits, and checks the cluster's health.
func (s *Source) digest(ctx context.Context, fetches kgo.Fetches) error {
	s.work.Lock()
	defer s.work.Unlock()
	if err := s.take(ctx, fetches); err != nil {
		return err
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	return s.health(ctx)
}

// take processes the records of a poll.
func (s *Source) take(ctx context.Context, fetches kgo.Fetches) error {
	s.mu.Lock()
	fatal := s.fatal
	s.mu.Unlock()
	if fatal != nil {
		return fatal
	}
	if err := (kafka.Config{Brokers: s.cfg.Brokers}).FetchErr(fetches); err != nil {
		if kafka.Fenced(err) {
			return fmt.Errorf("following routeviews: the instance %s is running elsewhere: %w", s.d.Instance, err)
		}
		s.failed("fetch", err)
	}
	s.introduce(ctx)
	if err := s.holes(ctx, fetches); err != nil {
		return err
	}
	var failed error
	fetches.EachPartition(func(ft kgo.FetchTopicPartition) {
		p := s.partition(ft.Topic, ft.Partition)
		if p == nil || failed != nil || len(ft.Records) == 0 {
			return
		}
		s.dirty[p] = struct{}{}
		for _, rec := range ft.Records {
			if failed = s.advance(ctx, p, rec); failed != nil {
				return
			}
		}
	})
	return failed
}

// failed records a fault of the cluster.
func (s *Source) failed(kind string, err error) {
	s.metrics.faults.WithLabelValues(kind).Inc()
	s.broken.Warn("routeviews' cluster fails", "kind", kind, "err", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.faultAt = fmt.Errorf("%s: %w", kind, err), time.Now()
}

func (s *Source) partition(topic string, number int32) *partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts[topic][number]
}

// health suspends the collectors while the cluster is silent.
func (s *Source) health(ctx context.Context) error {
	heard := max(s.heard.Load(), s.started.UnixNano())
	silent := time.Since(time.Unix(0, heard)) > s.cfg.SuspendTimeout
	if silent == s.silent {
		return nil
	}
	s.silent = silent
	if silent {
		s.metrics.faults.WithLabelValues("silence").Inc()
		s.d.Log.Warn("routeviews' cluster is silent", "brokers", s.cfg.Brokers, "after", s.cfg.SuspendTimeout)
	} else {
		s.d.Log.Info("routeviews' cluster answers again", "brokers", s.cfg.Brokers)
	}
	s.mu.Lock()
	all := make([]*collector, 0, len(s.collectors))
	for _, c := range s.collectors {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		if silent {
			c.stream.Suspend()
			continue
		}
		if !c.waiting {
			if err := c.stream.Up(ctx); err != nil && !errors.Is(err, stream.ErrClosed) {
				return err
			}
		}
	}
	return nil
}
