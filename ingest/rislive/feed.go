package rislive

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// feedState is the state of a feed: whether messages of its collector can be written.
type feedState uint8

// The states. A feed begins suspended.
const (
	// feedSuspended: messages were lost, or none was written yet. begin writes the gap and leads to
	// feedUp; expire leads to feedDown after Config.StaleTimeout.
	feedSuspended feedState = iota
	// feedUp: messages are written. suspend leads to feedSuspended.
	feedUp
	// feedDown: as suspended, and the stream is down. begin leads to feedUp.
	feedDown
)

func (s feedState) String() string {
	switch s {
	case feedSuspended:
		return "suspended"
	case feedUp:
		return "up"
	case feedDown:
		return "down"
	}
	return "unknown"
}

// feed is one collector's part of the merger. The merger's mu guards it.
type feed struct {
	collector, host string // ris/rrc00, rrc00
	stream          *stream.Stream
	peers           map[bgp.Peer]*peer
	sides           [2]side // by link
	state           feedState
	why             string        // why the feed is suspended or down
	suspendedAt     time.Duration // when it was suspended, since the merger's start
	// The following are timestamps, microseconds. 0 means none.
	//
	// last is that of the latest message that came, written or not. Messages that come too late, or
	// have a timestamp in the future, do not count.
	last int64
	// missingFrom and missingTo are those of the earliest and the latest message that is known to
	// be missing and lies in no gap.
	missingFrom, missingTo int64
	// gap is the last gap, nil if none. A missing message lies in it if its timestamp is from since
	// to until, and before resumed (if not 0).
	//
	// since and until are the gap's begin and its end by ingest's clock plus gapOverlap. through is
	// the timestamp of the latest message known to be missing in the gap, or since if none is.
	// resumed is the timestamp of the earliest message after the gap that is not older than
	// through. From that message on the source has gone on after the missing messages.
	gap                            *stream.Gap
	since, until, through, resumed int64
}

// peer is a peer of the collector. Timestamps are microseconds.
type peer struct {
	handle    *stream.Peer
	last      int64       // the timestamp of the last message written
	id        []byte      // the id of that message; empty if it has none
	from      *connection // the connection that brought that message
	otherLast int64       // the timestamp of the last written message of a connection other than from
}

// lastOfOthers returns the timestamp of the peer's last written message that a connection other
// than c brought.
func (p *peer) lastOfOthers(c *connection) int64 {
	if p.from == c {
		return p.otherLast
	}
	return p.last
}

// whyStart is the reason why a new feed is suspended.
const whyStart = "no message since the start"

func newFeed(s *stream.Stream, now time.Duration) *feed {
	return &feed{
		collector: s.Collector(), host: s.Collector()[len(bgp.ProjectRIS)+1:], stream: s,
		peers: map[bgp.Peer]*peer{},
		state: feedSuspended, why: whyStart, suspendedAt: now,
	}
}

// gapOverlap is the least time by which the answer to a gap reaches beyond the gap's end, because
// clocks differ. Package bootstrap adds a minute by default.
const gapOverlap = time.Second

// begin writes the gap of a suspended or down feed, and sets the feed up.
func (f *feed) begin(ctx context.Context) error {
	since := f.last
	if since == 0 {
		since = f.stream.Since()
	} else if f.missingFrom != 0 {
		since = min(since, f.missingFrom)
	}
	g, err := f.stream.BeginGap(ctx, since, f.why)
	if err != nil {
		return err
	}
	f.gap, f.since, f.until, f.through, f.resumed = g, since, g.Until+gapOverlap.Microseconds(),
		max(since, f.missingTo), 0
	g.AddMissing(f.through)
	f.missingFrom, f.missingTo = 0, 0
	if err := f.stream.Up(ctx); err != nil {
		return err
	}
	f.state = feedUp
	return nil
}

// suspend ends writing. It has no effect unless the feed is up.
func (f *feed) suspend(now time.Duration, why string) {
	if f.state != feedUp {
		return
	}
	f.state, f.why, f.suspendedAt = feedSuspended, why, now
	f.stream.Suspend()
}

// addUnwritten records that a buffered frame is not written: its message is missing, unless it has
// no id.
func (f *feed) addUnwritten(h *bufferedFrame, now time.Duration, why string) {
	if h.hasID {
		f.addMissing(h.stamp, now, why)
	}
}

// addMissing records that a message with that timestamp is missing, and suspends the feed. It does
// neither if the message lies in the last gap.
func (f *feed) addMissing(stamp int64, now time.Duration, why string) {
	if f.inGap(stamp) {
		return
	}
	if f.missingFrom == 0 || stamp < f.missingFrom {
		f.missingFrom = stamp
	}
	f.missingTo = max(f.missingTo, stamp)
	f.suspend(now, why)
}

// inGap reports whether a missing message lies in the last gap. If so, it reports the message to
// the gap, and the gap's answer brings it. A connection that stood still may bring messages from
// before the gap's end after it. They lie in the gap, too.
func (f *feed) inGap(stamp int64) bool {
	if f.gap == nil || stamp < f.since || stamp > f.until || f.resumed != 0 && stamp >= f.resumed {
		return false
	}
	if stamp > f.through {
		f.through = stamp
		f.gap.AddMissing(stamp)
	}
	return true
}

