package enrich

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestTransformUpdate(t *testing.T) {
	t.Parallel()
	one := &pb.Owner{Asn: 64496, Name: "DOC-1", Organisation: "Documentation One", Country: "KP"}
	two := &pb.Owner{Asn: 64497, Name: "DOC-2", Organisation: "Documentation Two", Country: "CN"}
	mp := func(code byte, header, prefixes []byte) []byte {
		return attribute(0x80, code, append(header, prefixes...))
	}
	reach6 := append(append([]byte{0, 2, 1, 16}, netip.MustParseAddr("2001:db8::1").AsSlice()...), 0)
	tests := []struct {
		name string
		body []byte
		want *pb.RouteChanges
	}{
		{
			"withdrawals before announcements; a prefix in two places, one in a region, one partly known",
			updateBody(nlri("198.51.100.0/24"), pathAttributes(64500, 64497, 64496, 64496), nlri("192.0.2.0/24", "203.0.113.0/24")),
			&pb.RouteChanges{
				AsPath:   []*pb.PathSegment{{Type: 2, Asns: []uint32{64500, 64497, 64496, 64496}}},
				OriginAs: 64496, UpstreamAs: 64497,
				Withdrawn: []*pb.Route{{Prefix: prefix("198.51.100.0/24"), PlaceShares: []uint64{0, 256}}},
				Announced: []*pb.Route{
					{Prefix: prefix("192.0.2.0/24"), PlaceShares: []uint64{1, 128, 2, 128}},
					{Prefix: prefix("203.0.113.0/24"), PlaceShares: []uint64{3, 64}},
				},
				Places: []*pb.Place{{Country: "KP", Region: "KP-01"}, {Country: "AD"}, {Country: "MC"}, {Country: "FR"}},
				Owners: []*pb.Owner{one, two},
			},
		},
		{
			"both families in one message; nothing is known of the upstream",
			updateBody(nil, append(pathAttributes(64500, 64496), mp(14, reach6, nlri("2001:db8::/32"))...), nlri("198.51.100.0/24")),
			&pb.RouteChanges{
				AsPath: []*pb.PathSegment{{Type: 2, Asns: []uint32{64500, 64496}}}, OriginAs: 64496, UpstreamAs: 64500,
				Announced: []*pb.Route{
					{Prefix: prefix("198.51.100.0/24"), PlaceShares: []uint64{0, 256}},
					{Prefix: prefix("2001:db8::/32"), PlaceShares: []uint64{1, 1 << 31}},
				},
				Places: []*pb.Place{{Country: "KP", Region: "KP-01"}, {Country: "IR"}}, Owners: []*pb.Owner{one},
			},
		},
		{
			"IPv6 withdrawn: nobody is its origin",
			updateBody(nil, mp(15, []byte{0, 2, 1}, nlri("2001:db8:1::/48")), nil),
			&pb.RouteChanges{
				Withdrawn: []*pb.Route{{Prefix: prefix("2001:db8:1::/48"), PlaceShares: []uint64{0, 65536}}},
				Places:    []*pb.Place{{Country: "IR"}},
			},
		},
		{
			"an empty path is the peer's own route; nothing is known of either",
			updateBody(nil, pathAttributes(), nlri("10.0.0.0/24")),
			&pb.RouteChanges{OriginAs: 64500, Announced: []*pb.Route{{Prefix: prefix("10.0.0.0/24")}}},
		},
		{"End-of-RIB of IPv4", updateBody(nil, nil, nil), &pb.RouteChanges{EndOfRib: []pb.Family{pb.Family_FAMILY_IPV4}}},
		{"End-of-RIB of IPv6", updateBody(nil, mp(15, []byte{0, 2, 1}, nil), nil), &pb.RouteChanges{EndOfRib: []pb.Family{pb.Family_FAMILY_IPV6}}},
	}
	// One Enricher serves all records, twice: no state of a record may remain for the next.
	e := NewEnricher(testSources(t))
	for range 2 {
		for _, test := range tests {
			in := record(message(wire.MessageUpdate, test.body))
			test.want.Peer = testPeer()
			want := []*pb.RouteRecord{{
				Position: in.Position, TimestampUs: in.TimestampUs, ReceivedAtUs: in.ReceivedAtUs,
				Body: &pb.RouteRecord_Changes{Changes: test.want},
			}}
			if diff := cmp.Diff(want, transform(t, e, in), protocmp.Transform()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
	}
}

func TestTransformAddPath(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	in := record(message(wire.MessageUpdate, updateBody(append([]byte{0, 0, 0, 5}, nlri("198.51.100.0/24")...), nil, nil)))
	in.GetBgpMessage().AddPathIpv4 = true
	got := transform(t, e, in)[0].GetChanges().GetWithdrawn()
	want := []*pb.Route{{Prefix: prefix("198.51.100.0/24"), PathId: 5, PlaceShares: []uint64{0, 256}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("withdrawn (-want +got):\n%s", diff)
	}
}

func TestTransformEmpty(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	vpn := attribute(0x80, 15, []byte{0, 1, 128})
	for name, raw := range map[string][]byte{
		"keepalive":      message(wire.MessageKeepalive, nil),
		"open":           message(wire.MessageOpen, []byte{4, 0xfb, 0xf4, 0, 90, 203, 0, 113, 1, 0}),
		"notification":   message(wire.MessageNotification, []byte{6, 2}),
		"refresh":        message(wire.MessageRouteRefresh, []byte{0, 1, 0, 1}),
		"another family": message(wire.MessageUpdate, updateBody(nil, vpn, nil)),
	} {
		if got := transform(t, e, record(raw)); len(got) != 0 {
			t.Errorf("%s gave %v, want nothing", name, got)
		}
	}
	if e.Counts.Empty != 5 {
		t.Errorf("%d empty messages counted, want 5", e.Counts.Empty)
	}
}

func TestTransformPassesOn(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	peer := testPeer()
	for _, in := range []*pb.UpdateRecord{
		{Body: &pb.UpdateRecord_PeerUp{PeerUp: &pb.PeerUp{Peer: peer}}},
		{Body: &pb.UpdateRecord_PeerDown{PeerDown: &pb.PeerDown{Peer: peer, Reason: pb.DownReason_DOWN_REASON_LOST}}},
		{Body: &pb.UpdateRecord_CollectorDown{CollectorDown: &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_STALE}}},
		{Body: &pb.UpdateRecord_EpochBegin{EpochBegin: &pb.EpochBegin{}}},
		{Body: &pb.UpdateRecord_GapEnd{GapEnd: &pb.GapEnd{Id: "g1", Complete: true}}},
		{Body: &pb.UpdateRecord_CheckEnd{CheckEnd: &pb.CheckEnd{Id: "c1", Complete: true}}},
		{Body: &pb.UpdateRecord_Tick{Tick: &pb.Tick{}}},
		{Position: &pb.Position{Lane: "clock/a", Sequence: 1}, Body: &pb.UpdateRecord_Clock{Clock: &pb.Clock{End: true}}},
	} {
		if in.Position == nil {
			in.Position = &pb.Position{Collector: "ris/rrc00", Lane: "live", Epoch: 9, Sequence: 3}
		}
		in.TimestampUs, in.ReceivedAtUs = 5, 6
		value := encode(t, in)
		got, err := e.Transform(nil, value)
		if err != nil || len(got) != 1 || !bytes.Equal(got[0], value) {
			t.Errorf("Transform(%v) = %x, %v; want the record as it was", in, got, err)
			continue
		}
		out := &pb.RouteRecord{}
		if err := proto.Unmarshal(got[0], out); err != nil || len(out.ProtoReflect().GetUnknown()) > 0 {
			t.Errorf("%v is no RouteRecord: %v, %v", in, err, out)
		}
	}
}

// TestTransformWatch checks that watch lists and addresses pass unchanged, in the fields of the
// other topic, between other records.
func TestTransformWatch(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	list := &pb.WatchList{Name: "mine", Title: "Mine", Home: "TO", Part: 3, MoreParts: true, Members: []*pb.WatchMember{
		{Member: &pb.WatchMember_Prefix{Prefix: prefix("192.0.2.0/24")}, Origins: []uint32{64496}}, {Member: &pb.WatchMember_Asn{Asn: 64496}},
	}}
	host := &pb.HostAddresses{List: "mine", Host: "www.example.net", Addresses: [][]byte{{192, 0, 2, 1}}, ResolvedAtUs: 5}
	pos := &pb.Position{Collector: "watch/mine", Lane: "watch", Epoch: 7, Sequence: 9}
	transform(t, e, record(message(wire.MessageUpdate, updateBody(nil, nil, nil)))) // leaves state behind
	for _, tt := range []struct {
		in   *pb.UpdateRecord
		want *pb.RouteRecord
	}{
		{&pb.UpdateRecord{Body: &pb.UpdateRecord_WatchList{WatchList: list}}, &pb.RouteRecord{Body: &pb.RouteRecord_WatchList{WatchList: list}}},
		{&pb.UpdateRecord{Body: &pb.UpdateRecord_HostAddresses{HostAddresses: host}}, &pb.RouteRecord{Body: &pb.RouteRecord_HostAddresses{HostAddresses: host}}},
	} {
		tt.in.Position, tt.in.TimestampUs, tt.in.ReceivedAtUs = pos, 5, 6
		tt.want.Position, tt.want.TimestampUs, tt.want.ReceivedAtUs = pos, 5, 6
		got, err := e.Transform(nil, encode(t, tt.in))
		out := &pb.RouteRecord{}
		if err != nil || len(got) != 1 || proto.Unmarshal(got[0], out) != nil || !proto.Equal(out, tt.want) {
			t.Errorf("%v gave %v, %v; want %v", tt.in, out, err, tt.want)
		}
	}
}

// TestTransformAddsGeography checks that the begin records of collectors, gaps and checks contain
// the address space of each place.
func TestTransformAddsGeography(t *testing.T) {
	t.Parallel()
	want := &pb.Geography{Places: []*pb.PlaceSpace{
		{Place: &pb.Place{Country: "MC"}, Ipv4: 128},
		{Place: &pb.Place{Country: "AD"}, Ipv4: 128},
		{Place: &pb.Place{Country: "KP", Region: "KP-01"}, Ipv4: 256},
		{Place: &pb.Place{Country: "FR"}, Ipv4: 64},
		{Place: &pb.Place{Country: "IR"}, Ipv6: 1 << 31},
	}}
	for _, in := range []*pb.UpdateRecord{
		{Body: &pb.UpdateRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}},
		{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: "g1", Families: []pb.Family{1}, Peers: []*pb.Peer{testPeer()}}}},
		{Body: &pb.UpdateRecord_CheckBegin{CheckBegin: &pb.CheckBegin{Id: "c1"}}},
	} {
		in.Position = &pb.Position{Collector: "ris/rrc00", Lane: "live", Epoch: 9, Sequence: 3}
		value := encode(t, in)
		got, err := NewEnricher(testSources(t)).Transform(nil, value)
		if err != nil || len(got) != 1 || !bytes.HasPrefix(got[0], value) {
			t.Errorf("Transform(%v) = %x, %v; want the record with more behind it", in, got, err)
			continue
		}
		out := &pb.RouteRecord{}
		if err := proto.Unmarshal(got[0], out); err != nil || !proto.Equal(out.GetGeography(), want) {
			t.Errorf("%v gave %v, %v; want %v", in, out.GetGeography(), err, want)
		}
		empty, err := OpenSources(Config{}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := NewEnricher(empty).Transform(nil, value); err != nil || len(got) != 1 || !bytes.Equal(got[0], value) {
			t.Errorf("without location files %v gave %x, %v; want the record as it was", in, got, err)
		}
	}
}

