package core

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// stage is a world whose tables came and whose first panel votes, before an event at collector 0.
type stage struct {
	*world
	f *feed
}

func newStageWorld(t *testing.T) *stage {
	t.Helper()
	w := newWorld(t)
	w.tables()
	return &stage{w, w.run(dawn + 600)}
}

// say applies a record of collector 0 in a lane with timestamp t at effective time at.
func (s *stage) say(lane string, t, at int64, body any) {
	s.t.Helper()
	s.f.until(at)
	r := record(collectorName(0), t, body)
	r.Position.Lane = lane
	if err := s.f.detector.Apply(r, at*1e6); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) live(at int64, body any) { s.t.Helper(); s.say("live", at, at, body) }

// routes returns a message of peer p of collector 0: announced prefixes begin with +, withdrawn
// with -.
func (s *stage) routes(p int, upstream uint32, prefixes ...string) *pb.RouteChanges {
	s.t.Helper()
	ch := &pb.RouteChanges{Peer: s.peer(0, p), OriginAs: 64500, UpstreamAs: upstream}
	for _, x := range prefixes {
		r := &pb.Route{Prefix: octets(s.t, x[1:])}
		if x[0] == '+' {
			ch.Announced = append(ch.Announced, r)
		} else {
			ch.Withdrawn = append(ch.Withdrawn, r)
		}
	}
	return ch
}

// chunk returns a table in which peers of collector 0 hold prefixes over upstream 9.
func (s *stage) chunk(id string, peers []int, prefixes ...string) *pb.TableChunk {
	s.t.Helper()
	c := &pb.TableChunk{Id: id, Family: pb.Family_FAMILY_IPV4}
	for _, p := range peers {
		c.Peers = append(c.Peers, s.peer(0, p))
	}
	for _, x := range prefixes {
		c.Prefixes = append(c.Prefixes, &pb.TablePrefix{Prefix: octets(s.t, x), Paths: []*pb.TablePath{{OriginAs: 64500, UpstreamAs: 9, Peers: []byte{1<<len(peers) - 1}}}})
	}
	return c
}

// sees lists the upstreams over which the peers of collector 0 hold a prefix: 0 where one does not
// hold it.
func (s *stage) sees(prefix string) string {
	s.t.Helper()
	fam := s.f.detector.family(bgp.IPv4)
	_, k, _ := rib.KeyOf(netip.MustParsePrefix(prefix))
	row, ok := fam.rib.Row(k)
	out := make([]uint32, s.peers)
	for p := range s.peers {
		key, err := codec.ParsePeer(s.peer(0, p))
		if err != nil {
			s.t.Fatal(err)
		}
		slot := s.f.detector.collectors[collectorName(0)].peers[key].slots[0].slot
		if !ok || fam.rib.Held(row)[slot>>6]&(1<<(slot&63)) == 0 {
			continue
		}
		fam.rib.EachPair(row, func(_, up bgp.ASN, slots []uint64) {
			if slots[slot>>6]&(1<<(slot&63)) != 0 {
				out[p] = uint32(up)
			}
		})
	}
	return fmt.Sprint(out)
}

// votes lists, after the window, which peers of collector 0 vote, and the reasons of those that do
// not.
func (s *stage) votes() string {
	s.t.Helper()
	s.f.close()
	var out []string
	for _, p := range s.f.detector.family(bgp.IPv4).panel.Statuses(s.f.window) {
		switch {
		case p.Session.Key.Collector != collectorName(0):
		case p.Votes:
			out = append(out, "votes")
		default:
			out = append(out, string(p.Reason))
		}
	}
	return fmt.Sprint(out)
}

func (s *stage) want(what, got, want string) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: got %s, want %s", what, got, want)
	}
}

const (
	allVote = "[votes votes votes votes]"
	noTable = "[table_incomplete table_incomplete table_incomplete table_incomplete]"
)

