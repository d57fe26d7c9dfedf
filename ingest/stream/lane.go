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

// slabBytes is what records are cut from: one allocation for many.
const slabBytes = 128 << 10

// Lane is a sequence of records within a stream. It belongs to one goroutine; the live lane to that of the source.
type Lane struct {
	s        *Stream
	name     bgp.Lane
	epoch    uint64
	sequence uint64 // of the last record
	live     bool   // what it says is the present: it counts, and moves the clock
	lacks    *bool  // of what it answers: set where a record was refused; nil where it answers nothing; the stream's mu
}

// Lane begins a lane that can be read again: table/<gap>, fill/<gap>. Its positions begin anew in every process.
func (s *Stream) Lane(name bgp.Lane) *Lane { return &Lane{s: s, name: name} }

// Source begins a lane of the present whose positions are the source's own, set by Seek: rv/<topic>, follow.
func (s *Stream) Source(name bgp.Lane) *Lane { return &Lane{s: s, name: name, live: true} }

// Seek makes the next record stand at sequence (from 1) of epoch.
func (l *Lane) Seek(epoch, sequence uint64) { l.epoch, l.sequence = epoch, sequence-1 }

// Message is a BGP message of a peer.
type Message struct {
	Peer *Peer
	// Timestamp is the source's, microseconds since 1970; 0 where it has none.
	Timestamp int64
	// Raw is the whole message from the marker on; it is copied.
	Raw []byte
	// ASOctets and the others say how to read it (wire.Options).
	ASOctets                 uint8
	AddPathIPv4, AddPathIPv6 bool
}

// Message says what a peer sent.
func (l *Lane) Message(ctx context.Context, m *Message) error {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	t := m.Timestamp
	if l.live {
		t = s.heard(m, now)
	}
	s.message = pb.BGPMessage{Peer: m.Peer.out, Raw: m.Raw, AsOctets: uint32(m.ASOctets), AddPathIpv4: m.AddPathIPv4, AddPathIpv6: m.AddPathIPv6}
	s.body.BgpMessage = &s.message
	s.rec.Body = &s.body
	return s.write(ctx, l, t, &s.rec)
}

// heard notes a message of the present and returns its corrected time. mu is held.
func (s *Stream) heard(m *Message, now int64) int64 {
	t := s.correct(m.Timestamp, now)
	s.delay = max(0, now-t)
	if s.least < 0 || s.delay < s.least {
		s.least = s.delay
	}
	s.messages++
	s.counter.Inc()
	s.setUp(m.Peer, true)
	if s.o.Archived {
		if s.gap != nil && t >= m.Peer.last { // else it came late: from before the gap
			s.gap.heard(m.Peer.key, t)
		}
		m.Peer.last = max(m.Peer.last, t)
	}
	return t
}

// correct replaces a timestamp that cannot be. mu is held.
func (s *Stream) correct(t, now int64) int64 {
	if t == 0 || s.ahead(t, now) || s.o.Clock == Own && s.ahead(now, t) {
		if t != 0 {
			s.set.metrics.corrected.WithLabelValues(s.collector).Inc()
		}
		return now
	}
	return t
}

// Ahead reports whether a timestamp lies further ahead of the clock than is believed: it cannot be.
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

// PeerUp says that a session between collector and peer came up; timestamp may be 0.
func (l *Lane) PeerUp(ctx context.Context, p *Peer, timestamp int64) error {
	return l.peerState(ctx, p, timestamp, true, &pb.UpdateRecord{Body: &pb.UpdateRecord_PeerUp{PeerUp: &pb.PeerUp{Peer: p.out}}}, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_UP})
}

// PeerDown says that it went down, and why in words; timestamp may be 0.
func (l *Lane) PeerDown(ctx context.Context, p *Peer, timestamp int64, why string) error {
	rec := &pb.UpdateRecord{Body: &pb.UpdateRecord_PeerDown{PeerDown: &pb.PeerDown{Peer: p.out, Reason: pb.DownReason_DOWN_REASON_LOST}}}
	return l.peerState(ctx, p, timestamp, false, rec, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_DOWN, Reason: why})
}

func (l *Lane) peerState(ctx context.Context, p *Peer, t int64, up bool, rec *pb.UpdateRecord, feed *pb.FeedRecord) error {
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

// Chunk says part of a table; its id is the gap's or the check's. t is the table's time, microseconds.
func (l *Lane) Chunk(ctx context.Context, t int64, c *pb.TableChunk) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.s.write(ctx, l, t, &pb.UpdateRecord{Body: &pb.UpdateRecord_TableChunk{TableChunk: c}})
}

// write gives a record its position and sends it. One that is too large is kept as a dead letter, and the next takes its place. mu is
// held; rec is not kept.
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
	if l.lacks != nil {
		*l.lacks = true
	}
	return s.tooLarge(ctx, schemas.TopicUpdates, value, err)
}

// tooLarge keeps a record that was refused. The error is that of the dead letters' producer.
func (s *Stream) tooLarge(ctx context.Context, topic string, value []byte, err error) error {
	return s.set.DeadLetter(ctx, DeadLetter{Collector: s.collector, Origin: topic, Raw: value, Reason: "too_large", Err: err})
}

// alloc cuts n octets off the slab.
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

// feed writes a record of bgp.feeds. mu is held.
func (s *Stream) feed(ctx context.Context, f *pb.FeedRecord) error {
	s.feeds++
	f.Position = codec.Position(bgp.Position{Collector: s.collector, Lane: bgp.LaneFeed, Epoch: s.epoch, Sequence: s.feeds})
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
