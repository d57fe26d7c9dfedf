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

// MaxPeers bounds the peers of one collector. Each table of a router's neighbour counts. A peer
// takes some hundred octets, and a hostile server can name any number of them. The largest public
// collectors have some hundred peers.
const MaxPeers = 1 << 14

// maxListed bounds the peers that one record lists, at about 40 octets each. It is far above any
// collector's number, and far below a broker's limit. A record with more peers lists none.
const maxListed = 1 << 12

// ErrTooManyPeers reports that a collector names more than MaxPeers peers.
var ErrTooManyPeers = fmt.Errorf("more than %d peers at one collector", MaxPeers)

// ErrClosed reports a write to a stream that was closed, or taken over by a new owner.
var ErrClosed = errors.New("stream is closed")

// Clock selects the clock that a collector's ticks follow.
type Clock uint8

const (
	// Delayed keeps the source's timestamps. The tick is ingest's clock less the delay of the last
	// messages (RIS Live, RouteViews).
	Delayed Clock = iota
	// Own makes the tick ingest's clock. The time of reception replaces timestamps that are 0 or
	// too far off (BMP).
	Own
)

// Options holds the options of a stream.
type Options struct {
	// Source is the kind of the source: rislive, bmp, routeviews or archive.
	Source string
	Clock  Clock
	// Archived is true if missing messages can be read again from archives. The stream then
	// remembers the time of each peer's last message.
	Archived bool
	// Reset is true if the collector sends its tables again in every session. The earlier state is
	// then void (BMP).
	Reset bool
}

// Stream is the stream of one collector. Set.Open creates it.
type Stream struct {
	set       *Set
	collector string
	o         Options
	epoch     uint64
	// tablesRequested is set if detect asked for the collector's tables before the stream was
	// opened
	tablesRequested bool
	gone            atomic.Bool // the stream is closed; outside mu: it can be read under any lock

	mu    sync.Mutex // guards all fields below, and the order of records
	state bgp.FeedState
	live  Lane
	peers map[peerID]*Peer
	nUp   int
	clock int64 // time of the last tick, microseconds
	// the lateness of a message is the time by which its timestamp is behind the clock
	lastLateness int64 // of the last message, microseconds
	minLateness  int64 // lowest since the last tick, microseconds; -1: no message came
	tickLateness int64 // by which the tick is behind: the last minLateness that was not -1
	// time up to which the collector's messages were known when this epoch began; 0: none are known
	since        int64
	acked        int64 // time up to which the known messages are also acknowledged
	missingSince int64 // time from which messages may be missing; 0: none are
	whole        bool  // everything is known, except for the open gap
	gap          *Gap
	gaps         int // gaps begun in this epoch
	lastGap      int64
	messages     uint64
	counted      uint64 // value of messages at the last status
	feeds        uint64 // records written to bgp.feeds
	slab         []byte
	rec          pb.UpdateRecord
	body         pb.UpdateRecord_BgpMessage
	message      pb.BGPMessage
	position     pb.Position
	counter      prometheus.Counter
}

// peerID is a peer and its BGP identifier.
type peerID struct {
	peer bgp.Peer
	id   netip.Addr
}

// Peer is a handle for a peer of a stream, so that the peer is converted only once. It belongs to
// the stream.
type Peer struct {
	key  bgp.Peer
	out  *pb.Peer
	up   bool
	last int64 // time of the peer's last message, microseconds; set only if the stream is archived
}

// Key returns the peer that the handle stands for.
func (p *Peer) Key() bgp.Peer { return p.key }

func newStream(set *Set, collector string, o Options, epoch uint64, past Past) *Stream {
	s := &Stream{
		set: set, collector: collector, o: o, epoch: epoch, state: bgp.FeedOpening, peers: map[peerID]*Peer{},
		whole: past.Known != 0, counter: set.metrics.messages.WithLabelValues(collector), minLateness: -1,
	}
	s.since = min(past.Known, s.now()) // Known is in the future if a clock was set back
	s.acked = s.since
	s.live = Lane{s: s, name: bgp.LaneLive, epoch: epoch, live: true}
	return s
}

// Collector returns the collector's name.
func (s *Stream) Collector() string { return s.collector }

// Live returns the lane of the records that cannot be read again.
func (s *Stream) Live() *Lane { return &s.live }

// Since returns the time up to which the collector's messages were known when this epoch began,
// microseconds. 0 means that none are known.
func (s *Stream) Since() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since
}