// TestShortGapFilled: peers vote over a gap of a minute. Its fill applies to pairs that the live
// stream did not name, and other pairs stay as they are.
func TestShortGapFilled(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, &pb.GapBegin{Id: "g", SinceUs: (at - 60) * 1e6})
	s.want("while the gap is open", s.votes(), allVote)
	s.live(at+70, s.routes(0, 7, "-10.0.0.0/16", "+10.1.0.0/16"))
	s.say("fill/g", at-40, at+120, s.routes(0, 8, "+10.0.0.0/16", "-10.1.0.0/16", "-10.2.0.0/16"))
	s.say("fill/g", at-30, at+120, s.routes(1, 8, "-10.2.0.0/16"))
	s.say("fill/g", at-20, at+120, s.routes(1, 8, "+10.2.0.0/16"))
	s.say("fill/other", at-20, at+120, s.routes(2, 9, "-10.0.0.0/16"))
	s.say("table/other", at-20, at+120, s.chunk("other", []int{0, 1, 2, 3}, "10.9.0.0/16"))
	s.say("fill/g", at, at+130, &pb.GapEnd{Id: "g", Complete: true, Filled: true})
	s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[0 64400 64400 64400]")
	s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[7 64400 64400 64400]")
	s.want("10.2.0.0/16", s.sees("10.2.0.0/16"), "[0 8 64400 64400]")
	s.want("10.3.0.0/16", s.sees("10.3.0.0/16"), "[64400 64400 64400 64400]")
	s.want("10.9.0.0/16", s.sees("10.9.0.0/16"), "[64400 64400 64400 64400]")
	s.want("after", s.votes(), allVote)
	s.say("fill/g", at, at+260, s.routes(3, 8, "-10.3.0.0/16"))
	s.want("a late record of the fill", s.sees("10.3.0.0/16"), "[64400 64400 64400 64400]")
}

// TestLongGapFilled: peers do not vote over a longer gap, and are as before once it is filled.
func TestLongGapFilled(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	s.live(dawn+660, &pb.PeerDown{Peer: s.peer(0, 3)})
	at := dawn + 900
	s.live(at, &pb.GapBegin{Id: "g", SinceUs: (at-60)*1e6 - 1})
	s.want("while the gap is open", s.votes(), "[table_incomplete table_incomplete table_incomplete down]")
	s.f.until(dawn + 1800) // a panel is decided meanwhile
	s.say("fill/g", at-10, dawn+1800, s.routes(0, 8, "-10.0.0.0/16"))
	s.say("fill/g", at, dawn+1800, &pb.GapEnd{Id: "g", Complete: true, Filled: true})
	s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[0 64400 64400 0]")
	s.want("after", s.votes(), "[votes votes votes down]")
}

// TestGapNotFilled: the state after a gap without an answer is unknown, and is no loss either.
func TestGapNotFilled(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, &pb.GapBegin{Id: "g", SinceUs: (at - 5) * 1e6})
	s.live(at+1, s.routes(0, 7, "+10.0.0.0/16"))
	s.say("fill/g", at-4, at+300, s.routes(1, 8, "+10.1.0.0/16"))
	s.say("fill/g", at, at+300, &pb.GapEnd{Id: "g", Filled: true})
	s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[7 0 0 0]")
	s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[0 8 0 0]")
	s.want("after", s.votes(), noTable)
	s.f.until(dawn + 3*hours)
	s.want("hours after", s.votes(), noTable)
	if got := told(s.f, single, country, as); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
}

