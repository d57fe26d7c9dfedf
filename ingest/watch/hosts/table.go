package hosts

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// least and most bound the time for which an answer is used. After least a host that did not
	// resolve is asked for again.
	least = 5 * time.Minute
	most  = time.Hour
	// Keep is the time for which the last addresses of a host are kept when it no longer resolves.
	Keep = 7 * 24 * time.Hour
	// atOnce bounds the hosts that are asked for at one time.
	atOnce = 8
)

// clamp returns the time for which an answer is used. ttl is the time that its records allow.
func clamp(ttl time.Duration) time.Duration { return min(max(ttl, least), most) }

// Host holds the last known addresses of a host. Compare it with Equal.
type Host struct {
	// Addresses are the last that DNS returned. NameServers are those of the name servers of its
	// zone. Both are sorted, and never changed.
	Addresses, NameServers []netip.Addr
	// ResolvedAt is the time at which DNS last returned addresses. Zero means never.
	ResolvedAt time.Time
	// Problem is the reason why the newest question returned no address. It is empty if it returned
	// one.
	Problem string
}

// Equal reports whether two hosts are the same, apart from the times at which they resolved.
func (h Host) Equal(o Host) bool {
	return slices.Equal(h.Addresses, o.Addresses) && slices.Equal(h.NameServers, o.NameServers) &&
		h.Problem == o.Problem
}

// with returns the host after an answer.
func (h Host) with(a Answer, now time.Time) Host {
	if len(a.NameServers) > 0 {
		h.NameServers = a.NameServers
	}
	if h.Problem = a.Problem; a.Problem == "" {
		kept := h.Addresses
		h.ResolvedAt, h.Addresses = now, a.Addresses
		for _, k := range kept {
			if k.Is4() && a.Unknown4 || k.Is6() && a.Unknown6 {
				h.Addresses = append(slices.Clip(h.Addresses), k)
			}
		}
		h.Addresses = routed(h.Addresses)
		return h
	}
	if now.Sub(h.ResolvedAt) > Keep {
		h.Addresses, h.NameServers = nil, nil
	}
	return h
}

// Ask asks DNS about one host. Resolver.Resolve implements it.
type Ask func(ctx context.Context, host string) Answer

// Table keeps the last known addresses of hosts. NewTable creates it. Set and Hosts may be called
// from any goroutine.
type Table struct {
	ask     Ask
	now     func() time.Time
	changed chan struct{} // holds one value if a host was asked for since the last receive
	woken   chan struct{} // holds one value if Set was called since the last receive

	mu   sync.Mutex
	rows map[string]*row
}

// row is the state of one host. The table's mu guards it.
type row struct {
	host  Host
	asked bool      // at least once
	due   time.Time // zero: at once
	busy  bool
}

// NewTable allocates the Table. It starts nothing. now is the wall clock.
func NewTable(ask Ask, now func() time.Time) *Table {
	return &Table{
		ask: ask, now: now, changed: make(chan struct{}, 1), woken: make(chan struct{}, 1),
		rows: map[string]*row{},
	}
}

// Set replaces the set of hosts. known holds earlier answers for new hosts. The other hosts keep
// their state.
func (t *Table) Set(names []string, known map[string]Host) {
	t.mu.Lock()
	rows := make(map[string]*row, len(names))
	for _, name := range names {
		r := t.rows[name]
		if r == nil {
			r = &row{host: known[name]}
		}
		rows[name] = r
	}
	t.rows = rows
	t.mu.Unlock()
	signal(t.woken)
}

// Hosts returns the state of each host that was asked for at least once.
func (t *Table) Hosts() map[string]Host {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[string]Host{}
	for name, r := range t.rows {
		if r.asked {
			out[name] = r.host
		}
	}
	return out
}

// Changed returns a channel with a value if a host was asked for since the last receive.
func (t *Table) Changed() <-chan struct{} { return t.changed }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run asks DNS until ctx ends.
func (t *Table) Run(ctx context.Context) error {
	var asking sync.WaitGroup
	defer asking.Wait()
	done := make(chan struct{}, atOnce)
	for busy := 0; ; {
		names, next := t.due(atOnce - busy)
		for _, name := range names {
			busy++
			asking.Go(func() { // ends with ctx, or after the question for the host
				t.note(ctx, name, t.ask(ctx, name))
				done <- struct{}{}
			})
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-done:
			busy--
		case <-t.woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// due takes up to n hosts that are due, the longest due first. next is the time until the next
// check.
func (t *Table) due(n int) (names []string, next time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	next = most
	for name, r := range t.rows {
		switch {
		case r.busy:
		case r.due.After(now):
			next = min(next, r.due.Sub(now))
		default:
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(t.rows[a].due.Compare(t.rows[b].due), cmp.Compare(a, b))
	})
	names = names[:min(len(names), n)]
	for _, name := range names {
		t.rows[name].busy = true
	}
	return names, next
}

// note stores an answer. It ignores an answer that came because ctx ended.
func (t *Table) note(ctx context.Context, name string, a Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rows[name]
	if r == nil || ctx.Err() != nil {
		return
	}
	now := t.now()
	r.host, r.asked, r.busy, r.due = r.host.with(a, now), true, false, now.Add(least)
	if a.Problem == "" {
		r.due = now.Add(clamp(a.TTL))
	}
	signal(t.changed)
}
