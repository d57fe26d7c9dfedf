package stream

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// Gap is a part of a collector's stream, from Since to Until, that darkmap did not receive. A table
// or a fill may answer it. A new gap replaces a gap that is still open: its answer covers the
// missing messages of both.
type Gap struct {
	// ID names the gap within the collector.
	ID string
	// Since is the collector's clock before the gap, microseconds. If the gap replaced others, it
	// is the Since of the oldest. 0 means a gap without a beginning: only a table can answer it.
	Since int64
	// Until is the time at which the gap was over, microseconds.
	Until int64

	s *Stream
	// timestamp of each peer's first message after the gap; guarded by the stream's mu
	after         map[bgp.Peer]int64
	latestMissing int64    // greatest argument of AddMissing so far; guarded by the stream's mu
	ids           []string // IDs of the gaps that this one replaced
	ended         bool     // guarded by the stream's mu
	refused       bool     // a record of the gap's answer was too large; guarded by the stream's mu
}

// Stream returns the stream in which the gap lies.
func (g *Gap) Stream() *Stream { return g.s }

// TableLane starts the lane for the tables that answer the gap.
func (g *Gap) TableLane() *Lane { return g.lane(bgp.TableLane(g.ID)) }

// FillLane starts the lane for the messages that fill the gap.
func (g *Gap) FillLane() *Lane { return g.lane(bgp.FillLane(g.ID)) }

func (g *Gap) lane(name bgp.Lane) *Lane {
	l := g.s.Lane(name)
	l.refused = &g.refused
	return l
}

// AddMissing records that a message with timestamp at, microseconds, is missing and falls into the
// gap. A peer's part of the gap ends at its first message after the gap, but not at one older than
// at: a source that lags continues at an earlier time. AddMissing is safe for concurrent use.
func (g *Gap) AddMissing(at int64) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.latestMissing = max(g.latestMissing, at)
}

// heard records the time of the peer's first message after the gap. It ignores a message with a
// timestamp before the gap, which arrived late. The caller holds the stream's mu.
func (g *Gap) heard(p bgp.Peer, at int64) {
	if _, ok := g.after[p]; !ok && at >= max(g.Since, g.latestMissing) {
		g.after[p] = at
	}
}

// BeginGap records that messages of the collector between since and now are missing. since is the
// collector's clock at the beginning, microseconds, or 0 for a gap without a beginning. The gap's
// record precedes the first live record after the gap. since may be a timestamp of the source. If
// it is ahead of the clock, it counts as now. If only single messages were left out, messages after
// since may already be in the stream before the gap's record. The answer to the gap then repeats
// them.
func (s *Stream) BeginGap(ctx context.Context, since int64, why string) (*Gap, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps++
	now := s.now()
	since = min(since, now)
	g := &Gap{
		ID: fmt.Sprintf("%d-%d", s.epoch, s.gaps), Since: since, Until: now, s: s,
		after: map[bgp.Peer]int64{},
	}
	if old := s.gap; old != nil && !old.ended {
		old.ended = true
		ids := slices.Concat(old.ids, []string{old.ID})
		g.Since, g.latestMissing, g.ids = min(old.Since, since), old.latestMissing, ids[max(0, len(ids)-maxListed):]
	}
	s.gap, s.lastGap, s.acked = g, now, min(s.acked, since)
	s.set.metrics.gaps.WithLabelValues(s.collector).Inc()
	rec := &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: g.ID, SinceUs: since}}}
	if err := s.write(ctx, &s.live, now, rec); err != nil {
		return nil, err
	}
	f := &pb.FeedRecord{
		Event: pb.FeedEvent_FEED_EVENT_GAP, Reason: why, GapId: g.ID, BeginUs: since, EndUs: now,
		Peers: s.upPeers(),
	}
	if err := s.feed(ctx, f); err != nil {
		return nil, err
	}
	if s.set.d.OnGap != nil {
		s.set.d.OnGap(g)
	}
	return g, nil
}

// OpenGap returns the Since of the gap that is not answered yet, microseconds, 0 for a gap without
// a beginning. ok is false if every gap is answered.
func (s *Stream) OpenGap() (since int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gap == nil {
		return 0, false
	}
	return s.gap.Since, true
}

// upPeers lists the peers that are up, in order. If they are more than maxListed, it returns nil,
// which means all peers of the collector. The caller holds mu.
func (s *Stream) upPeers() []*pb.Peer {
	outs := map[bgp.Peer]*pb.Peer{}
	for _, p := range s.peers {
		if p.up && outs[p.key] == nil {
			outs[p.key] = p.out
		}
	}
	if len(outs) > maxListed {
		return nil
	}
	list := make([]*pb.Peer, 0, len(outs))
	for _, k := range slices.SortedFunc(maps.Keys(outs), bgp.Peer.Compare) {
		list = append(list, outs[k])
	}
	return list
}

// Outcome describes how a gap ends.
type Outcome struct {
	// Complete reports whether everything between Since and now is known.
	Complete bool
	// Filled reports whether the missing messages answered the gap. If false, a table did.
	Filled bool
	// Families and Peers are those of the table. Empty means all families or all peers of the gap.
	Families []bgp.Family
	Peers    []bgp.Peer
	// Unreadable is the number of records of the table that could not be read.
	Unreadable uint32
	// Why describes in words the missing part, or the answer.
	Why string
}

