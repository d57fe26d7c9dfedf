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

// Producer writes records of one topic, in order of each collector; kafka.Producer does. value is not changed afterwards.
type Producer interface {
	Produce(ctx context.Context, collector string, value []byte) error
	ProduceAll(ctx context.Context, value []byte) error
}

// Acknowledger tells when what was given to bgp.updates is safe; kafka.Producer does.
type Acknowledger interface {
	Mark() kafka.Mark
	Acked(m kafka.Mark) (bool, error)
}

// Deps is what a Set is given.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	// Now is the clock that feeds are measured against. Archives alone are played behind the wall clock: theirs is late too.
	Now func() time.Time
	// Instance names the process in bgp.feeds and on its clock records.
	Instance string
	// Updates and Feeds write bgp.updates and bgp.feeds.
	Updates, Feeds Producer
	// Acks is that of Updates; nil: what was written is safe at once.
	Acks Acknowledger
	// Waiting reports whether somebody waits for room in the producers; the clock waits with them then. nil: nobody ever does.
	Waiting func() bool
	// DeadLetter is given what could not be decoded; it does not keep Raw, and blocks as little as producing does. nil: it is only counted.
	DeadLetter func(ctx context.Context, l DeadLetter) error
	// OnGap is told of every gap that begins, by the goroutine that begins it; it must not block. nil: nobody answers gaps.
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
	doubted map[string]int64 // collectors whose tables are wanted, and when that was said, microseconds; at most maxDoubted
	highest uint64           // highest epoch seen
	turned  time.Time
	clocks  uint64 // clock records written; Run's
	round   *round // that is not acknowledged yet; Run's
}

// DeadLetter is something that a source could not decode.
type DeadLetter struct {
	// Collector is where it came from, as far as known; Origin the address, topic or file, and Offset the place there (the number
	// of the message in a connection).
	Collector, Origin string
	Offset            int64
	Raw               []byte
	// Reason is of a small closed set, for counting; Err says it in words.
	Reason string
	Err    error
}

// maxDeadLetter caps what is kept of one.
const maxDeadLetter = 64 << 10

// DeadLetter counts what could not be decoded and keeps it for whoever looks into it. The error is the producer's.
func (s *Set) DeadLetter(ctx context.Context, l DeadLetter) error {
	s.metrics.undecodable.WithLabelValues(l.Reason).Inc()
	if s.d.DeadLetter == nil {
		return nil
	}
	l.Raw = l.Raw[:min(len(l.Raw), maxDeadLetter)]
	return s.d.DeadLetter(ctx, l)
}

// Past is what is known of a collector from before this process owned it.
type Past struct {
	// Epoch is the highest epoch seen.
	Epoch uint64
	// Known is up to when everything that the collector said is known (FeedStatus.known_us), microseconds since 1970; 0 is never.
	Known int64
	// AsOf is when that was so, microseconds since 1970: tables that were wanted before are wanted no more.
	AsOf int64
}

// maxDoubted bounds the collectors whose tables are wanted: far more than there are.
const maxDoubted = 4096

// NewSet checks and allocates; nothing runs yet.
func NewSet(cfg Config, d Deps) (*Set, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	return &Set{cfg: cfg, d: d, metrics: newMetrics(d.Registerer), streams: map[string]*Stream{}, past: map[string]Past{}, doubted: map[string]int64{}, turned: d.Now()}, nil
}

// Remember notes what was found out about a collector before it is opened.
func (s *Set) Remember(collector string, p Past) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.highest = max(s.highest, p.Epoch)
	s.past[collector] = p
}

// Doubt notes that a collector's tables were wanted at at. It returns the collector's stream where it is open: the caller begins a gap
// since ever. Otherwise, nil, the next stream does not know the collector (Since is 0, Doubted), unless more is remembered from after at.
func (s *Set) Doubt(collector string, at time.Time) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[collector]; st != nil && !st.Closed() {
		return st
	}
	if _, ok := s.doubted[collector]; ok || len(s.doubted) < maxDoubted {
		s.doubted[collector] = max(s.doubted[collector], at.UnixMicro())
	}
	return nil
}

// Saw raises the epochs to come above n: those of all collectors, so that a clock that was stepped back does no harm.
func (s *Set) Saw(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.highest = max(s.highest, n)
}

// Epoch returns a new epoch, for a lane that is no stream's.
func (s *Set) Epoch() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch()
}

// epoch returns a new epoch: Unix milliseconds x 1024 + a number drawn, raised above any seen. mu is held.
func (s *Set) epoch() uint64 {
	n := uint64(max(s.d.Now().UnixMilli(), 0))<<10 | rand.Uint64N(1<<10) //nolint:gosec // tells processes apart, keeps no secret
	s.highest = max(n, s.highest+1)
	return s.highest
}

// Open begins a new epoch of a collector and writes that it has. A stream that is open under the name is closed, without a
// record: the new epoch ends it.
func (s *Set) Open(ctx context.Context, collector string, o Options) (*Stream, error) {
	s.mu.Lock()
	old, past := s.streams[collector], s.past[collector]
	at, doubted := s.doubted[collector]
	if doubted = doubted && at > past.AsOf; doubted {
		past.Known = 0
	}
	st := newStream(s, collector, o, s.epoch(), past)
	st.doubted = doubted
	s.streams[collector] = st
	delete(s.past, collector)
	delete(s.doubted, collector)
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

// remove forgets a stream that was closed.
func (s *Set) remove(st *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams[st.collector] == st {
		delete(s.streams, st.collector)
	}
}

// Run writes ticks, clock records and statuses until ctx ends. The error is the producer's.
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
				if err := st.status(ctx, now.Sub(status)); err != nil && ctx.Err() == nil {
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

// tick writes a tick of every stream, then the clock.
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
	s.turned = now
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

// Live is an error where the loop that writes clocks has not turned for longer than a collector may be stale. While it waits for the
// broker it counts as turning: to begin anew would not help.
func (s *Set) Live() error {
	waiting := s.d.Waiting != nil && s.d.Waiting()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.d.Now()
	if waiting {
		s.turned = now
	}
	if since := now.Sub(s.turned); since > s.cfg.StaleTimeout {
		return fmt.Errorf("no clock record was written for %v", since.Round(time.Second))
	}
	return nil
}
