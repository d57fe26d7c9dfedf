package stream

import (
	"context"
	"net/netip"
	"time"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// noID is the BGP identifier of a peer whose source has none.
var noID netip.Addr

// standing is how the stream stands. mu is held.
func (s *Stream) standing() *pb.FeedStatus {
	st := &pb.FeedStatus{State: s.state.String(), PeersUp: uint32(s.nUp), Messages: s.messages, LagUs: s.delay, LastGapUs: s.lastGap, KnownUs: s.known()}
	if s.gap != nil && s.gap.Since == 0 && s.state == up {
		st.State = "bootstrapping"
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
	case s.whole:
		return max(s.clock, s.since)
	}
	return 0
}

// status writes how the stream stands, span after it last did.
func (s *Stream) status(ctx context.Context, span time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == closed {
		return nil
	}
	st := s.standing()
	st.MessagesPerSecond = float64(s.messages-s.counted) / span.Seconds()
	s.counted = s.messages
	return s.feed(ctx, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: st})
}
