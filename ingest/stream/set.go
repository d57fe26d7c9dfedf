package stream

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// Producer writes records of one topic and keeps the order of each collector. It may retain value,
// which the caller does not change afterwards. kafka.Producer implements it.
type Producer interface {
	Produce(ctx context.Context, collector string, value []byte) error
	ProduceAll(ctx context.Context, value []byte) error
}

// Acknowledger reports when the broker has acknowledged the records given to bgp.updates.
// kafka.Producer implements it.
type Acknowledger interface {
	Mark() kafka.Mark
	Acked(m kafka.Mark) (bool, error)
}

// Deps holds the dependencies of a Set.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	// Now is the clock to which feeds are compared. When only archives are followed, they are
	// played behind the wall clock, and their Now is behind by as much.
	Now func() time.Time
	// Instance names the process in bgp.feeds and on its clock records.
	Instance string
	// Updates and Feeds write bgp.updates and bgp.feeds.
	Updates, Feeds Producer
	// Acks is the Acknowledger of Updates. nil: a written record counts as acknowledged at once.
	Acks Acknowledger
	// Waiting reports whether a caller waits for room in the producers. While one waits, Alive
	// accepts that no clock record is written. nil: none ever waits.
	Waiting func() bool
	// DeadLetter receives the messages that could not be decoded. It does not retain Raw, and
	// blocks no longer than producing does. nil: they are only counted.
	DeadLetter func(ctx context.Context, l DeadLetter) error
	// OnGap is called with every gap that begins, by the goroutine that begins it. It must not
	// block. nil: no gap is answered.
	OnGap func(*Gap)
}

// Set keeps the streams of a process. NewSet makes one.
type Set struct {
	cfg     Config
	d       Deps
	metrics metrics

	mu      sync.Mutex
	streams map[string]*Stream // by collector
	past    map[string]Past
	// tableRequests maps a collector to the time of the last request for its tables, microseconds.
	// It holds at most maxTableRequests.
	tableRequests map[string]int64
	highest       uint64    // highest epoch seen
	lastTick      time.Time // time of Run's last tick; Alive moves it on while a caller waits
	clocks        uint64    // clock records written; used by Run only
	round         *round    // the round that is not acknowledged yet; used by Run only
}

// DeadLetter is a piece of input that a source could not decode.
type DeadLetter struct {
	// Collector is the collector it came from, if known. Origin is the address, topic or file.
	// Offset is the position there (in a connection, the number of the message).
	Collector, Origin string
	Offset            int64
	Raw               []byte
	// Reason is a label from a small closed set, for counting. Err describes the fault.
	Reason string
	Err    error
}

// maxDeadLetter caps the octets that are kept of one dead letter.
const maxDeadLetter = 64 << 10

// DeadLetter counts a message that could not be decoded and keeps it for inspection. It returns the
// producer's error.
func (s *Set) DeadLetter(ctx context.Context, l DeadLetter) error {
	s.metrics.undecodable.WithLabelValues(l.Reason).Inc()
	if s.d.DeadLetter == nil {
		return nil
	}
	l.Raw = l.Raw[:min(len(l.Raw), maxDeadLetter)]
	return s.d.DeadLetter(ctx, l)
}

// Past is the state of a collector from before this process owned it.
type Past struct {
	// Epoch is the highest epoch seen.
	Epoch uint64
	// Known is the time up to which everything that the collector sent is known
	// (FeedStatus.known_us), microseconds since 1970. 0 means never.
	Known int64
	// AsOf is the time of that state, microseconds since 1970. Requests for tables from before it
	// are void.
	AsOf int64
}

// maxTableRequests bounds the collectors whose tables were requested while their stream was not
// open. It is far above the number of collectors.
const maxTableRequests = 4096

// NewSet checks cfg and allocates the Set. It starts nothing.
func NewSet(cfg Config, d Deps) (*Set, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	return &Set{
		cfg: cfg, d: d, metrics: newMetrics(d.Registerer), streams: map[string]*Stream{},
		past: map[string]Past{}, tableRequests: map[string]int64{}, lastTick: d.Now(),
	}, nil
}

// Remember stores the earlier state of a collector before its stream is opened.
func (s *Set) Remember(collector string, p Past) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.highest = max(s.highest, p.Epoch)
	s.past[collector] = p
}