func TestTransformTable(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	in := record(nil)
	paths := []*pb.TablePath{{OriginAs: 64496, UpstreamAs: 64497, Peers: []byte{1}}, {OriginAs: 64499, Peers: []byte{2}}}
	in.Body = &pb.UpdateRecord_TableChunk{TableChunk: &pb.TableChunk{
		Id: "g1", Family: pb.Family_FAMILY_IPV4, Peers: []*pb.Peer{testPeer()},
		Prefixes: []*pb.TablePrefix{{Prefix: prefix("192.0.2.0/24"), Paths: paths}, {Prefix: prefix("10.0.0.0/16"), Paths: paths[:1]}},
	}}
	want := []*pb.RouteRecord{{
		Position: in.Position, TimestampUs: in.TimestampUs, ReceivedAtUs: in.ReceivedAtUs,
		Body: &pb.RouteRecord_TableChunk{TableChunk: &pb.TableChunk{
			Id: "g1", Family: pb.Family_FAMILY_IPV4, Peers: []*pb.Peer{testPeer()},
			Prefixes: []*pb.TablePrefix{
				{Prefix: prefix("192.0.2.0/24"), Paths: paths, PlaceShares: []uint64{0, 128, 1, 128}},
				{Prefix: prefix("10.0.0.0/16"), Paths: paths[:1]},
			},
			Places: []*pb.Place{{Country: "AD"}, {Country: "MC"}},
			Owners: []*pb.Owner{
				{Asn: 64496, Name: "DOC-1", Organisation: "Documentation One", Country: "KP"},
				{Asn: 64497, Name: "DOC-2", Organisation: "Documentation Two", Country: "CN"},
			},
		}},
	}}
	if diff := cmp.Diff(want, transform(t, e, in), protocmp.Transform()); diff != "" {
		t.Errorf("table chunk (-want +got):\n%s", diff)
	}
}

