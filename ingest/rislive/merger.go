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

// maxSpellings bounds the spellings of hosts that are remembered.
const maxSpellings = 256

// merger makes one stream a collector of two connections.
type merger struct {
	cfg     *Config
	streams *stream.Set
	metrics metrics
	log     *slog.Logger
	limited *telemetry.Limited
	seed    maphash.Seed
	start   time.Time
	// maxAhead bounds the messages of a collector that were written, that a connection has not
	// brought, and that are remembered.
	maxAhead int
	// wall is the clock that timestamps are compared with. Unlike now it may be set.
	wall func() time.Time

	mu     sync.Mutex // below, and the order of what is said
	feeds  map[string]*feed
	hosts  map[string]*feed // by the spelling in frames
	lead   int              // the link that leads, -1 none
	frames uint64           // the number of the latest frame; all connections are counted
	at     time.Duration    // when the latest frame came
	clock  time.Time        // at, by wall
	links  [2]*connection   // connected ones
	still  standstill
	// forgotten is up to when what was said may have been forgotten.
	forgotten time.Duration
	skew      skew
	pools     [2]pool
	dec       wire.RISLiveDecoder
	msg       wire.RISLiveMessage
}

func newMerger(cfg *Config, set *stream.Set, log *slog.Logger, m metrics) *merger {
	return &merger{
		cfg: cfg, streams: set, metrics: m, log: log, limited: telemetry.NewLimited(log, 10*time.Second, 3), seed: maphash.MakeSeed(), start: time.Now(),
		wall: time.Now, maxAhead: maxAhead,
		feeds: map[string]*feed{}, hosts: map[string]*feed{}, lead: -1, forgotten: -cfg.Hold,
	}
}

// now is the time since the merger's start; it never goes back.
func (m *merger) now() time.Duration { return time.Since(m.start) }

// add begins to follow a collector.
func (m *merger) add(s *stream.Stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.feeds[s.Collector()] = newFeed(s, m.now())
	clear(m.hosts)
}

// remove ends following it and returns its stream.
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

// forget drops a feed and what is held of it. mu is held.
func (m *merger) forget(f *feed) {
	for i := range f.sides {
		f.sides[i].buffer.clear(&m.pools[i])
	}
	delete(m.feeds, f.collector)
	clear(m.hosts)
}

// connected notes that a link has connected.
func (m *merger) connected(n int, origin string, drop func(why string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.links[n] = &connection{n: n, origin: origin, since: now, alive: now, heard: now, delay: 0, least: -1, drop: drop}
	if m.lead < 0 {
		m.lead = n
	}
	m.roles()
}

// leader is the connection that leads; nil if none does. mu is held.
func (m *merger) leader() *connection {
	if m.lead < 0 {
		return nil
	}
	return m.links[m.lead]
}

// follower is the connection beside the leader; nil if there is none. mu is held.
func (m *merger) follower() *connection {
	if m.lead < 0 {
		return nil
	}
	return m.links[1-m.lead]
}

// roles sets the metrics of the connections' roles. mu is held.
func (m *merger) roles() { m.metrics.roles(m.leader() != nil, m.follower() != nil) }

// lost notes that a link's connection has ended: the other leads, or nobody does.
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