// limit downgrades an outcome that cannot be encoded. A record without a list of peers applies to
// all peers. For a table these are the peers that its chunks name, which is nearly the same set. A
// fill without a list would promise for all peers an answer that only some have, so limit makes it
// incomplete. refused reports whether a record of the answer was too large. The outcome is then
// incomplete, too.
func (o *Outcome) limit(refused bool) {
	if len(o.Peers) > maxListed {
		o.Complete = o.Complete && !o.Filled
		o.Peers = nil
	}
	if refused && o.Complete {
		o.Complete, o.Why = false, "a part of it is too large for a record: "+o.Why
	}
}

// End records in lane l, the lane of the answer, that the gap was answered. It does nothing if
// another gap has replaced this one.
func (g *Gap) End(ctx context.Context, l *Lane, o Outcome) error {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.ended || s.gap != g {
		return nil
	}
	g.ended = true
	o.limit(g.refused)
	end := &pb.GapEnd{Id: g.ID, Complete: o.Complete, Filled: o.Filled, Unreadable: o.Unreadable}
	for _, f := range o.Families {
		end.Families = append(end.Families, codec.Family(f))
	}
	for _, p := range o.Peers {
		end.Peers = append(end.Peers, codec.Peer(p, noID))
	}
	now := s.now()
	if err := s.write(ctx, l, now, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapEnd{GapEnd: end}}); err != nil {
		return err
	}
	s.gap, s.lastGap, s.whole = nil, now, o.Complete && (s.whole || !o.Filled)
	event := pb.FeedEvent_FEED_EVENT_RECOVERED
	if !o.Complete {
		event = pb.FeedEvent_FEED_EVENT_DEGRADED
	}
	for _, id := range slices.Concat(g.ids, []string{g.ID}) {
		f := &pb.FeedRecord{Event: event, Reason: o.Why, GapId: id, BeginUs: g.Since, EndUs: g.Until}
		if err := s.feed(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// Superseded reports whether another gap has replaced this one, or its stream is closed. An answer
// is then of no use.
func (g *Gap) Superseded() bool {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	return g.ended || g.s.gap != g || g.s.state == bgp.FeedClosed
}

// Progress writes to bgp.feeds how many octets of the gap's answer have been read.
func (g *Gap) Progress(ctx context.Context, done, total uint64, why string) error {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.feedStatus()
	st.State, st.DoneBytes, st.TotalBytes = string(bgp.FeedBootstrapping), done, total
	return s.feed(ctx, &pb.FeedRecord{
		Event: pb.FeedEvent_FEED_EVENT_PROGRESS, GapId: g.ID, Reason: why, Status: st,
	})
}

// Earliest returns the time from which messages may be missing, microseconds. It is Since, less the
// difference that archives' times may have (SameMessage), or 0 for a gap without a beginning.
func (g *Gap) Earliest() int64 {
	if g.Since == 0 {
		return 0
	}
	return g.Since - g.s.set.cfg.SameMessage.Microseconds()
}

// Missing reports whether an archived message of a peer may fall into the gap. at is its timestamp,
// microseconds. It may if it is not before Earliest, and not after the peer's first message after
// the gap, plus the difference that archives' times may have (SameMessage). Some of these messages
// did arrive: those at the edges of the gap, and those after a single message that was left out.
// Repeating them changes nothing: they come in order, and the state that the live stream has
// touched since stays. Their content does not identify them, because peers repeat messages.
func (g *Gap) Missing(p bgp.Peer, at int64) bool {
	if at < g.Earliest() {
		return false
	}
	g.s.mu.Lock()
	a, ok := g.after[p]
	g.s.mu.Unlock()
	return !ok || at <= a+g.s.set.cfg.SameMessage.Microseconds()
}

// Check is a daily comparison with a table dump.
type Check struct {
	ID      string
	s       *Stream
	refused bool // a record of the check's table was too large; guarded by the stream's mu
}

// BeginCheck announces that the dump with nominal time t will be compared with the state. The
// caller calls it at least a minute before t.
func (s *Stream) BeginCheck(ctx context.Context, t time.Time) (*Check, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Check{ID: fmt.Sprintf("%d-check-%s", s.epoch, t.UTC().Format("20060102T1504")), s: s}
	rec := &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckBegin{CheckBegin: &pb.CheckBegin{Id: c.ID}}}
	return c, s.write(ctx, &s.live, s.now(), rec)
}

// End records whether the whole table was sent. It uses Complete, Why and Unreadable of o.
func (c *Check) End(ctx context.Context, l *Lane, o Outcome) error {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	o.limit(c.refused)
	rec := &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckEnd{CheckEnd: &pb.CheckEnd{
		Id: c.ID, Complete: o.Complete, Unreadable: o.Unreadable,
	}}}
	if err := s.write(ctx, l, s.now(), rec); err != nil {
		return err
	}
	event := pb.FeedEvent_FEED_EVENT_RECOVERED
	if !o.Complete {
		event = pb.FeedEvent_FEED_EVENT_DEGRADED
	}
	return s.feed(ctx, &pb.FeedRecord{
		Event: event, GapId: c.ID, Reason: strings.TrimSpace("daily check: " + o.Why),
	})
}

// Lane starts the lane for the check's table.
func (c *Check) Lane() *Lane {
	l := c.s.Lane(bgp.TableLane(c.ID))
	l.refused = &c.refused
	return l
}
