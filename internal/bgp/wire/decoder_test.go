package wire_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// attr builds a path attribute. The Extended Length flag determines the encoding of its length.
func attr(flags, code byte, value ...byte) []byte {
	if flags&0x10 != 0 {
		return append(binary.BigEndian.AppendUint16([]byte{flags, code}, uint16(len(value))), value...)
	}
	return append([]byte{flags, code, byte(len(value))}, value...)
}

// body builds the body of an UPDATE.
func body(withdrawn, nlri []byte, attributes ...[]byte) []byte {
	all := slices.Concat(attributes...)
	b := binary.BigEndian.AppendUint16(nil, uint16(len(withdrawn)))
	b = append(b, withdrawn...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(all)))
	return append(append(b, all...), nlri...)
}

// Attributes and prefixes of documentation space.
var (
	igp      = attr(0x40, 1, 0)
	path2    = attr(0x40, 2, 2, 2, 0xfb, 0xf0, 0xfb, 0xf1)
	path4    = attr(0x40, 2, 2, 2, 0, 0, 0xfb, 0xf0, 0, 0, 0xfb, 0xf1)
	hop      = attr(0x40, 3, 203, 0, 113, 1)
	net198   = []byte{24, 198, 51, 100}
	net192   = []byte{24, 192, 0, 2}
	db8      = []byte{32, 0x20, 0x01, 0x0d, 0xb8}
	hop6     = []byte{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	local6   = []byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	reach6   = attr(0x80, 14, slices.Concat([]byte{0, 2, 1, 16}, hop6, []byte{0}, db8)...)
	unreach6 = attr(0x80, 15, slices.Concat([]byte{0, 2, 1}, db8)...)
)

// show returns an update in one line: W and A with their prefixes, then the other fields.
func show(u *wire.Update) string {
	var parts []string
	list := func(letter string, nlri []wire.NLRI, hops bool) {
		for _, n := range nlri {
			s := letter + " " + n.Prefix.String()
			if n.PathID != 0 {
				s += fmt.Sprintf(" id %d", n.PathID)
			}
			if hop := u.NextHop(n); hops && hop.IsValid() {
				s += " via " + hop.String()
			}
			parts = append(parts, s)
		}
	}
	list("W", u.Withdrawn, false)
	list("A", u.Announced, true)
	if len(u.Announced) > 0 {
		parts = append(parts, "path "+u.Attributes.Path.String())
	}
	for _, f := range u.EndOfRIB {
		parts = append(parts, "end of "+f.String())
	}
	for _, f := range u.Other {
		parts = append(parts, fmt.Sprintf("other %d/%d", f.AFI, f.SAFI))
	}
	if u.Malformed != nil {
		parts = append(parts, u.Malformed.Error())
	}
	return strings.Join(parts, "; ")
}

func TestDecodeUpdate(t *testing.T) {
	t.Parallel()
	four := wire.Options{ASOctets: 4}
	tests := map[string]struct {
		body []byte
		o    wire.Options
		want string
	}{
		"announcement": {body(nil, net198, igp, path4, hop), four, "A 198.51.100.0/24 via 203.0.113.1; path 64496 64497"},
		"everything at once": {
			body(net192, net198, igp, path4, hop, reach6, attr(0x80, 15, 0, 2, 1, 33, 0x20, 1, 0x0d, 0xb8, 0x80)), four,
			"W 192.0.2.0/24; W 2001:db8:8000::/33; A 198.51.100.0/24 via 203.0.113.1; A 2001:db8::/32 via 2001:db8::1; path 64496 64497",
		},
		"two MP_REACH of two families": {
			body(nil, nil, igp, path4, reach6, attr(0x80, 14, slices.Concat([]byte{0, 1, 1, 4, 203, 0, 113, 9, 0}, net198)...)), four,
			"A 2001:db8::/32 via 2001:db8::1; A 198.51.100.0/24 via 203.0.113.9; path 64496 64497",
		},
		"global and link-local next hop": {
			body(nil, nil, igp, path4, attr(0x90, 14, slices.Concat([]byte{0, 2, 1, 32}, hop6, local6, []byte{0}, db8)...)), four,
			"A 2001:db8::/32 via 2001:db8::1; path 64496 64497",
		},
		"IPv4 over an IPv6 next hop (RFC 8950)": {
			body(nil, nil, igp, path4, attr(0x80, 14, slices.Concat([]byte{0, 1, 1, 16}, hop6, []byte{0}, net198)...)), four,
			"A 198.51.100.0/24 via 2001:db8::1; path 64496 64497",
		},
		"host bits are masked":   {body([]byte{20, 198, 51, 111}, nil), four, "W 198.51.96.0/20"},
		"IPv6 host bits too":     {body(nil, nil, attr(0x80, 15, 0, 2, 1, 29, 0x20, 1, 0x0d, 0xbf)), four, "W 2001:db8::/29"},
		"default routes":         {body([]byte{0}, nil, attr(0x80, 15, 0, 2, 1, 0)), four, "W 0.0.0.0/0; W ::/0"},
		"longest prefixes":       {body([]byte{32, 192, 0, 2, 1}, nil), four, "W 192.0.2.1/32"},
		"End-of-RIB":             {body(nil, nil), four, "end of ipv4"},
		"End-of-RIB of IPv6":     {body(nil, nil, attr(0x80, 15, 0, 2, 1)), four, "end of ipv6"},
		"End-of-RIB of IPv4, MP": {body(nil, nil, attr(0x80, 15, 0, 1, 1)), four, "end of ipv4"},
		"no End-of-RIB":          {body(nil, nil, igp, attr(0x80, 15, 0, 2, 1)), four, ""},
		"End-of-RIB of a VPN":    {body(nil, nil, attr(0x80, 15, 0, 1, 128)), four, "other 1/128"},
		"other families": {
			body(nil, nil, igp, path4, attr(0x80, 14, 0, 25, 70, 4, 203, 0, 113, 1, 0, 1, 2, 3), attr(0x80, 15, 0, 1, 2, 24, 192, 0, 2)), four,
			"other 25/70; other 1/2",
		},
		"multicast where asked for": {
			body(nil, nil, attr(0x80, 15, 0, 1, 2, 24, 192, 0, 2)), wire.Options{ASOctets: 4, Multicast: true}, "W 192.0.2.0/24; other 1/2",
		},
		"ADD-PATH": {
			body([]byte{0, 0, 0, 7, 24, 192, 0, 2}, []byte{0, 0, 0, 1, 24, 198, 51, 100, 0, 0, 0, 2, 24, 198, 51, 100}, igp, path4, hop),
			wire.Options{ASOctets: 4, AddPathIPv4: true},
			"W 192.0.2.0/24 id 7; A 198.51.100.0/24 id 1 via 203.0.113.1; A 198.51.100.0/24 id 2 via 203.0.113.1; path 64496 64497",
		},
		"ADD-PATH of the other family": {
			body(net192, nil, attr(0x80, 15, slices.Concat([]byte{0, 2, 1, 0, 0, 0, 9}, db8)...)),
			wire.Options{ASOctets: 4, AddPathIPv6: true},
			"W 192.0.2.0/24; W 2001:db8::/32 id 9",
		},
		"unknown attributes pass": {
			body(nil, net198, igp, path4, hop, attr(0xc0, 99, 1, 2, 3), attr(0xc0, 255), attr(0x40, 77)), four,
			"A 198.51.100.0/24 via 203.0.113.1; path 64496 64497",
		},
		"2-octet AS numbers":           {body(nil, net198, igp, path2, hop), wire.Options{ASOctets: 2}, "A 198.51.100.0/24 via 203.0.113.1; path 64496 64497"},
		"width found, 2":               {body(nil, net198, igp, path2, hop), wire.Options{}, "A 198.51.100.0/24 via 203.0.113.1; path 64496 64497"},
		"width found, 4":               {body(nil, net198, igp, path4, hop), wire.Options{}, "A 198.51.100.0/24 via 203.0.113.1; path 64496 64497"},
		"empty path":                   {body(nil, net198, igp, attr(0x40, 2), hop), four, "A 198.51.100.0/24 via 203.0.113.1; path "},
		"next hop may be absent":       {body(nil, net198, igp, path4), wire.Options{ASOctets: 4, NextHopOptional: true}, "A 198.51.100.0/24; path 64496 64497"},
		"withdrawals need nothing":     {body(net192, nil), four, "W 192.0.2.0/24"},
		"MP withdrawals need nothing":  {body(nil, nil, unreach6), four, "W 2001:db8::/32"},
		"extended length of one octet": {body(nil, net198, attr(0x50, 1, 0), path4, hop), four, "A 198.51.100.0/24 via 203.0.113.1; path 64496 64497"},
	}
	var d wire.Decoder // one decoder for all cases: no state of a message may survive in it
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

// TestMalformedAttributes tests the faults of RFC 7606 §3 and §7.
func TestMalformedAttributes(t *testing.T) {
	t.Parallel()
	const announced = "A 198.51.100.0/24 via 203.0.113.1; path 64496 64497; "
	const withdrawn = "W 198.51.100.0/24; "
	tests := map[string]struct {
		attributes [][]byte
		want       string
	}{
		"no ORIGIN":             {[][]byte{path4, hop}, withdrawn + "path attribute 1: missing (treat as withdraw)"},
		"no AS_PATH":            {[][]byte{igp, hop}, withdrawn + "path attribute 2: missing (treat as withdraw)"},
		"no NEXT_HOP":           {[][]byte{igp, path4}, withdrawn + "path attribute 3: missing (treat as withdraw)"},
		"ORIGIN of 3":           {[][]byte{attr(0x40, 1, 3), path4, hop}, withdrawn + "path attribute 1: not one of 0, 1 and 2 (treat as withdraw)"},
		"ORIGIN of two octets":  {[][]byte{attr(0x40, 1, 0, 0), path4, hop}, withdrawn + "path attribute 1: not one of 0, 1 and 2 (treat as withdraw)"},
		"ORIGIN optional":       {[][]byte{attr(0xc0, 1, 0), path4, hop}, withdrawn + "path attribute 1: wrong flags (treat as withdraw)"},
		"segment type 5":        {[][]byte{igp, attr(0x40, 2, 5, 1, 0, 0, 0, 1), hop}, withdrawn + "path attribute 2: unknown segment type (treat as withdraw)"},
		"segment of none":       {[][]byte{igp, attr(0x40, 2, 2, 0), hop}, withdrawn + "path attribute 2: empty segment (treat as withdraw)"},
		"segment too long":      {[][]byte{igp, attr(0x40, 2, 2, 2, 0, 0, 0, 1), hop}, withdrawn + "path attribute 2: a segment is longer than the path (treat as withdraw)"},
		"one octet left":        {[][]byte{igp, attr(0x40, 2, 2, 1, 0, 0, 0, 1, 2), hop}, withdrawn + "path attribute 2: ends within a segment's header (treat as withdraw)"},
		"NEXT_HOP of 5":         {[][]byte{igp, path4, attr(0x40, 3, 1, 2, 3, 4, 5)}, withdrawn + "path attribute 3: bad length (treat as withdraw)"},
		"MED of 3":              {[][]byte{igp, path4, hop, attr(0x80, 4, 1, 2, 3)}, withdrawn + "path attribute 4: bad length (treat as withdraw)"},
		"LOCAL_PREF of none":    {[][]byte{igp, path4, hop, attr(0x40, 5)}, withdrawn + "path attribute 5: bad length (treat as withdraw)"},
		"COMMUNITIES of 6":      {[][]byte{igp, path4, hop, attr(0xc0, 8, 1, 2, 3, 4, 5, 6)}, withdrawn + "path attribute 8: bad length (treat as withdraw)"},
		"COMMUNITIES of none":   {[][]byte{igp, path4, hop, attr(0xc0, 8)}, withdrawn + "path attribute 8: bad length (treat as withdraw)"},
		"ORIGINATOR_ID of 8":    {[][]byte{igp, path4, hop, attr(0x80, 9, 1, 2, 3, 4, 5, 6, 7, 8)}, withdrawn + "path attribute 9: bad length (treat as withdraw)"},
		"CLUSTER_LIST of 3":     {[][]byte{igp, path4, hop, attr(0x80, 10, 1, 2, 3)}, withdrawn + "path attribute 10: bad length (treat as withdraw)"},
		"extended comm. of 7":   {[][]byte{igp, path4, hop, attr(0xc0, 16, 1, 2, 3, 4, 5, 6, 7)}, withdrawn + "path attribute 16: bad length (treat as withdraw)"},
		"large community of 11": {[][]byte{igp, path4, hop, attr(0xc0, 32, make([]byte, 11)...)}, withdrawn + "path attribute 32: bad length (treat as withdraw)"},
		"longer than the list":  {[][]byte{igp, path4, hop, {0x40, 5, 9, 0}}, withdrawn + "path attribute 5: longer than the list of attributes (treat as withdraw)"},
		"list ends in a header": {[][]byte{igp, path4, hop, {0x40, 5}}, withdrawn + "path attribute 0: the list ends within an attribute (treat as withdraw)"},
		"list ends in a length": {[][]byte{igp, path4, hop, {0x50, 5, 0}}, withdrawn + "path attribute 5: the list ends within an attribute (treat as withdraw)"},
		"ATOMIC_AGGREGATE of 1": {[][]byte{igp, path4, hop, attr(0x40, 6, 1)}, announced + "path attribute 6: not empty (attribute discard)"},
		"AGGREGATOR of 6 for 8": {[][]byte{igp, path4, hop, attr(0xc0, 7, 1, 2, 3, 4, 5, 6)}, announced + "path attribute 7: bad length (attribute discard)"},
		"MED twice":             {[][]byte{igp, path4, hop, attr(0x80, 4, 0, 0, 0, 1), attr(0x80, 4, 0, 0, 0, 2)}, announced + "path attribute 4: appears more than once (attribute discard)"},
		"the stronger remedy": {
			[][]byte{igp, path4, hop, attr(0x40, 6, 1), attr(0x80, 4)}, withdrawn + "path attribute 4: bad length (treat as withdraw)",
		},
		"AS 0 in the path": {[][]byte{igp, attr(0x40, 2, 2, 2, 0, 0, 0xfb, 0xf0, 0, 0, 0, 0), hop}, withdrawn + "path attribute 2: holds AS 0 (treat as withdraw)"},
		"OTC of 4":         {[][]byte{igp, path4, hop, attr(0xc0, 35, 0, 0, 0xfb, 0xf0)}, strings.TrimSuffix(announced, "; ")},
		"OTC of 3":         {[][]byte{igp, path4, hop, attr(0xc0, 35, 1, 2, 3)}, withdrawn + "path attribute 35: bad length (treat as withdraw)"},
		"OTC of 8":         {[][]byte{igp, path4, hop, attr(0xc0, 35, 1, 2, 3, 4, 5, 6, 7, 8)}, withdrawn + "path attribute 35: bad length (treat as withdraw)"},
		"OTC well-known":   {[][]byte{igp, path4, hop, attr(0x40, 35, 1, 2, 3, 4)}, withdrawn + "path attribute 35: wrong flags (treat as withdraw)"},
		"MP routes too": {
			[][]byte{igp, reach6, path4, hop, attr(0x80, 4)}, withdrawn + "W 2001:db8::/32; path attribute 4: bad length (treat as withdraw)",
		},
	}
	var d wire.Decoder
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := body(nil, net198, tt.attributes...)
			u, err := d.DecodeUpdate(b, wire.Options{ASOctets: 4})
			if err != nil {
				t.Fatalf("DecodeUpdate(%x): %v", b, err)
			}
			if diff := cmp.Diff(tt.want, show(u)); diff != "" {
				t.Errorf("DecodeUpdate(%x): -want +got\n%s", b, diff)
			}
			if got, want := u.TreatAsWithdraw, strings.HasPrefix(tt.want, "W"); got != want {
				t.Errorf("DecodeUpdate(%x): got TreatAsWithdraw %v, want %v", b, got, want)
			}
		})
	}
}

