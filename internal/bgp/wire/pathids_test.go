package wire_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// TestPathIdentifiersAgainstTheMark: the octets of NLRI decide where they can whether NLRI carry
// path identifiers.
func TestPathIdentifiersAgainstTheMark(t *testing.T) {
	t.Parallel()
	marked := wire.Options{ASOctets: 4, AddPathIPv4: true, AddPathIPv6: true}
	plain := wire.Options{ASOctets: 4}
	id := func(n byte, p ...byte) []byte { return append([]byte{0, 0, 0, n}, p...) }
	// far is an identifier from a hash.
	far := func(p ...byte) []byte { return append([]byte{0x9e, 0x37, 0x79, 0xb9}, p...) }
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
		"an id out of a hash for all":    {body(slices.Concat(far(net192...), far(net198...)), nil), plain, "W 192.0.2.0/24 id 2654435769; W 198.51.100.0/24 id 2654435769"},
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

// TestNoPathIdentifiersWithoutEvidence: the decoder does not read a field with one wrong length
// with path identifiers, although it is sound with them. The withdrawals before the fault count.
func TestNoPathIdentifiersWithoutEvidence(t *testing.T) {
	t.Parallel()
	v6 := func(n byte) []byte { return []byte{32, 0x20, 1, 0xd, n} }
	run := func(at int, length byte) (b []byte) {
		for i := range byte(8) {
			b = append(b, 24, 192, 0, i)
		}
		b[4*at] = length
		return b
	}
	tests := map[string]struct {
		body []byte
		want string
	}{
		"the first of two":      {body(run(0, 77)[:8], nil), "lost ipv4"},
		"the first is 0":        {body(run(0, 0)[:8], nil), "lost ipv4"},
		"the fifth of eight":    {body(run(4, 77), nil), "W 192.0.0.0/24; W 192.0.1.0/24; W 192.0.2.0/24; W 192.0.3.0/24; lost ipv4"},
		"an id out of a hash":   {body(slices.Concat([]byte{0x9e, 0x37, 0x79, 0xb9}, net192), nil), "lost ipv4"},
		"announced":             {body(nil, run(4, 77), igp, path4, hop), "lost ipv4"},
		"IPv6, the third":       {body(nil, nil, attr(0x80, 15, slices.Concat([]byte{0, 2, 1}, v6(1), v6(2), []byte{200, 0x20, 1, 0xd}, v6(4))...)), "W 2001:d01::/32; W 2001:d02::/32; lost ipv6"},
		"a short one in front":  {body([]byte{24, 192, 0, 1, 3, 192, 0, 2, 24, 192, 0, 77, 24, 192}, nil), "W 192.0.1.0/24; lost ipv4"},
		"the default in an odd": {body(slices.Concat([]byte{0, 77}, net192), nil), "lost ipv4"},
	}
	var d wire.Decoder
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if u, err := d.DecodeUpdate(tt.body, wire.Options{ASOctets: 4}); err == nil {
				t.Fatalf("DecodeUpdate(%x): got %s", tt.body, show(u))
			}
			u, _ := d.Salvage(update(tt.body), wire.Options{ASOctets: 4})
			if diff := cmp.Diff(tt.want, showSalvaged(u)); diff != "" {
				t.Errorf("Salvage(%x): -want +got\n%s", tt.body, diff)
			}
		})
	}
}
