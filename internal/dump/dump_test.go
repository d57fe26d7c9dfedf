package dump_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/dump"
)

// formatter is one of the two forms.
type formatter interface {
	Append(dst []byte, it *capture.Item) ([]byte, error)
}

// attr builds a path attribute.
func attr(flags, code byte, value ...byte) []byte {
	return append([]byte{flags, code, byte(len(value))}, value...)
}

// update builds an UPDATE with its header.
func update(withdrawn, nlri []byte, attributes ...[]byte) []byte {
	all := slices.Concat(attributes...)
	body := append(binary.BigEndian.AppendUint16(nil, uint16(len(withdrawn))), withdrawn...)
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(all))), all...)
	body = append(body, nlri...)
	b := bytes.Repeat([]byte{0xff}, 16)
	b = binary.BigEndian.AppendUint16(b, uint16(wire.HeaderLength+len(body)))
	return append(append(b, byte(wire.MessageUpdate)), body...)
}

var (
	peer    = bgp.Peer{Address: netip.MustParseAddr("203.0.113.1"), ASN: 64496}
	net198  = []byte{24, 198, 51, 100}
	net192  = []byte{24, 192, 0, 2}
	hop6    = netip.MustParseAddr("2001:db8::1").AsSlice()
	db8     = []byte{32, 0x20, 0x01, 0x0d, 0xb8}
	origin  = attr(0x40, 1, 0)
	hop     = attr(0x40, 3, 203, 0, 113, 1)
	path    = attr(0x40, 2, 2, 2, 0, 0, 0xfb, 0xf0, 0, 0, 0xfb, 0xf1, 1, 2, 0, 0, 0xfb, 0xf2, 0, 0, 0xfb, 0xf3)
	reach6  = attr(0x80, 14, slices.Concat([]byte{0, 2, 1, 16}, hop6, []byte{0}, db8)...)
	withAll = [][]byte{
		origin, path, hop, attr(0x80, 4, 0, 0, 0, 0), attr(0x40, 5, 0, 0, 0, 100), attr(0x40, 6),
		attr(0xc0, 7, 0, 0, 0xfb, 0xf1, 203, 0, 113, 9), attr(0xc0, 8, 0xfb, 0xf0, 0, 1, 0xff, 0xff, 0xff, 1),
		attr(0xc0, 32, 0, 0, 0xfb, 0xf0, 0, 0, 0, 1, 0, 0, 0, 2),
	}
)

