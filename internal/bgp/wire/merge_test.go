package wire_test

import (
	"fmt"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// segment builds a path segment of AS numbers of width octets.
func segment(width int, kind byte, asns ...uint32) []byte {
	b := []byte{kind, byte(len(asns))}
	for _, a := range asns {
		if width == 4 {
			b = append(b, byte(a>>24), byte(a>>16))
		}
		b = append(b, byte(a>>8), byte(a))
	}
	return b
}

func seq2(asns ...uint32) []byte { return segment(2, 2, asns...) }
func seq4(asns ...uint32) []byte { return segment(4, 2, asns...) }

// TestAS4Merge tests the rules of RFC 6793 §4.2.3.
func TestAS4Merge(t *testing.T) {
	t.Parallel()
	const trans = 23456
	cat := func(segments ...[]byte) []byte {
		var b []byte
		for _, s := range segments {
			b = append(b, s...)
		}
		return b
	}
	tests := map[string]struct {
		path, as4       []byte // values; nil is absent
		aggregator      []byte
		as4Aggregator   []byte
		width           uint8
		want, wantAggre string
	}{
		"no AS4_PATH":              {path: seq2(64496, trans), want: "64496 23456"},
		"AS4_PATH of the tail":     {path: seq2(64496, trans, trans), as4: seq4(65536, 65551), want: "64496 65536 65551"},
		"AS4_PATH of all":          {path: seq2(trans, trans), as4: seq4(65536, 65551), want: "65536 65551"},
		"AS4_PATH is longer":       {path: seq2(64496), as4: seq4(65536, 65551), want: "64496"},
		"a set counts one":         {path: cat(seq2(64496), segment(2, 1, trans, trans)), as4: segment(4, 1, 65536, 65551), want: "64496 {65536,65551}"},
		"cut within a sequence":    {path: seq2(1, 2, 3, trans), as4: seq4(65536), want: "1 2 3 65536"},
		"two sequences become one": {path: cat(seq2(64496), seq2(64497)), want: "64496 64497"},
		"confederations stay":      {path: cat(segment(2, 3, 65001, 65002), seq2(64496, trans)), as4: seq4(65536), want: "(65001 65002) 64496 65536"},
		"confederations lead":      {path: cat(segment(2, 3, 65001), seq2(trans)), as4: seq4(65536), want: "(65001) 65536"},
		"none in AS4_PATH":         {path: seq2(64496, trans), as4: cat(segment(4, 3, 65001), seq4(65536)), want: "64496 65536"},
		"malformed AS4_PATH":       {path: seq2(64496, trans), as4: []byte{2, 9}, want: "64496 23456"},
		"of 4 octets, no merge":    {path: seq4(64496, 23456), as4: seq4(65551), width: 4, want: "64496 23456"},
		"AS4_AGGREGATOR": {
			path: seq2(trans), as4: seq4(65536), aggregator: []byte{0x5b, 0xa0, 192, 0, 2, 1}, as4Aggregator: []byte{0, 1, 0, 0, 192, 0, 2, 2},
			want: "65536", wantAggre: "AS65536 192.0.2.2",
		},
		"AGGREGATOR is no AS_TRANS": {
			path: seq2(trans), as4: seq4(65536), aggregator: []byte{0xfb, 0xf0, 192, 0, 2, 1}, as4Aggregator: []byte{0, 1, 0, 0, 192, 0, 2, 2},
			want: "23456", wantAggre: "AS64496 192.0.2.1",
		},
		"AS4_AGGREGATOR alone": {path: seq2(trans), as4: seq4(65536), as4Aggregator: []byte{0, 1, 0, 0, 192, 0, 2, 2}, want: "65536"},
		"malformed AS4_AGGREGATOR": {
			path: seq2(64496), aggregator: []byte{0x5b, 0xa0, 192, 0, 2, 1}, as4Aggregator: []byte{0, 1}, want: "64496", wantAggre: "AS23456 192.0.2.1",
		},
		"AGGREGATOR of 4 octets": {path: seq4(64496), aggregator: []byte{0, 1, 0, 0, 192, 0, 2, 1}, width: 4, want: "64496", wantAggre: "AS65536 192.0.2.1"},
	}
	var d wire.Decoder
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			attributes := [][]byte{igp, attr(0x40, 2, tt.path...), hop}
			for _, a := range []struct {
				code  byte
				value []byte
			}{{17, tt.as4}, {7, tt.aggregator}, {18, tt.as4Aggregator}} {
				if a.value != nil {
					attributes = append(attributes, attr(0xc0, a.code, a.value...))
				}
			}
			u, err := d.DecodeUpdate(body(nil, net198, attributes...), wire.Options{ASOctets: max(tt.width, 2)})
			if err != nil {
				t.Fatal(err)
			}
			if got := u.Attributes.Path.String(); got != tt.want || u.TreatAsWithdraw {
				t.Errorf("AS_PATH %x, AS4_PATH %x: got %q, want %q", tt.path, tt.as4, got, tt.want)
			}
			aggregator := ""
			if u.Attributes.HasAggregator {
				aggregator = fmt.Sprintf("%v %v", u.Attributes.Aggregator.ASN, u.Attributes.Aggregator.Address)
			}
			if aggregator != tt.wantAggre {
				t.Errorf("AGGREGATOR %x, AS4_AGGREGATOR %x: got %q, want %q", tt.aggregator, tt.as4Aggregator, aggregator, tt.wantAggre)
			}
		})
	}
}
