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

// ask returns the hosts that link n has to subscribe to now, and notes that it does. all are the hosts
// that it may be subscribed to.
func (m *merger) ask(n int) (hosts []string, all map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all = map[string]bool{}
	c := m.links[n]
	if c != nil && !m.subscribesAny(n) {
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

// confirm notes that a collector's messages come on c from now on. mu is held.
func (m *merger) confirm(ctx context.Context, c *connection, f *feed) error {
	f.sides[c.n].confirm(c.alive)
	return m.resume(ctx, f)
}

// controlFrame takes a frame that is no message of a collector. mu is held.
func (m *merger) controlFrame(ctx context.Context, c *connection, frame []byte) error {
	switch m.msg.Kind {
	case wire.RISError:
		m.limited.Warn("RIS Live says that something is wrong", "address", c.origin, "message", short(m.msg.Text))
	case wire.RISSubscribeOK:
		var ack struct {
			Data struct {
				Subscription struct {
					Host string `json:"host"`
				} `json:"subscription"`
			} `json:"data"`
		}
		if err := json.Unmarshal(frame, &ack); err != nil {
			return nil //nolint:nilerr // its first message will do
		}
		name, err := canonical(ack.Data.Subscription.Host)
		if err != nil {
			return nil //nolint:nilerr // its first message will do
		}
		if f := m.feeds[name]; f != nil && f.sides[c.n].state != unsubscribed {
			return m.confirm(ctx, c, f)
		}
	case wire.RISPong, wire.RISRRCList:
	default:
		m.countPassed(passedOther)
	}
	return nil
}
