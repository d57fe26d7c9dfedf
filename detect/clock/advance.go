package clock

import (
	"maps"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// maxWriters is the number of writers of clock records above which a partition forgets silent
	// ones.
	maxWriters = 64
	// writerSilent is the age, against the newest clock record, of a silent writer.
	writerSilent = 3600 * second
	// laneSilent is the time for which fills and tables are remembered. bgp.routes keeps them for
	// a shorter time, so none is applied twice.
	laneSilent = 48 * 3600 * second
)

// writer is a writer of clock records in a partition.
type writer struct {
	newest int64
	ended  bool
}

// clockRecord applies a clock record: it takes collectors that have vanished down and raises the
// partition's clock.
func (c *Clock) clockRecord(s Step, end bool) {
	p, t := &c.partitions[s.Partition], s.Record.GetTimestampUs()
	lane := s.Record.GetPosition().GetLane()
	p.writers[lane] = writer{newest: max(p.writers[lane].newest, t), ended: end}
	p.newest = max(p.newest, t)
	if len(p.writers) > maxWriters {
		maps.DeleteFunc(p.writers, func(_ string, v writer) bool { return v.newest < p.newest-writerSilent })
	}
	if end {
		c.last = max(c.last, t)
	}
	var behind []string
	for name, col := range p.up {
		if p.newest-col.tick > c.vanished {
			behind = append(behind, name)
		}
	}
	slices.Sort(behind)
	for _, name := range behind {
		c.vanish(s, p.up[name], true)
	}
	p.raise()
	c.advance()
}

// state applies a tick or a collector's state, and raises the partition's clock.
func (c *Clock) state(s Step, col *collector) {
	p := &c.partitions[col.partition]
	switch s.Record.GetBody().(type) {
	case *pb.RouteRecord_Tick:
		if !col.known {
			c.setUp(col, true)
		}
		if col.vanished && col.tick >= p.newest-c.back {
			c.vanish(s, col, false)
		}
	case *pb.RouteRecord_CollectorUp:
		col.vanished = false
		c.setUp(col, true)
	case *pb.RouteRecord_CollectorDown:
		col.vanished = false
		c.setUp(col, false)
	default:
		return
	}
	p.raise()
	c.advance()
}

func (c *Clock) setUp(col *collector, up bool) {
	col.known = true
	if up {
		c.partitions[col.partition].up[col.name] = col
	} else {
		delete(c.partitions[col.partition].up, col.name)
	}
}

// vanish takes a collector down, or up again. Its step is in the collector's order, and its record
// is in no log.
func (c *Clock) vanish(s Step, col *collector, gone bool) {
	col.vanished = gone
	c.setUp(col, !gone)
	rec := &pb.RouteRecord{
		Position:    &pb.Position{Collector: col.name, Lane: string(bgp.LaneClock)},
		TimestampUs: col.tick,
	}
	if gone {
		rec.Body = &pb.RouteRecord_CollectorDown{
			CollectorDown: &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_STALE},
		}
	} else {
		rec.Body = &pb.RouteRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}
	}
	s.Record, s.size = rec, 0
	c.deliver(s, col, c.effective(col, col.tick))
}

// raise sets the partition's clock to the lower of its newest clock record and the ticks of its
// collectors that are up. The clock never goes back.
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

// end reports whether every writer of clock records has ended.
func (p *partition) end() bool {
	for _, w := range p.writers {
		if !w.ended {
			return false
		}
	}
	return len(p.writers) > 0
}

// advance opens the first window once every partition has a clock, and sets the time until which
// windows close.
func (c *Clock) advance() {
	lowest, ended := c.lowest()
	if lowest == none {
		return
	}
	if c.open == none {
		first := c.partitions[0].first
		for i := range c.partitions {
			first = min(first, c.partitions[i].first)
		}
		c.openWindow(floor(first))
	}
	c.steps.until = lowest
	if ended {
		c.steps.until = max(lowest, floor(c.last)+window)
		next := max(c.open, floor(c.steps.until))
		for i := range c.partitions { // if a writer comes back, no record is before the open window
			c.partitions[i].clock = max(c.partitions[i].clock, next)
		}
	}
}

// lowest returns the lowest clock of all partitions, none if a partition has none. ended reports
// whether all partitions have ended.
func (c *Clock) lowest() (clock int64, ended bool) {
	clock, ended = c.partitions[0].clock, true
	for i := range c.partitions {
		clock = min(clock, c.partitions[i].clock)
		ended = ended && c.partitions[i].end()
	}
	return clock, ended
}

// openWindow opens the window that begins at start. The records that waited for it are the next
// steps.
func (c *Clock) openWindow(start int64) {
	c.open = start
	if start%(3600*second) == 0 {
		c.forget()
	}
	records := c.waiting[start]
	delete(c.waiting, start)
	for i := range records {
		c.partitions[records[i].Partition].bytes -= records[i].size
	}
	c.steps.records = records
}

// forget drops the notes about lanes of fills and tables whose last record is older than
// laneSilent.
func (c *Clock) forget() {
	maps.DeleteFunc(c.lanes, func(k bgp.LaneKey, last *lastRecord) bool {
		kind := k.Lane.Kind()
		return (kind == bgp.LaneKindFill || kind == bgp.LaneKindTable) && last.at < c.open-laneSilent
	})
}
