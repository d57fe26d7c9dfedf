package playback

import (
	"errors"
	"io"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/progress"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const minuteMicroseconds = 60 * 1_000_000

// Record is one record for bgp.updates.v1. Update is valid until the next call of Source.Next.
type Record struct {
	// Collector is the key. It is empty for a clock record, which goes to every partition.
	Collector string
	Update    *pb.UpdateRecord
	// FilePosition is the place of a BGP message. It is zero for a record that no file contains.
	FilePosition FilePosition
}

// FilePosition is the place of a record in a file.
type FilePosition struct {
	File   string
	Number uint64 // from 1
	Offset int64  // in the decompressed file
}

// Progress is the progress of the playback.
type Progress struct {
	Bytes, TotalBytes int64
	// Work is the work done so far, of TotalWork (Plan.Work), when Written records have been given
	// to the producer.
	Work, TotalWork progress.Work
	Written         int64
	// EventTime is the merged clock, microseconds since 1970, UTC. It is 0 before the first record.
	EventTime int64
	Records   uint64
	Damaged   uint64
}

// Source plays a plan. It belongs to one goroutine.
type Source struct {
	plan    *Plan
	lane    bgp.Lane
	streams []*player
	queue   []Record
	minute  int64   // beginning of the present minute; 0 before the first record
	settled float64 // octets of tables that were read by the beginning of minute
	clocks  uint64
	ended   bool
	records uint64
	damaged uint64
}

// player is a stream in the merge.
type player struct {
	*stream
	head     *pb.UpdateRecord
	sequence uint64
	up       bool // CollectorUp was sent
	over     bool // the stream has ended
	down     bool // CollectorDown was sent
}

// Open starts to play the plan. The caller closes the Source when done.
func (p *Plan) Open() *Source {
	s := &Source{plan: p, lane: bgp.FileLane(p.Hash)}
	for _, c := range p.collectors {
		s.streams = append(s.streams, &player{stream: newStream(c)})
	}
	return s
}

// Close releases the files.
func (s *Source) Close() error {
	var errs []error
	for _, p := range s.streams {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// Progress returns the progress. It may be called between calls of Next.
func (s *Source) Progress() Progress {
	p := Progress{
		TotalBytes: s.plan.Bytes, Work: s.work().Plus(s.plan.passed(s.minute)), TotalWork: s.plan.Work,
		EventTime: s.minute, Records: s.records, Damaged: s.damaged,
	}
	p.Work[progress.SettledOctets] = s.settled
	if s.ended { // the end closes the last window
		p.Work[progress.SettledOctets] = p.Work[progress.TableOctets]
	}
	for _, st := range s.streams {
		p.Bytes += st.bytes()
	}
	return p
}

// work returns the work done for the files.
func (s *Source) work() (w progress.Work) {
	for _, st := range s.streams {
		w = w.Plus(st.work())
	}
	return w
}

// Next returns the next record, or io.EOF after the last. A *capture.Damage does not end the
// stream: the damaged part was skipped. The record then contains only the collector.
func (s *Source) Next() (Record, error) {
	for {
		if len(s.queue) > 0 {
			r := s.queue[0]
			s.queue = s.queue[1:]
			return r, nil
		}
		p, err := s.first()
		if err != nil {
			if _, ok := errors.AsType[*capture.Damage](err); ok {
				s.damaged++
			}
			return Record{Collector: p.name}, err
		}
		if p == nil {
			return s.end()
		}
		if m := p.now - p.now%minuteMicroseconds; m > s.minute {
			s.turn(m)
			continue
		}
		if !p.up {
			p.up = true
			s.queue = append(s.queue, s.stamp(p, p.now, &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorUp{
				CollectorUp: &pb.CollectorUp{},
			}}))
			continue
		}
		r := s.stamp(p, p.head.TimestampUs, p.head)
		if p.head.GetBgpMessage() != nil {
			r.FilePosition = p.filePosition
		}
		p.head = nil
		s.records++
		return r, nil
	}
}

// first returns the stream with the earliest clock, the first in order among equals. It is nil when
// all have ended.
func (s *Source) first() (*player, error) {
	var best *player
	for _, p := range s.streams {
		if p.head == nil && !p.over {
			head, err := p.next()
			switch {
			case errors.Is(err, io.EOF):
				p.over = true
			case err != nil:
				return p, err
			}
			p.head = head
		}
		if p.head != nil && (best == nil || p.now < best.now) {
			best = p
		}
	}
	return best, nil
}

// turn queues the records at the beginning of a minute: a tick of every collector that is up,
// CollectorDown for those whose stream has ended, and a clock.
func (s *Source) turn(minute int64) {
	for _, p := range s.streams {
		switch {
		case !p.up || p.down:
		case p.over:
			p.down = true
			down := &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_ENDED}
			s.queue = append(s.queue, s.stamp(p, minute, &pb.UpdateRecord{
				Body: &pb.UpdateRecord_CollectorDown{CollectorDown: down},
			}))
		default:
			s.queue = append(s.queue, s.stamp(p, minute, &pb.UpdateRecord{Body: &pb.UpdateRecord_Tick{
				Tick: &pb.Tick{},
			}}))
		}
	}
	first := s.minute == 0
	if !first {
		s.settled = s.work()[progress.TableOctets]
	}
	s.minute = minute
	s.queue = append(s.queue, s.clock(minute, false))
	if first {
		s.watch(minute)
	}
}

// watch queues the watch lists with time t. Their hosts have no addresses, because DNS may have had
// other records then.
func (s *Source) watch(t int64) {
	for _, l := range s.plan.Watch {
		for _, r := range l.Played() {
			r.TimestampUs = t
			s.queue = append(s.queue, Record{Collector: r.GetPosition().GetCollector(), Update: r})
		}
	}
}

// end returns the last clock record, then io.EOF.
func (s *Source) end() (Record, error) {
	if s.ended {
		return Record{}, io.EOF
	}
	s.ended = true
	latest := s.minute
	for _, p := range s.streams {
		latest = max(latest, p.now)
	}
	return s.clock(latest, true), nil
}

// stamp gives a record its position and time.
func (s *Source) stamp(p *player, t int64, r *pb.UpdateRecord) Record {
	p.sequence++
	r.Position = codec.Position(bgp.Position{Collector: p.name, Lane: s.lane, Sequence: p.sequence})
	r.TimestampUs = t
	return Record{Collector: p.name, Update: r}
}

func (s *Source) clock(t int64, end bool) Record {
	s.clocks++
	r := &pb.UpdateRecord{TimestampUs: t, Body: &pb.UpdateRecord_Clock{Clock: &pb.Clock{End: end}}}
	r.Position = codec.Position(bgp.Position{Lane: bgp.ClockLane(string(s.lane)), Sequence: s.clocks})
	return Record{Update: r}
}
