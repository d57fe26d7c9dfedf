package enrich

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// testConfig knows the documentation networks: 192.0.2.0/24 is half Andorran, half Monegasque;
// 198.51.100.0/24 lies in North Korea's first region; a quarter of 203.0.113.0/24 is French;
// 2001:db8::/33 is Iranian.
func testConfig(tb testing.TB) Config {
	tb.Helper()
	dir := tb.TempDir()
	return Config{
		Geo: geo.Config{Files: []geo.File{{Path: writeFile(tb, filepath.Join(dir, "places.csv"),
			"192.0.2.0,192.0.2.127,MC,,\n192.0.2.128,192.0.2.255,AD,,\n198.51.100.0,198.51.100.255,KP,KP-01,\n"+
				"203.0.113.0,203.0.113.63,FR,,\n2001:db8::,2001:db8:7fff:ffff:ffff:ffff:ffff:ffff,IR,,\n")}}},
		ASN: asn.Config{Files: []string{writeFile(tb, filepath.Join(dir, "names.json"),
			`{"64496": "DOC-1 Documentation One, KP", "64497": "DOC-2 - Documentation Two, CN"}`)}},
	}
}

func writeFile(tb testing.TB, path, content string) string {
	tb.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func testSources(tb testing.TB) *Sources {
	tb.Helper()
	s, err := OpenSources(testConfig(tb), slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// message frames a BGP message.
func message(kind wire.MessageType, body []byte) []byte {
	b := bytes.Repeat([]byte{0xff}, 16)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)+wire.HeaderLength))
	return append(append(b, byte(kind)), body...)
}

// nlri encodes prefixes as BGP does.
func nlri(prefixes ...string) []byte {
	var b []byte
	for _, s := range prefixes {
		p := netip.MustParsePrefix(s)
		b = append(append(b, byte(p.Bits())), p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
	}
	return b
}

// attribute encodes a path attribute with an extended length.
func attribute(flags, code byte, value []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{flags | 0x10, code}, uint16(len(value))), value...)
}

// pathAttributes returns the attributes that announcements need, with 4-octet AS numbers. ORIGIN
// comes first and has 5 octets.
func pathAttributes(asns ...uint32) []byte {
	var path []byte
	if len(asns) > 0 {
		path = []byte{2, byte(len(asns))}
		for _, a := range asns {
			path = binary.BigEndian.AppendUint32(path, a)
		}
	}
	b := attribute(0x40, 1, []byte{0})
	b = append(b, attribute(0x40, 2, path)...)
	return append(b, attribute(0x40, 3, []byte{203, 0, 113, 1})...)
}

func updateBody(withdrawn, attributes, announced []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(withdrawn)))
	b = append(b, withdrawn...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(attributes)))
	return append(append(b, attributes...), announced...)
}

func testPeer() *pb.Peer {
	return codec.Peer(bgp.Peer{Address: netip.MustParseAddr("203.0.113.1"), ASN: 64500}, netip.MustParseAddr("203.0.113.1"))
}

func record(raw []byte) *pb.UpdateRecord {
	return &pb.UpdateRecord{
		Position:    &pb.Position{Collector: "file/test", Lane: "file/abc", Sequence: 7},
		TimestampUs: 1419264900000001, ReceivedAtUs: 1419264900000002,
		Body: &pb.UpdateRecord_BgpMessage{BgpMessage: &pb.BGPMessage{Peer: testPeer(), Raw: raw, AsOctets: 4}},
	}
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func transform(tb testing.TB, e *Enricher, in *pb.UpdateRecord) []*pb.RouteRecord {
	tb.Helper()
	values, err := e.Transform(nil, encode(tb, in))
	if err != nil {
		tb.Fatalf("Transform(%v): %v", in, err)
	}
	var out []*pb.RouteRecord
	for _, v := range values {
		r := &pb.RouteRecord{}
		if err := proto.Unmarshal(v, r); err != nil {
			tb.Fatalf("Transform(%v) wrote what does not decode: %v", in, err)
		}
		out = append(out, r)
	}
	return out
}

func prefix(s string) []byte { return codec.AppendPrefix(nil, netip.MustParsePrefix(s)) }
