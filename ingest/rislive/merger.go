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
	judged time.Duration    // the last time
	stood  time.Duration    // when this process had stood still for SwitchAfter last
	// forgotten is up to when what was said may have been forgotten.
	forgotten time.Duration
	// skew is how far our clock seems to be ahead of the collectors', 0 until reckoned: the least that any message was late, lately.
	skew     time.Duration
	reckoned bool
	set      time.Duration // by how much wall was set forward since the start; negative is back
	pools    [2]pool
	dec      wire.RISLiveDecoder
	msg      wire.RISLiveMessage
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
	delivers     bool          // a message of a collector came
	overlap      time.Duration // when something came last that the other had brought, or brings later; 0 never
	drop         func(why string)
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
		err = m.follow(ctx, 1-n, why)
	}
	m.links[n] = nil
	for _, f := range m.feeds {
		f.sides[n].lose(&m.pools[n])
	}
	return err
}

// follow gives the lead to a link, if it is connected: what it has brought and was not said goes out. mu is held.
func (m *merger) follow(ctx context.Context, n int, why string) error {
	c, late := m.links[n], m.leaderLag()
	m.lead = n
	if c == nil {
		m.lead = -1
	} else {
		m.metrics.switches.Inc()
	}
	now := m.now()
	for _, f := range m.feeds {
		switch {
		case c != nil && f.state != feedUp:
		case c != nil && m.overlapping(f, c, late):
			if err := m.drain(ctx, f, n); err != nil {
				return err
			}
			continue
		default: // nobody follows it, or the two are not known to overlap
			f.lose(now, why)
		}
		m.giveUp(f, n, why)
	}
	return m.resumeAll(ctx)
}

// giveUp forgets what the follower holds: what was not said is missing. mu is held.
func (m *merger) giveUp(f *feed, n int, why string) {
	h := &f.sides[n].buffer
	for e := h.oldest(); e != nil; e = h.oldest() {
		if e.v.sure {
			f.lack(e.v.stamp, m.now(), why)
		}
		h.drop(&m.pools[n])
	}
}

// overlapping reports whether what the follower has brought of a collector goes on, without a hole, where the leader, which is late by
// so much, has come to: a message of it came on both or, where it is quiet, one of another collector well after it was subscribed to. It
// is not merely quiet where the leader owes something of it. mu is held.
func (m *merger) overlapping(f *feed, c *connection, late time.Duration) bool {
	s := &f.sides[c.n]
	if s.overlaps {
		return true
	}
	if s.state != subscribed || c.overlap <= max(s.subscribedAt, s.completeSince)+m.cfg.SwitchAfter {
		return false
	}
	e := s.buffer.oldest()
	return e == nil || m.now()-e.at <= late+2*m.cfg.period()
}

// check forgets a feed whose stream somebody else has taken. mu is held.
func (m *merger) check(f *feed, err error) error {
	if !ended(err) {
		return err
	}
	m.forget(f)
	return nil
}

// drain says what a link brought and the leader did not. mu is held.
func (m *merger) drain(ctx context.Context, f *feed, n int) error {
	h := &f.sides[n].buffer
	for e := h.oldest(); e != nil; e = h.oldest() {
		if m.cfg.Connections > 1 {
			f.sides[1-n].remember(e.key, m.now(), m.maxAhead)
		}
		if err := m.release(ctx, f, n, e.v); err != nil {
			return err
		}
		if h.oldest() != nil { // else the feed is gone
			h.drop(&m.pools[n])
		}
	}
	return nil
}

// release says a held frame; if it was forgotten, it is missing. mu is held.
func (m *merger) release(ctx context.Context, f *feed, n int, h bufferedFrame) error {
	if h.data == nil {
		return m.missing(ctx, f, h.stamp)
	}
	if err := m.dec.Decode(h.data, &m.msg); err != nil {
		return m.undecodable(ctx, m.links[n], h.data, err)
	}
	s := &f.sides[n]
	return m.emit(ctx, f, n, h.data, h.frame < s.matched || s.ahead.oldest() != nil)
}

// emit writes the message in msg, which link n brought as frame, or counts why it does not. A message
// that comes too late for its peer is missing. overtaken: a message that the link brings later may
// have been written already. mu is held.
func (m *merger) emit(ctx context.Context, f *feed, n int, frame []byte, overtaken bool) error {
	if m.msg.RawError != nil { // it was built from the other fields
		if err := m.undecodable(ctx, m.links[n], frame, m.msg.RawError); err != nil {
			return err
		}
	}
	p, err := f.say(ctx, &m.msg, m.links[n], overtaken)
	if p != "" {
		m.pass(p)
	}
	switch {
	case errors.Is(err, stream.ErrTooManyPeers):
		return m.undecodable(ctx, m.links[n], frame, err)
	case p == passedLate && len(m.msg.ID) > 0:
		return m.missing(ctx, f, m.msg.Timestamp)
	}
	return m.check(f, err)
}

// missing notes that the connection that led left out a message, of which it is too late to say it. mu is held.
func (m *merger) missing(ctx context.Context, f *feed, stamp int64) error {
	f.lack(stamp, m.now(), "the connection that led left out a message")
	return m.resume(ctx, f)
}

// old reports whether the message that has just come is older than the connection's subscription. mu
// is held.
func (m *merger) old(s *side, stamp int64) bool { return m.age(stamp) > m.at-s.subscribedAt }

// forgot reports whether the message that has just come is so old that it may have been written and
// forgotten. mu is held.
func (m *merger) forgot(s *side, stamp int64) bool {
	forgotten := m.forgotten
	if s.forgotten != 0 {
		forgotten = max(forgotten, s.forgotten)
	}
	return m.age(stamp) > m.at-forgotten-m.cfg.debtLimit()
}

// age is how old a message with that timestamp, microseconds, was when the latest frame came, by the
// collectors' clocks. mu is held.
func (m *merger) age(stamp int64) time.Duration {
	return time.Duration(m.clock.UnixMicro()-stamp)*time.Microsecond - m.skew
}

func (m *merger) pass(p passed) { m.metrics.passed.WithLabelValues(string(p)).Inc() }

// undecodable counts, says and keeps what could not be decoded; nothing is kept where raw is nil. mu is held.
func (m *merger) undecodable(ctx context.Context, c *connection, raw []byte, err error) error {
	m.limited.Warn("passed over a message of RIS Live", "address", c.origin, "message", c.frames, "err", short(err.Error()))
	return m.streams.DeadLetter(ctx, stream.DeadLetter{Origin: c.origin, Offset: c.frames, Raw: raw, Reason: "rislive", Err: err})
}

// short is a text for the log: what a server says may be long.
func short(text string) string {
	const most = 300
	return text[:min(len(text), most)]
}
