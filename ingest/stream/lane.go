package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// slabBytes is the size of a slab, from which alloc cuts the encoded records: one allocation serves
// many records.
const slabBytes = 128 << 10

// Lane is a sequence of records within a stream. It belongs to one goroutine. The live lane belongs
// to the goroutine of the source.
type Lane struct {
	s        *Stream
	name     bgp.Lane
	epoch    uint64
	sequence uint64 // sequence number of the last record
	live     bool   // its records describe the present: they count, and move the clock
	// refused is a field of the gap or check that the lane answers. It is set if a record was too
	// large. nil: the lane is not an answer. Guarded by the stream's mu.
	refused *bool
}

// Lane starts a lane that can be read again: table/<gap> or fill/<gap>. In every process its
// positions start from the beginning.
func (s *Stream) Lane(name bgp.Lane) *Lane { return &Lane{s: s, name: name} }

// Source starts a lane of live records whose positions come from the source and are set by Seek:
// rv/<topic> or follow.
func (s *Stream) Source(name bgp.Lane) *Lane { return &Lane{s: s, name: name, live: true} }

// Seek sets the position of the next record: sequence (counted from 1) in epoch.
func (l *Lane) Seek(epoch, sequence uint64) { l.epoch, l.sequence = epoch, sequence-1 }

// Message is a BGP message of a peer.
type Message struct {
	Peer *Peer
	// Timestamp is the source's time, microseconds since 1970. 0 means that the source gives none.
	Timestamp int64
	// Raw is the whole message from the marker on. Message copies it.
	Raw []byte
	// ASOctets, AddPathIPv4 and AddPathIPv6 are the options for decoding Raw (wire.Options).
	ASOctets                 uint8
	AddPathIPv4, AddPathIPv6 bool
}

// Message writes a message that a peer sent.
func (l *Lane) Message(ctx context.Context, m *Message) error {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	t := m.Timestamp
	if l.live {
		t = s.heard(m, now)
	}
	s.message = pb.BGPMessage{
		Peer: m.Peer.out, Raw: m.Raw, AsOctets: uint32(m.ASOctets), AddPathIpv4: m.AddPathIPv4,
		AddPathIpv6: m.AddPathIPv6,
	}
	s.body.BgpMessage = &s.message
	s.rec.Body = &s.body
	return s.write(ctx, l, t, &s.rec)
}

// heard counts a live message and returns its corrected time. The caller holds mu.
func (s *Stream) heard(m *Message, now int64) int64 {
	t := s.correct(m.Timestamp, now)
	s.lastLateness = max(0, now-t)
	if s.minLateness < 0 || s.lastLateness < s.minLateness {
		s.minLateness = s.lastLateness
	}
	s.messages++
	s.counter.Inc()
	s.setUp(m.Peer, true)
	if s.o.Archived {
		// a message older than the peer's last one came late: it is from before the gap
		if s.gap != nil && t >= m.Peer.last {
			s.gap.heard(m.Peer.key, t)
		}
		m.Peer.last = max(m.Peer.last, t)
	}
	return t
}

// correct returns now in place of a timestamp that is 0, too far ahead, or, of a stream with Clock
// Own, too far behind. The caller holds mu.
func (s *Stream) correct(t, now int64) int64 {
	if t == 0 || s.ahead(t, now) || s.o.Clock == Own && s.ahead(now, t) {
		if t != 0 {
			s.set.metrics.corrected.WithLabelValues(s.collector).Inc()
		}
		return now
	}
	return t
}

// Ahead reports whether timestamp t is further ahead of the clock than FutureLimit. Such a
// timestamp is impossible.
func (s *Stream) Ahead(t int64) bool { return s.ahead(t, s.now()) }

func (s *Stream) ahead(t, now int64) bool { return t-now > s.set.cfg.FutureLimit.Microseconds() }

func (s *Stream) setUp(p *Peer, up bool) {
	switch {
	case up && !p.up:
		s.nUp++
	case !up && p.up:
		s.nUp--
	}
	p.up = up
}

// PeerUp records that the session between the collector and the peer came up. timestamp may be 0.
func (l *Lane) PeerUp(ctx context.Context, p *Peer, timestamp int64) error {
	return l.peerState(ctx, p, timestamp, true, &pb.UpdateRecord{Body: &pb.UpdateRecord_PeerUp{
		PeerUp: &pb.PeerUp{Peer: p.out},
	}}, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_UP})
}

