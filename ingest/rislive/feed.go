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

// feed is what is known of one collector. The merger's mu guards it.
type feed struct {
	collector, host string // ris/rrc00, rrc00
	stream          *stream.Stream
	peers           map[bgp.Peer]*peer
	last            int64 // the latest timestamp heard, microseconds; 0 is none
	// broken: what comes next stands after a gap; why says what broke it, lost when, since the merger's start.
	broken bool
	down   bool
	why    string
	lost   time.Duration
	// lacked and lackedTo are the timestamps of the earliest and the latest message that are known
	// to be missing and lie in no gap; 0 is none.
	lacked, lackedTo int64
	gap              *stream.Gap // the last one
	// Timestamps: since is where the gap begins; until is when it was over by our clock; through is
	// the latest message that is known to be missing in it, or since; resumed is the earliest
	// message after the gap that is not older than through, 0 if there is none. A missing message
	// lies in the gap if it is not before since, not after until, and before resumed.
	since, until, through, resumed int64
	sides                          [2]side // by link
}

// side is what a connection has to do with a collector.
type side struct {
	buffer buffer             // what it brought and was not said
	ahead  sequence[struct{}] // what was said and it has not brought
	// asked: the subscription was sent; listens: it was acknowledged, or brought something, at heard.
	asked, listens bool
	heard          time.Duration
	brought        time.Duration // when it brought anything of the collector last
	// forgotten is the time up to which ahead has forgotten messages, for want of room; 0 is none.
	forgotten time.Duration
	// matched is the number (merger.frames) of the latest frame of the connection whose message was
	// written to the stream, by whichever connection.
	matched uint64
	recent  recent
	// overlaps: since whole, from when on all that it brings is known, a message of it was brought by the other one as well.
	overlaps bool
	whole    time.Duration
}

// lose forgets a connection. What was said stays known, for it may come again soon after; and that there is what only this
// connection brought.
func (s *side) lose(p *pool) {
	s.buffer.strip(p)
	s.recent.end()
	s.asked, s.listens, s.overlaps, s.brought = false, false, false, 0
}

// take notes that the connection has brought, as the frame with that number, a message that was
// written before. It reports false if the message was not written.
func (s *side) take(key, frame uint64) bool {
	_, ok := s.ahead.take(key)
	if ok {
		s.recent.note(key)
		s.matched = frame
	}
	return ok
}

// remember notes that a message was written that the connection has not brought. It keeps the latest
// most of them.
func (s *side) remember(key uint64, now time.Duration, most int) {
	if len(s.ahead.list) >= most {
		s.forgotten = s.ahead.oldest().at
		s.ahead.dropOldest()
	}
	s.ahead.push(key, now, struct{}{})
}

// listensSince tells whether the connection was subscribed to the collector at t.
func (s *side) listensSince(t time.Duration) bool { return s.listens && s.heard <= t }

// partial notes that something that the connection brought was passed over: whether it overlaps with the other has to be seen anew.
func (s *side) partial(now time.Duration) { s.overlaps, s.whole = false, now }

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
	return &feed{collector: s.Collector(), host: s.Collector()[len(bgp.ProjectRIS)+1:], stream: s, peers: map[bgp.Peer]*peer{}, broken: true, why: whyStart, lost: now}
}

// beyond is how far the answer to a gap reaches beyond the gap's end at least. Clocks differ, and
// bootstrap.Config.Overlap is a minute.
const beyond = time.Second

// begin ends a feed's break: the gap, then the stream is up.
func (f *feed) begin(ctx context.Context) error {
	since := f.last
	if since == 0 {
		since = f.stream.Since()
	} else if f.lacked != 0 {
		since = min(since, f.lacked)
	}
	g, err := f.stream.BeginGap(ctx, since, f.why)
	if err != nil {
		return err
	}
	f.gap, f.since, f.until, f.through, f.resumed = g, since, g.Until+beyond.Microseconds(), max(since, f.lackedTo), 0
	g.Lacks(f.through)
	f.lacked, f.lackedTo = 0, 0
	if err := f.stream.Up(ctx); err != nil {
		return err
	}
	f.broken, f.down = false, false
	return nil
}

// lose notes that no connection follows the feed.
func (f *feed) lose(now time.Duration, why string) {
	if f.broken {
		return
	}
	f.broken, f.why, f.lost = true, why, now
	f.stream.Suspend()
}

// lack notes that a message is missing, unless a gap holds it; the gap begins where the feed goes on.
func (f *feed) lack(stamp int64, now time.Duration, why string) {
	if f.inGap(stamp) {
		return
	}
	if f.lacked == 0 || stamp < f.lacked {
		f.lacked = stamp
	}
	f.lackedTo = max(f.lackedTo, stamp)
	f.lose(now, why)
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
	if !f.broken || f.down || f.lost > t {
		return nil
	}
	f.down = true
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
func (f *feed) say(ctx context.Context, m *wire.RISLiveMessage, from *connection, overtaken bool) (passed, error) {
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
	return "", f.write(ctx, m, p.handle)
}

// write writes an UPDATE, a NOTIFICATION or a state.
func (f *feed) write(ctx context.Context, m *wire.RISLiveMessage, p *stream.Peer) error {
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
