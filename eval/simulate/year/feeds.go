package year

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// outageOfFeed is a span of time in which a collector's feed did not arrive.
type outageOfFeed struct {
	collector  int
	begin, end int64
	reason     string
}

// blackouts returns the gaps of all collectors, sorted by their beginning: the gaps of the stories,
// and some short ones of each collector.
func (y *Year) blackouts() []outageOfFeed {
	rng := rand.New(rand.NewPCG(y.cfg.Seed, 20)) //nolint:gosec // repeatable on purpose
	var all []outageOfFeed
	for i, c := range y.world.collectors {
		if c.source == "rislive" {
			all = append(all, outageOfFeed{
				i, y.end - blindAt, y.end - blindAt + blindFor,
				"both connections to RIS Live ended",
			})
		}
		for t := y.begin + rng.Int64N(20*day); t < y.end-20*day; t += 5*day + rng.Int64N(30*day) {
			all = append(all, outageOfFeed{i, t, t + minute + rng.Int64N(20*minute), "the connection ended"})
		}
	}
	all = append(all, outageOfFeed{
		3, y.end - deafAt, y.end - deafAt + deafFor, "the collector sent nothing for 60 s",
	})
	slices.SortFunc(all, func(a, b outageOfFeed) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.collector, b.collector))
	})
	return all
}

// gapID names the n-th gap.
func gapID(n int) string { return fmt.Sprintf("gap-%d", n+1) }

// blind reports whether all of RIS is away at a time.
func (y *Year) blind(t int64) bool { return t >= y.end-blindAt && t < y.end-blindAt+blindFor }

// votersAt returns the number of peers that vote at a time.
func (y *Year) votersAt(t int64) int {
	n := y.world.voters()
	if y.blind(t) {
		n /= 3
	}
	return n
}

// feedRecords yields the records of the feeds: the gaps, and for the last 30 days the status of
// each collector at each full hour.
func (y *Year) feedRecords() iter.Seq2[*kgo.Record, error] {
	return func(yield func(*kgo.Record, error) bool) {
		var all []*pb.FeedRecord
		for n, b := range y.blackouts() {
			c := y.world.collectors[b.collector]
			gap := pb.FeedRecord{
				TimestampUs: at(b.begin + minute), Collector: c.name,
				Event: pb.FeedEvent_FEED_EVENT_GAP, Reason: b.reason, GapId: gapID(n),
				Source: c.source, Instance: "simulate", BeginUs: at(b.begin), EndUs: at(b.end),
			}
			back := pb.FeedRecord{
				TimestampUs: at(b.end + 2*minute), Collector: c.name,
				Event: pb.FeedEvent_FEED_EVENT_RECOVERED, Reason: "filled from the archive",
				GapId:  gap.GapId,
				Source: c.source, Instance: "simulate", BeginUs: at(b.begin), EndUs: at(b.end),
			}
			all = append(all, &gap, &back)
		}
		all = append(all, y.statuses()...)
		slices.SortStableFunc(all, func(a, b *pb.FeedRecord) int {
			return cmp.Compare(a.TimestampUs, b.TimestampUs)
		})
		var s sender
		for i, rec := range all {
			rec.Position = &pb.Position{
				Collector: rec.Collector, Lane: string(bgp.LaneFeed), Epoch: y.epoch(),
				Sequence: uint64(i + 1),
			}
			if !yield(s.record(schemas.TopicFeeds, 0, y.cfg.Appended, rec)) {
				return
			}
		}
	}
}

// epoch is the epoch of the one process that wrote the year.
func (y *Year) epoch() uint64 { return uint64(time.Unix(y.begin, 0).UnixMilli()) << 10 }

// statuses returns the status of each collector at each full hour of the last 30 days.
func (y *Year) statuses() (all []*pb.FeedRecord) {
	rng := rand.New(rand.NewPCG(y.cfg.Seed, 21)) //nolint:gosec // repeatable on purpose
	gaps := y.blackouts()
	for i, c := range y.world.collectors {
		messages, last := uint64(0), int64(0)
		for t := y.end - routeDays*day; t < y.end; t += hour {
			st := &pb.FeedStatus{
				State: "up", PeersUp: uint32(len(c.peers)),
				MessagesPerSecond: 20 + float64(rng.IntN(400))/10,
				LagUs:             400_000 + rng.Int64N(1_500_000),
			}
			for _, g := range gaps {
				if g.collector == i && g.begin <= t {
					last = g.end
					if t < g.end {
						st.State, st.PeersUp, st.MessagesPerSecond, last = "down", 0, 0, g.begin
					}
				}
			}
			if c.source == "routeviews" {
				st.LagUs *= 40 // RouteViews comes through a queue
			}
			messages += uint64(st.MessagesPerSecond * 3600)
			st.Messages = messages
			if last > 0 {
				st.LastGapUs = at(last)
			}
			all = append(all, &pb.FeedRecord{
				TimestampUs: at(t), Collector: c.name, Event: pb.FeedEvent_FEED_EVENT_STATUS,
				Source: c.source, Instance: "simulate", Status: st,
			})
		}
	}
	return all
}

// The fewest voters, and collectors of voters, with which a panel gives verdicts.
const (
	minVoters     = 20
	minCollectors = 3
)

// panelRecords yields the panels: each quarter hour at scale 1, less often at smaller scales but at
// least once a day, and at each change.
func (y *Year) panelRecords() iter.Seq2[*kgo.Record, error] {
	return func(yield func(*kgo.Record, error) bool) {
		every := min(day, int64(float64(15*minute)/y.cfg.Scale)/minute*minute)
		times := []int64{y.end - blindAt, y.end - blindAt + blindFor}
		for t := y.begin; t < y.end; t += every {
			times = append(times, t)
		}
		slices.Sort(times)
		var s sender
		for _, t := range times {
			for f := range bgp.Families {
				rec := y.panel(t, bgp.Families[f])
				rec.Position = s.decided(bgp.Families[f], t-minute)
				if !yield(s.record(schemas.TopicPanel, 0, y.cfg.Appended, rec)) {
					return
				}
			}
		}
	}
}

// panel returns the panel at a time.
func (y *Year) panel(t int64, f bgp.Family) *pb.PanelRecord {
	rec := &pb.PanelRecord{
		Family: codec.Family(f), TimeUs: at(t), Table: pb.TableKnowledge_TABLE_KNOWLEDGE_COMPLETE,
		MinVoters: minVoters, MinCollectors: minCollectors,
	}
	verdicts := true
	rec.Verdicts = &verdicts
	for _, c := range y.world.collectors {
		down := y.blind(t) && c.source == "rislive"
		if !down {
			rec.Collectors++
		}
		for n, p := range c.peers {
			peer := &pb.PanelPeer{
				Collector: c.name, Peer: codec.Peer(p, netip.Addr{}), Votes: !down,
				Prefixes: uint32(y.world.prefixes[f-1]),
			}
			switch {
			case down:
				peer.Reason = "collector_down"
			case n == 0 && c.name == "ris/rrc07":
				peer.Votes, peer.Reason, peer.Prefixes = false, "partial", peer.Prefixes/3
			}
			if peer.Votes {
				rec.Voters++
			}
			rec.Peers = append(rec.Peers, peer)
		}
	}
	return rec
}