func TestAppend(t *testing.T) {
	t.Parallel()
	mrt := func(kind string, message []byte) capture.Item {
		return capture.Item{Kind: capture.Message, Type: kind, Timestamp: 1356998024000123, Peer: peer, Message: message, ASOctets: 4}
	}
	addPath := mrt("BGP4MP_AP", update(nil, slices.Concat([]byte{0, 0, 0, 1}, net198), origin, path, hop))
	addPath.AddPathIPv4 = true
	bmp := mrt("bmp", update(net192, nil))
	bmp.Peer.Distinguisher, bmp.Peer.Table, bmp.BGPID = 64496<<32|1, bgp.TablePost, netip.MustParseAddr("192.0.2.9")
	live := mrt("ris_message", update(net192, nil))
	live.Collector = "rrc21.ripe.net"
	sent := mrt("BGP4MP_LOCAL", update(net192, nil))
	sent.Local = true
	state := capture.Item{Kind: capture.State, Type: "BGP4MP", Timestamp: 1356998024000000, Peer: peer, OldState: bgp.Established, NewState: bgp.Idle}
	up, down := state, state
	up.Kind, up.Type, down.Kind, down.Type = capture.PeerUp, "bmp", capture.PeerDown, "bmp"
	rib := capture.Item{
		Kind: capture.RIB, Type: "TABLE_DUMP2", Timestamp: 1356998024000000, Prefix: netip.MustParsePrefix("2001:db8::/32"),
		Entries: []capture.RIBEntry{{
			Peer: peer, BGPID: netip.MustParseAddr("192.0.2.9"), ASOctets: 4,
			Attributes: slices.Concat(origin, path, attr(0x80, 14, append([]byte{16}, hop6...)...)),
		}},
	}
	ribPaths := rib
	ribPaths.Type = "TABLE_DUMP2_AP"
	ribPaths.Entries = []capture.RIBEntry{{Peer: peer, ASOctets: 4, PathID: 7, HasPathID: true}}
	const who = `"collector":"file/local","peer":{"address":"203.0.113.1","asn":64496},"table":"pre","type":`
	const at = `{"timestamp":1356998024.000123,` + who
	const then = `{"timestamp":1356998024,` + who
	const shortPath = `"as_path":[64496,64497,[64498,64499]],"origin_as":64497`
	tests := map[string]struct {
		item          capture.Item
		bgpdump, json string
	}{
		"everything": {
			mrt("BGP4MP_ET", update(nil, net198, withAll...)),
			"BGP4MP_ET|1356998024.000123|A|203.0.113.1|64496|198.51.100.0/24|64496 64497 {64498,64499}|IGP|203.0.113.1|100|0|64496:1 no-export|AG|64497 203.0.113.9|\n",
			at + `"announce","prefix":"198.51.100.0/24",` + shortPath + `,"origin":"igp","next_hop":"203.0.113.1","med":0,"local_pref":100,` +
				`"communities":["64496:1","65535:65281"],"large_communities":["64496:1:2"],"aggregator":{"asn":64497,"address":"203.0.113.9"},"atomic_aggregate":true}` + "\n",
		},
		"both families": {
			mrt("BGP4MP", update(net192, net198, origin, path, hop, reach6, attr(0x80, 15, slices.Concat([]byte{0, 2, 1}, db8)...))),
			"BGP4MP|1356998024|W|203.0.113.1|64496|192.0.2.0/24\nBGP4MP|1356998024|W|203.0.113.1|64496|2001:db8::/32\n" +
				"BGP4MP|1356998024|A|203.0.113.1|64496|198.51.100.0/24|64496 64497 {64498,64499}|IGP|203.0.113.1|0|0||NAG||\n" +
				"BGP4MP|1356998024|A|203.0.113.1|64496|2001:db8::/32|64496 64497 {64498,64499}|IGP|2001:db8::1|0|0||NAG||\n",
			at + `"withdraw","prefix":"192.0.2.0/24"}` + "\n" + at + `"withdraw","prefix":"2001:db8::/32"}` + "\n" +
				at + `"announce","prefix":"198.51.100.0/24",` + shortPath + `,"origin":"igp","next_hop":"203.0.113.1"}` + "\n" +
				at + `"announce","prefix":"2001:db8::/32",` + shortPath + `,"origin":"igp","next_hop":"2001:db8::1"}` + "\n",
		},
		"treated as withdrawn": {
			mrt("BGP4MP", update(nil, net198, origin, path)),
			"BGP4MP|1356998024|W|203.0.113.1|64496|198.51.100.0/24\n", at + `"withdraw","prefix":"198.51.100.0/24"}` + "\n",
		},
		"ADD-PATH": {
			addPath, "BGP4MP_AP|1356998024|A|203.0.113.1|64496|198.51.100.0/24|1|64496 64497 {64498,64499}|IGP|203.0.113.1|0|0||NAG||\n",
			at + `"announce","prefix":"198.51.100.0/24","path_id":1,` + shortPath + `,"origin":"igp","next_hop":"203.0.113.1"}` + "\n",
		},
		"multicast": {
			mrt("BGP4MP", update(nil, nil, attr(0x80, 15, 0, 1, 2, 24, 192, 0, 2))), "BGP4MP|1356998024|W|203.0.113.1|64496|192.0.2.0/24\n", "",
		},
		"End-of-RIB": {mrt("BGP4MP", update(nil, nil)), "", at + `"end_of_rib","family":"ipv4"}` + "\n"},
		"BMP": {
			bmp, "BGP4MP_ET|1356998024.000123|W|203.0.113.1|64496|192.0.2.0/24\n",
			`{"timestamp":1356998024.000123,"collector":"file/local","peer":{"address":"203.0.113.1","asn":64496,"bgp_id":"192.0.2.9","distinguisher":"64496:1"},"table":"post","type":"withdraw","prefix":"192.0.2.0/24"}` + "\n",
		},
		"RIS Live": {
			live, "BGP4MP_ET|1356998024.000123|W|203.0.113.1|64496|192.0.2.0/24\n",
			`{"timestamp":1356998024.000123,"collector":"ris/rrc21","peer":{"address":"203.0.113.1","asn":64496},"table":"pre","type":"withdraw","prefix":"192.0.2.0/24"}` + "\n",
		},
		"sent by the collector": {
			sent, "BGP4MP_LOCAL|1356998024|W|203.0.113.1|64496|192.0.2.0/24\n", strings.Replace(at, "pre", "out", 1) + `"withdraw","prefix":"192.0.2.0/24"}` + "\n",
		},
		"state":     {state, "BGP4MP|1356998024|STATE|203.0.113.1|64496|6|1\n", then + `"state","old":"established","new":"idle"}` + "\n"},
		"peer up":   {up, "BGP4MP_ET|1356998024.000000|STATE|203.0.113.1|64496|5|6\n", then + `"peer_up"}` + "\n"},
		"peer down": {down, "BGP4MP_ET|1356998024.000000|STATE|203.0.113.1|64496|6|1\n", then + `"peer_down"}` + "\n"},
		"table": {
			rib, "TABLE_DUMP2|1356998024|B|203.0.113.1|64496|2001:db8::/32|64496 64497 {64498,64499}|IGP|2001:db8::1|0|0||NAG||\n",
			`{"timestamp":1356998024,"collector":"file/local","peer":{"address":"203.0.113.1","asn":64496,"bgp_id":"192.0.2.9"},"table":"pre","type":"rib","prefix":"2001:db8::/32",` +
				shortPath + `,"origin":"igp","next_hop":"2001:db8::1"}` + "\n",
		},
		"table with path ids": {
			ribPaths, "TABLE_DUMP2_AP|1356998024|B|203.0.113.1|64496|2001:db8::/32|7||INCOMPLETE|255.255.255.255|0|0||NAG||\n",
			then + `"rib","prefix":"2001:db8::/32","path_id":7,"as_path":[]}` + "\n",
		},
		"note": {capture.Item{Kind: capture.Note}, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, form := range []struct {
				f    formatter
				want string
			}{{dump.NewBGPDump(nil), tt.bgpdump}, {dump.NewJSON("file/local", false, nil), tt.json}} {
				got, err := form.f.Append(nil, &tt.item)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(form.want, string(got)); diff != "" {
					t.Errorf("%T: -want +got\n%s", form.f, diff)
				}
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	bad := capture.Item{Kind: capture.Message, Message: update(nil, []byte{33, 1, 2, 3, 4, 5})}
	table := capture.Item{Kind: capture.RIB, Entries: []capture.RIBEntry{{Attributes: attr(0x80, 15, 0, 2)}}}
	for _, f := range []formatter{dump.NewBGPDump(nil), dump.NewJSON("file/local", true, nil)} {
		for _, it := range []*capture.Item{&bad, &table} {
			if got, err := f.Append([]byte("kept"), it); !errors.Is(err, wire.ErrBadNLRI) || string(got) != "kept" {
				t.Errorf("%T: got %q, %v, want nothing more and %v", f, got, err, wire.ErrBadNLRI)
			}
		}
	}
}

func TestTally(t *testing.T) {
	t.Parallel()
	f, sum := dump.NewJSON("file/local", true, nil), dump.Tally{}
	for _, message := range [][]byte{
		update(nil, nil, attr(0x80, 15, 0, 2, 2, 16, 0x20, 1)), update(nil, nil, attr(0x80, 15, 0, 1, 2)), update(nil, nil, attr(0x80, 15, 0, 1, 2)),
		update(nil, net198, path, hop), update(nil, net198, origin, path, hop, attr(0x40, 6, 1)),
	} {
		if _, err := f.Append(nil, &capture.Item{Kind: capture.Message, ASOctets: 4, Message: message}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Append(nil, &capture.Item{Kind: capture.Note, Family: wire.AFISAFI{AFI: 1, SAFI: 128}}); err != nil {
		t.Fatal(err)
	}
	sum.Add(&f.Tally)
	sum.Add(&dump.Tally{Other: map[wire.AFISAFI]uint64{{AFI: 1, SAFI: 2}: 5}})
	want := []string{
		"7 of AFI 1 SAFI 2", "1 of AFI 1 SAFI 128", "1 of AFI 2 SAFI 2", "1 malformed taken as withdrawals (RFC 7606)",
		"1 with malformed attributes left out (RFC 7606)",
	}
	if diff := cmp.Diff(want, sum.Lines()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// FuzzDump reads any input as a capture and prints it in both forms: no panic, and the JSON is
// valid.
func FuzzDump(f *testing.F) {
	for _, pattern := range []string{"mrt/mrtparse-samples/*", "rislive/*"} {
		files, err := filepath.Glob(filepath.Join(datatest.Root(f), "..", "shared", "data", pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			if b, err := os.ReadFile(name); err == nil {
				f.Add(b[:min(len(b), 4<<10)])
			}
		}
	}
	f.Add([]byte(`{"type":"ris_message","data":{"timestamp":1.5,"peer":"203.0.113.1","peer_asn":"64496","id":"1","host":"rrc00\n","type":"STATE","state":"down"}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := capture.New(bytes.NewReader(file), "fuzz")
		if err != nil {
			t.Fatal(err)
		}
		text, object := dump.NewBGPDump(nil), dump.NewJSON("file/local", false, nil)
		for {
			it, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				continue
			}
			lines, textErr := text.Append(nil, it)
			objects, objectErr := object.Append(nil, it)
			if (textErr == nil) != (objectErr == nil) {
				// Only the former reads multicast, and may find an error in it.
				if !errors.Is(textErr, wire.ErrBadNLRI) || objectErr != nil {
					t.Fatalf("bgpdump says %v, JSON %v", textErr, objectErr)
				}
			}
			if len(lines) > 0 && lines[len(lines)-1] != '\n' {
				t.Fatalf("line without end: %q", lines)
			}
			for line := range bytes.Lines(objects) {
				if !json.Valid(line) {
					t.Fatalf("not JSON: %q", line)
				}
			}
		}
	})
}