func TestRefusedUpdates(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body []byte
		o    wire.Options
		err  error
	}{
		"empty":                              {nil, wire.Options{}, wire.ErrTruncated},
		"three octets":                       {[]byte{0, 0, 0}, wire.Options{}, wire.ErrTruncated},
		"withdrawn length lies":              {[]byte{0, 9, 0, 0}, wire.Options{}, wire.ErrBadLength},
		"withdrawn length eats":              {[]byte{0, 1, 0, 0}, wire.Options{}, wire.ErrBadLength},
		"attribute length lies":              {[]byte{0, 0, 0, 9, 1}, wire.Options{}, wire.ErrBadLength},
		"/33":                                {body(nil, []byte{33, 198, 51, 100, 0, 0}, igp, path4, hop), wire.Options{ASOctets: 4}, wire.ErrBadNLRI},
		"/33 withdrawn":                      {body([]byte{33, 198, 51, 100, 0, 0}, nil), wire.Options{}, wire.ErrBadNLRI},
		"/129":                               {body(nil, nil, attr(0x80, 15, append([]byte{0, 2, 1, 129}, make([]byte, 17)...)...)), wire.Options{}, wire.ErrBadNLRI},
		"/33 in MP":                          {body(nil, nil, attr(0x80, 15, 0, 1, 1, 33, 1, 2, 3, 4, 5)), wire.Options{}, wire.ErrBadNLRI},
		"prefix is cut":                      {body(nil, []byte{24, 198, 51}), wire.Options{}, wire.ErrBadNLRI},
		"second prefix is cut":               {body(slices.Concat(net192, []byte{16, 1}), nil), wire.Options{}, wire.ErrBadNLRI},
		"path id is cut":                     {body([]byte{0, 0, 1}, nil), wire.Options{AddPathIPv4: true}, wire.ErrBadNLRI},
		"path id alone":                      {body([]byte{0, 0, 0, 1}, nil), wire.Options{AddPathIPv4: true}, wire.ErrBadNLRI},
		"MP_REACH is too short":              {body(nil, nil, attr(0x80, 14, 0, 2, 1, 0)), wire.Options{}, wire.ErrBadNLRI},
		"next hop length lies":               {body(nil, nil, attr(0x80, 14, 0, 2, 1, 200, 0, 0)), wire.Options{}, wire.ErrBadNLRI},
		"next hop of 7 octets":               {body(nil, nil, attr(0x80, 14, 0, 2, 1, 7, 1, 2, 3, 4, 5, 6, 7, 0)), wire.Options{}, wire.ErrBadNLRI},
		"IPv4 next hop of IPv6":              {body(nil, nil, attr(0x80, 14, 0, 2, 1, 4, 1, 2, 3, 4, 0)), wire.Options{}, wire.ErrBadNLRI},
		"MP_UNREACH is too short":            {body(nil, nil, attr(0x80, 15, 0, 2)), wire.Options{}, wire.ErrBadNLRI},
		"path ids of host bits, not told of": {body([]byte{0, 0, 0, 1, 20, 198, 51, 111, 0, 0, 0, 2, 20, 198, 51, 111}, nil), wire.Options{}, wire.ErrBadNLRI},
	}
	var d wire.Decoder
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if u, err := d.DecodeUpdate(tt.body, tt.o); !errors.Is(err, tt.err) || u != nil {
				t.Errorf("DecodeUpdate(%x): got %v, %v, want %v", tt.body, u, err, tt.err)
			}
		})
	}
}

