package rislive

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// maxSpellings bounds merger.hosts.
const maxSpellings = 256

// merger merges the messages of two connections into one stream a collector.
type merger struct {
	cfg     *Config
	streams *stream.Set
	metrics metrics
	log     *slog.Logger
	limited *telemetry.Limited
	seed    maphash.Seed
	start   time.Time
	// maxAwaited bounds side.awaited.
	maxAwaited int
	// wall is the clock that timestamps are compared with. Unlike now, it may be set forward or
	// back.
	wall func() time.Time

	mu     sync.Mutex       // guards all fields below, and the order of records
	feeds  map[string]*feed // by the collector's name
	hosts  map[string]*feed // by the spelling in frames
	links  [2]*connection   // nil: not connected
	lead   int              // the connected link that leads; -1: no link is connected
	frames uint64           // number of the latest frame, counted over both connections
	at     time.Duration    // time of the latest frame by now
	clock  time.Time        // time of the latest frame by wall
	still  standstill
	skew   skew
	// forgotten is the time up to which the hashes of written messages may have been forgotten.
	forgotten time.Duration
	pools     [2]pool // by link
	dec       wire.RISLiveDecoder
	msg       wire.RISLiveMessage // the latest that dec has decoded
}

func newMerger(cfg *Config, set *stream.Set, log *slog.Logger, m metrics) *merger {
	return &merger{
		cfg: cfg, streams: set, metrics: m, log: log, limited: telemetry.NewLimited(log, 10*time.Second, 3),
		seed: maphash.MakeSeed(), start: time.Now(),
		wall: time.Now, maxAwaited: maxAwaited,
		feeds: map[string]*feed{}, hosts: map[string]*feed{}, lead: -1, forgotten: -cfg.Hold,
	}
}

// now returns the time since the merger's start. It never goes back.
func (m *merger) now() time.Duration { return time.Since(m.start) }

// add begins to follow the collector of a stream.
func (m *merger) add(s *stream.Stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.feeds[s.Collector()] = newFeed(s, m.now())
	clear(m.hosts)
}

// remove ends following a collector and returns its stream; nil if it was not followed.
func (m *merger) remove(collector string) *stream.Stream {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.feeds[collector]
	if f == nil {
		return nil
	}
	m.forget(f)
	return f.stream
}

// forget drops a feed and its buffered frames. mu is held.
func (m *merger) forget(f *feed) {
	for i := range f.sides {
		f.sides[i].buffer.clear(&m.pools[i])
	}
	delete(m.feeds, f.collector)
	clear(m.hosts)
}

// connected records that link n has connected to the address origin. It leads if no link leads.
// drop ends the connection.
func (m *merger) connected(n int, origin string, drop func(why string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.links[n] = &connection{
		n: n, origin: origin, since: now, alive: now, heard: now, periodDelay: 0, currentDelay: -1, drop: drop,
	}
	if m.lead < 0 {
		m.lead = n
	}
	m.roles()
}

// leader returns the connection that leads, or nil if none does. mu is held.
func (m *merger) leader() *connection {
	if m.lead < 0 {
		return nil
	}
	return m.links[m.lead]
}

// follower returns the connection beside the leader, or nil if there is none. mu is held.
func (m *merger) follower() *connection {
	if m.lead < 0 {
		return nil
	}
	return m.links[1-m.lead]
}

// roles sets the metrics of the connections' roles. mu is held.
func (m *merger) roles() { m.metrics.roles(m.leader() != nil, m.follower() != nil) }

// lost records that the connection of link n has ended. If n led, the other link leads. If that one
// is not connected, no link leads.
func (m *merger) lost(ctx context.Context, n int, why string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.roles()
	var err error
	if m.lead == n {
		err = m.setLeader(ctx, 1-n, why)
	}
	m.links[n] = nil
	for _, f := range m.feeds {
		f.sides[n].disconnect(&m.pools[n])
	}
	return err
}