// RequestTables records that detect asked for the collector's tables at time at. If the collector's
// stream is open, RequestTables returns it, and the caller begins a gap without a beginning.
// Otherwise it returns nil. The next stream of the collector then starts without knowledge (Since
// is 0, TablesRequested is true), unless Remember stored a state from after at.
func (s *Set) RequestTables(collector string, at time.Time) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[collector]; st != nil && !st.Closed() {
		return st
	}
	if _, ok := s.tableRequests[collector]; ok || len(s.tableRequests) < maxTableRequests {
		s.tableRequests[collector] = max(s.tableRequests[collector], at.UnixMicro())
	}
	return nil
}

// RaiseEpoch makes all later epochs greater than n, an epoch that any collector has used. So a
// clock that was set back does no harm.
func (s *Set) RaiseEpoch(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.highest = max(s.highest, n)
}

// Epoch returns a new epoch, for a lane outside the streams.
func (s *Set) Epoch() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch()
}

// epoch returns a new epoch: Unix milliseconds x 1024 + a random number, raised above any epoch
// seen. The caller holds mu.
func (s *Set) epoch() uint64 {
	random := rand.Uint64N(1 << 10) //nolint:gosec // tells processes apart, keeps no secret
	n := uint64(max(s.d.Now().UnixMilli(), 0))<<10 | random
	s.highest = max(n, s.highest+1)
	return s.highest
}

// Open begins a new epoch of a collector and writes its EpochBegin record. It closes a stream that
// is already open under the name, without a record: the new epoch ends it.
func (s *Set) Open(ctx context.Context, collector string, o Options) (*Stream, error) {
	s.mu.Lock()
	old, past := s.streams[collector], s.past[collector]
	at, requested := s.tableRequests[collector]
	if requested = requested && at > past.AsOf; requested {
		past.Known = 0
	}
	st := newStream(s, collector, o, s.epoch(), past)
	st.tablesRequested = requested
	s.streams[collector] = st
	delete(s.past, collector)
	delete(s.tableRequests, collector)
	s.mu.Unlock()
	if old != nil {
		old.abandon()
	}
	if err := st.begin(ctx); err != nil {
		return nil, fmt.Errorf("opening the stream of %s: %w", collector, err)
	}
	return st, nil
}

// Streams lists the open streams by collector.
func (s *Set) Streams() []*Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Stream, 0, len(s.streams))
	for _, st := range s.streams {
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b *Stream) int { return cmp.Compare(a.collector, b.collector) })
	return all
}

// remove drops a closed stream from the set.
func (s *Set) remove(st *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams[st.collector] == st {
		delete(s.streams, st.collector)
	}
}

// Run writes ticks, clock records and statuses until ctx ends. It returns the producer's error.
func (s *Set) Run(ctx context.Context) error {
	t := time.NewTicker(s.cfg.TickInterval)
	defer t.Stop()
	status := s.d.Now()
	for {
		if err := s.tick(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if now := s.d.Now(); now.Sub(status) >= s.cfg.StatusInterval {
			for _, st := range s.Streams() {
				if err := st.writeStatus(ctx, now.Sub(status)); err != nil && ctx.Err() == nil {
					return err
				}
			}
			status = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// tick writes a tick for every stream, then the clock record.
func (s *Set) tick(ctx context.Context) error {
	for _, st := range s.Streams() {
		if err := st.tick(ctx); err != nil {
			return err
		}
	}
	if err := s.settle(); err != nil {
		return err
	}
	now := s.d.Now()
	s.mu.Lock()
	s.lastTick = now
	s.mu.Unlock()
	s.clocks++
	rec := &pb.UpdateRecord{
		Position:    codec.Position(bgp.Position{Lane: bgp.ClockLane(s.d.Instance), Sequence: s.clocks}),
		TimestampUs: now.UnixMicro(), ReceivedAtUs: now.UnixMicro(),
		Body: &pb.UpdateRecord_Clock{Clock: &pb.Clock{}},
	}
	value, err := rec.MarshalVT()
	if err != nil {
		return fmt.Errorf("encoding a clock record: %w", err)
	}
	return s.d.Updates.ProduceAll(ctx, value)
}

// Alive returns an error if Run has written no clock record for longer than StaleTimeout. While the
// producers wait for the broker, Run counts as alive: a restart would not help.
func (s *Set) Alive() error {
	waiting := s.d.Waiting != nil && s.d.Waiting()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.d.Now()
	if waiting {
		s.lastTick = now
	}
	if since := now.Sub(s.lastTick); since > s.cfg.StaleTimeout {
		return fmt.Errorf("no clock record was written for %v", since.Round(time.Second))
	}
	return nil
}
