package rislive

import (
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
	lacked int64 // timestamp of the earliest message that is known to be missing and in no gap; 0 is none
	// since and resumed are where the last gap begins, and the earliest message after it, timestamps: what lies between is in that gap.
	// resumed is 0 until there is such a message.
	since, resumed int64
	sides          [2]side // by link
}

// side is what a connection has to do with a collector.
type side struct {
	hold  hold               // what it brought and was not said
	ahead sequence[struct{}] // what was said and it has not brought
	// asked: the subscription was sent; listens: it was acknowledged, or brought something, at heard.
	asked, listens bool
	heard          time.Duration
	brought        time.Duration // when it brought anything of the collector last
	// overlaps: since whole, from when on all that it brings is known, a message of it was brought by the other one as well.
	overlaps bool
	whole    time.Duration
}

// lose forgets a connection. What was said stays known, for it may come again soon after; and that there is what only this
// connection brought.
func (s *side) lose(p *pool) {
	s.hold.strip(p)
	s.asked, s.listens, s.overlaps, s.brought = false, false, false, 0
}

// listensSince tells whether the connection was subscribed to the collector at t.
func (s *side) listensSince(t time.Duration) bool { return s.listens && s.heard <= t }

// partial notes that something that the connection brought was passed over: whether it overlaps with the other has to be seen anew.
func (s *side) partial(now time.Duration) { s.overlaps, s.whole = false, now }

type peer struct {
	handle *stream.Peer
	last   int64 // timestamp of the last message said, microseconds
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

// begin ends a feed's break: the gap, then the stream is up.
func (f *feed) begin(ctx context.Context) error {
	since := f.last
	if since == 0 {
		since = f.stream.Since()
	} else if f.lacked != 0 {
		since = min(since, f.lacked)
	}
	f.lacked, f.since, f.resumed = 0, since, 0
	if _, err := f.stream.BeginGap(ctx, since, f.why); err != nil {
		return err
	}
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
	f.lose(now, why)
}

// inGap tells whether the last gap holds a message that was not said.
func (f *feed) inGap(stamp int64) bool {
	return f.since <= stamp && (f.resumed == 0 || stamp < f.resumed)
}

// heard notes the timestamp of a message that was said, or says nothing.
func (f *feed) heard(stamp int64) {
	f.last = max(f.last, stamp)
	if f.resumed == 0 || f.since <= stamp && stamp < f.resumed {
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

// say writes a message that a connection brought to the stream, unless it is older than what its peer has said on another one: it
// would undo what came since. The error is the stream's.
func (f *feed) say(ctx context.Context, m *wire.RISLiveMessage, from *connection) (passed, error) {
	p := f.peers[m.Peer]
	late := p != nil && m.Timestamp < p.handedTo(from)
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
