package wire_test

import (
	"path/filepath"
	"testing"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/datatest"
)

// realBodies returns the UPDATEs of one file. They all have 4-octet AS numbers and no ADD-PATH.
func realBodies(tb testing.TB) [][]byte {
	tb.Helper()
	var bodies [][]byte
	realUpdates(tb, filepath.Join(datatest.Path(tb, "mrt"), "routeviews2-updates.20260222.1530.bz2"), func(_ uint64, body []byte, _ wire.Options) {
		bodies = append(bodies, append([]byte(nil), body...))
	})
	if len(bodies) != 49220 {
		tb.Fatalf("got %d UPDATEs, want 49220", len(bodies))
	}
	return bodies
}

// BenchmarkDecodeUpdate decodes a real UPDATE with our decoder and with gobgp's in the same run.
func BenchmarkDecodeUpdate(b *testing.B) {
	bodies := realBodies(b)
	octets := 0
	for _, body := range bodies {
		octets += len(body)
	}
	b.Run("ours", func(b *testing.B) {
		var d wire.Decoder
		b.SetBytes(int64(octets / len(bodies)))
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if _, err := d.DecodeUpdate(bodies[i], wire.Options{ASOctets: 4}); err != nil {
				b.Fatal(err)
			}
			if i++; i == len(bodies) {
				i = 0
			}
		}
	})
	b.Run("gobgp", func(b *testing.B) {
		options := gobgpOptions(wire.Options{ASOctets: 4})
		b.SetBytes(int64(octets / len(bodies)))
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			h := &gobgp.BGPHeader{Type: gobgp.BGP_MSG_UPDATE, Len: uint16(wire.HeaderLength + len(bodies[i]))}
			if _, err := gobgp.ParseBGPBody(h, bodies[i], options); err != nil {
				b.Fatal(err)
			}
			if i++; i == len(bodies) {
				i = 0
			}
		}
	})
}

// TestDecoderDoesNotAllocate decodes real UPDATEs with a Decoder that has decoded them before.
func TestDecoderDoesNotAllocate(t *testing.T) {
	bodies := realBodies(t)
	var d wire.Decoder
	round := func() {
		for _, body := range bodies {
			if _, err := d.DecodeUpdate(body, wire.Options{ASOctets: 4}); err != nil {
				t.Fatal(err)
			}
		}
	}
	round()
	if n := testing.AllocsPerRun(1, round); n != 0 {
		t.Errorf("decoding %d UPDATEs: got %v allocations, want 0", len(bodies), n)
	}
}
