package tablechunk

import (
	"errors"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// TestRoute checks that a route with AS 0 in its path is no route, in a table as in an UPDATE (RFC
// 7607), and that the origin of a malformed path is unknown.
func TestRoute(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path             []byte
		origin, upstream bgp.ASN
		none, fails      bool
	}{
		"a path":      {[]byte{2, 2, 0xfb, 0xf4, 0xfb, 0xf0}, 64496, 64500, false, false},
		"an empty":    {nil, 64500, 0, false, false},
		"AS 0 within": {[]byte{2, 3, 0xfb, 0xf4, 0, 0, 0xfb, 0xf0}, 0, 0, true, true},
		// the peer still holds the prefix
		"malformed": {[]byte{2, 9, 0xfb, 0xf4}, 0, 0, false, true},
	}
	var d wire.Decoder
	for name, tt := range tests {
		e := &capture.RIBEntry{Peer: bgp.Peer{ASN: 64500}, Attributes: mrttest.Attribute(0x40, 2, tt.path), ASOctets: 2}
		origin, upstream, err := Route(&d, e)
		if origin != tt.origin || upstream != tt.upstream || errors.Is(err, ErrNoRoute) != tt.none || (err != nil) != tt.fails {
			t.Errorf("%s: got %v, %v, %v; want %v, %v, an error %v, no route %v", name, origin, upstream, err, tt.origin, tt.upstream, tt.fails, tt.none)
		}
	}
}
