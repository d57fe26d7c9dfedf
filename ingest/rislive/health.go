package rislive

import (
	"context"
	"fmt"
	"time"
)

// period is the time between two calls of checkHealth.
func (c *Config) period() time.Duration { return max(c.SwitchAfter/5, time.Millisecond) }

// checkHealth is called once a period. It replaces a leader that is late or incomplete, ends
// connections that are silent or late, and forgets messages that are older than Config.Hold.
func (m *merger) checkHealth(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.allowStandstill(now)
	m.skew.adjust(m.wall().Round(0).Sub(m.start.Round(0)) - now)
	for _, c := range m.links {
		if c != nil && c.currentDelay >= 0 {
			c.periodDelay, c.currentDelay = c.currentDelay, -1
			m.skew.observe(c.periodDelay, m.cfg.period()/100) // a clock drifts a thousand times less
		}
	}
	if err := m.replaceLate(ctx, now); err != nil {
		return err
	}
	if err := m.replaceIncomplete(ctx, now); err != nil {
		return err
	}
	for _, c := range m.links {
		if c != nil {
			m.dropUseless(c, now)
		}
	}
	// After a standstill m.forgotten rises slowly: messages that seem missing may still wait in a
	// socket.
	m.forgotten = min(now-m.cfg.Hold, m.forgotten+4*m.cfg.period())
	for _, f := range m.feeds {
		if err := m.expire(ctx, f, now); err != nil {
			return err
		}
		if err := m.dropEnded(f, f.expire(ctx, now-m.cfg.StaleTimeout)); err != nil {
			return err
		}
		f.stream.SetMissingSince(m.uncertainSince(f, now))
	}
	m.metrics.held.Set(float64(m.pools[0].bytes + m.pools[1].bytes))
	return nil
}

// allowStandstill does not count a standstill of this process as silence of the connections. mu is
// held.
func (m *merger) allowStandstill(now time.Duration) {
	stood := m.still.check(now, m.cfg.period(), m.cfg.SwitchAfter)
	if stood == 0 {
		return
	}
	for _, c := range m.links {
		if c != nil {
			c.alive, c.heard = min(now, c.alive+stood), min(now, c.heard+stood)
		}
	}
}

// replaceLate makes the follower the leader if the leader is more than SwitchAfter behind it. As
// long as no message shows that the two overlap, a leader that is late but not silent may be
// LagLimit behind: the next messages may show an overlap. mu is held.
func (m *merger) replaceLate(ctx context.Context, now time.Duration) error {
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
	m.log.Info("the other connection to RIS Live leads from now on", "address", lead.origin,
		"behind", behind.Round(time.Millisecond).String())
	err := m.setLeader(ctx, other.n,
		fmt.Sprintf("the leading connection was %v behind, and the other connection did not overlap",
			behind.Round(time.Millisecond)))
	m.roles()
	return err
}

// dropUseless ends a connection that is silent or late. mu is held.
func (m *merger) dropUseless(c *connection, now time.Duration) {
	lag := c.lag(now, m.cfg.period())
	// both may be late because of ingest's clock; a new connection would be as late
	if m.cfg.Connections > 1 {
		lag -= m.skew.ahead
	}
	switch {
	case now-c.alive > m.cfg.SilentTimeout:
		c.drop(fmt.Sprintf("no data and no pong for %v", m.cfg.SilentTimeout))
	case m.subscribesAny(c.n) && now-c.heard > m.cfg.SilentTimeout:
		c.drop(fmt.Sprintf("no message of a collector for %v", m.cfg.SilentTimeout))
	case lag > m.cfg.LagLimit && (c.n != m.lead || m.cfg.Connections == 1) && m.subscribesAny(c.n):
		c.drop(fmt.Sprintf("its messages are %v late", lag.Round(time.Second)))
	}
}
