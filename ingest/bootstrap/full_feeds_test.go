package bootstrap

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
)

// TestChoose checks that tables that may be full feeds are sent, at most two of an AS, by family.
func TestChoose(t *testing.T) {
	t.Parallel()
	peer := func(n byte, asn bgp.ASN) bgp.Peer {
		return bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, n}), ASN: asn}
	}
	c := counts{}
	for p, n := range map[bgp.Peer][2]uint64{
		peer(1, 64496): {1000, 0}, peer(2, 64496): {900, 0}, peer(3, 64496): {950, 0}, // three of one AS
		peer(4, 64497): {500, 0}, peer(5, 64498): {499, 0}, // half, and less
		peer(6, 64499): {10, 200}, peer(7, 64500): {0, 90}, // the other family
	} {
		c[p] = &perFamily{bgp.IPv4: n[0], bgp.IPv6: n[1]}
	}
	want := map[bgp.Peer]bool{peer(1, 64496): true, peer(3, 64496): true, peer(4, 64497): true, peer(6, 64499): true}
	if diff := cmp.Diff(want, c.choose(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTooManyPeers checks that no file makes counts grow without a bound.
func TestTooManyPeers(t *testing.T) {
	t.Parallel()
	c := counts{}
	it := &capture.Item{Kind: capture.RIB, Prefix: netip.MustParsePrefix("192.0.2.0/24"), Entries: make([]capture.RIBEntry, 1)}
	for i := range maxPeers {
		it.Entries[0].Peer.Address = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if err := c.add(it); err != nil {
			t.Fatal(i, err)
		}
	}
	it.Entries[0].Peer.Address = netip.AddrFrom4([4]byte{11})
	if err := c.add(it); !errors.Is(err, errPeers) {
		t.Errorf("got %v, want too many", err)
	}
}

// TestSelective checks that a dump of few peers of as many ASes is sent without counting.
func TestSelective(t *testing.T) {
	t.Parallel()
	index := func(n, perAS int) (out []bgp.Peer) {
		for i := range n {
			out = append(out, bgp.Peer{ASN: 64496 + bgp.ASN(i/perAS)})
		}
		return out
	}
	for _, tt := range []struct {
		index []bgp.Peer
		want  bool
	}{{index(20, 2), false}, {index(21, 2), true}, {index(6, 3), true}} {
		if got := selective(tt.index); got != tt.want {
			t.Errorf("%d peers: %v, want %v", len(tt.index), got, tt.want)
		}
	}
}
