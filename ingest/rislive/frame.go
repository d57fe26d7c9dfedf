package rislive

import (
	"context"
	"hash/maphash"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// handleFrame processes a frame that link n brought. It does not keep the frame's data. The error
// is final.
func (m *merger) handleFrame(ctx context.Context, n int, frame []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.links[n]
	if c == nil {
		return nil
	}
	c.frames++
	m.frames++
	m.at, m.clock = m.now(), m.wall()
	c.alive = m.at
	if n == m.lead {
		m.metrics.leaderMessages.Inc()
		m.metrics.leaderBytes.Add(float64(len(frame)))
		return m.leaderFrame(ctx, c, frame)
	}
	m.metrics.followerMessages.Inc()
	m.metrics.followerBytes.Add(float64(len(frame)))
	return m.followerFrame(ctx, c, frame)
}

// leaderFrame writes the message of a frame that c, the leader, brought. mu is held.
func (m *merger) leaderFrame(ctx context.Context, c *connection, frame []byte) error {
	if err := m.dec.Decode(frame, &m.msg); err != nil {
		m.matchUndecodable(c, frame)
		return m.undecodable(ctx, c, frame, err)
	}
	if m.msg.Collector == "" {
		return m.controlFrame(ctx, c, frame)
	}
	first := !c.delivers
	c.noteTimestamp(m.msg.Timestamp, m.clock, m.cfg.Hold)
	if first {
		if err := m.resumeAll(ctx); err != nil {
			return err
		}
	}
	f := m.feeds[m.msg.Collector]
	// the collector is no longer followed, or is followed again and not subscribed to yet
	if f == nil || f.sides[c.n].state == unsubscribed {
		m.countSkipped(skipForeign)
		return nil
	}
	if err := m.confirm(ctx, c, f); err != nil {
		return err
	}
	if m.matchLeader(c, f, m.key(f, m.msg.ID, frame), len(m.msg.ID) > 0) {
		m.countSkipped(skipTwice)
		return nil
	}
	s := &f.sides[c.n]
	return m.writeMessage(ctx, f, c.n, frame,
		s.awaited.oldest() != nil || m.beyondMemory(s, m.msg.Timestamp) ||
			m.beforeSubscription(s, m.msg.Timestamp))
}

// matchLeader records that c, the leader, has brought a message, and reports whether it was written
// already. It removes the same message from the follower's buffer. mu is held.
func (m *merger) matchLeader(c *connection, f *feed, key uint64, hasID bool) bool {
	s := &f.sides[c.n]
	s.frameAt = c.alive
	if s.takeAwaited(key, m.frames) {
		s.overlaps, c.overlap = true, c.alive
		return true
	}
	if hasID && s.recent.repeats(key) {
		return true
	}
	s.recent.note(key)
	s.matched = m.frames
	if m.cfg.Connections == 1 {
		return false
	}
	o, other := &f.sides[1-c.n], m.links[1-c.n]
	e, ok := o.buffer.match(key, &m.pools[1-c.n])
	if !ok {
		o.addAwaited(key, c.alive, m.maxAwaited)
		return false
	}
	o.matched = max(o.matched, e.v.frame)
	// a message from before a skipped one shows no overlap
	if other != nil && o.state == subscribed && e.at >= o.completeSince {
		o.overlaps, other.overlap = true, c.alive
	}
	return false
}

// matchUndecodable calls matchLeader for a message that cannot be decoded, if its head can be read:
// the follower will bring it as well. mu is held.
func (m *merger) matchUndecodable(c *connection, frame []byte) {
	var h wire.RISLiveHead
	if f := m.scanHead(frame, &h); f != nil && f.sides[c.n].state != unsubscribed {
		m.matchLeader(c, f, m.key(f, h.ID, frame), len(h.ID) > 0)
	}
}

// followerFrame buffers a frame that c, the follower, brought, if the leader has not brought its
// message. mu is held.
func (m *merger) followerFrame(ctx context.Context, c *connection, frame []byte) error {
	var h wire.RISLiveHead
	f := m.scanHead(frame, &h)
	if h.Host == nil { // rare: decode the whole frame
		if err := m.dec.Decode(frame, &m.msg); err != nil {
			return m.undecodable(ctx, c, frame, err)
		}
		if m.msg.Collector == "" {
			return m.controlFrame(ctx, c, frame)
		}
		h.Timestamp, h.ID = m.msg.Timestamp, m.msg.ID
		f = m.feeds[m.msg.Collector]
	}
	c.noteTimestamp(h.Timestamp, m.clock, m.cfg.Hold)
	if f == nil || f.sides[c.n].state == unsubscribed {
		m.countSkipped(skipForeign)
		return nil
	}
	if err := m.confirm(ctx, c, f); err != nil {
		return err
	}
	m.bufferFrame(c, f, m.key(f, h.ID, frame), bufferedFrame{
		data: frame, frame: m.frames, stamp: h.Timestamp, hasID: len(h.ID) > 0,
	})
	return nil
}

// bufferFrame buffers a message that c, the follower, has brought, unless it was written. A message
// whose hash may have been forgotten is buffered without its data: it may have been written, so it
// is never written from the buffer. If the leader does not bring it, it is missing. mu is held.
func (m *merger) bufferFrame(c *connection, f *feed, key uint64, h bufferedFrame) {
	s := &f.sides[c.n]
	s.frameAt = c.alive
	if s.takeAwaited(key, m.frames) {
		s.overlaps, c.overlap = true, c.alive
		return
	}
	old, known := m.beforeSubscription(s, h.stamp), s.buffer.find(key)
	forgot := m.beyondMemory(s, h.stamp) || old && s.recent.mayHaveForgotten()
	switch {
	case h.hasID && (known == nil || known.v.data != nil) && s.recent.repeats(key):
		m.countSkipped(skipTwice)
		return
	case !h.hasID && (forgot || old): // a message without an id cannot be identified
		s.restartOverlap(c.alive)
		m.countSkipped(skipLate)
		return
	case forgot:
		h.data = nil
	}
	s.recent.note(key)
	s.buffer.push(key, c.alive, h, &m.pools[c.n])
	m.evict(c.n)
}

// evict evicts data of link n's frames until at most HoldBytes are buffered. It takes the oldest
// data of the collector that has most. The leader may still bring those messages. mu is held.
func (m *merger) evict(n int) {
	for m.pools[n].bytes > m.cfg.HoldBytes {
		var most *feed
		for _, f := range m.feeds {
			if most == nil || f.sides[n].buffer.bytes > most.sides[n].buffer.bytes {
				most = f
			}
		}
		h := &most.sides[n].buffer
		if h.evict(&m.pools[n]) {
			continue
		}
		most.addUnwritten(&h.oldest().v, m.now(), "more is missing than can be remembered")
		h.drop(&m.pools[n])
		m.countSkipped(skipExpired)
	}
}

// scanHead reads a frame's head and returns its feed, or nil if the collector is not followed.
// h.Host is nil if the head can only be read by decoding the frame. mu is held.
func (m *merger) scanHead(frame []byte, h *wire.RISLiveHead) *feed {
	if !wire.ScanRISLive(frame, h) {
		h.Host = nil
		return nil
	}
	if f, ok := m.hosts[string(h.Host)]; ok {
		return f
	}
	name, err := canonical(string(h.Host))
	if err != nil {
		h.Host = nil // the decoder reports the fault
		return nil
	}
	if len(m.hosts) >= maxSpellings {
		clear(m.hosts)
	}
	f := m.feeds[name]
	m.hosts[string(h.Host)] = f
	return f
}

// key returns the hash of a message: of host and id or, without an id, of the frame. It is the same
// for both connections.
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
