package stream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// MaxPeers bounds the peers of one collector that are told apart, each table of a router's neighbour counted; they take some hundred
// octets each, and a hostile server can name any number. The largest public collectors have some hundred.
const MaxPeers = 1 << 14

// maxListed bounds the peers that one record lists, at about 40 octets: far more than any collector has, and far below what a broker
// takes. Where there are more the record lists none.
const maxListed = 1 << 12

// ErrTooManyPeers is a collector that names more than MaxPeers peers.
var ErrTooManyPeers = fmt.Errorf("more than %d peers at one collector", MaxPeers)

// ErrClosed is something said on a stream that was closed, or taken over by a new owner.
var ErrClosed = errors.New("stream is closed")

// Clock says whose clock a collector's ticks follow.
type Clock uint8

const (
	// Delayed lets the source's timestamps stand; the tick is our clock less the delay of the last message (RIS Live, RouteViews).
	Delayed Clock = iota
	// Own makes the tick our clock; timestamps of 0 or too far off are replaced by the reception's (BMP).
	Own
)

// Options of a stream.
type Options struct {
	// Source says where it comes from: rislive, bmp, routeviews, archive.
	Source string
	Clock  Clock
	// Archived tells that missing messages can be read again from archives: the stream then remembers each peer's last message.
	Archived bool
	// Reset tells that the collector sends its tables again in every session: what was known of them is void (BMP).
	Reset bool
}

// Stream is one collector's. Set.Open makes one.
type Stream struct {
	set       *Set
	collector string
	o         Options
	epoch     uint64
	doubted   bool        // its tables were wanted before it was opened
	gone      atomic.Bool // closed; apart from mu, so that it can be asked under any lock

	mu    sync.Mutex // all below, and the order of records
	state bgp.FeedState
	live  Lane
	peers map[peerID]*Peer
	nUp   int
	// clock is the last tick, microseconds; delay how late the last message was, least how late the least late one since the last tick, -1
	// none came, and late what that was at the last tick.
	clock, delay, least, late int64
	since                     int64 // from when on the collector was not followed before this epoch, 0 is since ever
	safe                      int64 // up to when what is known is acknowledged, too
	owes                      int64 // from when on what the collector said may be missing, 0 is nothing
	whole                     bool  // but for the open gap, everything is known
	gap                       *Gap
	gaps                      int // begun in this epoch
	lastGap                   int64
	messages                  uint64
	counted                   uint64 // messages at the last status
	feeds                     uint64 // records of bgp.feeds written
	slab                      []byte
	rec                       pb.UpdateRecord
	body                      pb.UpdateRecord_BgpMessage
	message                   pb.BGPMessage
	position                  pb.Position
	counter                   prometheus.Counter
}

// peerID is a peer and its BGP identifier.
type peerID struct {
	peer bgp.Peer
	id   netip.Addr
}

// Peer is a handle for a peer of a stream, so that it is converted once. It belongs to the stream.
type Peer struct {
	key  bgp.Peer
	out  *pb.Peer
	up   bool
	last int64 // when its last message was, microseconds; only where the stream is archived
}

// Key is who it is.
func (p *Peer) Key() bgp.Peer { return p.key }

func newStream(set *Set, collector string, o Options, epoch uint64, past Past) *Stream {
	s := &Stream{set: set, collector: collector, o: o, epoch: epoch, state: bgp.FeedOpening, peers: map[peerID]*Peer{}, whole: past.Known != 0, counter: set.metrics.messages.WithLabelValues(collector), least: -1}
	s.since = min(past.Known, s.now()) // nothing is known that was not said yet
	s.safe = s.since
	s.live = Lane{s: s, name: bgp.LaneLive, epoch: epoch, live: true}
	return s
}

// Collector is its name.
func (s *Stream) Collector() string { return s.collector }

// Live is the lane of what cannot be read again.
func (s *Stream) Live() *Lane { return &s.live }

// Since is the time from which on the collector was not followed before this epoch, microseconds; 0 is since ever.
func (s *Stream) Since() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since
}

// Doubted reports whether the collector's tables were wanted before the stream was opened: it begins with a gap since ever.
func (s *Stream) Doubted() bool { return s.doubted }

// Peer returns the handle of a peer; id is its BGP identifier, invalid where the source has none.
func (s *Stream) Peer(p bgp.Peer, id netip.Addr) (*Peer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := peerID{p, id}
	if h, ok := s.peers[k]; ok {
		return h, nil
	}
	if len(s.peers) >= MaxPeers {
		return nil, fmt.Errorf("peer %v of %s: %w", p.Address, s.collector, ErrTooManyPeers)
	}
	h := &Peer{key: p, out: codec.Peer(p, id)}
	s.peers[k] = h
	return h, nil
}

