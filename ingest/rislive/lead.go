package rislive

import (
	"context"
	"time"
)

// setLeader makes link n the leader or, if it is not connected, leaves no leader. The frames that n
// has buffered are written where its stream continues the present leader's. Elsewhere the collector
// is suspended, with the reason why, and the frames are discarded. mu is held.
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

// discard empties the buffer of link n. Its messages are missing, but for those without an id. mu
// is held.
func (m *merger) discard(f *feed, n int, why string) {
	h := &f.sides[n].buffer
	for e := h.oldest(); e != nil; e = h.oldest() {
		if e.v.hasID {
			f.addMissing(e.v.stamp, m.now(), why)
		}
		h.drop(&m.pools[n])
	}
}

// overlapping reports whether the frames of c, the follower, continue the leader's stream of a
// collector without a hole. late is the leader's lag. They do if a message of the collector came on
// both connections. A quiet collector is taken to overlap if a message of any collector came on
// both more than SwitchAfter after the subscription, and the leader has nothing overdue. mu is
// held.
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
			f.sides[1-n].addAhead(e.key, m.now(), m.maxAhead)
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

// resume begins the gap of a collector that is suspended or down, and takes it up, if the leader is
// subscribed to it and has brought a message of any collector. mu is held.
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
