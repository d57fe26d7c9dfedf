package clock

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	second = int64(1_000_000) // in microseconds
	// Window is the length of a window in seconds.
	Window = int64(60)

	window = Window * second
	// DefaultVanished is the default of Config.Vanished.
	DefaultVanished = time.Minute
	// DefaultBack is the default of Config.Back.
	DefaultBack = 10 * time.Second
	// DefaultBufferBytes is the default of Config.BufferBytes.
	DefaultBufferBytes = 16 << 20
	// maxAhead is the most that a timestamp may be ahead of tick and clock.
	maxAhead = 60 * second

	// maxTime is 2100-01-01. A time outside 1970 to maxTime is invalid: windows up to a later time
	// would take for ever.
	maxTime = 4_102_444_800 * second

	none = math.MinInt64

	// MaxRejected is the largest number of rejected records that are kept whole until Rejected is
	// called. Further ones are kept without Record and Err.
	MaxRejected = 1000
)

// Config configures a Clock.
type Config struct {
	// Partitions is the number of partitions of the topic.
	Partitions int
	// BufferBytes is the limit for all waiting records, in encoded octets. Each partition has an
	// equal share of it. 0 is DefaultBufferBytes.
	BufferBytes int
	// Vanished is the longest time by which a collector's tick may be behind the newest clock
	// record of its partition. A collector further behind is down until its tick is at most Back
	// behind that record again. 0 selects DefaultVanished and DefaultBack.
	Vanished, Back time.Duration
}

// Rejected is an invalid record. Beyond MaxRejected it has neither Record nor Err.
type Rejected struct {
	Partition int32
	Offset    int64
	// Window is the window of the record, seconds since 1970.
	Window int64
	Record *pb.RouteRecord
	Err    error
}

// Clock merges the streams of all collectors. New builds it.
type Clock struct {
	partitions []partition
	collectors map[string]*collector
	lanes      map[bgp.LaneKey]*lastRecord
	share      int // octets of the buffer for each partition
	vanished   int64
	back       int64
	// open is the beginning of the open window, microseconds since 1970; none before the first
	// window.
	open int64
	// last is the latest effective time, or time of an end record, so far.
	last     int64
	waiting  map[int64][]Step // by beginning of the window, microseconds since 1970
	rejected []Rejected
	dropped  uint64
	steps    steps
}

// partition is the state of one partition of the topic.
type partition struct {
	newest  int64 // time of the newest clock record
	clock   int64
	first   int64 // earliest effective time before it had a clock, or its first clock
	writers map[string]writer
	up      map[string]*collector
	bytes   int // encoded octets of its waiting records
	paused  bool
}

// collector is the state of one collector's stream.
type collector struct {
	name      string
	partition int32
	known     bool // a CollectorUp, CollectorDown or tick was read
	vanished  bool
	tick      int64
	effective int64 // effective time of its last record
}

// lastRecord is the last record of a lane.
type lastRecord struct {
	pos  bgp.Position
	part uint32
	at   int64 // effective time; forget compares it with the open window
}

// New returns a clock that has read no record yet.
func New(cfg Config) *Clock {
	if cfg.BufferBytes == 0 {
		cfg.BufferBytes = DefaultBufferBytes
	}
	if cfg.Vanished == 0 {
		cfg.Vanished = DefaultVanished
	}
	if cfg.Back == 0 {
		cfg.Back = DefaultBack
	}
	c := &Clock{
		partitions: make([]partition, cfg.Partitions),
		collectors: map[string]*collector{},
		lanes:      map[bgp.LaneKey]*lastRecord{},
		share:      cfg.BufferBytes / max(1, cfg.Partitions),
		vanished:   cfg.Vanished.Microseconds(), back: cfg.Back.Microseconds(),
		open: none, last: none, waiting: map[int64][]Step{}, steps: steps{until: none},
	}
	for i := range c.partitions {
		c.partitions[i] = partition{
			newest: none, clock: none, first: math.MaxInt64,
			writers: map[string]writer{}, up: map[string]*collector{},
		}
	}
	return c
}

// Push takes the next record of a partition. size is its encoded length in octets. The clock keeps
// rec. Take all Steps before the next Push; otherwise Push returns ErrSteps. Any other error is
// about part. An invalid record gives no error; it is rejected.
func (c *Clock) Push(part int32, offset int64, rec *pb.RouteRecord, size int) error {
	if part < 0 || int(part) >= len(c.partitions) {
		return fmt.Errorf("a record of partition %d, with %d partitions", part, len(c.partitions))
	}
	if err := c.steps.begin(); err != nil {
		return err
	}
	s := Step{Partition: part, Offset: offset, Record: rec, Effective: none, size: size}
	if t := rec.GetTimestampUs(); t < 0 || t > maxTime {
		c.Reject(s, fmt.Errorf("time %d: %w", t, codec.ErrInvalid))
		return nil
	}
	if body, ok := rec.GetBody().(*pb.RouteRecord_Clock); ok {
		c.clockRecord(s, body.Clock.GetEnd())
		return nil
	}
	if rec.GetRecordsLost() != nil {
		c.lost(s)
		return nil
	}
	pos := codec.ParsePosition(rec.GetPosition())
	if pos.Collector == "" {
		c.Reject(s, fmt.Errorf("no collector: %w", codec.ErrInvalid))
		return nil
	}
	last := c.fresh(pos, rec.GetPart())
	if last == nil {
		c.dropped++
		return nil
	}
	col := c.collector(pos.Collector, part)
	switch rec.GetBody().(type) {
	case *pb.RouteRecord_Tick, *pb.RouteRecord_CollectorUp: // they move the base of maxAhead
		col.tick = max(col.tick, rec.GetTimestampUs())
	}
	effective := c.effective(col, rec.GetTimestampUs())
	last.at = effective
	c.deliver(s, col, effective)
	c.state(s, col)
	return nil
}

