package wire_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// showSalvaged returns the text of show and the unknown parts.
func showSalvaged(u *wire.Update) string {
	var parts []string
	if s := show(u); s != "" {
		parts = append(parts, s)
	}
	for _, n := range u.Unknown {
		parts = append(parts, "? "+n.Prefix.String())
	}
	for _, f := range u.Lost {
		parts = append(parts, "lost "+f.String())
	}
	return strings.Join(parts, "; ")
}

// update returns a whole UPDATE with its marker.
func update(b []byte) []byte { return wire.AppendMessage(nil, wire.MessageUpdate, b) }

// TestSalvageOfACutUpdate cuts messages at every octet. The parts that are whole before the cut
// count.
func TestSalvageOfACutUpdate(t *testing.T) {
	t.Parallel()
	two := slices.Concat(net192, net198)
	ids := slices.Concat([]byte{0, 0, 0, 1}, net192, []byte{0, 0, 0, 2}, net198)
	all := update(body(net192, two, igp, path4, hop, unreach6))
	mixed := update(body(nil, net198, unreach6, igp, path4, hop, reach6))
	tests := map[string]struct {
		message []byte
		keep    int // octets of the body
		o       wire.Options
		want    string
	}{
		"nothing":                    {update(body(two, nil)), 0, wire.Options{}, "lost ipv4; lost ipv6"},
		"in the first withdrawal":    {update(body(two, nil)), 4, wire.Options{}, "lost ipv4"},
		"in the second withdrawal":   {update(body(two, nil)), 8, wire.Options{}, "W 192.0.2.0/24; lost ipv4"},
		"behind the first":           {update(body(two, nil)), 6, wire.Options{}, "W 192.0.2.0/24; lost ipv4"},
		"attributes would follow":    {all, 4, wire.Options{}, "lost ipv4; lost ipv6"},
		"behind the withdrawals":     {all, 7, wire.Options{}, "W 192.0.2.0/24; lost ipv4; lost ipv6"},
		"in the attributes":          {all, 20, wire.Options{}, "W 192.0.2.0/24; lost ipv4; lost ipv6"},
		"in MP_UNREACH_NLRI":         {all, len(all) - 19 - 8 - 1, wire.Options{ASOctets: 4}, "W 192.0.2.0/24; lost ipv4; lost ipv6"},
		"in the NLRI":                {all, len(all) - 19 - 2, wire.Options{ASOctets: 4}, "W 192.0.2.0/24; W 2001:db8::/32; A 192.0.2.0/24 via 203.0.113.1; path 64496 64497; lost ipv4"},
		"announced in MP_REACH_NLRI": {mixed, len(mixed) - 19 - 4 - 1, wire.Options{ASOctets: 4}, "W 2001:db8::/32; lost ipv4; lost ipv6"},
		"behind all attributes":      {mixed, len(mixed) - 19 - 4, wire.Options{ASOctets: 4}, "W 2001:db8::/32; A 2001:db8::/32 via 2001:db8::1; path 64496 64497; lost ipv4"},
		"path ids without the mark":  {update(body(ids, nil)), 12, wire.Options{}, "W 192.0.2.0/24 id 1; lost ipv4"},
		"path ids with the mark":     {update(body(ids, nil)), 12, wire.Options{AddPathIPv4: true}, "W 192.0.2.0/24 id 1; lost ipv4"},
		"the mark without path ids":  {update(body(two, nil)), 8, wire.Options{AddPathIPv4: true}, "W 192.0.2.0/24; lost ipv4"},
		"MP_UNREACH overruns itself": {update(body(nil, two, igp, path4, hop, attr(0x80, 15, 0, 2, 1, 48, 0x20, 1))), 44, wire.Options{ASOctets: 4}, "A 192.0.2.0/24 via 203.0.113.1; path 64496 64497; lost ipv6; lost ipv4"},
		"an attribute is missing":    {update(body(nil, two, path4, hop)), len(body(nil, two, path4, hop)) - 1, wire.Options{ASOctets: 4}, "W 192.0.2.0/24; path attribute 1: missing (treat as withdraw); lost ipv4"},
	}
	var d wire.Decoder
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			raw := tt.message[:wire.HeaderLength+tt.keep]
			if _, _, err := wire.SplitMessage(raw); !errors.Is(err, wire.ErrTruncated) {
				t.Fatalf("SplitMessage(%x): %v", raw, err)
			}
			u, ok := d.Salvage(raw, tt.o)
			if !ok {
				t.Fatalf("Salvage(%x): no UPDATE", raw)
			}
			if diff := cmp.Diff(tt.want, showSalvaged(u)); diff != "" {
				t.Errorf("Salvage(%x): -want +got\n%s", raw, diff)
			}
		})
	}
}

