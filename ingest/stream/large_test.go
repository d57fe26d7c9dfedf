package stream_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// many returns n peers of a hostile server.
func many(n int) []bgp.Peer {
	out := make([]bgp.Peer, n)
	for i := range out {
		a := netip.MustParseAddr("2001:db8:ffff:ffff:ffff:ffff:ff00::").As16()
		a[13], a[14], a[15] = byte(i>>16), byte(i>>8), byte(i)
		out[i] = bgp.Peer{Address: netip.AddrFrom16(a), ASN: bgp.ASN(1<<32 - 1 - i)}
	}
	return out
}

// TestManyPeers checks that no record grows with the number of peers that a server names. If they
// are too many, the list is empty, which means all of the collector's. A fill that would then
// promise too much is incomplete.
func TestManyPeers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		up, listed int
		table      bool // an end that names them, for a table; else for a fill
		complete   bool
	}{
		{up: stream.MaxListed, listed: stream.MaxListed, table: true, complete: true},
		{up: stream.MaxListed, listed: stream.MaxListed, complete: true},
		{up: stream.MaxListed + 1, table: true, complete: true},
		{up: stream.MaxListed + 1},
		{up: stream.MaxPeers, table: true, complete: true},
	} {
		set, s, _ := open(t, stream.Options{Source: "rislive", Archived: true})
		peers := many(tt.up)
		for _, key := range peers {
			p, err := s.Peer(key, netip.MustParseAddr("192.0.2.1"))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Live().PeerUp(t.Context(), p, 0); err != nil {
				t.Fatal(err)
			}
		}
		g, err := s.BeginGap(t.Context(), 1, "lost")
		if err != nil {
			t.Fatal(err)
		}
		if err := g.End(t.Context(), g.FillLane(), stream.Outcome{Complete: true, Filled: !tt.table, Peers: peers}); err != nil {
			t.Fatal(err)
		}
		var fed []int
		for _, f := range set.Feeds.Feeds(t) {
			if f.GetEvent() == pb.FeedEvent_FEED_EVENT_GAP {
				fed = append(fed, len(f.GetPeers()))
			}
			if n := f.SizeVT(); n > kafka.MaxRecordBytes/4 {
				t.Errorf("%d peers: %d octets in bgp.feeds", tt.up, n)
			}
		}
		recs := set.Updates.Updates(t)
		last := recs[len(recs)-1]
		if n := last.SizeVT(); n > kafka.MaxRecordBytes/4 {
			t.Errorf("%d peers: %d octets in bgp.updates", tt.up, n)
		}
		end := last.GetGapEnd()
		if diff := cmp.Diff([]int{tt.listed}, fed); diff != "" || end == nil || len(end.GetPeers()) != tt.listed || end.GetComplete() != tt.complete {
			t.Errorf("%+v: listed %d, at the end %d, complete %v", tt, fed, len(end.GetPeers()), end.GetComplete())
		}
	}
}

// TestTooLarge checks that a record that the broker would refuse is a dead letter, that the next
// record gets its position, and that the answer that contained it is not complete.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	set, s, w := open(t, stream.Options{Archived: true})
	g, err := s.BeginGap(t.Context(), 0, "start")
	if err != nil {
		t.Fatal(err)
	}
	huge := &pb.TableChunk{Id: g.ID, Prefixes: []*pb.TablePrefix{{Prefix: make([]byte, 1<<20)}}}
	l := g.TableLane()
	for _, c := range []*pb.TableChunk{{Id: g.ID}, huge, {Id: g.ID}} {
		if err := l.Chunk(t.Context(), w.us(), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.End(t.Context(), g.FillLane(), stream.Outcome{Complete: true}); err != nil {
		t.Fatal(err)
	}
	c, err := s.BeginCheck(t.Context(), w.t)
	if err != nil {
		t.Fatal(err)
	}
	l = c.Lane()
	if err := l.Chunk(t.Context(), w.us(), huge); err != nil {
		t.Fatal(err)
	}
	if err := c.End(t.Context(), l, stream.Outcome{Complete: true}); err != nil {
		t.Fatal(err)
	}
	var table []uint64
	for _, r := range set.Updates.Updates(t) {
		if r.GetTableChunk() != nil {
			table = append(table, r.GetPosition().GetSequence())
		}
		if r.GetGapEnd().GetComplete() || r.GetCheckEnd().GetComplete() {
			t.Errorf("complete: %v", r.GetBody())
		}
	}
	if diff := cmp.Diff([]uint64{1, 2}, table); diff != "" {
		t.Errorf("chunks (-want +got):\n%s", diff)
	}
	dead := set.Dead()
	if len(dead) != 2 || dead[0].Reason != "too_large" || dead[0].Collector != "ris/rrc00" || len(dead[0].Raw) == 0 {
		t.Errorf("%d dead letters, want 2", len(dead))
	}
}