func TestWidthOfASNumbers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path []byte
		want uint8
		tied bool
	}{
		"2":       {path2, 2, false},
		"4":       {path4, 4, false},
		"neither": {attr(0x40, 2, 9, 9, 9), 4, false},
		"empty":   {attr(0x40, 2), 4, false},
		// One sequence of 4-octet numbers 65538 and 0x02010003, or of the 2-octet numbers 1, 2 and
		// 3.
		"both": {attr(0x40, 2, 2, 2, 0, 1, 0, 2, 2, 1, 0, 3), 4, true},
	}
	var d wire.Decoder
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u, err := d.DecodeUpdate(body(nil, net198, igp, tt.path, hop), wire.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if u.ASOctets != tt.want || u.ASOctetsTied != tt.tied {
				t.Errorf("AS_PATH %x: got %d octets, tied %v, want %d, %v", tt.path, u.ASOctets, u.ASOctetsTied, tt.want, tt.tied)
			}
		})
	}
}

func TestDecodeAttributes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		attributes []byte
		want       string
	}{
		"IPv4":          {slices.Concat(igp, path4, hop), "203.0.113.1"},
		"short":         {slices.Concat(igp, path4, attr(0x80, 14, append([]byte{16}, hop6...)...)), "2001:db8::1"},
		"short, two":    {slices.Concat(igp, path4, attr(0x80, 14, slices.Concat([]byte{32}, hop6, local6)...)), "2001:db8::1"},
		"in full":       {slices.Concat(igp, path4, reach6), "2001:db8::1"},
		"short, lies":   {slices.Concat(igp, path4, attr(0x80, 14, 16, 1, 2)), "path attribute 14: bad length of the next hop (attribute discard)"},
		"no attributes": {nil, ""},
		"malformed":     {slices.Concat(attr(0x40, 1, 9), path4), "path attribute 1: not one of 0, 1 and 2 (treat as withdraw)"},
	}
	var d wire.Decoder
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u, err := d.DecodeAttributes(tt.attributes, wire.Options{ASOctets: 4})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, a := range []netip.Addr{u.Attributes.NextHop, u.Attributes.MPNextHop} {
				if a.IsValid() {
					got += a.String()
				}
			}
			if u.Malformed != nil {
				got += u.Malformed.Error()
			}
			if got != tt.want || u.TreatAsWithdraw {
				t.Errorf("DecodeAttributes(%x): got %q, want %q", tt.attributes, got, tt.want)
			}
		})
	}
}
