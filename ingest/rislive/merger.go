package rislive

import (
	"context"
	"errors"
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
	set     *stream.Set
	metrics metrics
	log     *slog.Logger
	limited *telemetry.Limited
	seed    maphash.Seed
	start   time.Time

	mu     sync.Mutex // below, and the order of what is said
	feeds  map[string]*feed
	hosts  map[string]*feed // by the spelling in frames
	lead   int              // the link that leads, -1 none
	links  [2]*connection   // connected ones
	judged time.Duration    // the last time
	stood  time.Duration    // when this process had stood still last
	pools  [2]pool
	dec    wire.RISLiveDecoder
	msg    wire.RISLiveMessage
}

// connection is how a link stands while it is connected. The merger's mu guards it.
type connection struct {
	n      int // the link
	origin string
	frames int64
	since  time.Duration // when it was made
	// alive is when anything came last, heard a message; delay how late the last period's were, at least; -1 none came.
	alive, heard time.Duration
	delay, least time.Duration
	spoke        bool          // a message came
	overlap      time.Duration // when something came last that the other had brought, or brings later; 0 never
	drop         func(why string)
}

func newMerger(cfg *Config, set *stream.Set, log *slog.Logger, m metrics) *merger {
	return &merger{
		cfg: cfg, set: set, metrics: m, log: log, limited: telemetry.NewLimited(log, 10*time.Second, 3), seed: maphash.MakeSeed(), start: time.Now(),
		feeds: map[string]*feed{}, hosts: map[string]*feed{}, lead: -1,
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
	for i := range f.sides {
		f.sides[i].lose(&m.pools[i])
	}
	delete(m.feeds, collector)
	clear(m.hosts)
	return f.stream
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

func (m *merger) roles() {
	m.metrics.roles(m.lead >= 0, m.lead >= 0 && m.links[1-m.lead] != nil)
}

// lost notes that a link's connection has ended: the other leads, or nobody does.
func (m *merger) lost(ctx context.Context, n int, why string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.links[n] = nil
	defer m.roles()
	var err error
	if m.lead == n {
		err = m.follow(ctx, 1-n, why)
	}
	for _, f := range m.feeds {
		f.sides[n].lose(&m.pools[n])
	}
	return err
}

// follow gives the lead to a link, if it is connected: what it has brought and was not said goes out. mu is held.
func (m *merger) follow(ctx context.Context, n int, why string) error {
	c := m.links[n]
	m.lead = n
	if c == nil {
		m.lead = -1
	} else {
		m.metrics.switches.Inc()
	}
	now := m.now()
	for _, f := range m.feeds {
		s := &f.sides[n]
		switch {
		case c == nil:
			f.lose(now, why)
		case f.broken:
		case m.overlapping(f, c):
			if err := m.drain(ctx, f, n); err != nil {
				return err
			}
			continue
		default: // the two are not known to overlap
			f.lose(now, why)
		}
		s.hold.clear(&m.pools[n])
	}
	if c == nil || !c.spoke {
		return nil
	}
	return m.beginAll(ctx, n)
}

// overlapping reports whether what a link has brought of a collector goes on, without a hole, where the other one has come to: a
// message of it came on both or, where it is quiet, one of another collector well after it was subscribed to. mu is held.
func (m *merger) overlapping(f *feed, c *connection) bool {
	s := &f.sides[c.n]
	return s.overlaps || s.listens && c.overlap > s.heard+m.cfg.SwitchAfter
}

// check forgets a feed whose stream somebody else has taken. mu is held.
func (m *merger) check(f *feed, err error) error {
	if !ended(err) {
		return err
	}
	delete(m.feeds, f.collector)
	clear(m.hosts)
	return nil
}

// drain says what a link brought and the leader did not. mu is held.
func (m *merger) drain(ctx context.Context, f *feed, n int) error {
	s := &f.sides[n]
	defer s.hold.clear(&m.pools[n])
	for i := range s.hold.frames {
		h := &s.hold.frames[i]
		if h.data == nil {
			continue
		}
		if err := m.dec.Decode(h.data, &m.msg); err != nil {
			if err := m.undecodable(ctx, m.links[n], h.data, err); err != nil {
				return err
			}
			continue
		}
		if m.cfg.Connections > 1 {
			f.sides[1-n].ahead.push(h.key, m.now())
		}
		p, err := m.emit(ctx, f, n, h.data, true)
		if err != nil {
			return err
		}
		if p == passedLate && h.sure {
			f.lack(h.stamp, m.now(), "the connection that led left out a message")
		}
	}
	return nil
}

// emit says the message in msg, which link n brought as frame, or why it does not. mu is held.
func (m *merger) emit(ctx context.Context, f *feed, n int, frame []byte, inOrder bool) (passed, error) {
	if m.msg.RawError != nil { // it was built from the other fields
		if err := m.undecodable(ctx, m.links[n], frame, m.msg.RawError); err != nil {
			return "", err
		}
	}
	p, err := f.say(ctx, &m.msg, inOrder)
	if p != "" {
		m.pass(p)
	}
	if errors.Is(err, stream.ErrTooManyPeers) {
		return p, m.undecodable(ctx, m.links[n], frame, err)
	}
	return p, m.check(f, err)
}

func (m *merger) pass(p passed) { m.metrics.passed.WithLabelValues(string(p)).Inc() }

// undecodable counts, says and keeps what could not be decoded; nothing is kept where raw is nil. mu is held.
func (m *merger) undecodable(ctx context.Context, c *connection, raw []byte, err error) error {
	m.limited.Warn("passed over a message of RIS Live", "address", c.origin, "message", c.frames, "err", short(err.Error()))
	return m.set.DeadLetter(ctx, stream.DeadLetter{Origin: c.origin, Offset: c.frames, Raw: raw, Reason: "rislive", Err: err})
}

// short is a text for the log: what a server says may be long.
func short(text string) string {
	const most = 300
	return text[:min(len(text), most)]
}