// TestBootstrap: a gap that begins before all records is answered by a table, and by the messages
// since then, which win over the table.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, &pb.GapBegin{Id: "g"})
	s.want("while the gap is open", s.votes(), noTable)
	s.live(at+70, s.routes(0, 7, "-10.0.0.0/16"))
	s.live(at+70, &pb.PeerUp{Peer: s.peer(0, 3)}) // its table comes by itself
	s.say("table/g", at-600, at+80, s.chunk("g", []int{0, 1, 2, 3}, "10.0.0.0/16", "10.1.0.0/16", "10.200.0.0/16"))
	s.say("fill/g", at-500, at+90, s.routes(1, 8, "-10.0.0.0/16", "+10.1.0.0/16"))
	s.say("fill/g", at, at+90, &pb.GapEnd{Id: "g", Complete: true, Peers: []*pb.Peer{s.peer(0, 0), s.peer(0, 1), s.peer(0, 2), s.peer(0, 3)}})
	s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[0 0 9 0]")
	s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[9 8 9 0]")
	s.want("10.2.0.0/16", s.sees("10.2.0.0/16"), "[0 0 0 0]")
	s.want("10.200.0.0/16", s.sees("10.200.0.0/16"), "[9 9 9 0]")
	s.want("after", s.votes(), "[votes votes votes transferring]")
}

// TestTableWithAHole: if a route of a peer's table could not be read, the peer is in the chunks and
// not in the end of the gap. It does not vote, and prefixes missing in its table are no loss.
func TestTableWithAHole(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, &pb.GapBegin{Id: "g"})
	s.say("table/g", at-600, at+80, s.chunk("g", []int{0, 1, 2, 3}, "10.0.0.0/16"))
	s.say("fill/g", at, at+90, &pb.GapEnd{Id: "g", Complete: true, Peers: []*pb.Peer{s.peer(0, 0), s.peer(0, 1)}})
	votes := strings.Fields(s.votes())
	if votes[0] != "[votes" || votes[1] != "votes" || strings.HasPrefix(votes[2], "votes") || strings.HasPrefix(votes[3], "votes") {
		t.Errorf("%v: want the two that are named to vote", votes)
	}
}

// TestSessionWithinGap: a session that ended within a gap, and a session that came up again.
func TestSessionWithinGap(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, &pb.GapBegin{Id: "g", SinceUs: (at - 50) * 1e6})
	s.live(at+1, s.routes(1, 7, "+10.0.0.0/16"))
	for p := range 3 {
		s.say("fill/g", at-40, at+70, &pb.PeerDown{Peer: s.peer(0, p)})
	}
	s.say("fill/g", at-30, at+70, &pb.PeerUp{Peer: s.peer(0, 1)})
	s.say("fill/g", at-30, at+70, s.routes(1, 8, "+10.0.0.0/16", "+10.1.0.0/16"))
	s.say("fill/g", at-25, at+70, &pb.PeerUp{Peer: s.peer(0, 2)})
	s.say("fill/g", at-24, at+70, s.routes(2, 8, "+10.2.0.0/16"))
	s.say("fill/g", at-20, at+70, &pb.RouteChanges{Peer: s.peer(0, 2), EndOfRib: []pb.Family{pb.Family_FAMILY_IPV4}})
	s.want("while the gap is open", s.votes(), "[table_incomplete table_incomplete table_incomplete votes]")
	s.say("fill/g", at, at+130, &pb.GapEnd{Id: "g", Complete: true, Filled: true})
	s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[0 7 0 64400]")
	s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[0 8 0 64400]")
	s.want("10.2.0.0/16", s.sees("10.2.0.0/16"), "[0 0 8 64400]")
	s.want("after", s.votes(), "[down transferring votes votes]")
	s.f.until(at + 600)
	// Peers 1 and 2 sent hardly any prefixes. Peer 1 stays a member of the panel until then.
	s.want("ten minutes after", s.votes(), "[down votes partial votes]")
}

