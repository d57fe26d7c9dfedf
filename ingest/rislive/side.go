package rislive

import "time"

// sideState is how far a connection's subscription to a collector has come.
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
	buffer buffer             // what it brought and was not said
	ahead  sequence[struct{}] // what was said and it has not brought
	state  sideState
	// subscribedAt is when the side was subscribed last; frameAt when the connection brought a
	// message of the collector last, 0 if it brought none.
	subscribedAt, frameAt time.Duration
	// forgotten is the time up to which ahead has forgotten messages, for want of room; 0 is none.
	forgotten time.Duration
	// matched is the number (merger.frames) of the latest frame of the connection whose message was
	// written to the stream, by whichever connection.
	matched uint64
	recent  recent
	// overlaps: both connections brought one of the messages that this one brought since
	// completeSince. No message that it brought since then was passed over.
	overlaps      bool
	completeSince time.Duration
}

// lose forgets a connection. What was said stays known, for it may come again soon after; and that there is what only this
// connection brought.
func (s *side) disconnect(p *pool) {
	s.buffer.strip(p)
	s.recent.end()
	s.state, s.overlaps, s.frameAt = unsubscribed, false, 0
}

// take notes that the connection has brought, as the frame with that number, a message that was
// written before. It reports false if the message was not written.
func (s *side) takeAhead(key, frame uint64) bool {
	_, ok := s.ahead.take(key)
	if ok {
		s.recent.note(key)
		s.matched = frame
	}
	return ok
}

// remember notes that a message was written that the connection has not brought. It keeps the latest
// most of them.
func (s *side) addAhead(key uint64, now time.Duration, most int) {
	if len(s.ahead.list) >= most {
		s.forgotten = s.ahead.oldest().at
		s.ahead.dropOldest()
	}
	s.ahead.push(key, now, struct{}{})
}

// listensSince tells whether the connection was subscribed to the collector at t.
func (s *side) subscribedSince(t time.Duration) bool {
	return s.state == subscribed && s.subscribedAt <= t
}

// partial notes that something that the connection brought was passed over: whether it overlaps with the other has to be seen anew.
func (s *side) restartOverlap(now time.Duration) { s.overlaps, s.completeSince = false, now }

// subscribe notes that the subscription is sent. It reports false if it was sent before.
func (s *side) subscribe() bool {
	if s.state != unsubscribed {
		return false
	}
	s.state = requested
	return true
}

// confirm notes that the collector's messages come on the connection from now on.
func (s *side) confirm(now time.Duration) {
	if s.state != subscribed {
		s.state, s.subscribedAt, s.completeSince = subscribed, now, now
	}
}
