package rislive

import (
	"context"
	"fmt"
	"time"
)

// A connection may be sound and yet lack one collector, or a message: the service has many servers. What the other one brings shows it.

// debtLimit is how long a connection may owe what the other one has brought; by then a leader that is late as a whole is replaced for
// that.
func (c *Config) overdueAfter() time.Duration { return 2 * c.SwitchAfter }

// debt is what the leader has owed of a collector for longer than debtLimit.
type overdue uint8

const (
	overdueNone overdue = iota
	overdueSome         // it left something out
	overdueAll          // it brings nothing since then
)

// leaderOwes tells what the leader owes of a collector. What lies in a gap is forgotten: what answers that brings it. mu is held.
func (m *merger) leaderOverdue(f *feed, now time.Duration) overdue {
	lead, to := m.leader(), &f.sides[m.lead]
	h := &f.sides[1-m.lead].buffer
	for e := h.oldest(); e != nil && now-max(e.at, lead.since) > m.cfg.overdueAfter(); e = h.oldest() {
		switch {
		case f.state != feedUp && to.state == unsubscribed:
			return overdueNone
		case to.frameAt < e.at:
			return overdueAll
		case f.state != feedUp || !e.v.hasID:
			return overdueNone
		case !f.inGap(e.v.stamp):
			return overdueSome
		}
		h.drop(&m.pools[1-m.lead])
	}
	return overdueNone
}

// owedSince is from when on what a collector said may be missing, though nothing is known to be; 0 where all is sound. mu is held.
func (m *merger) uncertainSince(f *feed, now time.Duration) int64 {
	since := f.missingFrom
	owe := func(t int64) {
		if since == 0 || t < since {
			since = t
		}
	}
	if f.state != feedUp && f.last != 0 {
		owe(f.last)
	}
	for n := range f.sides {
		if e := f.sides[n].buffer.oldest(); e != nil && e.v.hasID {
			owe(e.v.stamp)
		}
	}
	if lead := m.leader(); lead != nil && now-lead.heard > m.cfg.SwitchAfter { // whatever is said waits somewhere
		owe(m.start.Add(lead.heard + m.skew.set - m.skew.ahead - m.cfg.SwitchAfter).UnixMicro())
	}
	return since
}

// followerOwes tells whether the follower owes anything of a collector. mu is held.
func (m *merger) followerOverdue(f *feed, now time.Duration) bool {
	s := &f.sides[1-m.lead]
	e := s.ahead.oldest()
	return e != nil && now-e.at > m.cfg.overdueAfter() && s.subscribedSince(e.at-m.cfg.SwitchAfter)
}

// replaceLead gives the lead to the follower where the leader owes something, unless another collector would suffer: what the follower
// holds goes out, and nothing is missing but what came too late for its peer. A leader that brings nothing of a collector is left. mu is
// held.
func (m *merger) replaceIncomplete(ctx context.Context, now time.Duration) error {
	lead, other := m.leader(), m.follower()
	if other == nil || !lead.delivers || !other.delivers || now-m.still.ended < m.cfg.overdueAfter() {
		return nil
	}
	most, host := overdueNone, ""
	for _, f := range m.feeds {
		owes := m.leaderOverdue(f, now)
		if owes != overdueAll && f.state == feedUp && (!m.overlapping(f, other, m.leaderLag()) || m.followerOverdue(f, now)) {
			return nil
		}
		if owes > most || owes == most && owes > overdueNone && f.host > host {
			most, host = owes, f.host
		}
	}
	if most == overdueNone {
		return nil
	}
	why := fmt.Sprintf("it brings nothing of %s, the other connection does", host)
	if most == overdueSome {
		why = fmt.Sprintf("it left out a message of %s that the other connection brought", host)
	}
	m.log.Info("the other connection to RIS Live leads from now on", "address", lead.origin, "why", why)
	err := m.setLeader(ctx, other.n, why)
	m.roles()
	if most == overdueAll {
		lead.drop(why)
	}
	return err
}

// expire forgets what one connection alone brought before forgotten, which the other one will not bring any more: what the leader did not
// bring is missing. A follower that brings nothing of a collector is of no use to it: its connection is left. mu is held.
func (m *merger) expire(ctx context.Context, f *feed, now time.Duration) error {
	for n := range f.sides {
		s, c := &f.sides[n], m.links[n]
		for e := s.buffer.oldest(); e != nil && e.at < m.forgotten; e = s.buffer.oldest() {
			if e.v.hasID {
				f.addMissing(e.v.stamp, now, "the leading connection left out a message that the other brought")
			}
			s.buffer.drop(&m.pools[n])
			m.countPassed(passedExpired)
		}
		if s.state == subscribed && s.subscribedAt < m.forgotten {
			s.recent.settle()
		}
		var lacking time.Duration // when the last was said that it has not brought
		for e := s.ahead.oldest(); e != nil && e.at < m.forgotten; e = s.ahead.oldest() {
			lacking = e.at
			s.ahead.dropOldest()
		}
		if lacking > 0 && c != nil && n != m.lead && s.subscribedSince(lacking-m.cfg.SwitchAfter) && s.frameAt < lacking {
			s.restartOverlap(now)
			c.drop(fmt.Sprintf("it brings nothing of %s, the other connection does", f.host))
		}
	}
	return m.resume(ctx, f)
}
