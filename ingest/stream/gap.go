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

// Gap is a stretch of a collector's stream that was not heard, from Since to Until, and may be answered by a table or a fill. It
// takes the place of gaps that were still open when it began: what answers it holds what all of them lacked.
type Gap struct {
	// ID names it within the collector.
	ID string
	// Since is the collector's clock before it (of the oldest open one), microseconds; 0 is since ever: only a table can answer it.
	Since int64
	// Until is when it was over, microseconds.
	Until int64

	s     *Stream
	after map[bgp.Peer]int64 // when each peer's first message after it was; the stream's mu
	lack  int64              // the argument of Lacks, the greatest; the stream's mu
	ids   []string           // of gaps whose place it took
	ended bool               // the stream's mu
	lacks bool               // a record of its answer was refused; the stream's mu
}

// Stream is the gap's.
func (g *Gap) Stream() *Stream { return g.s }

// TableLane begins the lane of the tables that answer the gap; FillLane that of the messages that it lacked.
func (g *Gap) TableLane() *Lane { return g.lane(bgp.TableLane(g.ID)) }

// FillLane is TableLane's counterpart.
func (g *Gap) FillLane() *Lane { return g.lane(bgp.FillLane(g.ID)) }

func (g *Gap) lane(name bgp.Lane) *Lane {
	l := g.s.Lane(name)
	l.lacks = &g.lacks
	return l
}

// Lacks notes that a message with that timestamp, microseconds, is missing and lies in the gap. Older
// messages that come after the gap do not end a peer's part of the gap's answer: a source that lags
// goes on at an earlier time. It is safe for concurrent use.
func (g *Gap) Lacks(at int64) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.lack = max(g.lack, at)
}

// heard notes the first message after the gap; one from before it came late. The stream's mu is held.
func (g *Gap) heard(p bgp.Peer, at int64) {
	if _, ok := g.after[p]; !ok && at >= max(g.Since, g.lack) {
		g.after[p] = at
	}
}

// BeginGap says that what the collector said between since (its clock then, microseconds; 0 since ever) and now is missing. It
// stands before the first live record after the gap. since may be a source's own timestamp: one that lies ahead of the clock counts as now.
// Where single messages were left out, others that came after since stand before the gap: what answers it says them again.
func (s *Stream) BeginGap(ctx context.Context, since int64, why string) (*Gap, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps++
	now := s.now()
	since = min(since, now)
	g := &Gap{ID: fmt.Sprintf("%d-%d", s.epoch, s.gaps), Since: since, Until: now, s: s, after: map[bgp.Peer]int64{}}
	if old := s.gap; old != nil && !old.ended {
		old.ended = true
		ids := slices.Concat(old.ids, []string{old.ID})
		g.Since, g.lack, g.ids = min(old.Since, since), old.lack, ids[max(0, len(ids)-maxListed):]
	}
	s.gap, s.lastGap, s.safe = g, now, min(s.safe, since)
	s.set.metrics.gaps.WithLabelValues(s.collector).Inc()
	rec := &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: g.ID, SinceUs: since}}}
	if err := s.write(ctx, &s.live, now, rec); err != nil {
		return nil, err
	}
	f := &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_GAP, Reason: why, GapId: g.ID, BeginUs: since, EndUs: now, Peers: s.upPeers()}
	if err := s.feed(ctx, f); err != nil {
		return nil, err
	}
	if s.set.d.OnGap != nil {
		s.set.d.OnGap(g)
	}
	return g, nil
}

// OpenGap returns since when something is missing that was not answered yet, microseconds, 0 since ever; ok tells whether anything
// is.
func (s *Stream) OpenGap() (since int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gap == nil {
		return 0, false
	}
	return s.gap.Since, true
}

// upPeers lists the peers that are up, in order; none, which stands for all of the collector, where they are more than maxListed. mu is
// held.
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

