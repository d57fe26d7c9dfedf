package rislive

import (
	"context"
	"time"
)

// setLeader makes link n the leader. If n is not connected, no link leads. Per collector: if n is
// connected and the two overlap, n's buffered frames are written; else the collector is suspended
// with reason why, and the frames are dropped. mu is held.
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
		if c != nil && f.state == feedUp && m.overlapping(f, c, late) {
			if err := m.writeBuffer(ctx, f, n); err != nil {
				return err
			}
			continue
		}
		f.suspend(now, why)
		m.discard(f, n, why)
	}
	return m.resumeAll(ctx)
}

// discard empties the buffer of link n. Its messages with an id are then missing. mu is held.
func (m *merger) discard(f *feed, n int, why string) {
	h := &f.sides[n].buffer
	for e := h.oldest(); e != nil; e = h.oldest() {
		f.addUnwritten(&e.v, m.now(), why)
		h.drop(&m.pools[n])
	}
}

// overlapping reports whether the frames of c, the follower, continue the leader's stream of a
// collector without a missing message. late is the leader's lag. They do if a message of the
// collector came on both connections. For a quiet collector it is enough if a message of any
// collector came on both more than SwitchAfter after the subscription, and no buffered message of
// the quiet one is older than the lag and two periods. mu is held.
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

// writeBuffer writes the frames that link n has buffered, in their order. mu is held.
func (m *merger) writeBuffer(ctx context.Context, f *feed, n int) error {
	h := &f.sides[n].buffer
	for e := h.oldest(); e != nil; e = h.oldest() {
		if m.cfg.Connections > 1 {
			f.sides[1-n].addAwaited(e.key, m.now(), m.maxAwaited)
		}
		if err := m.writeBuffered(ctx, f, n, e.v); err != nil {
			return err
		}
		if h.oldest() != nil { // nil if writing has dropped the feed
			h.drop(&m.pools[n])
		}
	}
	return nil
}

// leaderLag returns the leader's lag, or 0 without a leader. mu is held.
func (m *merger) leaderLag() time.Duration {
	lead := m.leader()
	if lead == nil {
		return 0
	}
	return lead.lag(m.now(), m.cfg.period())
}

// resume begins the gap of a collector that is suspended or down, and sets the collector up. It
// does so if the leader is subscribed to the collector and has brought a message of any collector.
// mu is held.
func (m *merger) resume(ctx context.Context, f *feed) error {
	lead := m.leader()
	if f.state == feedUp || lead == nil || !lead.delivers || f.sides[lead.n].state != subscribed {
		return nil
	}
	return m.dropEnded(f, f.begin(ctx))
}

// resumeAll calls resume for all collectors. mu is held.
func (m *merger) resumeAll(ctx context.Context) error {
	for _, f := range m.feeds {
		if err := m.resume(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