// TestGapWithinGap: a gap replaces one that is still open, and the knowledge from before the first
// stays.
func TestGapWithinGap(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, &pb.GapBegin{Id: "a", SinceUs: (at - 300) * 1e6}) // masks
	s.live(at+1, s.routes(0, 7, "-10.0.0.0/16"))
	s.say("fill/a", at-200, at+2, s.routes(0, 7, "-10.1.0.0/16"))
	s.live(at+60, &pb.GapBegin{Id: "b", SinceUs: (at + 50) * 1e6})
	s.want("while the second is open", s.votes(), noTable)
	s.say("fill/a", at-200, at+70, s.routes(0, 7, "-10.2.0.0/16"))
	s.say("fill/a", at-200, at+70, &pb.GapEnd{Id: "a", Complete: true, Filled: true})
	s.say("fill/b", at-200, at+80, s.routes(0, 7, "-10.1.0.0/16"))
	s.say("fill/b", at+1, at+80, s.routes(0, 7, "-10.0.0.0/16"))
	s.say("fill/b", at+55, at+80, s.routes(0, 7, "+10.0.0.0/16"))
	s.say("fill/b", at, at+90, &pb.GapEnd{Id: "b", Complete: true, Filled: true})
	s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[7 64400 64400 64400]")
	s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[0 64400 64400 64400]")
	s.want("10.2.0.0/16", s.sees("10.2.0.0/16"), "[64400 64400 64400 64400]")
	s.want("after", s.votes(), allVote)
}

// TestNewOwner: a new owner takes an open gap over if it begins one that reaches as far back. If
// not, the gap stays unanswered.
func TestNewOwner(t *testing.T) {
	t.Parallel()
	at := dawn + 660
	begin := func(t *testing.T) *stage {
		t.Helper()
		s := newStageWorld(t)
		s.live(at, &pb.GapBegin{Id: "a", SinceUs: (at - 20) * 1e6})
		s.say("live", at+10, at+10, &pb.EpochBegin{})
		s.say("fill/a", at-10, at+20, s.routes(0, 8, "-10.0.0.0/16"))
		s.say("fill/a", at-10, at+20, &pb.GapEnd{Id: "a", Complete: true, Filled: true})
		s.want("what an owner before says", s.sees("10.0.0.0/16"), "[64400 64400 64400 64400]")
		return s
	}
	t.Run("takes it over", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.live(at+30, &pb.GapBegin{Id: "b", SinceUs: (at - 20) * 1e6})
		s.want("while it is open", s.votes(), allVote)
		s.say("fill/b", at-10, at+70, s.routes(0, 8, "-10.0.0.0/16"))
		s.say("fill/b", at, at+70, &pb.GapEnd{Id: "b", Complete: true, Filled: true})
		s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[0 64400 64400 64400]")
		s.want("after", s.votes(), allVote)
	})
	t.Run("knows less", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.live(at+30, &pb.GapBegin{Id: "b", SinceUs: (at + 5) * 1e6})
		s.say("fill/b", at, at+70, &pb.GapEnd{Id: "b", Complete: true, Filled: true})
		s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[0 0 0 0]")
		s.want("after", s.votes(), noTable)
	})
	t.Run("says none", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.live(at+30, s.routes(0, 7, "+10.1.0.0/16"))
		s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[7 0 0 0]")
		s.want("after", s.votes(), noTable)
	})
}

// TestLostWithinGap: after a collector lost its sessions within a gap, the answer to the gap
// applies to none of them.
func TestLostWithinGap(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, &pb.GapBegin{Id: "g"})
	s.live(at+5, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_LOST})
	s.say("table/g", at-600, at+80, s.chunk("g", []int{0, 1, 2, 3}, "10.0.0.0/16", "10.200.0.0/16"))
	s.say("table/g", at, at+90, &pb.GapEnd{Id: "g", Complete: true})
	s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[0 0 0 0]")
	s.want("10.200.0.0/16", s.sees("10.200.0.0/16"), "[0 0 0 0]")
	if w := s.f.detector.family(bgp.IPv4).rib; w.Forget(0) {
		t.Error("a row that others hold is forgotten")
	}
}

