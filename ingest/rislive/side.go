package rislive

import "time"

// sideState is the state of a connection's subscription to a collector.
type sideState uint8

// The states. Each is entered from the one before it; disconnect leads back to unsubscribed.
const (
	unsubscribed sideState = iota
	requested              // the subscription was sent
	subscribed             // the service acknowledged it, or the connection brought a message
)

func (s sideState) String() string {
	switch s {
	case unsubscribed:
		return "unsubscribed"
	case requested:
		return "requested"
	case subscribed:
		return "subscribed"
	}
	return "unknown"
}

// side is one connection's part of a feed.
type side struct {
	buffer  buffer             // frames that this connection brought and that are not written
	awaited sequence[struct{}] // messages written, and not yet brought by this connection
	state   sideState
	// subscribedAt is the time of the last subscription. frameAt is the time of the connection's
	// last message of the collector, or 0 if it brought none.
	subscribedAt, frameAt time.Duration
	// evictedAt is the time at which the latest message that awaited has evicted was written. 0:
	// none was evicted.
	evictedAt time.Duration
	// matched is the number (merger.frames) of the latest frame of the connection whose message was
	// written to the stream, by whichever connection.
	matched uint64
	recent  recent
	// overlaps: since completeSince both connections brought a common message.
	overlaps bool
	// completeSince: no message of this connection was skipped since then.
	completeSince time.Duration
}

// disconnect ends the subscription. awaited stays, because the next connection may bring those
// messages. The buffered frames stay without their data.
func (s *side) disconnect(p *pool) {
	s.buffer.evictAll(p)
	s.recent.end()
	s.state, s.overlaps, s.frameAt = unsubscribed, false, 0
}

// takeAwaited records that the connection has brought an awaited message, as the frame with that
// number. It returns false if the message is not awaited.
func (s *side) takeAwaited(key, frame uint64) bool {
	_, ok := s.awaited.take(key)
	if ok {
		s.recent.note(key)
		s.matched = frame
	}
	return ok
}

// addAwaited records that a message was written that the connection has not brought yet. It keeps
// at most most messages, the latest.
func (s *side) addAwaited(key uint64, now time.Duration, most int) {
	if len(s.awaited.list) >= most {
		s.evictedAt = s.awaited.oldest().at
		s.awaited.dropOldest()
	}
	s.awaited.push(key, now, struct{}{})
}

// subscribedSince reports whether the side has been subscribed since t.
func (s *side) subscribedSince(t time.Duration) bool {
	return s.state == subscribed && s.subscribedAt <= t
}

// restartOverlap records that a message of the connection was skipped. Only later messages can show
// an overlap.
func (s *side) restartOverlap(now time.Duration) { s.overlaps, s.completeSince = false, now }

// subscribe records that the subscription is sent. It reports false if it was sent before.
func (s *side) subscribe() bool {
	if s.state != unsubscribed {
		return false
	}
	s.state = requested
	return true
}

// confirm records that the collector's messages come on the connection from now on.
func (s *side) confirm(now time.Duration) {
	if s.state != subscribed {
		s.state, s.subscribedAt, s.completeSince = subscribed, now, now
	}
}
