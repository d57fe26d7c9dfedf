package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

func parsePrefixes(t *testing.T, all ...string) []netip.Prefix {
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

// encoded holds the attributes of the encoded announcements.
var encoded = wire.PlainAttributes{
	Origin: 2, Path: []bgp.ASN{64496, 4200000000, 64499}, NextHop: netip.MustParseAddr("192.0.2.1"), NextHop6: netip.MustParseAddr("2001:db8::1"),
	MED: 77, HasMED: true, Communities: []uint32{64496<<16 | 1, 64496<<16 | 2},
}

func plainUpdates(t *testing.T) map[string]wire.PlainUpdate {
	t.Helper()
	return map[string]wire.PlainUpdate{
		"announces IPv4":  {Announced: parsePrefixes(t, "198.51.100.0/24", "203.0.113.128/25", "10.0.0.0/8"), Attributes: encoded},
		"announces IPv6":  {Announced: parsePrefixes(t, "2001:db8:1::/48", "2001:db8::/33"), Attributes: encoded},
		"withdraws IPv4":  {Withdrawn: parsePrefixes(t, "198.51.100.0/24", "0.0.0.0/0")},
		"withdraws IPv6":  {Withdrawn: parsePrefixes(t, "2001:db8:1::/48", "::/0")},
		"does everything": {Withdrawn: parsePrefixes(t, "192.0.2.0/24", "2001:db8:2::/47"), Announced: parsePrefixes(t, "198.51.100.0/24", "2001:db8:1::/48"), Attributes: encoded},
		"has no path":     {Announced: parsePrefixes(t, "198.51.100.0/24"), Attributes: wire.PlainAttributes{NextHop: encoded.NextHop}},
	}
}

func TestAppendUpdateDecodes(t *testing.T) {
	t.Parallel()
	for name, u := range plainUpdates(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message, err := wire.AppendUpdate([]byte("before"), u)
			if err != nil {
				t.Fatal(err)
			}
			message = bytes.TrimPrefix(message, []byte("before"))
			checkWire(t, message, u)
			checkGoBGP(t, message, u)
		})
	}
}

func checkWire(t *testing.T, message []byte, u wire.PlainUpdate) {
	t.Helper()
	var d wire.Decoder
	got, err := d.DecodeUpdate(message[wire.HeaderLength:], wire.Options{ASOctets: 4})
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
	if a.Origin != want.Origin || a.MED != want.MED || a.HasMED != want.HasMED || a.Path.Origin() != lastASN(want.Path) {
		t.Errorf("wire: got %+v, want %+v", a, want)
	}
	if diff := cmp.Diff(want.Communities, a.Communities); diff != "" && len(want.Communities) > 0 {
		t.Errorf("wire: communities (-want +got):\n%s", diff)
	}
	if slices.ContainsFunc(u.Announced, is(bgp.IPv4)) && a.NextHop != want.NextHop {
		t.Errorf("wire: next hop %v, want %v", a.NextHop, want.NextHop)
	}
	if slices.ContainsFunc(u.Announced, is(bgp.IPv6)) && a.MPNextHop != want.NextHop6 {
		t.Errorf("wire: next hop %v, want %v", a.MPNextHop, want.NextHop6)
	}
}

func lastASN(path []bgp.ASN) bgp.ASN {
	if len(path) == 0 {
		return 0
	}
	return path[len(path)-1]
}

func checkGoBGP(t *testing.T, message []byte, u wire.PlainUpdate) {
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
	for name, u := range map[string]wire.PlainUpdate{
		"withdrawals": {Withdrawn: many},
		"NLRI":        {Announced: many, Attributes: encoded},
		"path":        {Announced: many[:1], Attributes: wire.PlainAttributes{Path: make([]bgp.ASN, 256), NextHop: encoded.NextHop}},
	} {
		if b, err := wire.AppendUpdate([]byte{1}, u); !errors.Is(err, wire.ErrTooLong) || len(b) != 1 {
			t.Errorf("%s: got %d octets and %v, want 1 and ErrTooLong", name, len(b), err)
		}
	}
}

func TestAppendEndOfRIB(t *testing.T) {
	t.Parallel()
	for _, f := range bgp.Families {
		b := wire.AppendEndOfRIB(nil, f)
		var d wire.Decoder
		u, err := d.DecodeUpdate(b[wire.HeaderLength:], wire.Options{ASOctets: 4})
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

// is reports whether a prefix belongs to the family.
func is(f bgp.Family) func(netip.Prefix) bool {
	return func(p netip.Prefix) bool { return bgp.FamilyOf(p) == f }
}
