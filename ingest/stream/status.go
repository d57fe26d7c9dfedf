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

// feedStatus returns the status of the stream. The caller holds mu.
func (s *Stream) feedStatus() *pb.FeedStatus {
	st := &pb.FeedStatus{
		State: string(s.state), PeersUp: uint32(s.nUp), Messages: s.messages, LagUs: s.lastLateness,
		LastGapUs: s.lastGap, KnownUs: s.ackedKnown(),
	}
	if s.gap != nil && s.gap.Since == 0 && s.state == bgp.FeedUp {
		st.State = string(bgp.FeedBootstrapping)
	}
	return st
}

// Status returns the status of the stream, with a rate of 0.
func (s *Stream) Status() *pb.FeedStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feedStatus()
}

// known returns the time up to which everything that the collector sent is known, or 0 for never.
// The caller holds mu.
func (s *Stream) known() int64 {
	switch {
	case s.gap != nil:
		return s.gap.Since
	case s.whole && s.missingSince != 0:
		return min(max(s.clock, s.since), s.missingSince)
	case s.whole:
		return max(s.clock, s.since)
	}
	return 0
}

// SetMissingSince records that messages of the collector from since on, microseconds, may be
// missing, although no gap has begun. 0 means that none are. The next owner of the collector fills
// from that time.
func (s *Stream) SetMissingSince(since int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missingSince = since
}

// ackedKnown returns the time up to which everything that the collector sent is known and
// acknowledged by the broker. After a crash the next owner of the collector fills from there. The
// caller holds mu.
func (s *Stream) ackedKnown() int64 {
	if s.set.d.Acks == nil {
		return s.known()
	}
	return min(s.known(), s.acked)
}

// round holds the known time of each stream at the moment when mark was taken.
type round struct {
	mark    kafka.Mark
	streams []knownTime
}

// knownTime is the known time of one stream in a round. It is void if a gap has begun after the
// round (gaps differs), because the gap may begin before known.
type knownTime struct {
	s     *Stream
	known int64
	gaps  int
}

// settle stores the times of the last round as acknowledged if the broker has acknowledged its
// mark. It then begins another round. Only Run calls it. It returns the producer's error.
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
		r.streams = append(r.streams, knownTime{st, st.known(), st.gaps})
		st.mu.Unlock()
	}
	// Mark comes last, so that it covers all records that the streams count as known
	r.mark = s.d.Acks.Mark()
	s.round = r
	return nil
}

func (k knownTime) settle() {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.gaps == k.s.gaps {
		k.s.acked = max(k.s.acked, k.known)
	}
}

// writeStatus writes the status of the stream. span is the time since its last status.
func (s *Stream) writeStatus(ctx context.Context, span time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == bgp.FeedClosed {
		return nil
	}
	st := s.feedStatus()
	st.MessagesPerSecond = float64(s.messages-s.counted) / span.Seconds()
	s.counted = s.messages
	return s.feed(ctx, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: st})
}
