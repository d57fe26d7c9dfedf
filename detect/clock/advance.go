package clock

import (
	"fmt"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// maxWriters is how many writers of clock records a partition remembers before silent ones are forgotten.
	maxWriters = 64
	// writerSilent is for how long.
	writerSilent = 3600 * second
	// laneSilent is how long fills and tables are remembered: longer than bgp.routes keeps them, so that none comes twice.
	laneSilent = 48 * 3600 * second
)

// writer of clock records in a partition.
type writer struct {
	newest int64
	ended  bool
}

// clockRecord takes a clock record: it moves the partition's clock and shows which collectors have vanished.
func (c *Clock) clockRecord(w waiting, end bool) error {
	p, t := &c.partitions[w.partition], w.rec.GetTimestampUs()
	lane := w.rec.GetPosition().GetLane()
	p.writers[lane] = writer{newest: max(p.writers[lane].newest, t), ended: end}
	p.newest = max(p.newest, t)
	if len(p.writers) > maxWriters {
		maps.DeleteFunc(p.writers, func(_ string, v writer) bool { return v.newest < p.newest-writerSilent })
	}
	if end {
		c.last = max(c.last, t)
	}
	for _, name := range slices.Sorted(maps.Keys(p.up)) {
		if col := p.up[name]; p.newest-col.tick > c.vanished {
			if err := c.vanish(w, col, true); err != nil {
				return err
			}
		}
	}
	p.raise()
	return c.advance()
}

// state follows what a record says about its collector, and the partition's clock with it.
func (c *Clock) state(w waiting, col *collector) error {
	p := &c.partitions[col.partition]
	switch w.rec.GetBody().(type) {
	case *pb.RouteRecord_Tick:
		if !col.known {
			c.setUp(col, true)
		}
		if col.vanished && col.tick >= p.newest-c.back {
			if err := c.vanish(w, col, false); err != nil {
				return err
			}
		}
	case *pb.RouteRecord_CollectorUp:
		col.vanished = false
		c.setUp(col, true)
	case *pb.RouteRecord_CollectorDown:
		col.vanished = false
		c.setUp(col, false)
	default:
		return nil
	}
	p.raise()
	return c.advance()
}

func (c *Clock) setUp(col *collector, up bool) {
	col.known = true
	if up {
		c.partitions[col.partition].up[col.name] = col
	} else {
		delete(c.partitions[col.partition].up, col.name)
	}
}

// vanish takes a collector down, or up again, by a record that no log holds, in the collector's order.
func (c *Clock) vanish(w waiting, col *collector, gone bool) error {
	col.vanished = gone
	c.setUp(col, !gone)
	rec := &pb.RouteRecord{Position: &pb.Position{Collector: col.name, Lane: string(bgp.LaneClock)}, TimestampUs: col.tick}
	if gone {
		rec.Body = &pb.RouteRecord_CollectorDown{CollectorDown: &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_STALE}}
	} else {
		rec.Body = &pb.RouteRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}
	}
	w.rec, w.size = rec, 0
	return c.deliver(w, col, c.effective(col, col.tick))
}

// raise brings the partition's clock to the lower of its newest clock record and the ticks; never back.
func (p *partition) raise() {
	if p.newest == none {
		return
	}
	t := p.newest
	for _, col := range p.up {
		t = min(t, col.tick)
	}
	if p.clock == none {
		p.first = min(p.first, t)
	}
	p.clock = max(p.clock, t)
}

// end reports whether every writer of clock records has written its last.
func (p *partition) end() bool {
	for _, w := range p.writers {
		if !w.ended {
			return false
		}
	}
	return len(p.writers) > 0
}

// advance closes every window that can be closed, and applies what waited for the next.
func (c *Clock) advance() error {
	lowest, ended := c.lowest()
	if lowest == none {
		return nil
	}
	if c.open == none {
		first := c.partitions[0].first
		for i := range c.partitions {
			first = min(first, c.partitions[i].first)
		}
		c.open = floor(first)
		if err := c.drain(); err != nil {
			return err
		}
	}
	for lowest >= c.open+window || (ended && c.open <= c.last) {
		if err := c.op.CloseWindow(c.open / second); err != nil {
			return fmt.Errorf("closing window %d: %w", c.open/second, err)
		}
		c.open += window
		if c.open%(3600*second) == 0 {
			c.forget()
		}
		if err := c.drain(); err != nil {
			return err
		}
	}
	if ended {
		for i := range c.partitions { // should a writer come back: nothing before the open window
			c.partitions[i].clock = max(c.partitions[i].clock, c.open)
		}
	}
	return nil
}

// lowest is the lowest clock of all partitions, none while one has none; ended tells that all have ended.
func (c *Clock) lowest() (clock int64, ended bool) {
	clock, ended = c.partitions[0].clock, true
	for i := range c.partitions {
		clock = min(clock, c.partitions[i].clock)
		ended = ended && c.partitions[i].end()
	}
	return clock, ended
}

// drain applies what waited for the open window.
func (c *Clock) drain() error {
	bucket := c.waiting[c.open]
	delete(c.waiting, c.open)
	for _, w := range bucket {
		c.partitions[w.partition].bytes -= w.size
		if err := c.apply(w); err != nil {
			return err
		}
	}
	return nil
}

// forget drops the places of fills and tables that ended long ago.
func (c *Clock) forget() {
	maps.DeleteFunc(c.lanes, func(k bgp.LaneKey, p place) bool {
		kind := k.Lane.Kind()
		return (kind == bgp.LaneKindFill || kind == bgp.LaneKindTable) && p.at < c.open-laneSilent
	})
}
