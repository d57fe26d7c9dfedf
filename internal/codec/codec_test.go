package codec

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestPrefix(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0.0.0.0/0", "198.51.100.0/24", "198.51.100.128/25", "203.0.113.7/32", "::/0", "2001:db8::/32", "2001:db8::/127", "::ffff:192.0.2.0/120"} {
		p := netip.MustParsePrefix(s)
		got, err := ParsePrefix(AppendPrefix(nil, p))
		if err != nil || got != p {
			t.Errorf("%v: got %v, %v", p, got, err)
		}
	}
	for _, b := range [][]byte{nil, {4}, {5, 0}, {4, 33, 1, 2, 3, 4, 5}, {6, 129}, {4, 24, 1, 2}, {4, 24, 1, 2, 3, 4}, {4, 23, 1, 2, 3}, {6, 1, 0xff}} {
		if p, err := ParsePrefix(b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%x: got %v, %v; want ErrInvalid", b, p, err)
		}
	}
}

func FuzzParsePrefix(f *testing.F) {
	f.Add([]byte{4, 24, 198, 51, 100})
	f.Add([]byte{6, 32, 0x20, 1, 0xd, 0xb8})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePrefix(b)
		if err == nil && string(AppendPrefix(nil, p)) != string(b) {
			t.Errorf("%x reads as %v, which is written %x", b, p, AppendPrefix(nil, p))
		}
	})
}

func TestPeerAndPosition(t *testing.T) {
	t.Parallel()
	for _, table := range []bgp.Table{bgp.TablePre, bgp.TablePost, bgp.TableLoc, bgp.TableOut} {
		want := bgp.Peer{Address: netip.MustParseAddr("2001:db8::1"), ASN: 64496, Distinguisher: 7, Table: table}
		if got, err := ParsePeer(Peer(want, netip.MustParseAddr("192.0.2.1"))); err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	if got, err := ParsePeer(&pb.Peer{Address: []byte{192, 0, 2, 1}}); err != nil || got.Table != bgp.TablePre {
		t.Errorf("without a table: got %+v, %v; want pre", got, err)
	}
	for _, p := range []*pb.Peer{nil, {Address: []byte{1, 2, 3}}, {Address: []byte{192, 0, 2, 1}, Table: 9}, {Address: []byte{192, 0, 2, 1}, Table: -1}} {
		if got, err := ParsePeer(p); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: got %+v, %v; want ErrInvalid", p, got, err)
		}
	}
	want := bgp.Position{Collector: "ris/rrc00", Lane: bgp.LaneLive, Epoch: 3, Sequence: 17}
	if got := ParsePosition(Position(want)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