// heard records the timestamp of a message that came, written or not. It is not called for a
// message that came too late or has a timestamp in the future.
func (f *feed) heard(stamp int64) {
	f.last = max(f.last, stamp)
	if stamp >= f.through && (f.resumed == 0 || stamp < f.resumed) {
		f.resumed = stamp
	}
}

// expire sets a feed down that was suspended before t.
func (f *feed) expire(ctx context.Context, t time.Duration) error {
	if f.state != feedSuspended || f.suspendedAt > t {
		return nil
	}
	f.state = feedDown
	return f.stream.Down(ctx, pb.DownReason_DOWN_REASON_STALE, f.why)
}

// newPeer adds a peer.
func (f *feed) newPeer(p bgp.Peer) (*peer, error) {
	handle, err := f.stream.Peer(p, netip.Addr{})
	if err != nil {
		return nil, err
	}
	known := &peer{handle: handle}
	f.peers[p] = known
	return known, nil
}

// skipReason is the reason why a message was not written, and a label of a metric. It is empty if
// the message was written.
type skipReason string

// The reasons.
const (
	skipSent      skipReason = "sent"
	skipLate      skipReason = "late"
	skipOther     skipReason = "other type"
	skipOpen      skipReason = "open"
	skipKeepalive skipReason = "keepalive"
	skipConnected skipReason = "connected"
	skipForeign   skipReason = "not subscribed"
	skipTwice     skipReason = "twice"
	skipExpired   skipReason = "expired"
)

// write writes a message that a connection brought to the stream. It skips the message if another
// connection brought a later one of the same peer, which was written: the older message would undo
// it. overtaken means that a later message of the link may have been written already. Then a
// message with an equal timestamp is late, too. The error is the stream's.
func (f *feed) write(
	ctx context.Context, m *wire.RISLiveMessage, from *connection, overtaken bool,
) (skipReason, error) {
	p := f.peers[m.Peer]
	if p != nil && len(m.ID) > 0 && m.Timestamp == p.last && bytes.Equal(m.ID, p.id) {
		// the memory of written messages has forgotten it, or ingest's clock was set
		return skipTwice, nil
	}
	late := p != nil && (m.Timestamp < p.lastOfOthers(from) || overtaken && m.Timestamp == p.lastOfOthers(from))
	// a timestamp in the future does not show that later messages came
	plausible := !f.stream.Ahead(m.Timestamp)
	if m.Kind != wire.RISUnknown && plausible && !late {
		f.heard(m.Timestamp)
	}
	switch {
	case m.Sent:
		return skipSent, nil
	case m.Kind == wire.RISOpen:
		return skipOpen, nil
	case m.Kind == wire.RISKeepalive: // archives leave it out, too
		return skipKeepalive, nil
	case m.Kind == wire.RISState && m.State != bgp.Established && m.State != bgp.Idle:
		return skipConnected, nil
	case m.Kind != wire.RISUpdate && m.Kind != wire.RISNotification && m.Kind != wire.RISState:
		return skipOther, nil
	case late:
		return skipLate, nil
	}
	if p == nil {
		var err error
		if p, err = f.newPeer(m.Peer); err != nil {
			return "", err
		}
	}
	if plausible {
		p.otherLast, p.from, p.last = p.lastOfOthers(from), from, m.Timestamp
		p.id = append(p.id[:0], m.ID...)
	}
	return "", f.writeLive(ctx, m, p.handle)
}

// writeLive writes an UPDATE, a NOTIFICATION or a state.
func (f *feed) writeLive(ctx context.Context, m *wire.RISLiveMessage, p *stream.Peer) error {
	lane := f.stream.Live()
	switch {
	case m.Kind == wire.RISState && m.State == bgp.Established:
		return lane.PeerUp(ctx, p, m.Timestamp)
	case m.Kind == wire.RISState:
		return lane.PeerDown(ctx, p, m.Timestamp, "the collector says that the session is down")
	case m.Kind == wire.RISNotification:
		return lane.PeerDown(ctx, p, m.Timestamp, notification(m.Message))
	}
	return lane.Message(ctx, &stream.Message{
		Peer: p, Timestamp: m.Timestamp, Raw: m.Message,
		ASOctets: m.Options.ASOctets, AddPathIPv4: m.Options.AddPathIPv4, AddPathIPv6: m.Options.AddPathIPv6,
	})
}

// notification describes a NOTIFICATION in words (RFC 4271 §4.5).
func notification(raw []byte) string {
	const what = "the peer sent a NOTIFICATION"
	_, body, err := wire.SplitMessage(raw)
	if err != nil {
		return what
	}
	n, err := wire.DecodeNotification(body)
	if err != nil {
		return what
	}
	return what + ": " + n.String()
}

// ended reports whether the error means that another process has taken the stream.
func ended(err error) bool { return errors.Is(err, stream.ErrClosed) }
