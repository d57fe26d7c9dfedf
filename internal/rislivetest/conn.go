package rislivetest

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Conn is a client's connection.
type Conn struct {
	s   *Server
	ws  *websocket.Conn
	tcp net.Conn
	key int // distinguishes connections for the skew
	// deflate is set if frames are compressed.
	deflate bool

	mu      sync.Mutex // guards the fields below
	wake    chan struct{}
	subs    []*filter
	raw     bool
	queues  map[string][]entry // by collector; "" holds answers
	bytes   int
	since   time.Time // when the client first was too far behind
	lag     time.Duration
	faults  []Fault
	later   Fault
	cutRaw  int            // number of next messages with a cut raw
	omit    map[string]int // number of next messages to omit, by host
	closing bool
}

// entry is a text to write at a time.
type entry struct {
	due  time.Time
	data []byte
}

func newConn(s *Server, ws *websocket.Conn, tcp net.Conn) *Conn {
	return &Conn{
		s: s, ws: ws, tcp: tcp, wake: make(chan struct{}, 1), queues: map[string][]entry{},
		omit: map[string]int{}, key: s.Accepted(),
	}
}

// Subscriptions returns the number of its subscriptions.
func (c *Conn) Subscriptions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs)
}

// Lag delays messages from now on by d.
func (c *Conn) Lag(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lag = d
}

// LeaveOut silently omits the next n messages of a host on this connection; all of them if n is
// negative.
func (c *Conn) LeaveOut(host string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.omit[host] = n
}

// Break breaks the connection with a fault. The writer does it, between two messages or within one.
func (c *Conn) Break(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f)
	c.signal()
}

// signal wakes the writer. The caller holds mu.
func (c *Conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// push queues a message if a subscription matches it.
func (c *Conn) push(m *message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || !slices.ContainsFunc(c.subs, func(f *filter) bool { return f.matches(m) }) {
		return
	}
	if n := c.omit[m.host]; n != 0 {
		c.omit[m.host] = max(n-1, -1)
		return
	}
	data := m.plain
	switch {
	case c.raw && c.cutRaw > 0 && m.typ == "UPDATE":
		c.cutRaw--
		data = m.cut
	case c.raw:
		data = m.withRaw
	}
	c.queue(m.host, entry{time.Now().Add(c.lag + c.skew(m.host)), data})
}

// queue appends an entry, and breaks the connection if the client is too slow. The caller holds mu.
func (c *Conn) queue(host string, e entry) {
	c.queues[host] = append(c.queues[host], e)
	c.bytes += len(e.data)
	switch over := c.bytes > c.s.o.BehindBytes; {
	case !over:
		c.since = time.Time{}
	case c.since.IsZero():
		c.since = time.Now()
	case time.Since(c.since) > c.s.o.BehindFor && c.lag == 0:
		c.faults = append(c.faults, SlowConsumer)
		// The writer may be blocked in a write. At worst the deadline closes the connection.
		_ = c.tcp.SetWriteDeadline(time.Now().Add(c.s.o.BehindFor))
	}
	c.signal()
}

// skew returns the delay of a collector's messages on this connection.
func (c *Conn) skew(host string) time.Duration {
	if c.s.o.Skew == 0 {
		return 0
	}
	return time.Duration(maphash.String(c.s.seed, fmt.Sprint(c.key, host)) % uint64(c.s.o.Skew))
}

// answer queues an answer to a command.
func (c *Conn) answer(typ string, data any) {
	b, err := json.Marshal(map[string]any{"type": typ, "data": data})
	if err != nil {
		panic(err) // our own
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue("", entry{time.Now(), b})
}

// read serves commands until the connection ends.
func (c *Conn) read(ctx context.Context) {
	for {
		_, b, err := c.ws.Read(ctx)
		if err != nil {
			return
		}
		var command struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(b, &command); err != nil {
			c.answer("ris_error", map[string]any{"message": "Invalid JSON: " + err.Error()})
			continue
		}
		c.command(command.Type, command.Data)
	}
}

func (c *Conn) command(typ string, data json.RawMessage) {
	switch typ {
	case "ris_subscribe", "ris_unsubscribe":
		f, err := parseFilter(data)
		if err != nil {
			c.answer("ris_error", map[string]any{"message": err.Error(), "command_type": typ})
			return
		}
		if typ == "ris_unsubscribe" {
			c.mu.Lock()
			c.subs = slices.DeleteFunc(c.subs, f.same)
			c.mu.Unlock()
			return
		}
		c.subscribe(f)
	case "request_rrc_list":
		c.answer("ris_rrc_list", c.s.o.Collectors)
	case "ping":
		c.answer("pong", nil)
	default:
		c.answer("ris_error", map[string]any{"message": "Unknown command type", "command_type": typ})
	}
}

// subscribe adds a subscription. It is acknowledged before its first message.
func (c *Conn) subscribe(f *filter) {
	if f.Options != nil && f.Options.Acknowledge {
		c.answer("ris_subscribe_ok", map[string]any{"subscription": f, "socketOptions": f.Options})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Options != nil {
		c.raw = f.Options.IncludeRaw
	}
	if !slices.ContainsFunc(c.subs, f.same) {
		c.subs = append(c.subs, f)
	}
	if c.later != 0 {
		c.faults, c.later = append(c.faults, c.later), 0
		c.signal()
	}
}

// write writes due entries until the connection breaks.
func (c *Conn) write(ctx context.Context) {
	for ctx.Err() == nil {
		data, fault, wait := c.next()
		switch {
		case fault != 0:
			if !c.fail(ctx, fault) {
				return
			}
		case data != nil:
			if c.ws.Write(ctx, websocket.MessageText, data) != nil {
				return
			}
		default:
			t := time.NewTimer(wait)
			select {
			case <-ctx.Done():
			case <-c.wake:
			case <-t.C:
			}
			t.Stop()
			c.mu.Lock()
			closing := c.closing
			c.mu.Unlock()
			if closing {
				return
			}
		}
	}
}

// next returns the entry to write or the fault to apply now, or the time to wait.
func (c *Conn) next() ([]byte, Fault, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) > 0 {
		f := c.faults[0]
		c.faults = c.faults[1:]
		return nil, f, 0
	}
	var first string
	var due time.Time
	for host, q := range c.queues {
		if len(q) > 0 && (due.IsZero() || q[0].due.Before(due)) {
			first, due = host, q[0].due
		}
	}
	if due.IsZero() {
		return nil, 0, time.Minute
	}
	if wait := time.Until(due); wait > 0 {
		return nil, 0, wait
	}
	q := c.queues[first]
	data := q[0].data
	q[0] = entry{}
	c.queues[first] = q[1:]
	c.bytes -= len(data)
	return data, 0, 0
}

// cut ends the TCP connection. The client sees code 1006.
func (c *Conn) cut() {
	c.mu.Lock()
	c.closing = true
	c.signal()
	c.mu.Unlock()
	_ = c.tcp.Close()
	_ = c.ws.CloseNow() // fails: the connection is broken
}