// TestLossWithinGap: after a complete table, prefixes missing in it count as withdrawn. So a loss
// within a gap is found, once the panel gate opens that shut with the gap.
func TestLossWithinGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	at := dawn + hours
	gone := w.in("KP")
	for c := range w.collectors {
		w.add(c, at, &pb.GapBegin{Id: "g"})
		chunk := w.chunkOf(c, "g")
		chunk.Prefixes = chunk.Prefixes[:len(w.networks)-len(gone)]
		w.add(c, at+60, chunk)
		w.add(c, at+61, &pb.GapEnd{Id: "g", Complete: true})
	}
	f := w.run(at + 2*hours)
	if got := told(f, country); len(got) != 1 || got[0] != "KP outage open 65-open" {
		t.Errorf("got %v, want the loss of KP", got)
	}
	if want := "No verdict was possible from 18:00 UTC on 13 May 2014 to 18:05 UTC on 13 May 2014: the loss may have begun at any time between."; !strings.Contains(notesOf(f, "KP"), want) {
		t.Errorf("%q is not among what is said of KP: %s", want, notesOf(f, "KP"))
	}
}

// TestGapsEnd: after any records in any order, once gap and check are over the table has no notes,
// and no peer waits for an answer that will not come.
func TestGapsEnd(t *testing.T) {
	t.Parallel()
	ids := []string{"a", "b", "c"}
	rapid.Check(t, func(rt *rapid.T) {
		s := newStageWorld(t)
		at := dawn + 660
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			at += rapid.Int64Range(0, 50).Draw(rt, "seconds")
			id := rapid.SampledFrom(ids).Draw(rt, "id")
			p := rapid.IntRange(0, 3).Draw(rt, "peer")
			some := []*pb.Peer{s.peer(0, p)}
			lane := rapid.SampledFrom([]string{"live", "live", "fill/" + id, "table/" + id}).Draw(rt, "lane")
			var body any
			switch rapid.IntRange(0, 13).Draw(rt, "kind") {
			case 0:
				body = &pb.GapBegin{Id: id}
			case 1:
				body = &pb.GapBegin{Id: id, SinceUs: (at - rapid.Int64Range(-9, 200).Draw(rt, "long")) * 1e6}
			case 2:
				body = &pb.GapBegin{Id: id, Peers: some, Families: []pb.Family{pb.Family_FAMILY_IPV4}}
			case 3:
				body = &pb.GapEnd{Id: id, Complete: rapid.Bool().Draw(rt, "complete"), Filled: rapid.Bool().Draw(rt, "filled")}
			case 4:
				body = &pb.GapEnd{Id: id, Complete: true, Peers: some, Families: []pb.Family{pb.Family(rapid.IntRange(1, 2).Draw(rt, "family"))}}
			case 5:
				body = s.chunk(id, []int{p, 3}, "10.0.0.0/16", "10.200.0.0/16")
			case 6:
				body = s.routes(p, 7, "-10.0.0.0/16", "+10.201.0.0/16")
			case 7:
				body = &pb.PeerUp{Peer: s.peer(0, p)}
			case 8:
				body = &pb.PeerDown{Peer: s.peer(0, p)}
			case 9:
				body = &pb.CollectorDown{Reason: pb.DownReason(rapid.IntRange(1, 2).Draw(rt, "reason"))}
			case 10:
				body = &pb.CollectorUp{}
			case 11:
				body = &pb.EpochBegin{}
			case 12:
				body = &pb.CheckBegin{Id: id}
			case 13:
				body = &pb.CheckEnd{Id: id, Complete: rapid.Bool().Draw(rt, "complete")}
			}
			s.say(lane, at-30, at, body)
		}
		s.live(at, &pb.GapBegin{Id: "last"})
		s.say("table/last", at, at, &pb.GapEnd{Id: "last"})
		for _, f := range s.f.detector.families {
			for _, p := range f.panel.Statuses(at) {
				if p.Session.Awaiting {
					rt.Fatalf("%v waits", p.Session.Key)
				}
			}
		}
		fam := s.f.detector.family(bgp.IPv4)
		_, k, _ := rib.KeyOf(netip.MustParsePrefix("10.202.0.0/16"))
		if row, ok := fam.rib.TableRow(k); !ok || !fam.rib.Forget(row) {
			rt.Fatal("something is still noted")
		}
		s.f.close()
	})
}
