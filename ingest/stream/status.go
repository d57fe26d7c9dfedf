package stream

import (
	"context"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// noID is the BGP identifier of a peer whose source has none.
var noID netip.Addr

// standing is how the stream stands. mu is held.
func (s *Stream) standing() *pb.FeedStatus {
	st := &pb.FeedStatus{State: string(s.state), PeersUp: uint32(s.nUp), Messages: s.messages, LagUs: s.delay, LastGapUs: s.lastGap, KnownUs: s.safely()}
	if s.gap != nil && s.gap.Since == 0 && s.state == bgp.FeedUp {
		st.State = string(bgp.FeedBootstrapping)
	}
	return st
}

// Standing is how the stream stands; its rate is 0.
func (s *Stream) Standing() *pb.FeedStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.standing()
}

// known is up to when everything that the collector said is known, 0 where it never was. mu is held.
func (s *Stream) known() int64 {
	switch {
	case s.gap != nil:
		return s.gap.Since
	case s.whole && s.owes != 0:
		return min(max(s.clock, s.since), s.owes)
	case s.whole:
		return max(s.clock, s.since)
	}
	return 0
}

// Owes tells that what the collector said from since on, microseconds, may be missing, though it is no gap yet; 0: nothing is. Whoever takes
// the collector over fills from there.
func (s *Stream) Owes(since int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owes = since
}

// safely is up to when everything that the collector said is known, and acknowledged by the broker: whoever takes the collector over
// after a crash fills from there. mu is held.
func (s *Stream) safely() int64 {
	if s.set.d.Acks == nil {
		return s.known()
	}
	return min(s.known(), s.safe)
}

// round is up to when the streams were known when a mark was taken.
type round struct {
	mark    kafka.Mark
	streams []knew
}

// knew is a stream's part of a round. A gap that began since then makes it void: it may reach back before known.
type knew struct {
	s     *Stream
	known int64
	gaps  int
}

// settle notes what the last round stands for as safe where that is acknowledged, and begins another. It is Run's. The error is the
// producer's.
func (s *Set) settle() error {
	if s.d.Acks == nil {
		return nil
	}
	if s.round != nil {
		if ok, err := s.d.Acks.Acked(s.round.mark); err != nil || !ok {
			return err
		}
		for _, k := range s.round.streams {
			k.settle()
		}
	}
	r := &round{}
	for _, st := range s.Streams() {
		st.mu.Lock()
		r.streams = append(r.streams, knew{st, st.known(), st.gaps})
		st.mu.Unlock()
	}
	r.mark = s.d.Acks.Mark() // last: all that the streams know was given to the producer before
	s.round = r
	return nil
}

func (k knew) settle() {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.gaps == k.s.gaps {
		k.s.safe = max(k.s.safe, k.known)
	}
}

// status writes how the stream stands, span after it last did.
func (s *Stream) status(ctx context.Context, span time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == bgp.FeedClosed {
		return nil
	}
	st := s.standing()
	st.MessagesPerSecond = float64(s.messages-s.counted) / span.Seconds()
	s.counted = s.messages
	return s.feed(ctx, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: st})
}
