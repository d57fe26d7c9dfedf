package core

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var ipv4Alone = []pb.Family{pb.Family_FAMILY_IPV4}

// unread makes a peer send a message that is only partly readable, with withdrawn prefixes, named
// prefixes, and whether it may have held more.
func (w *world) unread(c, p int, t int64, more bool, withdrawn []network, named ...network) {
	ch := &pb.RouteChanges{Peer: w.peer(c, p), Unread: &pb.Unread{}}
	if more {
		ch.Unread.Families = ipv4Alone
	}
	for _, n := range withdrawn {
		ch.Withdrawn = append(ch.Withdrawn, &pb.Route{Prefix: octets(w.t, n.prefix)})
	}
	for _, n := range named {
		ch.Unread.Prefixes = append(ch.Unread.Prefixes, octets(w.t, n.prefix))
	}
	w.add(c, t, ch)
}

// TestCutMessages: prefixes that are withdrawn before the cut are lost, and no others. The other
// prefixes of the peers are unknown then, and their votes stay.
func TestCutMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	kp := w.in("KP")
	w.everybody(dawn+30*minute, func(c, p int, t int64) { w.unread(c, p, t, true, kp[:3]) })
	w.back(dawn+60*minute, kp...)
	f := w.run(dawn + 2*hours)
	want := []string{"175.45.176.0/24 outage closed 30-60", "175.45.177.0/24 outage closed 30-60", "175.45.178.0/24 outage closed 30-60"}
	if diff := cmp.Diff(want, told(f, single)); diff != "" {
		t.Errorf("prefixes (-want +got):\n%s", diff)
	}
	want = []string{"AS131279 outage closed 30-60", "KP outage closed 30-60"}
	if diff := cmp.Diff(want, told(f, pb.EntityType_ENTITY_TYPE_AS, pb.EntityType_ENTITY_TYPE_COUNTRY)); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
}

// TestUnreadPrefixes: a prefix that an unreadable message names is unknown. The next withdrawals
// show that it is lost.
func TestUnreadPrefixes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	kp := w.in("KP")
	w.everybody(dawn+10*minute, func(c, p int, t int64) { w.unread(c, p, t, false, nil, kp...) })
	w.gone(dawn+40*minute, kp[1])
	f := w.run(dawn + 2*hours)
	if diff := cmp.Diff([]string{"175.45.177.0/24 outage open 40-open"}, told(f, single)); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
}

// TestUnreadablePeers: a peer has no vote while most of its messages are unreadable, until its next
// session begins.
func TestUnreadablePeers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	for i := range int64(6) {
		w.unread(0, 0, dawn+5*minute+i, true, nil)
		w.announce(0, 0, dawn+6*minute+i, w.networks[0])
		w.unread(0, 1, dawn+5*minute+i, true, nil)
	}
	f := w.run(dawn + 10*minute)
	reasons := map[panel.Reason]int{}
	for _, s := range f.detector.family(bgp.IPv4).panel.Statuses(dawn + 10*minute) {
		reasons[s.Reason]++
	}
	if diff := cmp.Diff(map[panel.Reason]int{"": 31, panel.Unreadable: 1}, reasons); diff != "" {
		t.Errorf("why peers do not vote (-want +got):\n%s", diff)
	}
	up := record(collectorName(0), dawn+11*minute, &pb.PeerUp{Peer: w.peer(0, 1)})
	f.apply(up)
	if s := f.detector.family(bgp.IPv4); s.panel.Session(s.peers[1].slots[0].slot).Unreadable {
		t.Error("after Peer Up the messages before count")
	}
}

// TestRefreshMarks: routes that a peer does not send again between BoRR and EoRR are withdrawn.
func TestRefreshMarks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	kp := w.in("KP")
	w.everybody(dawn+30*minute, func(c, p int, t int64) {
		w.add(c, t, &pb.RouteChanges{Peer: w.peer(c, p), RefreshBegins: ipv4Alone})
		w.announce(c, p, t, w.networks[:42]...)
		w.add(c, t, &pb.RouteChanges{Peer: w.peer(c, p), RefreshEnds: ipv4Alone})
		// A second end has no effect.
		w.add(c, t, &pb.RouteChanges{Peer: w.peer(c, p), RefreshEnds: ipv4Alone})
	})
	w.back(dawn+50*minute, kp...)
	want := []string{"175.45.178.0/24 outage closed 30-50", "175.45.179.0/24 outage closed 30-50"}
	if diff := cmp.Diff(want, told(w.run(dawn+2*hours), single)); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
}

