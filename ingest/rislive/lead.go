package rislive

import (
	"context"
	"time"
)

// follow gives the lead to a link, if it is connected: what it has brought and was not said goes out. mu is held.
func (m *merger) setLeader(ctx context.Context, n int, why string) error {
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
			if err := m.writeBuffer(ctx, f, n); err != nil {
				return err
			}
			continue
		default: // nobody follows it, or the two are not known to overlap
			f.suspend(now, why)
		}
		m.discard(f, n, why)
	}
	return m.resumeAll(ctx)
}

// giveUp forgets what the follower holds: what was not said is missing. mu is held.
func (m *merger) discard(f *feed, n int, why string) {
	h := &f.sides[n].buffer
	for e := h.oldest(); e != nil; e = h.oldest() {
		if e.v.hasID {
			f.addMissing(e.v.stamp, m.now(), why)
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

// drain says what a link brought and the leader did not. mu is held.
func (m *merger) writeBuffer(ctx context.Context, f *feed, n int) error {
	h := &f.sides[n].buffer
	for e := h.oldest(); e != nil; e = h.oldest() {
		if m.cfg.Connections > 1 {
			f.sides[1-n].addAhead(e.key, m.now(), m.maxAhead)
		}
		if err := m.writeBuffered(ctx, f, n, e.v); err != nil {
			return err
		}
		if h.oldest() != nil { // else the feed is gone
			h.drop(&m.pools[n])
		}
	}
	return nil
}

// leaderLag is the leader's. mu is held.
func (m *merger) leaderLag() time.Duration {
	lead := m.leader()
	if lead == nil {
		return 0
	}
	return lead.lag(m.now(), m.cfg.period())
}

// resume ends the break of a collector if the leader is subscribed to it and brings messages, and does not only accept. mu is held.
func (m *merger) resume(ctx context.Context, f *feed) error {
	lead := m.leader()
	if f.state == feedUp || lead == nil || !lead.delivers || f.sides[lead.n].state != subscribed {
		return nil
	}
	return m.dropEnded(f, f.begin(ctx))
}

// resumeAll ends the breaks of all collectors. mu is held.
func (m *merger) resumeAll(ctx context.Context) error {
	for _, f := range m.feeds {
		if err := m.resume(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