// TablesRequested reports whether detect asked for the collector's tables before the stream was
// opened. Such a stream begins with a gap without a beginning.
func (s *Stream) TablesRequested() bool { return s.tablesRequested }

// Peer returns the handle of a peer. id is its BGP identifier, invalid if the source gives none.
// The error is ErrTooManyPeers.
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
	if err := s.write(ctx, &s.live, now, &pb.UpdateRecord{Body: &pb.UpdateRecord_EpochBegin{
		EpochBegin: &pb.EpochBegin{},
	}}); err != nil {
		return err
	}
	if s.o.Reset {
		return s.writeDown(ctx, now, pb.DownReason_DOWN_REASON_LOST)
	}
	return nil
}

// Up records that the collector is connected. Ticks are written from now on. It does nothing if the
// collector was up already.
func (s *Stream) Up(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == bgp.FeedUp || s.state == bgp.FeedStale {
		return nil
	}
	if s.state == bgp.FeedClosed {
		return ErrClosed
	}
	s.state, s.lastLateness, s.minLateness, s.tickLateness = bgp.FeedUp, 0, -1, 0
	if err := s.write(ctx, &s.live, s.now(), &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorUp{
		CollectorUp: &pb.CollectorUp{},
	}}); err != nil {
		return err
	}
	return s.feed(ctx, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_UP})
}

// Suspend stops the ticks: the source is gone, perhaps only briefly. Readers of the log wait, and
// treat the collector as down once the time without ticks is too long. Up or Down ends the
// suspension.
func (s *Stream) Suspend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == bgp.FeedUp || s.state == bgp.FeedStale {
		s.state = bgp.FeedSuspended
	}
}

// Down records that the collector is gone. Reason lost clears its tables. Reason stale keeps them,
// masked.
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
	return s.write(ctx, &s.live, t, &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorDown{
		CollectorDown: &pb.CollectorDown{Reason: reason},
	}})
}

// Close ends the stream without a record: another owner follows the collector, or none does. If the
// collector is gone, call Down first.
func (s *Stream) Close() {
	s.abandon()
	s.set.remove(s)
	s.set.metrics.forget(s.collector)
}

// abandon makes the stream refuse every record.
func (s *Stream) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = bgp.FeedClosed
	s.gone.Store(true)
}

// Closed reports whether the stream was closed, or taken over by a new owner. It takes no lock.
// OnGap is called while the stream is locked, and its callee may call Closed under a lock of its
// own.
func (s *Stream) Closed() bool { return s.gone.Load() }

// tick writes the collector's clock, and a record when it becomes stale or fresh.
func (s *Stream) tick(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.set.metrics
	m.lag.WithLabelValues(s.collector).Set(float64(s.lastLateness) / 1e6)
	if s.minLateness >= 0 {
		s.tickLateness, s.minLateness = s.minLateness, -1
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
	switch late := time.Duration(s.tickLateness) * time.Microsecond; {
	case s.state == bgp.FeedUp && late > s.set.cfg.StaleTimeout:
		s.state = bgp.FeedStale
		if err := s.writeDown(ctx, s.now(), pb.DownReason_DOWN_REASON_STALE); err != nil {
			return err
		}
		if err := s.feed(ctx, &pb.FeedRecord{
			Event:  pb.FeedEvent_FEED_EVENT_DEGRADED,
			Reason: fmt.Sprintf("stale: its messages come %v late", late.Round(time.Second)),
		}); err != nil {
			return err
		}
	case s.state == bgp.FeedStale && late <= s.set.cfg.FreshWithin:
		s.state = bgp.FeedUp
		if err := s.write(ctx, &s.live, s.now()-s.tickLateness, &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorUp{
			CollectorUp: &pb.CollectorUp{},
		}}); err != nil {
			return err
		}
		if err := s.feed(ctx, &pb.FeedRecord{
			Event: pb.FeedEvent_FEED_EVENT_UP, Reason: "no longer stale",
		}); err != nil {
			return err
		}
	}
	t := s.now() - s.tickLateness
	if t <= s.clock {
		return nil
	}
	s.clock = t
	return s.write(ctx, &s.live, t, &pb.UpdateRecord{Body: &pb.UpdateRecord_Tick{Tick: &pb.Tick{}}})
}

// now returns the Set's clock in microseconds.
func (s *Stream) now() int64 { return s.set.d.Now().UnixMicro() }
