package wire_test

import (
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// TestBMPWidth: the OPENs of the Peer Up determine the width of AS numbers. Without them the A flag
// does, and the AS_PATH if only the other width fits.
func TestBMPWidth(t *testing.T) {
	t.Parallel()
	const aFlag = 0x20
	four := openBytes(0)
	two := bgpBytes(wire.MessageOpen, append(bmpUnhex("04fbf000b4cb0071fe"), 0))
	headerOnly := bgpBytes(wire.MessageOpen, nil)
	// Both widths fit: 64501 64521 | 64541 in 2 octets, 4227202057 33684509 in 4.
	tied := attr(0x40, 2, 2, 2, 0xfb, 0xf5, 0xfc, 0x09, 2, 1, 0xfc, 0x1d)
	const inTwo, inFour = "64501 64521 64541", "4227202057 33684509"
	tests := map[string]struct {
		sent, received []byte // nil: no Peer Up
		typ            wire.BMPPeerType
		flags          byte
		path           []byte
		want           string
	}{
		"the peer is of 2 octets":           {four, two, 0, 0, tied, inTwo},
		"the router is of 2 octets":         {two, four, 0, 0, tied, inTwo},
		"both are of 4":                     {four, four, 0, 0, tied, inFour},
		"both are of 4, the A flag lies":    {four, four, 0, aFlag, tied, inFour},
		"both of 4, the path is in 2":       {four, four, 0, 0, path2, "64496 64497"},
		"both of 4, A flag, path in 2":      {four, four, 0, aFlag, path2, "64496 64497"},
		"of 2, sent on in 4":                {four, two, 0, 0, path4, "64496 64497"},
		"of 2, A flag":                      {four, two, 0, aFlag, tied, inTwo},
		"no Peer Up":                        {nil, nil, 0, 0, tied, inFour},
		"no Peer Up, A flag":                {nil, nil, 0, aFlag, tied, inTwo},
		"no Peer Up, A flag, path in 4":     {nil, nil, 0, aFlag, path4, "64496 64497"},
		"OPENs without a body":              {headerOnly, headerOnly, 0, 0, tied, inFour},
		"OPENs without a body, A flag":      {headerOnly, headerOnly, 0, aFlag, tied, inTwo},
		"one OPEN without a body, one of 2": {headerOnly, two, 0, 0, tied, inTwo},
		"one OPEN without a body, one of 4": {headerOnly, four, 0, aFlag, tied, inTwo},
		"Loc-RIB":                           {two, two, wire.BMPPeerLocRIB, 0, path4, "64496 64497"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s wire.BMPSession
			if tt.sent != nil {
				b := slices.Concat(append(make([]byte, 12), 203, 0, 113, 2, 0, 179, 0xc3, 0x50), tt.sent, tt.received)
				decodeBMP(t, &s, bmpBytes(wire.BMPPeerUp, perPeer(tt.typ, 0, 0, b)))
			}
			m := decodeBMP(t, &s, bmpBytes(wire.BMPRouteMonitoring, perPeer(tt.typ, tt.flags, 0, update(body(nil, net198, igp, tt.path, hop)))))
			var d wire.Decoder
			u, err := d.DecodeUpdate(m.Update[wire.HeaderLength:], m.Options)
			if err != nil || u.Attributes.Path.String() != tt.want {
				t.Errorf("got path %v, %v, want %s (options %+v)", u.Attributes.Path, err, tt.want, m.Options)
			}
		})
	}
}

// TestBMPCutUpdate: the session passes on an UPDATE that the router cut.
func TestBMPCutUpdate(t *testing.T) {
	t.Parallel()
	var s wire.BMPSession
	cut := update(body(slices.Concat(net192, net198), nil))
	cut = cut[:len(cut)-3]
	m := decodeBMP(t, &s, bmpBytes(wire.BMPRouteMonitoring, perPeer(0, 0, 0, cut)))
	if !slices.Equal(m.Update, cut) {
		t.Errorf("got UPDATE %x, want %x", m.Update, cut)
	}
}
