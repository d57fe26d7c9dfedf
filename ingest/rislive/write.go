package rislive

import (
	"context"
	"errors"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
)

// writeBuffered writes a frame that link n has buffered. A frame whose data were evicted is
// missing, unless its message has no id. mu is held.
func (m *merger) writeBuffered(ctx context.Context, f *feed, n int, h bufferedFrame) error {
	if h.data == nil {
		f.addUnwritten(&h, m.now(), leftOut)
		return m.resume(ctx, f)
	}
	if err := m.dec.Decode(h.data, &m.msg); err != nil {
		return m.undecodable(ctx, m.links[n], h.data, err)
	}
	s := &f.sides[n]
	return m.writeMessage(ctx, f, n, h.data, h.frame < s.matched || s.awaited.oldest() != nil)
}

// writeMessage writes m.msg, which link n brought as frame. If it skips the message, it counts the
// reason. A message that comes too late for its peer is missing. overtaken means that a later
// message of the link may have been written already. mu is held.
func (m *merger) writeMessage(ctx context.Context, f *feed, n int, frame []byte, overtaken bool) error {
	// field raw is unusable, and the other fields replaced it; without a replacement enrich reports
	// the fault
	if m.msg.FromJSON && m.msg.RawError != nil {
		if err := m.undecodable(ctx, m.links[n], frame, m.msg.RawError); err != nil {
			return err
		}
	}
	skipped, err := f.write(ctx, &m.msg, m.links[n], overtaken)
	if skipped != "" {
		m.countSkipped(skipped)
	}
	switch {
	case errors.Is(err, stream.ErrTooManyPeers):
		return m.undecodable(ctx, m.links[n], frame, err)
	case skipped == skipLate && len(m.msg.ID) > 0:
		return m.addMissing(ctx, f, m.msg.Timestamp)
	}
	return m.dropEnded(f, err)
}

// leftOut is the reason of a gap for a message that is too late to be written.
const leftOut = "the connection that led left out a message"

// addMissing records that the leader left out a message with that timestamp, microseconds, and that
// it is too late to write it. mu is held.
func (m *merger) addMissing(ctx context.Context, f *feed, stamp int64) error {
	f.addMissing(stamp, m.now(), leftOut)
	return m.resume(ctx, f)
}

// beforeSubscription reports whether the message that has just come, with that timestamp in
// microseconds, is older than the side's subscription. mu is held.
func (m *merger) beforeSubscription(s *side, stamp int64) bool {
	return m.age(stamp) > m.at-s.subscribedAt
}

// beyondMemory reports whether the message that has just come, with that timestamp in microseconds,
// is so old that it may have been written and forgotten. mu is held.
func (m *merger) beyondMemory(s *side, stamp int64) bool {
	forgotten := m.forgotten
	if s.evictedAt != 0 {
		forgotten = max(forgotten, s.evictedAt)
	}
	return m.age(stamp) > m.at-forgotten-m.cfg.overdueAfter()
}

// age returns the age of a message with that timestamp, microseconds, at the arrival of the latest
// frame, by the collectors' clocks. mu is held.
func (m *merger) age(stamp int64) time.Duration {
	return time.Duration(m.clock.UnixMicro()-stamp)*time.Microsecond - m.skew.ahead
}

// countSkipped counts a message that was not written.
func (m *merger) countSkipped(r skipReason) { m.metrics.passed.WithLabelValues(string(r)).Inc() }

// undecodable logs a frame that cannot be decoded and writes it to the dead letters, without its
// data if raw is nil. mu is held.
func (m *merger) undecodable(ctx context.Context, c *connection, raw []byte, err error) error {
	m.limited.Warn("skipped a message of RIS Live", "address", c.origin, "message", c.frames,
		"err", short(err.Error()))
	return m.streams.DeadLetter(ctx, stream.DeadLetter{
		Origin: c.origin, Offset: c.frames, Raw: raw, Reason: "rislive", Err: err,
	})
}

// short cuts a text of the server for the log, octets.
func short(text string) string {
	const most = 300
	return text[:min(len(text), most)]
}

// dropEnded drops the feed if err reports that another process has taken its stream. It returns any
// other error. mu is held.
func (m *merger) dropEnded(f *feed, err error) error {
	if !ended(err) {
		return err
	}
	m.forget(f)
	return nil
}
