package rislive

import (
	"context"
	"fmt"
	"time"
)

// period is the time between two judgements.
func (c *Config) period() time.Duration { return max(c.SwitchAfter/5, time.Millisecond) }

// lag is how late a connection's messages are, at least; silence counts.
func (c *connection) lag(now, period time.Duration) time.Duration {
	return c.delay + max(0, now-c.heard-period)
}

// leaderLag is the leader's. mu is held.
func (m *merger) leaderLag() time.Duration {
	lead := m.leader()
	if lead == nil {
		return 0
	}
	return lead.lag(m.now(), m.cfg.period())
}

// checkHealth looks at the connections once a period: who leads, who is left; and forgets what is old.
func (m *merger) checkHealth(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.forgive(now)
	m.resetClock(now)
	for _, c := range m.links {
		if c != nil && c.least >= 0 {
			c.delay, c.least = c.least, -1
			m.reckon(c.delay)
		}
	}
	if err := m.switchLead(ctx, now); err != nil {
		return err
	}
	if err := m.replaceLead(ctx, now); err != nil {
		return err
	}
	for _, c := range m.links {
		if c != nil {
			m.dropUseless(c, now)
		}
	}
	// After a standstill that catches up by and by: what seems to be missing may wait in a socket.
	m.forgotten = min(now-m.cfg.Hold, m.forgotten+4*m.cfg.period())
	for _, f := range m.feeds {
		if err := m.expire(ctx, f, now); err != nil {
			return err
		}
		if err := m.check(f, f.expire(ctx, now-m.cfg.StaleTimeout)); err != nil {
			return err
		}
		f.stream.Owes(m.owedSince(f, now))
	}
	m.metrics.held.Set(float64(m.pools[0].bytes + m.pools[1].bytes))
	return nil
}

// resetClock notes by how much our clock was set forward: all messages seem to come that much later
// from then on. If the machine slept instead, the next message that is not late shows it. A clock that
// was set back shows in the same way. mu is held.
func (m *merger) resetClock(now time.Duration) {
	set := m.wall().Round(0).Sub(m.start.Round(0)) - now
	m.skew += max(0, set-m.set)
	m.set = set
}

// reckon takes a period's least delay into account. The clock's drift is a thousand times less than is allowed for. mu is held.
func (m *merger) reckon(delay time.Duration) {
	if m.skew = min(m.skew+m.cfg.period()/100, delay); !m.reckoned {
		m.skew, m.reckoned = delay, true
	}
}

// forgive does not hold it against the connections that this process stood still. mu is held.
func (m *merger) forgive(now time.Duration) {
	stood := now - m.judged - m.cfg.period()
	m.judged = now
	if stood < m.cfg.period() {
		return
	}
	if stood > m.cfg.SwitchAfter {
		m.stood = now
	}
	for _, c := range m.links {
		if c != nil {
			c.alive, c.heard = min(now, c.alive+stood), min(now, c.heard+stood)
		}
	}
}

// switchLead gives the lead to the follower where the leader is behind it. A leader that is late and not known to overlap with the
// follower keeps it for a while: what it brings soon may show that. mu is held.
func (m *merger) switchLead(ctx context.Context, now time.Duration) error {
	lead, other := m.leader(), m.follower()
	if other == nil || !other.delivers {
		return nil
	}
	period := m.cfg.period()
	behind := lead.lag(now, period) - other.lag(now, period)
	silent := now-lead.heard > m.cfg.SwitchAfter
	if behind <= m.cfg.SwitchAfter || !silent && other.overlap == 0 && behind <= m.cfg.LagLimit {
		return nil
	}
	m.log.Info("the other connection to RIS Live leads from now on", "address", lead.origin, "behind", behind.Round(time.Millisecond).String())
	err := m.follow(ctx, other.n, fmt.Sprintf("the leading connection was %v behind, the other too young", behind.Round(time.Millisecond)))
	m.roles()
	return err
}

// dropUseless leaves a connection that is of no use. mu is held.
func (m *merger) dropUseless(c *connection, now time.Duration) {
	lag := c.lag(now, m.cfg.period())
	if m.cfg.Connections > 1 { // what both are late may be our clock's fault, and a new one would be as late
		lag -= m.skew
	}
	switch {
	case now-c.alive > m.cfg.SilentTimeout:
		c.drop(fmt.Sprintf("nothing came for %v, not even the answer to a ping", m.cfg.SilentTimeout))
	case m.asked(c.n) && now-c.heard > m.cfg.SilentTimeout:
		c.drop(fmt.Sprintf("no message came for %v", m.cfg.SilentTimeout))
	case lag > m.cfg.LagLimit && (c.n != m.lead || m.cfg.Connections == 1) && m.asked(c.n):
		c.drop(fmt.Sprintf("its messages are %v late", lag.Round(time.Second)))
	}
}

// asked reports whether a link has subscribed to anything. mu is held.
func (m *merger) asked(n int) bool {
	for _, f := range m.feeds {
		if f.sides[n].state != unsubscribed {
			return true
		}
	}
	return false
}

// ask returns the hosts that link n has yet to subscribe to, and notes that it does; all are those that it may have.
func (m *merger) ask(n int) (hosts []string, all map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all = map[string]bool{}
	c := m.links[n]
	if c != nil && !m.asked(n) {
		c.heard = m.now() // nothing could come before
	}
	for _, f := range m.feeds {
		all[f.host] = true
		if c != nil && f.sides[n].subscribe() {
			hosts = append(hosts, f.host)
		}
	}
	return hosts, all
}
