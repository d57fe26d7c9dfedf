package mrt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

func prefixes(t *testing.T, all ...string) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for _, s := range all {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

var attributes = Attributes{
	Origin: 2, Path: []bgp.ASN{64496, 4200000000, 64499}, NextHop: netip.MustParseAddr("192.0.2.1"), NextHop6: netip.MustParseAddr("2001:db8::1"),
	MED: 77, HasMED: true, Communities: []uint32{64496<<16 | 1, 64496<<16 | 2},
}

func updates(t *testing.T) map[string]Update {
	t.Helper()
	return map[string]Update{
		"announces IPv4":  {Announced: prefixes(t, "198.51.100.0/24", "203.0.113.128/25", "10.0.0.0/8"), Attributes: attributes},
		"announces IPv6":  {Announced: prefixes(t, "2001:db8:1::/48", "2001:db8::/33"), Attributes: attributes},
		"withdraws IPv4":  {Withdrawn: prefixes(t, "198.51.100.0/24", "0.0.0.0/0")},
		"withdraws IPv6":  {Withdrawn: prefixes(t, "2001:db8:1::/48", "::/0")},
		"does everything": {Withdrawn: prefixes(t, "192.0.2.0/24", "2001:db8:2::/47"), Announced: prefixes(t, "198.51.100.0/24", "2001:db8:1::/48"), Attributes: attributes},
		"has no path":     {Announced: prefixes(t, "198.51.100.0/24"), Attributes: Attributes{NextHop: attributes.NextHop}},
	}
}

func TestAppendUpdateDecodes(t *testing.T) {
	t.Parallel()
	for name, u := range updates(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message, err := AppendUpdate([]byte("before"), u)
			if err != nil {
				t.Fatal(err)
			}
			message = bytes.TrimPrefix(message, []byte("before"))
			checkWire(t, message, u)
			checkGoBGP(t, message, u)
		})
	}
}

