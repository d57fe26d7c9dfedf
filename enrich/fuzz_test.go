package enrich

import (
	"bytes"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// FuzzTransform checks for any input: Transform does not panic, its records decode, have the
// position of the input and are not above the limit, and their shares refer to places and stay
// within their prefix. A used Enricher gives the same answer as a new one.
func FuzzTransform(f *testing.F) {
	s := testSources(f)
	for _, in := range []*pb.UpdateRecord{
		record(message(wire.MessageUpdate, updateBody(nlri("192.0.2.0/24"), pathAttributes(64500, 64496), nlri("198.51.100.0/24", "203.0.113.0/24")))),
		record(message(wire.MessageUpdate, updateBody(nil, attribute(0x80, 15, append([]byte{0, 2, 1}, nlri("2001:db8::/32")...)), nil))),
		record(message(wire.MessageUpdate, updateBody(nil, nil, nil))),
		record(message(wire.MessageKeepalive, nil)),
		{Position: &pb.Position{Lane: "clock/a", Sequence: 1}, Body: &pb.UpdateRecord_Clock{Clock: &pb.Clock{End: true}}},
		{Position: &pb.Position{Collector: "ris/rrc00", Lane: "table/1", Sequence: 1}, Body: &pb.UpdateRecord_TableChunk{TableChunk: &pb.TableChunk{
			Id: "1", Family: pb.Family_FAMILY_IPV4, Peers: []*pb.Peer{testPeer()},
			Prefixes: []*pb.TablePrefix{{Prefix: prefix("192.0.2.0/24"), Paths: []*pb.TablePath{{OriginAs: 64496, UpstreamAs: 64497, Peers: []byte{1}}}}},
		}}},
		{Position: &pb.Position{Collector: "ris/rrc00", Lane: "live", Epoch: 1, Sequence: 1}, Body: &pb.UpdateRecord_PeerUp{PeerUp: &pb.PeerUp{Peer: testPeer()}}},
	} {
		f.Add(encode(f, in))
	}
	used := NewEnricher(s)
	used.limit = 4096
	f.Fuzz(func(t *testing.T, value []byte) {
		in := &pb.UpdateRecord{}
		decodes := in.UnmarshalVT(value) == nil
		before := bytes.Clone(value)
		fresh := NewEnricher(s)
		fresh.limit = used.limit
		want, wantErr := fresh.Transform(nil, value)
		got, err := used.Transform(nil, value)
		if (err == nil) != (wantErr == nil) || len(got) != len(want) {
			t.Fatalf("used: %d records, %v; new: %d records, %v", len(got), err, len(want), wantErr)
		}
		if !bytes.Equal(before, value) {
			t.Fatal("the input was written to")
		}
		if err != nil && len(got) == 0 {
			return
		}
		if !decodes {
			t.Fatal("a record that does not decode was transformed")
		}
		for i, v := range got {
			if !bytes.Equal(v, want[i]) {
				t.Fatalf("part %d: used %x, new %x", i, v, want[i])
			}
			checkRoute(t, in, v)
		}
	})
}

func checkRoute(t *testing.T, in *pb.UpdateRecord, value []byte) {
	t.Helper()
	r := &pb.RouteRecord{}
	if err := r.UnmarshalVT(value); err != nil {
		t.Fatalf("%x does not decode: %v", value, err)
	}
	if codec.ParsePosition(r.GetPosition()) != codec.ParsePosition(in.GetPosition()) || r.GetTimestampUs() != in.GetTimestampUs() {
		t.Fatalf("%v came of %v", r.GetPosition(), in.GetPosition())
	}
	shares := func(prefix []byte, places []*pb.Place, shares []uint64) {
		p, err := codec.ParsePrefix(prefix)
		if err != nil {
			t.Fatal(err)
		}
		sum := uint64(0)
		for i := 0; i < len(shares); i += 2 {
			if shares[i] >= uint64(len(places)) || shares[i+1] == 0 {
				t.Fatalf("%v: share %d of %d places: %d", p, i, len(places), shares)
			}
			sum += shares[i+1]
		}
		if len(shares)%2 != 0 || sum > bgp.Space(p) {
			t.Fatalf("%v has %d units, its places %d", p, bgp.Space(p), sum)
		}
	}
	if c := r.GetChanges(); c != nil {
		for _, route := range append(c.GetWithdrawn(), c.GetAnnounced()...) {
			shares(route.GetPrefix(), c.GetPlaces(), route.GetPlaceShares())
		}
	}
	if c := r.GetTableChunk(); c != nil {
		for _, p := range c.GetPrefixes() {
			shares(p.GetPrefix(), c.GetPlaces(), p.GetPlaceShares())
		}
	}
}
