package rislive

import (
	"context"
	"errors"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
)

// release says a held frame; if it was forgotten, it is missing. mu is held.
func (m *merger) writeBuffered(ctx context.Context, f *feed, n int, h bufferedFrame) error {
	if h.data == nil {
		return m.addMissing(ctx, f, h.stamp)
	}
	if err := m.dec.Decode(h.data, &m.msg); err != nil {
		return m.undecodable(ctx, m.links[n], h.data, err)
	}
	s := &f.sides[n]
	return m.writeMessage(ctx, f, n, h.data, h.frame < s.matched || s.ahead.oldest() != nil)
}

// emit writes the message in msg, which link n brought as frame, or counts why it does not. A message
// that comes too late for its peer is missing. overtaken: a message that the link brings later may
// have been written already. mu is held.
func (m *merger) writeMessage(ctx context.Context, f *feed, n int, frame []byte, overtaken bool) error {
	if m.msg.RawError != nil { // it was built from the other fields
		if err := m.undecodable(ctx, m.links[n], frame, m.msg.RawError); err != nil {
			return err
		}
	}
	p, err := f.write(ctx, &m.msg, m.links[n], overtaken)
	if p != "" {
		m.countPassed(p)
	}
	switch {
	case errors.Is(err, stream.ErrTooManyPeers):
		return m.undecodable(ctx, m.links[n], frame, err)
	case p == passedLate && len(m.msg.ID) > 0:
		return m.addMissing(ctx, f, m.msg.Timestamp)
	}
	return m.dropEnded(f, err)
}

// missing notes that the connection that led left out a message, of which it is too late to say it. mu is held.
func (m *merger) addMissing(ctx context.Context, f *feed, stamp int64) error {
	f.addMissing(stamp, m.now(), "the connection that led left out a message")
	return m.resume(ctx, f)
}

// old reports whether the message that has just come is older than the connection's subscription. mu
// is held.
func (m *merger) beforeSubscription(s *side, stamp int64) bool {
	return m.age(stamp) > m.at-s.subscribedAt
}

// forgot reports whether the message that has just come is so old that it may have been written and
// forgotten. mu is held.
func (m *merger) beyondMemory(s *side, stamp int64) bool {
	forgotten := m.forgotten
	if s.forgotten != 0 {
		forgotten = max(forgotten, s.forgotten)
	}
	return m.age(stamp) > m.at-forgotten-m.cfg.overdueAfter()
}

// age is how old a message with that timestamp, microseconds, was when the latest frame came, by the
// collectors' clocks. mu is held.
func (m *merger) age(stamp int64) time.Duration {
	return time.Duration(m.clock.UnixMicro()-stamp)*time.Microsecond - m.skew.ahead
}

func (m *merger) countPassed(p passed) { m.metrics.passed.WithLabelValues(string(p)).Inc() }

// undecodable counts, says and keeps what could not be decoded; nothing is kept where raw is nil. mu is held.
func (m *merger) undecodable(ctx context.Context, c *connection, raw []byte, err error) error {
	m.limited.Warn("passed over a message of RIS Live", "address", c.origin, "message", c.frames, "err", short(err.Error()))
	return m.streams.DeadLetter(ctx, stream.DeadLetter{Origin: c.origin, Offset: c.frames, Raw: raw, Reason: "rislive", Err: err})
}

// short is a text for the log: what a server says may be long.
func short(text string) string {
	const most = 300
	return text[:min(len(text), most)]
}

// check forgets a feed whose stream somebody else has taken. mu is held.
func (m *merger) dropEnded(f *feed, err error) error {
	if !ended(err) {
		return err
	}
	m.forget(f)
	return nil
}