func checkWire(t *testing.T, message []byte, u Update) {
	t.Helper()
	var d wire.Decoder
	got, err := d.DecodeUpdate(message[headerLength:], wire.Options{ASOctets: 4})
	if err != nil || got.Malformed != nil || got.TreatAsWithdraw {
		t.Fatalf("wire: %v, malformed %v", err, got.Malformed)
	}
	plain := func(all []wire.NLRI) (out []netip.Prefix) {
		for _, n := range all {
			out = append(out, n.Prefix)
		}
		return out
	}
	same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(u.Withdrawn, plain(got.Withdrawn), same); diff != "" {
		t.Errorf("wire: withdrawn (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(u.Announced, plain(got.Announced), same); diff != "" {
		t.Errorf("wire: announced (-want +got):\n%s", diff)
	}
	if len(u.Announced) == 0 {
		return
	}
	a, want := got.Attributes, u.Attributes
	if a.Origin != want.Origin || a.MED != want.MED || a.HasMED != want.HasMED || a.Path.Origin() != last(want.Path) {
		t.Errorf("wire: got %+v, want %+v", a, want)
	}
	if diff := cmp.Diff(want.Communities, a.Communities); diff != "" && len(want.Communities) > 0 {
		t.Errorf("wire: communities (-want +got):\n%s", diff)
	}
	if holds(u.Announced, bgp.IPv4) && a.NextHop != want.NextHop {
		t.Errorf("wire: next hop %v, want %v", a.NextHop, want.NextHop)
	}
	if holds(u.Announced, bgp.IPv6) && a.MPNextHop != want.NextHop6 {
		t.Errorf("wire: next hop %v, want %v", a.MPNextHop, want.NextHop6)
	}
}

func last(path []bgp.ASN) bgp.ASN {
	if len(path) == 0 {
		return 0
	}
	return path[len(path)-1]
}

func checkGoBGP(t *testing.T, message []byte, u Update) {
	t.Helper()
	m, err := gobgp.ParseBGPMessage(message)
	if err != nil {
		t.Fatalf("gobgp: %v", err)
	}
	body, ok := m.Body.(*gobgp.BGPUpdate)
	if !ok {
		t.Fatalf("gobgp: got a %T", m.Body)
	}
	withdrawn, announced := map[string]bool{}, map[string]bool{}
	for _, p := range body.WithdrawnRoutes {
		withdrawn[p.NLRI.String()] = true
	}
	for _, p := range body.NLRI {
		announced[p.NLRI.String()] = true
	}
	for _, a := range body.PathAttributes {
		switch a := a.(type) {
		case *gobgp.PathAttributeMpReachNLRI:
			for _, p := range a.Value {
				announced[p.NLRI.String()] = true
			}
		case *gobgp.PathAttributeMpUnreachNLRI:
			for _, p := range a.Value {
				withdrawn[p.NLRI.String()] = true
			}
		}
	}
	set := func(all []netip.Prefix) map[string]bool {
		out := map[string]bool{}
		for _, p := range all {
			out[p.String()] = true
		}
		return out
	}
	if diff := cmp.Diff(set(u.Withdrawn), withdrawn); diff != "" {
		t.Errorf("gobgp: withdrawn (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(set(u.Announced), announced); diff != "" {
		t.Errorf("gobgp: announced (-want +got):\n%s", diff)
	}
}

func TestAppendUpdateTooLong(t *testing.T) {
	t.Parallel()
	var many []netip.Prefix
	for i := range 1100 {
		many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
	}
	for name, u := range map[string]Update{
		"withdrawals": {Withdrawn: many},
		"NLRI":        {Announced: many, Attributes: attributes},
		"path":        {Announced: many[:1], Attributes: Attributes{Path: make([]bgp.ASN, 256), NextHop: attributes.NextHop}},
	} {
		if b, err := AppendUpdate([]byte{1}, u); !errors.Is(err, ErrTooLong) || len(b) != 1 {
			t.Errorf("%s: got %d octets and %v, want 1 and ErrTooLong", name, len(b), err)
		}
	}
}

func TestAppendEndOfRIB(t *testing.T) {
	t.Parallel()
	for _, f := range bgp.Families {
		b := AppendEndOfRIB(nil, f)
		var d wire.Decoder
		u, err := d.DecodeUpdate(b[headerLength:], wire.Options{ASOctets: 4})
		if err != nil || len(u.EndOfRIB) != 1 || u.EndOfRIB[0] != f {
			t.Errorf("%v: wire reads %v, %v", f, u.EndOfRIB, err)
		}
		if int(binary.BigEndian.Uint16(b[16:])) != len(b) {
			t.Errorf("%v: the length says %d of %d", f, binary.BigEndian.Uint16(b[16:]), len(b))
		}
		m, err := gobgp.ParseBGPMessage(b)
		if err != nil {
			t.Fatalf("%v: gobgp: %v", f, err)
		}
		if is, family := m.Body.(*gobgp.BGPUpdate).IsEndOfRib(); !is || (family == gobgp.RF_IPv4_UC) != (f == bgp.IPv4) {
			t.Errorf("%v: gobgp reads %v, %v", f, is, family)
		}
	}
}

func TestWriterReadsBack(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewWriter(&b)
	start := time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)
	four := Session{PeerASN: 4200000001, LocalASN: 64496, PeerAddress: netip.MustParseAddr("192.0.2.1"), LocalAddress: netip.MustParseAddr("203.0.113.1")}
	six := Session{PeerASN: 64497, LocalASN: 64496, PeerAddress: netip.MustParseAddr("2001:db8::1"), LocalAddress: netip.MustParseAddr("2001:db8::fe")}
	message, err := AppendUpdate(nil, Update{Withdrawn: prefixes(t, "198.51.100.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	w.PeerIndexTable(start, four.LocalAddress, "view", []TablePeer{{four.PeerAddress, four.PeerAddress, four.PeerASN}, {four.PeerAddress, six.PeerAddress, six.PeerASN}})
	w.RIB(start, 0, prefixes(t, "198.51.100.0/24")[0], []Entry{{0, start.Add(-time.Hour), attributes}})
	w.RIB(start, 1, prefixes(t, "2001:db8:1::/48")[0], []Entry{{1, start.Add(-time.Hour), attributes}})
	w.Message(start.UnixMicro()+123456, four, message)
	w.StateChange(start.UnixMicro()+999999, six, bgp.Established, bgp.Idle)
	if w.Err() != nil || w.Records() != 5 {
		t.Fatalf("got %d records and %v, want 5", w.Records(), w.Err())
	}
	r := wire.NewMRTReader(&b)
	next := func() wire.MRTRecord {
		rec, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	checkTable(t, next, start)
	rec := next()
	m, err := rec.Message()
	if err != nil || m.PeerASN != four.PeerASN || m.PeerAddress != four.PeerAddress || !bytes.Equal(m.Message, message) {
		t.Errorf("message: got %+v, %v", m, err)
	}
	if rec.Timestamp != start.UnixMicro()+123456 {
		t.Errorf("message: got time %d, want %d", rec.Timestamp, start.UnixMicro()+123456)
	}
	rec = next()
	s, err := rec.StateChange()
	if err != nil || s.PeerAddress != six.PeerAddress || s.Old != bgp.Established || s.New != bgp.Idle {
		t.Errorf("state change: got %+v, %v", s, err)
	}
}

func checkTable(t *testing.T, next func() wire.MRTRecord, start time.Time) {
	t.Helper()
	var index wire.MRTPeerIndex
	rec := next()
	if err := rec.PeerIndex(&index); err != nil || len(index.Peers) != 2 || index.Peers[0].ASN != 4200000001 {
		t.Fatalf("peer index table: got %+v, %v", index, err)
	}
	for i, want := range prefixes(t, "198.51.100.0/24", "2001:db8:1::/48") {
		rec := next()
		var rib wire.MRTRIB
		if err := rec.RIB(&rib); err != nil || rib.Prefix != want || len(rib.Entries) != 1 {
			t.Fatalf("RIB %v: got %+v, %v", want, rib, err)
		}
		e := rib.Entries[0]
		var d wire.Decoder
		u, err := d.DecodeAttributes(e.Attributes, wire.Options{ASOctets: 4})
		if err != nil || u.Malformed != nil || u.Attributes.Path.String() != "64496 4200000000 64499" {
			t.Errorf("RIB %v: attributes %+v, malformed %v, %v", want, u.Attributes, u.Malformed, err)
		}
		if int(e.Peer) != i || int64(e.Originated) != start.Add(-time.Hour).Unix() {
			t.Errorf("RIB %v: entry %+v", want, e)
		}
	}
}

func TestWriterKeepsTheFirstError(t *testing.T) {
	t.Parallel()
	w := NewWriter(failing{})
	w.Message(0, Session{PeerAddress: attributes.NextHop, LocalAddress: attributes.NextHop}, nil)
	w.Message(0, Session{PeerAddress: attributes.NextHop, LocalAddress: attributes.NextHop}, nil)
	if !errors.Is(w.Err(), errFull) || w.Records() != 0 {
		t.Errorf("got %v and %d records, want the first write's error and none", w.Err(), w.Records())
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