// Outcome says how a gap ends.
type Outcome struct {
	// Complete tells that everything between Since and now is known.
	Complete bool
	// Filled tells that it was bridged by its messages, not by a table.
	Filled bool
	// Families and Peers are those of the table; empty is all of the gap's.
	Families []bgp.Family
	Peers    []bgp.Peer
	// Unreadable is how many records of the table could not be read.
	Unreadable uint32
	// Why says in words what was missing, or what answered it.
	Why string
}

// limit takes back what cannot be said. An end without a list speaks of all peers: of a table that is those that its chunks name, which is
// nearly the same, but a fill would promise of all what holds for some. lacks: a record of the answer was refused.
func (o *Outcome) limit(lacks bool) {
	if len(o.Peers) > maxListed {
		o.Complete = o.Complete && !o.Filled
		o.Peers = nil
	}
	if lacks && o.Complete {
		o.Complete, o.Why = false, "a part of it is too large for a record: "+o.Why
	}
}

// End says that the gap was answered, in the lane of what answered it. It does nothing where another has taken its place.
func (g *Gap) End(ctx context.Context, l *Lane, o Outcome) error {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.ended || s.gap != g {
		return nil
	}
	g.ended = true
	o.limit(g.lacks)
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

// Superseded reports whether another gap has taken its place, or its stream is closed: answering it is of no use.
func (g *Gap) Superseded() bool {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	return g.ended || g.s.gap != g || g.s.state == bgp.FeedClosed
}

// Progress says on bgp.feeds how much of what answers the gap has been read.
func (g *Gap) Progress(ctx context.Context, done, total uint64, why string) error {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.standing()
	st.State, st.DoneBytes, st.TotalBytes = string(bgp.FeedBootstrapping), done, total
	return s.feed(ctx, &pb.FeedRecord{Event: pb.FeedEvent_FEED_EVENT_PROGRESS, GapId: g.ID, Reason: why, Status: st})
}

// Earliest is the time before which the gap lacks nothing, microseconds, 0 since ever: Since, as far as archives' times may be off.
func (g *Gap) Earliest() int64 {
	if g.Since == 0 {
		return 0
	}
	return g.Since - g.s.set.cfg.SameMessage.Microseconds()
}

// Missing reports whether a message that a peer sent at at, microseconds, may be one that the gap lacked: not before Earliest, and not
// later than its first after it, by more than archives' times may be off. Some of that was heard: what lies at the edges, and what came
// after a single message that was left out. Saying it again changes nothing: it is said in order, and what the live stream has touched
// since stays. Content is no help here, for peers repeat themselves.
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
	ID    string
	s     *Stream
	lacks bool // a record of its table was refused; the stream's mu
}

// BeginCheck says that the dump of nominal time t will be compared with the state; it is called at least a minute before t.
func (s *Stream) BeginCheck(ctx context.Context, t time.Time) (*Check, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Check{ID: fmt.Sprintf("%d-check-%s", s.epoch, t.UTC().Format("20060102T1504")), s: s}
	rec := &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckBegin{CheckBegin: &pb.CheckBegin{Id: c.ID}}}
	return c, s.write(ctx, &s.live, s.now(), rec)
}

// End says whether the whole table was sent. Of o it takes Complete, Why and Unreadable.
func (c *Check) End(ctx context.Context, l *Lane, o Outcome) error {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	o.limit(c.lacks)
	rec := &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckEnd{CheckEnd: &pb.CheckEnd{Id: c.ID, Complete: o.Complete, Unreadable: o.Unreadable}}}
	if err := s.write(ctx, l, s.now(), rec); err != nil {
		return err
	}
	event := pb.FeedEvent_FEED_EVENT_RECOVERED
	if !o.Complete {
		event = pb.FeedEvent_FEED_EVENT_DEGRADED
	}
	return s.feed(ctx, &pb.FeedRecord{Event: event, GapId: c.ID, Reason: strings.TrimSpace("daily check: " + o.Why)})
}

// Lane begins the lane of the check's table.
func (c *Check) Lane() *Lane {
	l := c.s.Lane(bgp.TableLane(c.ID))
	l.lacks = &c.lacks
	return l
}
