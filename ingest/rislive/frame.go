package rislive

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"time"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// frame takes a message that link n brought; frame is not kept. The error is final.
func (m *merger) frame(ctx context.Context, n int, frame []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.links[n]
	if c == nil {
		return nil
	}
	now := time.Now()
	c.frames++
	c.alive = now.Sub(m.start)
	if n == m.lead {
		m.metrics.leaderMessages.Inc()
		m.metrics.leaderBytes.Add(float64(len(frame)))
		return m.leads(ctx, c, frame, now)
	}
	m.metrics.followerMessages.Inc()
	m.metrics.followerBytes.Add(float64(len(frame)))
	return m.follows(ctx, c, frame, now)
}

// leads says what the leader brings. mu is held.
func (m *merger) leads(ctx context.Context, c *connection, frame []byte, now time.Time) error {
	if err := m.dec.Decode(frame, &m.msg); err != nil {
		return m.undecodable(ctx, c, frame, err)
	}
	if m.msg.Collector == "" {
		return m.control(ctx, c, frame)
	}
	first := !c.spoke
	c.heardAt(m.msg.Timestamp, now, m.cfg.Hold)
	if first {
		if err := m.beginAll(ctx, c.n); err != nil {
			return err
		}
	}
	f := m.feeds[m.msg.Collector]
	if f == nil || !f.sides[c.n].asked { // it was given up, and perhaps taken again
		m.pass(passedForeign)
		return nil
	}
	if err := m.listening(ctx, c, f); err != nil {
		return err
	}
	s := &f.sides[c.n]
	s.brought = c.alive
	key := m.key(f, m.msg.ID, frame)
	if s.ahead.match(key) {
		s.overlaps, c.overlap = true, c.alive
		m.pass(passedTwice)
		return nil
	}
	if m.cfg.Connections > 1 {
		o := &f.sides[1-c.n]
		if other := m.links[1-c.n]; other != nil && o.hold.match(key, &m.pools[1-c.n]) {
			o.overlaps, other.overlap = true, c.alive
		} else {
			o.ahead.push(key, c.alive)
		}
	}
	_, err := m.emit(ctx, f, c.n, frame, false)
	return err
}

// follows holds what the leader has not brought. mu is held.
func (m *merger) follows(ctx context.Context, c *connection, frame []byte, now time.Time) error {
	var h wire.RISLiveHead
	f := m.head(frame, &h)
	if h.Host == nil { // what else there is, is rare
		if err := m.dec.Decode(frame, &m.msg); err != nil {
			return m.undecodable(ctx, c, frame, err)
		}
		if m.msg.Collector == "" {
			return m.control(ctx, c, frame)
		}
		h.Timestamp, h.ID = m.msg.Timestamp, m.msg.ID
		f = m.feeds[m.msg.Collector]
	}
	c.heardAt(h.Timestamp, now, m.cfg.Hold)
	if f == nil || !f.sides[c.n].asked {
		m.pass(passedForeign)
		return nil
	}
	if err := m.listening(ctx, c, f); err != nil {
		return err
	}
	s := &f.sides[c.n]
	s.brought = c.alive
	key := m.key(f, h.ID, frame)
	if s.ahead.match(key) {
		s.overlaps, c.overlap = true, c.alive
		return nil
	}
	if late := time.Duration(now.UnixMicro()-h.Timestamp) * time.Microsecond; late > m.leaderLag()+m.cfg.LagLimit {
		m.pass(passedLate) // it may have been said and forgotten; the connection will be made anew
		return nil
	}
	s.hold.push(held{key: key, at: c.alive, data: frame, stamp: h.Timestamp, sure: len(h.ID) > 0}, &m.pools[c.n])
	for m.pools[c.n].bytes > m.cfg.HoldBytes && s.hold.drop(&m.pools[c.n]) {
		s.partial(c.alive) // the leader may bring it yet
		m.pass(passedExpired)
	}
	return nil
}

// head finds a frame's head and feed; the head has no host where that cannot be done without decoding. mu is held.
func (m *merger) head(frame []byte, h *wire.RISLiveHead) *feed {
	if !wire.ScanRISLive(frame, h) {
		h.Host = nil
		return nil
	}
	if f, ok := m.hosts[string(h.Host)]; ok {
		return f
	}
	name, err := canonical(string(h.Host))
	if err != nil {
		h.Host = nil // the decoder says what is wrong
		return nil
	}
	if len(m.hosts) >= maxSpellings {
		clear(m.hosts)
	}
	f := m.feeds[name]
	m.hosts[string(h.Host)] = f
	return f
}

// key recognises a message. mu is held.
func (m *merger) key(f *feed, id, frame []byte) uint64 {
	if len(id) == 0 {
		return maphash.Bytes(m.seed, frame)
	}
	var h maphash.Hash
	h.SetSeed(m.seed)
	_, _ = h.WriteString(f.host) // it never fails
	_, _ = h.Write(id)
	return h.Sum64()
}

// heardAt notes a message's timestamp, microseconds. One beyond the future is no measure.
func (c *connection) heardAt(t int64, now time.Time, future time.Duration) {
	c.heard, c.spoke = c.alive, true
	delay := time.Duration(now.UnixMicro()-t) * time.Microsecond
	if delay < -future {
		return
	}
	if delay = max(delay, 0); c.least < 0 || delay < c.least {
		c.least = delay
	}
}

// beginAll ends the breaks of all collectors that a link is subscribed to: it has brought its first message, and does not only
// accept. mu is held.
func (m *merger) beginAll(ctx context.Context, n int) error {
	for _, f := range m.feeds {
		if f.broken && f.sides[n].listens {
			if err := m.check(f, f.begin(ctx)); err != nil {
				return err
			}
		}
	}
	return nil
}

// listening notes that a collector's messages come on a connection from now on; its break ends if that leads. mu is held.
func (m *merger) listening(ctx context.Context, c *connection, f *feed) error {
	if s := &f.sides[c.n]; !s.listens {
		s.listens, s.heard = true, c.alive
	}
	if c.n == m.lead && c.spoke && f.broken {
		return m.check(f, f.begin(ctx))
	}
	return nil
}

// control takes what is no message of a collector. mu is held.
func (m *merger) control(ctx context.Context, c *connection, frame []byte) error {
	switch m.msg.Kind {
	case wire.RISError:
		m.limited.Warn("RIS Live says that something is wrong", "address", c.origin, "message", short(m.msg.Text))
	case wire.RISSubscribeOK:
		var ack struct {
			Data struct {
				Subscription struct {
					Host string `json:"host"`
				} `json:"subscription"`
			} `json:"data"`
		}
		if err := json.Unmarshal(frame, &ack); err != nil {
			return nil //nolint:nilerr // its first message will do
		}
		name, err := canonical(ack.Data.Subscription.Host)
		if err != nil {
			return nil //nolint:nilerr // its first message will do
		}
		if f := m.feeds[name]; f != nil && f.sides[c.n].asked {
			return m.listening(ctx, c, f)
		}
	case wire.RISPong, wire.RISRRCList:
	default:
		m.pass(passedOther)
	}
	return nil
}
