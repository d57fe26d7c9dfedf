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

// feedState says whether messages of a collector can be written.
type feedState uint8

// The states. A feed begins suspended.
const (
	// feedSuspended: messages were lost, or none was written yet. The next message begins a gap.
	// begin leads to feedUp, expire after Config.StaleTimeout to feedDown.
	feedSuspended feedState = iota
	// feedUp: messages are written. suspend leads to feedSuspended.
	feedUp
	// feedDown: as suspended, and the stream says that it is down. begin leads to feedUp.
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
	last            int64 // the latest timestamp heard, microseconds; 0 is none
	state           feedState
	// why says why the feed is suspended or down, suspendedAt since when (since the merger's start).
	why         string
	suspendedAt time.Duration
	// missingFrom and missingTo are the timestamps of the earliest and the latest message that are known
	// to be missing and lie in no gap; 0 is none.
	missingFrom, missingTo int64
	gap                    *stream.Gap // the last one
	// Timestamps: since is where the gap begins; until is when it was over by our clock; through is
	// the latest message that is known to be missing in it, or since; resumed is the earliest
	// message after the gap that is not older than through, 0 if there is none. A missing message
	// lies in the gap if it is not before since, not after until, and before resumed.
	since, until, through, resumed int64
	sides                          [2]side // by link
}

type peer struct {
	handle *stream.Peer
	last   int64  // timestamp of the last message said, microseconds
	id     []byte // its id; empty if it has none
	from   *connection
	handed int64 // timestamp of the last message that another connection than from said
}

// handedTo is up to when another connection than c has said what the peer says.
func (p *peer) handedTo(c *connection) int64 {
	if p.from == c {
		return p.handed
	}
	return p.last
}

// whyStart is why a feed is broken to begin with.
const whyStart = "no message since the start"

func newFeed(s *stream.Stream, now time.Duration) *feed {
	return &feed{
		collector: s.Collector(), host: s.Collector()[len(bgp.ProjectRIS)+1:], stream: s, peers: map[bgp.Peer]*peer{},
		state: feedSuspended, why: whyStart, suspendedAt: now,
	}
}

// beyond is how far the answer to a gap reaches beyond the gap's end at least. Clocks differ, and
// bootstrap.Config.Overlap is a minute.
const beyond = time.Second

// begin ends a feed's break: the gap, then the stream is up.
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
	f.gap, f.since, f.until, f.through, f.resumed = g, since, g.Until+beyond.Microseconds(), max(since, f.missingTo), 0
	g.Lacks(f.through)
	f.missingFrom, f.missingTo = 0, 0
	if err := f.stream.Up(ctx); err != nil {
		return err
	}
	f.state = feedUp
	return nil
}

// lose notes that no connection follows the feed.
func (f *feed) suspend(now time.Duration, why string) {
	if f.state != feedUp {
		return
	}
	f.state, f.why, f.suspendedAt = feedSuspended, why, now
	f.stream.Suspend()
}

// lack notes that a message is missing, unless a gap holds it; the gap begins where the feed goes on.
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

// inGap reports whether the last gap holds a missing message. If so, the gap's answer brings the
// message, however old the messages are that come after the gap: a connection that stood still may
// go on at an earlier time.
func (f *feed) inGap(stamp int64) bool {
	if f.gap == nil || stamp < f.since || stamp > f.until || f.resumed != 0 && stamp >= f.resumed {
		return false
	}
	if stamp > f.through {
		f.through = stamp
		f.gap.Lacks(stamp)
	}
	return true
}

// heard notes the timestamp of a message that was said, or says nothing.
func (f *feed) heard(stamp int64) {
	f.last = max(f.last, stamp)
	if stamp >= f.through && (f.resumed == 0 || stamp < f.resumed) {
		f.resumed = stamp
	}
}

// expire takes a feed down that was lost before t.
func (f *feed) expire(ctx context.Context, t time.Duration) error {
	if f.state != feedSuspended || f.suspendedAt > t {
		return nil
	}
	f.state = feedDown
	return f.stream.Down(ctx, pb.DownReason_DOWN_REASON_STALE, f.why)
}

// newPeer begins to know a peer.
func (f *feed) newPeer(p bgp.Peer) (*peer, error) {
	handle, err := f.stream.Peer(p, netip.Addr{})
	if err != nil {
		return nil, err
	}
	known := &peer{handle: handle}
	f.peers[p] = known
	return known, nil
}

// passed is why a message says nothing for the stream, of a small closed set; empty where it was said.
type passed string

// The reasons.
const (
	passedSent      passed = "sent"
	passedLate      passed = "late"
	passedOther     passed = "other type"
	passedOpen      passed = "open"
	passedKeepalive passed = "keepalive"
	passedConnected passed = "connected"
	passedForeign   passed = "not subscribed"
	passedTwice     passed = "twice"
	passedExpired   passed = "expired"
)

// say writes a message that a connection brought to the stream, unless its peer has sent a later
// message that another connection brought: the older one would undo it. overtaken: of two messages
// with one timestamp, this is the older one. The error is the stream's.
func (f *feed) write(ctx context.Context, m *wire.RISLiveMessage, from *connection, overtaken bool) (passed, error) {
	p := f.peers[m.Peer]
	if p != nil && len(m.ID) > 0 && m.Timestamp == p.last && bytes.Equal(m.ID, p.id) {
		return passedTwice, nil // the memory of written messages is too short, or our clock was set
	}
	late := p != nil && (m.Timestamp < p.handedTo(from) || overtaken && m.Timestamp == p.handedTo(from))
	believable := !f.stream.Ahead(m.Timestamp) // one that cannot be is no measure of what comes later
	if m.Kind != wire.RISUnknown && believable && !late {
		f.heard(m.Timestamp)
	}
	switch {
	case m.Sent:
		return passedSent, nil
	case m.Kind == wire.RISOpen:
		return passedOpen, nil
	case m.Kind == wire.RISKeepalive: // archives leave it out, too
		return passedKeepalive, nil
	case m.Kind == wire.RISState && m.State != bgp.Established && m.State != bgp.Idle:
		return passedConnected, nil
	case m.Kind != wire.RISUpdate && m.Kind != wire.RISNotification && m.Kind != wire.RISState:
		return passedOther, nil
	case late:
		return passedLate, nil
	}
	if p == nil {
		var err error
		if p, err = f.newPeer(m.Peer); err != nil {
			return "", err
		}
	}
	if believable {
		p.handed, p.from, p.last = p.handedTo(from), from, m.Timestamp
		p.id = append(p.id[:0], m.ID...)
	}
	return "", f.writeLive(ctx, m, p.handle)
}

// write writes an UPDATE, a NOTIFICATION or a state.
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

// notification says in words what a NOTIFICATION says (RFC 4271 §4.5).
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

// ended reports whether the error only means that somebody else has taken the stream.
func ended(err error) bool { return errors.Is(err, stream.ErrClosed) }