// begin writes the first records of the epoch.
func (s *Stream) begin(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if err := s.write(ctx, &s.live, now, &pb.UpdateRecord{Body: &pb.UpdateRecord_EpochBegin{EpochBegin: &pb.EpochBegin{}}}); err != nil {
		return err
	}
	if s.o.Reset {
		return s.writeDown(ctx, now, pb.DownReason_DOWN_REASON_LOST)
	}
	return nil
}

// Up says that the collector is there: ticks flow from now on. It does nothing where it was up already.
func (s *Stream) Up(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == bgp.FeedUp || s.state == bgp.FeedStale {
		return nil
	}
	if s.state == bgp.FeedClosed {
		return ErrClosed
	}
	s.state, s.delay, s.least, s.late = bgp.FeedUp, 0, -1, 0
	if err := s.write(ctx, &s.live, s.now(), &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}}); err != nil {
		return err
	}
	return s.feed(ctx, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_UP})
}

// Suspend stops the ticks: the source is gone, perhaps for a moment only. Whoever reads the log waits, and takes the collector
// down by itself when the moment gets too long. Up, or Down, ends it.
func (s *Stream) Suspend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == bgp.FeedUp || s.state == bgp.FeedStale {
		s.state = bgp.FeedSuspended
	}
}

// Down says that the collector is not there any more. Lost clears its tables, stale keeps them, masked.
func (s *Stream) Down(ctx context.Context, reason pb.DownReason, why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == bgp.FeedClosed || s.state == bgp.FeedDown {
		return nil
	}
	s.state = bgp.FeedDown
	if reason == pb.DownReason_DOWN_REASON_LOST {
		for _, p := range s.peers {
			p.up = false
		}
		s.nUp = 0
	}
	if err := s.writeDown(ctx, s.now(), reason); err != nil {
		return err
	}
	return s.feed(ctx, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_DOWN, Reason: why})
}

func (s *Stream) writeDown(ctx context.Context, t int64, reason pb.DownReason) error {
	return s.write(ctx, &s.live, t, &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorDown{CollectorDown: &pb.CollectorDown{Reason: reason}}})
}

// Close ends the stream without a record: somebody else follows the collector, or nobody. Say Down before where it is gone.
func (s *Stream) Close() {
	s.abandon()
	s.set.remove(s)
	s.set.metrics.forget(s.collector)
}

// abandon makes the stream refuse everything.
func (s *Stream) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = bgp.FeedClosed
	s.gone.Store(true)
}

// Closed reports whether it was closed, or taken over by a new owner. It takes no lock: whoever is told of a gap, while the stream is
// locked, may hold one of its own that it asks under.
func (s *Stream) Closed() bool { return s.gone.Load() }

// tick writes the collector's clock, and whether it is stale.
func (s *Stream) tick(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.set.metrics
	m.lag.WithLabelValues(s.collector).Set(float64(s.delay) / 1e6)
	if s.least >= 0 {
		s.late, s.least = s.least, -1
	}
	m.peers.WithLabelValues(s.collector).Set(float64(s.nUp))
	isUp := 0.0
	if s.state == bgp.FeedUp {
		isUp = 1
	}
	m.up.WithLabelValues(s.collector).Set(isUp)
	if s.state != bgp.FeedUp && s.state != bgp.FeedStale {
		return nil
	}
	switch late := time.Duration(s.late) * time.Microsecond; {
	case s.state == bgp.FeedUp && late > s.set.cfg.StaleTimeout:
		s.state = bgp.FeedStale
		if err := s.writeDown(ctx, s.now(), pb.DownReason_DOWN_REASON_STALE); err != nil {
			return err
		}
		if err := s.feed(ctx, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_DEGRADED, Reason: fmt.Sprintf("stale: its messages come %v late", late.Round(time.Second))}); err != nil {
			return err
		}
	case s.state == bgp.FeedStale && late <= s.set.cfg.FreshWithin:
		s.state = bgp.FeedUp
		if err := s.write(ctx, &s.live, s.now()-s.late, &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}}); err != nil {
			return err
		}
		if err := s.feed(ctx, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_UP, Reason: "no longer stale"}); err != nil {
			return err
		}
	}
	t := s.now() - s.late
	if t <= s.clock {
		return nil
	}
	s.clock = t
	return s.write(ctx, &s.live, t, &pb.UpdateRecord{Body: &pb.UpdateRecord_Tick{Tick: &pb.Tick{}}})
}

// now is the Set's clock in microseconds.
func (s *Stream) now() int64 { return s.set.d.Now().UnixMicro() }
