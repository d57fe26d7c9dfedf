package rislive

import (
	"context"
	"fmt"
	"time"
)

// overdueAfter returns how much later than one connection the other may bring a message. A leader
// whose messages are all late is replaced earlier (replaceLate).
func (c *Config) overdueAfter() time.Duration { return 2 * c.SwitchAfter }

// overdue classifies the messages of a collector that the follower brought more than overdueAfter
// ago and the leader has not brought. The service has many servers: a sound connection may miss one
// collector or one message.
type overdue uint8

// The values, the worst last.
const (
	overdueNone overdue = iota
	overdueSome         // the leader left out a message
	overdueAll          // the leader has brought no message since
)

func (o overdue) String() string {
	switch o {
	case overdueNone:
		return "none"
	case overdueSome:
		return "some"
	case overdueAll:
		return "all"
	}
	return "unknown"
}

// leaderOverdue returns the overdue value of the leader for a collector. It drops overdue messages
// that lie in the last gap: the gap's answer brings them. mu is held.
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

// uncertainSince returns the timestamp, microseconds, from which messages of a collector may be
// missing without being in a gap. It returns 0 if there are none. mu is held.
func (m *merger) uncertainSince(f *feed, now time.Duration) int64 {
	since := f.missingFrom
	uncertain := func(t int64) {
		if since == 0 || t < since {
			since = t
		}
	}
	if f.state != feedUp && f.last != 0 {
		uncertain(f.last)
	}
	for n := range f.sides {
		if e := f.sides[n].buffer.oldest(); e != nil && e.v.hasID {
			uncertain(e.v.stamp)
		}
	}
	// a silent leader may have missed messages of every collector since its last message
	if lead := m.leader(); lead != nil && now-lead.heard > m.cfg.SwitchAfter {
		uncertain(m.start.Add(lead.heard + m.skew.clockSteps - m.skew.ahead - m.cfg.SwitchAfter).UnixMicro())
	}
	return since
}

// followerOverdue reports whether a written message of a collector is overdue at the follower. mu
// is held.
func (m *merger) followerOverdue(f *feed, now time.Duration) bool {
	s := &f.sides[1-m.lead]
	e := s.awaited.oldest()
	return e != nil && now-e.at > m.cfg.overdueAfter() && s.subscribedSince(e.at-m.cfg.SwitchAfter)
}

// replaceIncomplete makes the follower the leader if the leader has a message overdue. It does not
// if another collector would lose messages by the change. A buffered message is then missing only
// if it comes too late for its peer. If the leader brings nothing of a collector, its connection is
// ended. mu is held.
func (m *merger) replaceIncomplete(ctx context.Context, now time.Duration) error {
	lead, other := m.leader(), m.follower()
	if other == nil || !lead.delivers || !other.delivers || now-m.still.ended < m.cfg.overdueAfter() {
		return nil
	}
	most, host := overdueNone, ""
	for _, f := range m.feeds {
		late := m.leaderOverdue(f, now)
		if late != overdueAll && f.state == feedUp &&
			(!m.overlapping(f, other, m.leaderLag()) || m.followerOverdue(f, now)) {
			return nil
		}
		if late > most || late == most && late > overdueNone && f.host > host {
			most, host = late, f.host
		}
	}
	if most == overdueNone {
		return nil
	}
	why := fmt.Sprintf("the connection that led brings nothing of %s, the other one does", host)
	if most == overdueSome {
		why = fmt.Sprintf("the connection that led left out a message of %s that the other one brought", host)
	}
	m.log.Info("the other connection to RIS Live leads from now on", "address", lead.origin, "why", why)
	err := m.setLeader(ctx, other.n, why)
	m.roles()
	if most == overdueAll {
		lead.drop(why)
	}
	return err
}

// expire forgets the messages that one connection alone brought before m.forgotten: the other one
// will not bring them any more. Those that the leader did not bring are missing. The connection of
// a follower that brings nothing of a collector is ended. mu is held.
func (m *merger) expire(ctx context.Context, f *feed, now time.Duration) error {
	for n := range f.sides {
		s, c := &f.sides[n], m.links[n]
		for e := s.buffer.oldest(); e != nil && e.at < m.forgotten; e = s.buffer.oldest() {
			f.addUnwritten(&e.v, now, "the leading connection left out a message that the other brought")
			s.buffer.drop(&m.pools[n])
			m.countSkipped(skipExpired)
		}
		if s.state == subscribed && s.subscribedAt < m.forgotten {
			s.recent.endRepetition()
		}
		var last time.Duration // when the last of the forgotten messages was written
		for e := s.awaited.oldest(); e != nil && e.at < m.forgotten; e = s.awaited.oldest() {
			last = e.at
			s.awaited.dropOldest()
		}
		if last > 0 && c != nil && n != m.lead && s.subscribedSince(last-m.cfg.SwitchAfter) && s.frameAt < last {
			s.restartOverlap(now)
			c.drop(fmt.Sprintf("the connection brings nothing of %s, the other one does", f.host))
		}
	}
	return m.resume(ctx, f)
}