// TestSalvageOfAMalformedUpdate: readable prefixes are unknown, else the whole family is.
func TestSalvageOfAMalformedUpdate(t *testing.T) {
	t.Parallel()
	bad := []byte{33, 198, 51, 100, 0, 0}
	badReach := attr(0x80, 14, slices.Concat([]byte{0, 2, 1, 7, 1, 2, 3, 4, 5, 6, 7, 0}, db8)...)
	tests := map[string]struct {
		message []byte
		want    string
	}{
		"/33 withdrawn":           {update(body(bad, nil)), "lost ipv4"},
		"/33 announced":           {update(body(net192, bad, igp, path4, hop)), "W 192.0.2.0/24; lost ipv4"},
		"/33 withdrawn, IPv6 too": {update(body(bad, net198, igp, path4, hop, unreach6)), "W 2001:db8::/32; ? 198.51.100.0/24; lost ipv4"},
		"next hop of 7 octets":    {update(body(nil, nil, igp, path4, badReach)), "path attribute 14: bad length of the next hop (treat as withdraw); ? 2001:db8::/32"},
		"next hop length lies":    {update(body(nil, nil, attr(0x80, 14, 0, 2, 1, 200, 0, 0))), "lost ipv6"},
		"MP_UNREACH is too short": {update(body(nil, nil, attr(0x80, 15, 0, 2))), "lost ipv4; lost ipv6"},
		"of a VPN":                {update(body(nil, []byte{33}, attr(0x80, 15, 0, 1, 128, 1))), "other 1/128; lost ipv4"},
		"withdrawn length lies":   {update([]byte{0, 9, 0, 0}), "lost ipv4; lost ipv6"},
		"attribute length lies":   {update(slices.Concat([]byte{0, 4}, net192, []byte{0, 9, 1})), "W 192.0.2.0/24; lost ipv4; lost ipv6"},
		"too short":               {update([]byte{0, 0}), "lost ipv4; lost ipv6"},
		"no marker":               {make([]byte, 40), "lost ipv4; lost ipv6"},
		"no octet":                {nil, "lost ipv4; lost ipv6"},
	}
	var d wire.Decoder
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u, ok := d.Salvage(tt.message, wire.Options{ASOctets: 4})
			if !ok {
				t.Fatal("no UPDATE")
			}
			if diff := cmp.Diff(tt.want, showSalvaged(u)); diff != "" {
				t.Errorf("Salvage(%x): -want +got\n%s", tt.message, diff)
			}
		})
	}
	for _, typ := range []wire.MessageType{wire.MessageOpen, wire.MessageKeepalive, wire.MessageNotification, wire.MessageRouteRefresh, 9} {
		if _, ok := d.Salvage(wire.AppendMessage(nil, typ, []byte{1, 2, 3, 4})[:20], wire.Options{}); ok {
			t.Errorf("a %v is said to be an UPDATE", typ)
		}
	}
}

// FuzzSalvage cuts UPDATEs. The withdrawals of the cut message are the first ones of the whole
// message.
func FuzzSalvage(f *testing.F) {
	seeds(f, func(body []byte, o wire.Options) { f.Add(body, flags(o), uint16(len(body)/2)) })
	f.Fuzz(func(t *testing.T, body []byte, flags byte, keep uint16) {
		if len(body) > 65535-wire.HeaderLength {
			return
		}
		o := wire.Options{ASOctets: flags & 6, AddPathIPv4: flags&8 != 0, AddPathIPv6: flags&16 != 0, NextHopOptional: flags&64 != 0}
		message := update(body)
		var whole, part wire.Decoder
		var cut *wire.Update
		bounded(t, len(body), func() { cut, _ = part.Salvage(message[:min(len(message), int(keep))], o) })
		if cut == nil {
			t.Fatal("it is no UPDATE")
		}
		for _, n := range slices.Concat(cut.Withdrawn, cut.Announced, cut.Unknown) {
			if n.Prefix != n.Prefix.Masked() || !n.Prefix.IsValid() {
				t.Fatalf("prefix %v is not masked", n.Prefix)
			}
		}
		u, err := whole.DecodeUpdate(body, o)
		if err != nil || u.Malformed != nil || cut.Malformed != nil || !marksHold(u, o) || !marksHold(cut, o) || int(keep) >= len(message) {
			return
		}
		if len(cut.Lost) == 0 && len(u.Withdrawn)+len(u.Announced) > len(cut.Withdrawn)+len(cut.Announced) {
			t.Fatalf("prefixes are missing and nothing is said to be lost: %v", showSalvaged(cut))
		}
		for _, n := range cut.Withdrawn {
			if !slices.Contains(u.Withdrawn, n) {
				t.Fatalf("%v is withdrawn in the cut message alone: %s", n, fmt.Sprint(u.Withdrawn))
			}
		}
	})
}
