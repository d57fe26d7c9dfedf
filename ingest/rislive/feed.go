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
	lacked int64   // timestamp of the earliest message that is known to be missing since the last gap began; 0 is none
	sides  [2]side // by link
}

// side is what a connection has to do with a collector.
type side struct {
	hold  hold  // what it brought and was not said
	ahead ahead // what was said and it has not brought
	// asked: the subscription was sent; listens: it was acknowledged, or brought something, at heard.
	asked, listens bool
	heard          time.Duration
	brought        time.Duration // when it brought anything of the collector last
	// overlaps: a message of this connection was brought by the other one as well.
	overlaps bool
}

// lose forgets a connection. What was said stays known: it may come again soon after.
func (s *side) lose(p *pool) {
	s.hold.clear(p)
	s.asked, s.listens, s.overlaps, s.brought = false, false, false, 0
}

type peer struct {
	handle *stream.Peer
	last   int64 // timestamp of the last message said, microseconds
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
	f.lacked = 0
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

// lack notes that a message is missing; the gap begins where the feed goes on.
func (f *feed) lack(stamp int64, now time.Duration, why string) {
	if f.lacked == 0 || stamp < f.lacked {
		f.lacked = stamp
	}
	f.lose(now, why)
}

// expire takes a feed down that was lost before t.
func (f *feed) expire(ctx context.Context, t time.Duration) error {
	if !f.broken || f.down || f.lost > t {
		return nil
	}
	f.down = true
	return f.stream.Down(ctx, pb.DownReason_DOWN_REASON_STALE, f.why)
}

// peer returns what is known of a peer.
func (f *feed) peer(p bgp.Peer) (*peer, error) {
	if known, ok := f.peers[p]; ok {
		return known, nil
	}
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

// say writes a message to the stream. The error is the stream's.
// inOrder lets nothing pass that is older than what its peer has said last: it was held while that was said.
func (f *feed) say(ctx context.Context, m *wire.RISLiveMessage, inOrder bool) (passed, error) {
	believable := !f.stream.Ahead(m.Timestamp) // one that cannot be is no measure of what comes later
	if !inOrder && m.Kind != wire.RISUnknown && believable {
		f.last = max(f.last, m.Timestamp)
	}
	switch {
	case m.Sent:
		return passedSent, nil
	case m.Kind == wire.RISOpen:
		return passedOpen, nil
	case m.Kind == wire.RISKeepalive: // archives leave it out, so it must not mark where a gap begins
		return passedKeepalive, nil
	case m.Kind == wire.RISState && m.State != bgp.Established && m.State != bgp.Idle:
		return passedConnected, nil
	case m.Kind != wire.RISUpdate && m.Kind != wire.RISNotification && m.Kind != wire.RISState:
		return passedOther, nil
	}
	p, err := f.peer(m.Peer)
	if err != nil {
		return "", err
	}
	if inOrder && m.Timestamp < p.last {
		return passedLate, nil
	}
	if believable {
		p.last, f.last = m.Timestamp, max(f.last, m.Timestamp)
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
