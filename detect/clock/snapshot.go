package clock

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// snapshotFormat is the format of a snapshot of a clock. It is raised when the content changes.
const snapshotFormat = 1

// Snapshot writes the state: clocks, last positions of lanes, waiting records, rejected records,
// and the remaining steps of the record that was pushed last. It may be called in the loop over
// Steps. It does not change the clock.
func (c *Clock) Snapshot(w io.Writer) error {
	s := snapshot.NewWriter(w, "the clock", snapshotFormat)
	c.code(s)
	return s.Close()
}

// Restore reads the output of Snapshot into a new clock with the same configuration. If steps
// remained, take all Steps before the next Push. After an error the clock cannot be used. An error
// about the content wraps snapshot.ErrInvalid.
func (c *Clock) Restore(r io.Reader) error {
	s := snapshot.NewReader(r, "the clock", snapshotFormat)
	c.code(s)
	return s.Close()
}

// code writes or reads the clock.
func (c *Clock) code(s *snapshot.Coder) {
	s.Part("collectors")
	snapshot.Map(s, &c.collectors, cmp.Compare[string], snapshot.Text[string], snapshot.Of(c.codeCollector))
	s.Part("partitions")
	n := len(c.partitions)
	if snapshot.Int(s, &n); n != len(c.partitions) {
		s.Fail("it is of %d partitions, and there are %d", n, len(c.partitions))
	}
	for i := range c.partitions {
		c.partitions[i].code(s, c)
	}
	s.Part("lanes")
	snapshot.Map(s, &c.lanes, compareLanes, codeLane, snapshot.Of(codeLastRecord))
	s.Part("windows")
	snapshot.Int(s, &c.open)
	snapshot.Int(s, &c.last)
	snapshot.Map(s, &c.waiting, cmp.Compare[int64], snapshot.Int[int64], c.codeSteps)
	s.Part("rejected")
	snapshot.Slice(s, &c.rejected, codeRejected)
	snapshot.Uint(s, &c.dropped)
	s.Part("steps")
	c.steps.code(s, c)
}

func (c *Clock) codeCollector(s *snapshot.Coder, v *collector) {
	snapshot.Text(s, &v.name)
	snapshot.Number(s, &v.partition, len(c.partitions))
	snapshot.Bool(s, &v.known)
	snapshot.Bool(s, &v.vanished)
	snapshot.Int(s, &v.tick)
	snapshot.Int(s, &v.effective)
}

func (p *partition) code(s *snapshot.Coder, c *Clock) {
	snapshot.Int(s, &p.newest)
	snapshot.Int(s, &p.clock)
	snapshot.Int(s, &p.first)
	snapshot.Map(s, &p.writers, cmp.Compare[string], snapshot.Text[string], codeWriter)
	up := slices.Sorted(maps.Keys(p.up))
	snapshot.Slice(s, &up, snapshot.Text[string])
	if s.Reading() {
		p.up = make(map[string]*collector, len(up))
		for _, name := range up {
			if p.up[name] = c.collectors[name]; p.up[name] == nil {
				s.Fail("collector %.80q is up and not known", name)
				delete(p.up, name)
			}
		}
	}
	snapshot.Int(s, &p.bytes)
	snapshot.Bool(s, &p.paused)
}

func codeWriter(s *snapshot.Coder, v *writer) {
	snapshot.Int(s, &v.newest)
	snapshot.Bool(s, &v.ended)
}

func compareLanes(a, b bgp.LaneKey) int {
	return cmp.Or(cmp.Compare(a.Collector, b.Collector), cmp.Compare(a.Lane, b.Lane))
}

func codeLane(s *snapshot.Coder, v *bgp.LaneKey) {
	snapshot.Text(s, &v.Collector)
	snapshot.Text(s, &v.Lane)
}

func codeLastRecord(s *snapshot.Coder, v *lastRecord) {
	snapshot.Position(s, &v.pos)
	snapshot.Uint(s, &v.part)
	snapshot.Int(s, &v.at)
}

func (c *Clock) codeSteps(s *snapshot.Coder, v *[]Step) { snapshot.Slice(s, v, c.codeStep) }

func (c *Clock) codeStep(s *snapshot.Coder, v *Step) {
	codeRecord(s, &v.Record)
	snapshot.Int(s, &v.Effective)
	snapshot.Int(s, &v.Window)
	snapshot.Number(s, &v.Partition, len(c.partitions))
	snapshot.Int(s, &v.Offset)
	snapshot.Int(s, &v.size)
}

// codeRecord writes or reads a record in its encoding in the log.
func codeRecord(s *snapshot.Coder, v **pb.RouteRecord) {
	var b []byte
	if !s.Reading() && *v != nil {
		var err error
		if b, err = (*v).MarshalVT(); err != nil {
			s.Fail("encoding a record: %v", err)
		}
		if b == nil {
			b = []byte{}
		}
	}
	if snapshot.Octets(s, &b); !s.Reading() {
		return
	}
	if *v = nil; b == nil {
		return
	}
	*v = &pb.RouteRecord{}
	if err := (*v).UnmarshalVT(b); err != nil {
		s.Fail("a record that cannot be decoded: %v", err)
	}
}

// restored is the error of a rejected record that was read from a snapshot. It has the text of the
// first error, and whether that was codec.ErrInvalid.
type restored struct {
	text    string
	invalid bool
}

func (e *restored) Error() string        { return e.text }
func (e *restored) Is(target error) bool { return e.invalid && target == codec.ErrInvalid }

func codeRejected(s *snapshot.Coder, v *Rejected) {
	snapshot.Int(s, &v.Partition)
	snapshot.Int(s, &v.Offset)
	snapshot.Int(s, &v.Window)
	codeRecord(s, &v.Record)
	var e *restored
	if v.Err != nil {
		e = &restored{text: v.Err.Error(), invalid: errors.Is(v.Err, codec.ErrInvalid)}
	}
	snapshot.Pointer(s, &e, func(s *snapshot.Coder, e *restored) {
		snapshot.Text(s, &e.text)
		snapshot.Bool(s, &e.invalid)
	})
	if s.Reading() && e != nil {
		v.Err = e
	}
}

// code writes or reads the remaining steps.
func (x *steps) code(s *snapshot.Coder, c *Clock) {
	left := x.records[min(x.taken, len(x.records)):]
	begun := x.phase != toPush
	snapshot.Bool(s, &begun)
	if !begun {
		left = nil
	}
	c.codeSteps(s, &left)
	snapshot.Int(s, &x.until)
	if s.Reading() {
		if x.phase, x.records, x.taken = toPush, left, 0; begun {
			x.phase = toRange
		}
	}
}