func TestTransformMalformed(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	with := func(change func(*pb.UpdateRecord)) *pb.UpdateRecord {
		r := record(message(wire.MessageUpdate, updateBody(nlri("192.0.2.0/24"), nil, nil)))
		change(r)
		return r
	}
	bad := message(wire.MessageUpdate, updateBody([]byte{33, 1, 2, 3, 4, 5}, nil, nil))
	tests := []struct {
		name  string
		in    *pb.UpdateRecord
		cause error
		says  string
	}{
		{
			"a prefix of 33 bits", with(func(r *pb.UpdateRecord) { r.GetBgpMessage().Raw = bad }), wire.ErrBadNLRI,
			"file/test file/abc 0:7: peer 203.0.113.1 AS64500: ",
		},
		{"a marker that is none", with(func(r *pb.UpdateRecord) { r.GetBgpMessage().Raw[0] = 0 }), wire.ErrBadMarker, "203.0.113.1"},
		{"a cut message", with(func(r *pb.UpdateRecord) { r.GetBgpMessage().Raw = bad[:20] }), wire.ErrTruncated, ""},
		{"no message at all", with(func(r *pb.UpdateRecord) { r.GetBgpMessage().Raw = nil }), wire.ErrTruncated, ""},
		{"an unknown type", with(func(r *pb.UpdateRecord) { r.GetBgpMessage().Raw[18] = 77 }), wire.ErrUnsupported, ""},
		{
			"a peer of 5 octets", with(func(r *pb.UpdateRecord) { r.GetBgpMessage().Peer.Address = []byte{1, 2, 3, 4, 5} }), codec.ErrInvalid,
			"file/test file/abc 0:7",
		},
		{"AS numbers of 3 octets", with(func(r *pb.UpdateRecord) { r.GetBgpMessage().AsOctets = 3 }), codec.ErrInvalid, ""},
		{"no body", with(func(r *pb.UpdateRecord) { r.Body = nil }), codec.ErrInvalid, ""},
		{"no position", with(func(r *pb.UpdateRecord) { r.Position = nil }), codec.ErrInvalid, ""},
		{"a table of no family", with(func(r *pb.UpdateRecord) { r.Body = &pb.UpdateRecord_TableChunk{TableChunk: &pb.TableChunk{}} }), codec.ErrInvalid, ""},
		{"a table prefix of another family", with(func(r *pb.UpdateRecord) {
			r.Body = &pb.UpdateRecord_TableChunk{TableChunk: &pb.TableChunk{Family: 1, Prefixes: []*pb.TablePrefix{{Prefix: prefix("2001:db8::/32")}}}}
		}), codec.ErrInvalid, ""},
		{"nobody came up", with(func(r *pb.UpdateRecord) { r.Body = &pb.UpdateRecord_PeerUp{PeerUp: &pb.PeerUp{}} }), codec.ErrInvalid, ""},
	}
	for _, test := range tests {
		got, err := e.Transform(nil, encode(t, test.in))
		want := 0
		if raw := test.in.GetBgpMessage(); raw != nil && !errors.Is(test.cause, codec.ErrInvalid) && !errors.Is(test.cause, wire.ErrUnsupported) {
			want = 1 // it marks the part of the message that counts, see TestTransformSalvages
		}
		if !errors.Is(err, test.cause) || len(got) != want {
			t.Errorf("%s: Transform = %d records, %v; want %d, %v", test.name, len(got), err, want, test.cause)
			continue
		}
		if !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %q does not say %q", test.name, err, test.says)
		}
	}
	if _, err := e.Transform(nil, []byte{0xff, 0xff}); !errors.Is(err, codec.ErrInvalid) {
		t.Errorf("Transform of noise: %v, want %v", err, codec.ErrInvalid)
	}
}