// TestUnreadableRecordsOfATable: prefixes that a table with unreadable records does not name are
// unknown. Without unreadable records they are lost.
func TestUnreadableRecordsOfATable(t *testing.T) {
	t.Parallel()
	for unreadable, want := range map[uint32][]string{0: {"175.45.179.0/24 outage open 30-open"}, 1: nil} {
		w := newWorld(t)
		w.tables()
		whole := w.networks
		w.networks = whole[:43]
		for c := range w.collectors {
			at := dawn + 30*minute
			w.add(c, at, &pb.GapBegin{Id: "g", SinceUs: (at - 20*minute) * 1e6})
			chunk := w.chunkOf(c, "g")
			w.add(c, at, chunk)
			w.add(c, at+1, &pb.GapEnd{Id: "g", Complete: true, Families: ipv4Alone, Peers: chunk.Peers, Unreadable: unreadable})
		}
		f := w.run(dawn + hours)
		if diff := cmp.Diff(want, told(f, single)); diff != "" {
			t.Errorf("%d records: outages (-want +got):\n%s", unreadable, diff)
		}
		if n := f.detector.family(bgp.IPv4).panel.Voters().N; n != 32 {
			t.Errorf("%d records: %d voters, want 32", unreadable, n)
		}
	}
}

// TestPeersWithoutAnASNumber: if the table or the updates have no valid AS number for peers, the
// address identifies them.
func TestPeersWithoutAnASNumber(t *testing.T) {
	t.Parallel()
	for _, odd := range []uint32{0, 23456} {
		for _, inTable := range []bool{true, false} {
			t.Run(fmt.Sprintf("AS%d, in the table %v", odd, inTable), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.tables()
				w.gone(dawn+30*minute, w.in("KP")...)
				for _, r := range w.records {
					if inTable == (r.GetChanges() == nil) {
						without(r, odd)
					}
				}
				f := w.run(dawn + hours)
				want := []string{"175.45.176.0/24 outage open 30-open", "175.45.177.0/24 outage open 30-open", "175.45.178.0/24 outage open 30-open", "175.45.179.0/24 outage open 30-open"}
				if diff := cmp.Diff(want, told(f, single)); diff != "" {
					t.Errorf("outages (-want +got):\n%s", diff)
				}
				statuses := f.detector.family(bgp.IPv4).panel.Statuses(dawn + hours)
				if len(statuses) != 32 {
					t.Errorf("%d sessions, want 32", len(statuses))
				}
				for _, s := range statuses {
					if !s.Votes || !s.Session.Key.ASN.Identifies() {
						t.Errorf("%v votes %v (%s)", s.Session.Key, s.Votes, s.Reason)
					}
				}
			})
		}
	}
}

// without gives every peer of r another AS number.
func without(r *pb.RouteRecord, asn uint32) {
	for _, p := range append(append(r.GetTableChunk().GetPeers(), r.GetGapEnd().GetPeers()...), r.GetChanges().GetPeer()) {
		if p != nil {
			p.Asn = asn
		}
	}
}

// TestPeersAtOneAddress: two ASes at an address stay two peers, and a peer without an AS number is
// neither.
func TestPeersAtOneAddress(t *testing.T) {
	t.Parallel()
	f := newFeed(t, small())
	c := f.detector.collector("file/x")
	address := netip.MustParseAddr("192.0.2.1").AsSlice()
	get := func(asn uint32) *peer {
		p, err := c.peer(&pb.Peer{Address: address, Asn: asn})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first, nobody := get(64500), get(0)
	if first != nobody {
		t.Error("AS 0 is not the peer with the address")
	}
	if second := get(64501); second == first || get(64501) != second || get(0) != first {
		t.Error("two ASes at an address are one peer")
	}
	if third := get(23456); third == first || third == get(64501) || get(64502) != third || get(23456) != third {
		t.Error("of two peers at an address one is said to be AS23456, or the next AS does not take its place")
	}
}
