package rislive

import (
	"context"
	"encoding/json"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// subscribesAny reports whether link n has sent a subscription. mu is held.
func (m *merger) subscribesAny(n int) bool {
	for _, f := range m.feeds {
		if f.sides[n].state != unsubscribed {
			return true
		}
	}
	return false
}

// ask returns the hosts to which link n must subscribe now, and marks them as requested. all are
// the hosts to which it may be subscribed.
func (m *merger) ask(n int) (hosts []string, all map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all = map[string]bool{}
	c := m.links[n]
	if c != nil && !m.subscribesAny(n) {
		c.heard = m.now() // no message could come before
	}
	for _, f := range m.feeds {
		all[f.host] = true
		if c != nil && f.sides[n].subscribe() {
			hosts = append(hosts, f.host)
		}
	}
	return hosts, all
}

// confirm records that a collector's messages come on c from now on. mu is held.
func (m *merger) confirm(ctx context.Context, c *connection, f *feed) error {
	f.sides[c.n].confirm(c.alive)
	return m.resume(ctx, f)
}

// controlFrame processes a frame that is not a message of a collector. mu is held.
func (m *merger) controlFrame(ctx context.Context, c *connection, frame []byte) error {
	switch m.msg.Kind {
	case wire.RISError:
		m.limited.Warn("RIS Live reported an error", "address", c.origin, "message", short(m.msg.Text))
	case wire.RISSubscribeOK:
		var ack struct {
			Data struct {
				Subscription struct {
					Host string `json:"host"`
				} `json:"subscription"`
			} `json:"data"`
		}
		if err := json.Unmarshal(frame, &ack); err != nil {
			return nil //nolint:nilerr // the collector's first message confirms as well
		}
		name, err := canonical(ack.Data.Subscription.Host)
		if err != nil {
			return nil //nolint:nilerr // the collector's first message confirms as well
		}
		if f := m.feeds[name]; f != nil && f.sides[c.n].state != unsubscribed {
			return m.confirm(ctx, c, f)
		}
	case wire.RISPong, wire.RISRRCList:
	default:
		m.countSkipped(skipOther)
	}
	return nil
}
