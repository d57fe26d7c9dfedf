package rislive

import (
	"context"
	"fmt"
	"time"
)

// A connection may be sound and yet lack one collector, or a message: the service has many servers. What the other one brings shows it.

// patience is how long the leader may owe what the follower has brought of a collector; by then a leader that is late as a whole is
// replaced for that.
func (c *Config) patience() time.Duration { return 2 * c.SwitchAfter }

// lacks tells whether the leader brings nothing of a collector of which the follower has brought something for a while. mu is held.
func (m *merger) lacks(f *feed, lead, other *connection, now time.Duration) bool {
	from, to := &f.sides[other.n], &f.sides[lead.n]
	h := from.hold.oldest()
	if h == nil || now-max(h.at, lead.since) <= m.cfg.patience() || to.brought >= h.at {
		return false
	}
	return f.broken && to.asked || !f.broken && m.overlapping(f, other)
}

// replaceLead gives the lead to the follower where the leader lacks a collector, unless another one would suffer, and leaves the
// leader's connection: what the follower holds goes out, and nothing is missing. mu is held.
func (m *merger) replaceLead(ctx context.Context, now time.Duration) error {
	if m.lead < 0 || m.links[1-m.lead] == nil || now-m.stood < m.cfg.patience() {
		return nil
	}
	lead, other := m.links[m.lead], m.links[1-m.lead]
	if !lead.spoke || !other.spoke {
		return nil
	}
	lacking := ""
	for _, f := range m.feeds {
		switch {
		case m.lacks(f, lead, other, now):
			lacking = max(lacking, f.host)
		case !f.broken && !m.overlapping(f, other):
			return nil
		}
	}
	if lacking == "" {
		return nil
	}
	why := fmt.Sprintf("it brings nothing of %s, the other connection does", lacking)
	err := m.follow(ctx, other.n, why)
	m.roles()
	lead.drop(why)
	return err
}

// expire forgets what link n brought before t and was not said, and what was said and it did not bring. A message that the leader has
// left out for so long is missing. A follower that brings nothing of a collector is of no use to it: its connection is left.
// mu is held.
func (m *merger) expire(f *feed, n int, t time.Duration) {
	s, c := &f.sides[n], m.links[n]
	leftOut := false
	for h := s.hold.oldest(); h != nil && h.at < t; h = s.hold.oldest() {
		if m.lead == 1-n && h.sure && c != nil && m.overlapping(f, c) && f.sides[m.lead].listensSince(h.at-m.cfg.SwitchAfter) {
			f.lack(h.stamp, m.now(), "the leading connection left out messages that the other brought")
			leftOut = true
		}
		s.hold.drop(&m.pools[n])
		m.pass(passedExpired)
	}
	if leftOut {
		s.partial(m.now())
	}
	if at := s.ahead.expire(t); at > 0 && c != nil && n != m.lead && s.listensSince(at-m.cfg.SwitchAfter) && s.brought < at {
		s.partial(m.now())
		c.drop(fmt.Sprintf("it brings nothing of %s, the other connection does", f.host))
	}
}

// listensSince tells whether the connection was subscribed to the collector at t.
func (s *side) listensSince(t time.Duration) bool { return s.listens && s.heard <= t }

// partial notes that some of what the connection brought was forgotten: whether it overlaps with the other has to be seen anew.
func (s *side) partial(now time.Duration) {
	s.overlaps, s.heard = false, now
}