// PeerDown records that the session went down, and why in words. timestamp may be 0.
func (l *Lane) PeerDown(ctx context.Context, p *Peer, timestamp int64, why string) error {
	rec := &pb.UpdateRecord{Body: &pb.UpdateRecord_PeerDown{PeerDown: &pb.PeerDown{
		Peer: p.out, Reason: pb.DownReason_DOWN_REASON_LOST,
	}}}
	return l.peerState(ctx, p, timestamp, false, rec, &pb.FeedRecord{
		Event: pb.FeedEvent_FEED_EVENT_DOWN, Reason: why,
	})
}

func (l *Lane) peerState(
	ctx context.Context, p *Peer, t int64, up bool, rec *pb.UpdateRecord, feed *pb.FeedRecord,
) error {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if !l.live {
		return s.write(ctx, l, t, rec)
	}
	t = s.correct(t, s.now())
	s.setUp(p, up)
	if err := s.write(ctx, l, t, rec); err != nil {
		return err
	}
	feed.Peer = p.out
	return s.feed(ctx, feed)
}

// Chunk writes a part of a table. Its id is that of the gap or the check. t is the table's time,
// microseconds.
func (l *Lane) Chunk(ctx context.Context, t int64, c *pb.TableChunk) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.s.write(ctx, l, t, &pb.UpdateRecord{Body: &pb.UpdateRecord_TableChunk{TableChunk: c}})
}

// write gives a record its position and sends it. If the record is too large, write keeps it as a
// dead letter, and the next record gets its position. The caller holds mu. write does not retain
// rec.
func (s *Stream) write(ctx context.Context, l *Lane, t int64, rec *pb.UpdateRecord) error {
	if s.state == bgp.FeedClosed {
		return fmt.Errorf("%s: %w", s.collector, ErrClosed)
	}
	l.sequence++
	s.position = pb.Position{Collector: s.collector, Lane: string(l.name), Epoch: l.epoch, Sequence: l.sequence}
	rec.Position, rec.TimestampUs, rec.ReceivedAtUs = &s.position, t, s.now()
	value := s.alloc(rec.SizeVT())
	if _, err := rec.MarshalToSizedBufferVT(value); err != nil {
		return fmt.Errorf("encoding a record of %s: %w", s.collector, err)
	}
	err := s.set.d.Updates.Produce(ctx, s.collector, value)
	if !errors.Is(err, kafka.ErrTooLarge) {
		return err
	}
	l.sequence--
	if l.refused != nil {
		*l.refused = true
	}
	return s.tooLarge(ctx, schemas.TopicUpdates, value, err)
}

// tooLarge keeps a record that is too large as a dead letter. It returns the error of the dead
// letters' producer.
func (s *Stream) tooLarge(ctx context.Context, topic string, value []byte, err error) error {
	return s.set.DeadLetter(ctx, DeadLetter{
		Collector: s.collector, Origin: topic, Raw: value, Reason: "too_large", Err: err,
	})
}

// alloc returns n octets, from the slab unless n is above a quarter of it.
func (s *Stream) alloc(n int) []byte {
	if n > slabBytes/4 {
		return make([]byte, n)
	}
	if n > len(s.slab) {
		s.slab = make([]byte, slabBytes)
	}
	out := s.slab[:n:n]
	s.slab = s.slab[n:]
	return out
}

// feed writes a record to bgp.feeds. The caller holds mu.
func (s *Stream) feed(ctx context.Context, f *pb.FeedRecord) error {
	s.feeds++
	f.Position = codec.Position(bgp.Position{
		Collector: s.collector, Lane: bgp.LaneFeed, Epoch: s.epoch, Sequence: s.feeds,
	})
	f.Collector, f.Source, f.Instance = s.collector, s.o.Source, s.set.d.Instance
	if f.TimestampUs == 0 {
		f.TimestampUs = s.now()
	}
	value, err := f.MarshalVT()
	if err != nil {
		return fmt.Errorf("encoding a feed record of %s: %w", s.collector, err)
	}
	err = s.set.d.Feeds.Produce(ctx, s.collector, value)
	if errors.Is(err, kafka.ErrTooLarge) {
		s.feeds--
		return s.tooLarge(ctx, schemas.TopicFeeds, value, err)
	}
	return err
}