// lost gives each collector of the partition, by name, its own copy of a record of lost records.
func (c *Clock) lost(s Step) {
	in := s.Record
	for _, name := range slices.Sorted(maps.Keys(c.collectors)) {
		col := c.collectors[name]
		if col.partition != s.Partition {
			continue
		}
		s.Record = &pb.RouteRecord{
			Position: &pb.Position{
				Collector: name, Lane: in.GetPosition().GetLane(), Sequence: in.GetPosition().GetSequence(),
			},
			Body: in.GetBody(),
		}
		pos := codec.ParsePosition(s.Record.GetPosition())
		last := c.fresh(pos, 0)
		if last == nil {
			c.dropped++
			continue
		}
		last.at = c.effective(col, 0)
		c.deliver(s, col, last.at)
	}
}

// fresh notes a record as the last one of its lane and returns the note. It returns nil if the
// record is not after the last one. The parts of one record share its position and are ordered by
// part.
func (c *Clock) fresh(pos bgp.Position, part uint32) *lastRecord {
	last, ok := c.lanes[pos.Of()]
	switch {
	case !ok:
		last = &lastRecord{}
		c.lanes[pos.Of()] = last
	case !pos.After(last.pos) && (pos != last.pos || part <= last.part):
		return nil
	}
	last.pos, last.part = pos, part
	return last
}

func (c *Clock) collector(name string, part int32) *collector {
	col, ok := c.collectors[name]
	if !ok {
		col = &collector{name: name, partition: part, tick: none, effective: none}
		c.collectors[name] = col
	}
	return col
}

// effective returns the effective time of the collector's next record, which has the timestamp.
func (c *Clock) effective(col *collector, timestamp int64) int64 {
	base := max(col.tick, c.partitions[col.partition].clock)
	if base != none {
		timestamp = min(timestamp, base+maxAhead)
	}
	return max(timestamp, base, col.effective)
}

// deliver makes a record of a collector the next step, or lets the record wait for its window.
func (c *Clock) deliver(s Step, col *collector, effective int64) {
	s.Effective, col.effective = effective, effective
	c.last = max(c.last, effective)
	if p := &c.partitions[col.partition]; p.clock == none {
		p.first = min(p.first, effective)
	}
	if c.open != none && effective < c.open+window {
		c.steps.records = append(c.steps.records, s)
		return
	}
	start := floor(effective)
	c.waiting[start] = append(c.waiting[start], s)
	c.partitions[s.Partition].bytes += s.size
}

// Reject rejects the record of a step. err is the reason. The record belongs to the window of its
// effective time. A record without an effective time belongs to the window of its partition's
// clock. Neither time depends on the order in which partitions are read. So each reading of the log
// puts the record into the same window.
func (c *Clock) Reject(s Step, err error) {
	at := s.Effective
	if at == none {
		at = max(c.partitions[s.Partition].clock, 0)
	}
	r := Rejected{Partition: s.Partition, Offset: s.Offset, Window: floor(at) / second}
	if len(c.rejected) < MaxRejected {
		r.Record, r.Err = s.Record, err
	}
	c.rejected = append(c.rejected, r)
}

// Rejected returns and forgets the rejected records of all windows up to the one that begins at
// window (seconds since 1970). They are in the order in which they were rejected.
func (c *Clock) Rejected(window int64) []Rejected {
	var out, later []Rejected
	for _, r := range c.rejected {
		if r.Window <= window {
			out = append(out, r)
		} else {
			later = append(later, r)
		}
	}
	c.rejected = later
	return out
}

// Dropped returns the number of records that Push dropped because of their position.
func (c *Clock) Dropped() uint64 { return c.dropped }

// Open returns the beginning of the open window in seconds since 1970. Before the first window it
// returns false.
func (c *Clock) Open() (int64, bool) { return c.open / second, c.open != none }

// Holding returns the names of the collectors for which the open window waits, sorted. They are up,
// and their ticks have not reached the end of the window.
func (c *Clock) Holding() []string {
	var names []string
	for i := range c.partitions {
		for name, col := range c.partitions[i].up {
			if c.open != none && col.tick < c.open+window {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// Buffered returns the encoded octets of all waiting records.
func (c *Clock) Buffered() int {
	n := 0
	for i := range c.partitions {
		n += c.partitions[i].bytes
	}
	return n
}

// Flow returns the partitions that the caller must pause and resume now. It returns only changes
// since the last call.
func (c *Clock) Flow() (pause, resume []int32) {
	for i := range c.partitions {
		p := &c.partitions[i]
		holds := p.clock == none || (c.open != none && p.clock < c.open+window && !p.end())
		switch {
		case !p.paused && !holds && p.bytes > c.share:
			p.paused = true
			pause = append(pause, int32(i))
		case p.paused && (holds || p.bytes <= c.share/2):
			p.paused = false
			resume = append(resume, int32(i))
		}
	}
	return pause, resume
}

// Paused returns the partitions that Flow has reported as paused and not yet as resumed.
func (c *Clock) Paused() []int32 {
	var paused []int32
	for i := range c.partitions {
		if c.partitions[i].paused {
			paused = append(paused, int32(i))
		}
	}
	return paused
}

// floor returns the beginning of the window of time t.
func floor(t int64) int64 {
	r := t % window
	if r < 0 {
		r += window
	}
	return t - r
}
