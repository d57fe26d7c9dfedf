package wire_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

var addrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestDecodeOpen(t *testing.T) {
	t.Parallel()
	head := []byte{4, 0xfb, 0xf0, 0, 180, 192, 0, 2, 1}
	plain := wire.Open{Version: 4, ASN: 64496, HoldTime: 180, BGPID: netip.MustParseAddr("192.0.2.1")}
	capabilities := slices.Concat(
		[]byte{1, 4, 0, 1, 0, 1}, []byte{1, 4, 0, 2, 0, 1}, []byte{2, 0}, []byte{6, 0}, []byte{64, 2, 0, 0},
		[]byte{65, 4, 0, 1, 0, 0}, []byte{69, 8, 0, 1, 1, 3, 0, 2, 1, 1}, []byte{73, 1, 0},
	)
	full := plain
	full.ASN, full.FourOctetASN, full.ExtendedMessage, full.RouteRefresh, full.GracefulRestart = 65536, true, true, true, true
	ipv4, ipv6 := wire.AFISAFI{AFI: bgp.AFIIPv4, SAFI: bgp.SAFIUnicast}, wire.AFISAFI{AFI: bgp.AFIIPv6, SAFI: bgp.SAFIUnicast}
	full.Families = []wire.AFISAFI{ipv4, ipv6}
	full.AddPath = []wire.AddPathFamily{{Family: ipv4, Mode: wire.AddPathBoth}, {Family: ipv6, Mode: wire.AddPathReceive}}
	n := byte(len(capabilities))
	tests := map[string]struct {
		body []byte
		want *wire.Open
		err  error
	}{
		"no parameters":           {append(slices.Clone(head), 0), &plain, nil},
		"capabilities":            {slices.Concat(head, []byte{n + 2, 2, n}, capabilities), &full, nil},
		"extended parameters":     {slices.Concat(head, []byte{255, 255, 0, n + 3, 2, 0, n}, capabilities), &full, nil},
		"an unknown parameter":    {slices.Concat(head, []byte{3, 9, 1, 7}), &plain, nil},
		"cut":                     {head, nil, wire.ErrTruncated},
		"parameters lie":          {slices.Concat(head, []byte{9, 2, 0}), nil, wire.ErrBadLength},
		"a parameter lies":        {slices.Concat(head, []byte{2, 2, 9}), nil, wire.ErrBadLength},
		"a parameter is cut":      {slices.Concat(head, []byte{1, 2}), nil, wire.ErrTruncated},
		"a capability lies":       {slices.Concat(head, []byte{4, 2, 2, 65, 9}), nil, wire.ErrBadLength},
		"a capability's head":     {slices.Concat(head, []byte{3, 2, 1, 65}), nil, wire.ErrBadLength},
		"more than the length":    {slices.Concat(head, []byte{0, 1, 2}), nil, wire.ErrBadLength},
		"4-octet ASN of 2 octets": {slices.Concat(head, []byte{6, 2, 4, 65, 2, 0, 1}), &plain, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.DecodeOpen(tt.body)
			if !errors.Is(err, tt.err) {
				t.Fatalf("DecodeOpen(%x): got %v, want %v", tt.body, err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, addrs); diff != "" {
				t.Errorf("DecodeOpen(%x): -want +got\n%s", tt.body, diff)
			}
		})
	}
}

func TestAddPathNegotiated(t *testing.T) {
	t.Parallel()
	open := func(modes ...wire.AddPathMode) *wire.Open {
		o := &wire.Open{}
		for _, m := range modes {
			o.AddPath = append(o.AddPath, wire.AddPathFamily{Family: wire.AFISAFI{AFI: bgp.AFIIPv4, SAFI: bgp.SAFIUnicast}, Mode: m})
		}
		return o
	}
	tests := map[string]struct {
		sender, receiver *wire.Open
		want             bool
	}{
		"neither":              {open(), open(), false},
		"both, both":           {open(wire.AddPathBoth), open(wire.AddPathBoth), true},
		"send, receive":        {open(wire.AddPathSend), open(wire.AddPathReceive), true},
		"receive, send":        {open(wire.AddPathReceive), open(wire.AddPathSend), false},
		"only one":             {open(wire.AddPathBoth), open(), false},
		"an undefined mode":    {open(7), open(wire.AddPathBoth), false},
		"the last one decides": {open(wire.AddPathReceive, wire.AddPathSend), open(wire.AddPathReceive), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := wire.AddPathNegotiated(tt.sender, tt.receiver, bgp.IPv4); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if wire.AddPathNegotiated(tt.sender, tt.receiver, bgp.IPv6) {
				t.Error("got ADD-PATH for IPv6, want none")
			}
		})
	}
}

func TestDecodeNotification(t *testing.T) {
	t.Parallel()
	n, err := wire.DecodeNotification([]byte{6, 2, 'b', 'y', 'e'})
	if err != nil || n.String() != "cease (6/2)" || string(n.Data) != "bye" {
		t.Errorf("got %v %q, %v, want cease (6/2) with data bye", n, n.Data, err)
	}
	if _, err := wire.DecodeNotification([]byte{6}); !errors.Is(err, wire.ErrTruncated) {
		t.Errorf("one octet: got %v, want %v", err, wire.ErrTruncated)
	}
}
