package wire_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// TestPathIdentifiersAgainstTheMark: the octets of NLRI decide whether they carry path identifiers, where they can.
func TestPathIdentifiersAgainstTheMark(t *testing.T) {
	t.Parallel()
	marked := wire.Options{ASOctets: 4, AddPathIPv4: true, AddPathIPv6: true}
	plain := wire.Options{ASOctets: 4}
	id := func(n byte, p ...byte) []byte { return append([]byte{0, 0, 0, n}, p...) }
	far := func(p ...byte) []byte { return append([]byte{0x9e, 0x37, 0x79, 0xb9}, p...) } // an identifier out of a hash
	net22 := []byte{22, 198, 51, 100}
	tests := map[string]struct {
		body []byte
		o    wire.Options
		want string
	}{
		"ids without the mark":           {body(id(1, net192...), nil), plain, "W 192.0.2.0/24 id 1"},
		"two without the mark":           {body(slices.Concat(id(1, net192...), id(2, net198...)), nil), plain, "W 192.0.2.0/24 id 1; W 198.51.100.0/24 id 2"},
		"an id of 256":                   {body(slices.Concat([]byte{0, 0, 1, 0}, net192), nil), plain, "W 192.0.2.0/24 id 256"},
		"an id of 0":                     {body(id(0, net192...), nil), plain, "W 192.0.2.0/24"},
		"an id out of a hash":            {body(far(net192...), nil), plain, "W 192.0.2.0/24 id 2654435769"},
		"IPv6 ids without the mark":      {body(nil, nil, attr(0x80, 15, slices.Concat([]byte{0, 2, 1}, id(7, db8...))...)), plain, "W 2001:db8::/32 id 7"},
		"the mark without ids":           {body(net192, nil), marked, "W 192.0.2.0/24"},
		"the mark, two prefixes":         {body(slices.Concat(net192, net198), nil), marked, "W 192.0.2.0/24; W 198.51.100.0/24"},
		"the mark, announced":            {body(nil, slices.Concat(net198, net22), igp, path4, hop), marked, "A 198.51.100.0/24 via 203.0.113.1; A 198.51.100.0/22 via 203.0.113.1; path 64496 64497"},
		"the mark without ids, IPv6":     {body(nil, nil, unreach6), marked, "W 2001:db8::/32"},
		"the mark with an id of a hash":  {body(far(net192...), nil), marked, "W 192.0.2.0/24 id 2654435769"},
		"the default route by two paths": {body(slices.Concat(id(1, 0), id(2, 0)), nil), marked, "W 0.0.0.0/0 id 1; W 0.0.0.0/0 id 2"},
		"the default route beside":       {body(slices.Concat([]byte{0}, net192), nil), plain, "W 0.0.0.0/0; W 192.0.2.0/24"},
		"a half":                         {body([]byte{1, 128}, nil), plain, "W 128.0.0.0/1"},
		"host bits are no ids":           {body(slices.Concat([]byte{20, 198, 51, 111}, net192), nil), plain, "W 198.51.96.0/20; W 192.0.2.0/24"},
	}
	var d wire.Decoder
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u, err := d.DecodeUpdate(tt.body, tt.o)
			if err != nil {
				t.Fatalf("DecodeUpdate(%x): %v", tt.body, err)
			}
			if diff := cmp.Diff(tt.want, show(u)); diff != "" {
				t.Errorf("DecodeUpdate(%x): -want +got\n%s", tt.body, diff)
			}
		})
	}
}
