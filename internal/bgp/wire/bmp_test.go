package wire_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"testing"
	"testing/iotest"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

func bmpUnhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// bgpBytes frames a BGP message.
func bgpBytes(typ wire.MessageType, body []byte) []byte {
	b := bytes.Repeat([]byte{0xff}, 16)
	b = binary.BigEndian.AppendUint16(b, uint16(wire.HeaderLength+len(body)))
	return append(append(b, byte(typ)), body...)
}

// bmpBytes frames a BMP message.
func bmpBytes(typ wire.BMPType, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{3}, uint32(wire.BMPHeaderLength+len(body)))
	return append(append(b, byte(typ)), body...)
}

// perPeer returns a per-peer header of 203.0.113.1, AS64496, followed by body.
func perPeer(typ wire.BMPPeerType, flags byte, distinguisher uint64, body []byte) []byte {
	b := make([]byte, 42)
	b[0], b[1] = byte(typ), flags
	binary.BigEndian.PutUint64(b[2:], distinguisher)
	copy(b[22:], []byte{203, 0, 113, 1})
	binary.BigEndian.PutUint32(b[26:], 64496)
	copy(b[30:], []byte{203, 0, 113, 254})
	binary.BigEndian.PutUint32(b[34:], 1419264900)
	binary.BigEndian.PutUint32(b[38:], 250_000)
	return append(b, body...)
}

// openBytes returns an OPEN of AS64496 with the 4-octet AS capability and, unless mode is 0,
// ADD-PATH for IPv4 unicast.
func openBytes(mode wire.AddPathMode) []byte {
	caps := bmpUnhex("4104" + "0000fbf0")
	if mode != 0 {
		caps = append(caps, 69, 4, 0, 1, 1, byte(mode))
	}
	params := append([]byte{2, byte(len(caps))}, caps...)
	body := append(bmpUnhex("04fbf000b4cb0071fe"), byte(len(params)))
	return bgpBytes(wire.MessageOpen, append(body, params...))
}

func peerUpBytes(typ wire.BMPPeerType, distinguisher uint64, sent, received wire.AddPathMode) []byte {
	body := append(make([]byte, 12), 203, 0, 113, 2, 0, 179, 0xc3, 0x50)
	body = append(append(body, openBytes(sent)...), openBytes(received)...)
	return bmpBytes(wire.BMPPeerUp, perPeer(typ, 0, distinguisher, body))
}

// endOfRIB returns the shortest UPDATE.
func endOfRIB() []byte { return bgpBytes(wire.MessageUpdate, make([]byte, 4)) }

func monitoring(typ wire.BMPPeerType, flags byte, distinguisher uint64) []byte {
	return bmpBytes(wire.BMPRouteMonitoring, perPeer(typ, flags, distinguisher, endOfRIB()))
}

func decodeBMP(t *testing.T, s *wire.BMPSession, raw []byte) wire.BMPMessage {
	t.Helper()
	var m wire.BMPMessage
	if err := s.Decode(raw, &m); err != nil {
		t.Fatalf("decoding %x: %v", raw, err)
	}
	return m
}

func TestBMPOptions(t *testing.T) {
	t.Parallel()
	const v6, post, two, out = 0x80, 0x40, 0x20, 0x10
	for _, tc := range []struct {
		name           string
		typ            wire.BMPPeerType
		flags          byte
		sent, received wire.AddPathMode // of the Peer Up
		table          bgp.Table
		want           wire.Options
	}{
		{"pre-policy", 0, 0, 0, 0, bgp.TablePre, wire.Options{}},
		{"2-octet AS path, the OPENs say 4", 0, two, 0, 0, bgp.TablePre, wire.Options{}},
		{"post-policy", 0, post, 0, 0, bgp.TablePost, wire.Options{NextHopOptional: true}},
		{"router receives paths that the peer sends", 0, 0, wire.AddPathReceive, wire.AddPathSend, bgp.TablePre, wire.Options{AddPathIPv4: true}},
		{"both both", 0, post, wire.AddPathBoth, wire.AddPathBoth, bgp.TablePost, wire.Options{AddPathIPv4: true, NextHopOptional: true}},
		{"router only sends", 0, 0, wire.AddPathSend, wire.AddPathReceive, bgp.TablePre, wire.Options{}},
		{"router sends, Adj-RIB-Out", 0, out, wire.AddPathSend, wire.AddPathReceive, bgp.TableOut, wire.Options{AddPathIPv4: true, NextHopOptional: true}},
		{"router receives, Adj-RIB-Out post-policy", 1, out | post, wire.AddPathReceive, wire.AddPathSend, bgp.TableOut, wire.Options{NextHopOptional: true}},
		{"one side alone", 0, 0, wire.AddPathBoth, 0, bgp.TablePre, wire.Options{}},
		{"Loc-RIB, filtered", wire.BMPPeerLocRIB, v6, 0, 0, bgp.TableLoc, wire.Options{NextHopOptional: true}},
		{"Loc-RIB with paths", wire.BMPPeerLocRIB, 0, wire.AddPathSend, wire.AddPathSend, bgp.TableLoc, wire.Options{AddPathIPv4: true, NextHopOptional: true}},
	} {
		var s wire.BMPSession
		if m := decodeBMP(t, &s, monitoring(tc.typ, tc.flags, 7)); m.Known || m.Options.AddPathIPv4 {
			t.Errorf("%s: before Peer Up: got %+v", tc.name, m)
		}
		decodeBMP(t, &s, peerUpBytes(tc.typ, 7, tc.sent, tc.received)) // Peer Up has no table
		m := decodeBMP(t, &s, monitoring(tc.typ, tc.flags, 7))
		if m.Options != tc.want || !m.Known {
			t.Errorf("%s: got %+v, known %t, want %+v", tc.name, m.Options, m.Known, tc.want)
		}
		want := bgp.Peer{Address: netip.MustParseAddr("203.0.113.1"), ASN: 64496, Distinguisher: 7, Table: tc.table}
		if m.Peer.Peer != want || m.Peer.Timestamp != 1419264900_250000 || m.Peer.BGPID != netip.MustParseAddr("203.0.113.254") {
			t.Errorf("%s: got %+v, want %+v", tc.name, m.Peer, want)
		}
		if m.Peer.Filtered() != (tc.name == "Loc-RIB, filtered") {
			t.Errorf("%s: filtered: got %t", tc.name, m.Peer.Filtered())
		}
		if other := decodeBMP(t, &s, monitoring(tc.typ, tc.flags, 8)); other.Known {
			t.Errorf("%s: another distinguisher is known as well", tc.name)
		}
		decodeBMP(t, &s, bmpBytes(wire.BMPPeerDown, perPeer(tc.typ, 0, 7, []byte{4})))
		if m := decodeBMP(t, &s, monitoring(tc.typ, tc.flags, 7)); m.Known || s.Peers() != 0 {
			t.Errorf("%s: still known after Peer Down", tc.name)
		}
	}
}

func TestBMPMessages(t *testing.T) {
	t.Parallel()
	var s wire.BMPSession
	m := decodeBMP(t, &s, bmpBytes(wire.BMPInitiation, append([]byte{0, 2, 0, 2, 'r', '1', 0, 1, 0, 3}, "FRR"...)))
	if m.Info(wire.BMPInfoSysName) != "r1" || m.Info(wire.BMPInfoSysDescr) != "FRR" || m.Info(wire.BMPInfoString) != "" {
		t.Errorf("initiation: got %+v", m)
	}
	up := peerUpBytes(0, 0, 0, 0)
	up = append(up, 0, 0, 0, 2, 'h', 'i')
	binary.BigEndian.PutUint32(up[1:], uint32(len(up)))
	m = decodeBMP(t, &s, up)
	if m.Up.LocalAddress != netip.MustParseAddr("203.0.113.2") || m.Up.LocalPort != 179 || m.Up.RemotePort != 50000 || m.Info(0) != "hi" ||
		!bytes.Equal(m.Up.Sent, openBytes(0)) || !bytes.Equal(m.Up.Received, openBytes(0)) {
		t.Errorf("peer up: got %+v", m.Up)
	}
	counters := []byte{0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 9, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1}
	m = decodeBMP(t, &s, bmpBytes(wire.BMPStatistics, perPeer(0, 0, 0, counters)))
	var types []uint16
	for c := range m.TLVs() {
		types = append(types, c.Type)
	}
	if len(types) != 2 || types[0] != 0 || types[1] != 7 {
		t.Errorf("statistics: got %v", types)
	}
	mirror := append([]byte{0, 1, 0, 2, 0, 1, 0, 0, 0, 23}, endOfRIB()...)
	if m = decodeBMP(t, &s, bmpBytes(wire.BMPRouteMirroring, perPeer(0, 0, 0, mirror))); m.Update != nil {
		t.Errorf("route mirroring: got an UPDATE %x: it is no news", m.Update)
	}
	notification := bgpBytes(wire.MessageNotification, []byte{6, 2})
	for _, tc := range []struct {
		body []byte
		want string
	}{
		{append([]byte{1}, notification...), "local system closed: cease (6/2)"},
		{[]byte{2, 0, 18}, "local system closed, FSM event 18"},
		{append([]byte{3}, notification...), "remote system closed: cease (6/2)"},
		{[]byte{4}, "remote system closed without notification"},
		{[]byte{5}, "no longer monitored"},
		{[]byte{6, 0, 3, 0, 1, 'g'}, "local system closed, Loc-RIB"},
		{[]byte{77, 1, 2, 3}, "reason 77"},
	} {
		if m = decodeBMP(t, &s, bmpBytes(wire.BMPPeerDown, perPeer(0, 0, 0, tc.body))); m.Down.String() != tc.want {
			t.Errorf("peer down %x: got %q, want %q", tc.body, m.Down.String(), tc.want)
		}
	}
	decodeBMP(t, &s, peerUpBytes(0, 0, 0, 0))
	decodeBMP(t, &s, bmpBytes(wire.BMPTermination, []byte{0, 1, 0, 2, 0, 0}))
	if s.Peers() != 0 {
		t.Errorf("after Termination: got %d peers, want 0", s.Peers())
	}
	if m = decodeBMP(t, &s, bmpBytes(99, []byte{1, 2, 3})); m.Type != 99 {
		t.Errorf("unknown type: got %+v", m)
	}
}

func TestBMPErrors(t *testing.T) {
	t.Parallel()
	rm := func(body []byte) []byte { return bmpBytes(wire.BMPRouteMonitoring, perPeer(0, 0, 0, body)) }
	for _, tc := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"empty", nil, wire.ErrTruncated},
		{"version 4", append([]byte{4}, monitoring(0, 0, 0)[1:]...), wire.ErrBMPVersion},
		{"shorter than its length", monitoring(0, 0, 0)[:60], wire.ErrBadLength},
		{"no room for the per-peer header", bmpBytes(0, make([]byte, 41)), wire.ErrTruncated},
		{"peer type 4", monitoring(4, 0, 0), wire.ErrUnsupported},
		{"OPEN instead", rm(openBytes(0)), wire.ErrUnsupported},
		{"octets behind", rm(append(endOfRIB(), 1, 2, 3)), wire.ErrBadLength},
		{"peer up cut", bmpBytes(wire.BMPPeerUp, perPeer(0, 0, 0, make([]byte, 19))), wire.ErrTruncated},
		{"peer up without OPEN", bmpBytes(wire.BMPPeerUp, perPeer(0, 0, 0, make([]byte, 20))), wire.ErrTruncated},
		{"peer up with one OPEN", bmpBytes(wire.BMPPeerUp, perPeer(0, 0, 0, append(make([]byte, 20), openBytes(0)...))), wire.ErrTruncated},
		{"peer down without reason", bmpBytes(wire.BMPPeerDown, perPeer(0, 0, 0, nil)), wire.ErrTruncated},
		{"peer down without notification", bmpBytes(wire.BMPPeerDown, perPeer(0, 0, 0, []byte{1})), wire.ErrTruncated},
		{"statistics that claim 2^32-1 counters", bmpBytes(wire.BMPStatistics, perPeer(0, 0, 0, []byte{255, 255, 255, 255})), wire.ErrBadLength},
		{"TLV too long", bmpBytes(wire.BMPInitiation, []byte{0, 2, 0, 9, 'x'}), wire.ErrBadLength},
	} {
		var s wire.BMPSession
		var m wire.BMPMessage
		if err := s.Decode(tc.raw, &m); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestBMPPeersAreBounded(t *testing.T) {
	t.Parallel()
	var s wire.BMPSession
	var m wire.BMPMessage
	for i := range wire.MaxBMPPeers {
		decodeBMP(t, &s, peerUpBytes(1, uint64(i), 0, 0))
	}
	if err := s.Decode(peerUpBytes(1, wire.MaxBMPPeers, 0, 0), &m); !errors.Is(err, wire.ErrTooManyPeers) {
		t.Errorf("one more: got %v, want %v", err, wire.ErrTooManyPeers)
	}
	decodeBMP(t, &s, peerUpBytes(1, 3, 0, 0)) // known already
	if s.Peers() != wire.MaxBMPPeers {
		t.Errorf("peers: got %d, want %d", s.Peers(), wire.MaxBMPPeers)
	}
}

func TestBMPReaderStrict(t *testing.T) {
	t.Parallel()
	// A read behind the octets would wait on an open socket. Here it fails.
	sent := bytes.NewReader(append(monitoring(0, 0, 0), 4, 0, 0, 0, 9, 0))
	r := wire.NewBMPReader(io.MultiReader(sent, iotest.ErrReader(errors.New("a read that waits"))))
	r.Strict = true
	if b, err := r.Next(); err != nil || !bytes.Equal(b, monitoring(0, 0, 0)) {
		t.Errorf("first: got %x, %v", b, err)
	}
	if _, err := r.Next(); !errors.Is(err, wire.ErrBMPVersion) {
		t.Errorf("second: got %v, want %v without waiting for more", err, wire.ErrBMPVersion)
	}
}

func TestBMPAllocations(t *testing.T) {
	stream := monitoringStream()
	var s wire.BMPSession
	var m wire.BMPMessage
	var d wire.Decoder
	in := bytes.NewReader(stream)
	r := wire.NewBMPReader(in)
	got := testing.AllocsPerRun(1000, func() {
		raw, err := r.Next()
		if errors.Is(err, io.EOF) {
			in.Reset(stream)
			r = wire.NewBMPReader(in)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Decode(raw, &m); err != nil {
			t.Fatal(err)
		}
		if m.Type == wire.BMPRouteMonitoring {
			if _, err := d.DecodeUpdate(m.Update[wire.HeaderLength:], m.Options); err != nil {
				t.Fatal(err)
			}
		}
	})
	if got != 0 {
		t.Errorf("allocations a Route Monitoring: got %v, want 0", got)
	}
}

// monitoringStream returns a Peer Up and 5,000 UPDATEs.
func monitoringStream() []byte {
	attributes := bmpUnhex("40010100" + "40020a" + "0202" + "0000fbf0" + "0000fbf1" + "400304cb007101" + "c00808fbf00001fbf00002")
	body := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(attributes)))
	body = append(append(body, attributes...), 24, 198, 51, 100, 24, 192, 0, 2)
	rm := bmpBytes(wire.BMPRouteMonitoring, perPeer(0, 0, 0, bgpBytes(wire.MessageUpdate, body)))
	return append(peerUpBytes(0, 0, 0, 0), bytes.Repeat(rm, 5000)...)
}

func BenchmarkBMPRouteMonitoring(b *testing.B) {
	stream := monitoringStream()
	var s wire.BMPSession
	var m wire.BMPMessage
	in := bytes.NewReader(stream)
	r := wire.NewBMPReader(in)
	b.ReportAllocs()
	b.SetBytes(int64(len(stream) / 5001))
	for b.Loop() {
		raw, err := r.Next()
		if err != nil {
			in.Reset(stream)
			r = wire.NewBMPReader(in)
			continue
		}
		if err := s.Decode(raw, &m); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzBMP reads a stream. Nothing panics, the messages and skipped octets add up to the stream, and
// a message is a part of it.
func FuzzBMP(f *testing.F) {
	f.Add(monitoringStream()[:2000])
	f.Add(append(peerUpBytes(0, 0, wire.AddPathBoth, wire.AddPathBoth), monitoring(0, 0x40, 0)...))
	f.Add(bmpBytes(wire.BMPStatistics, perPeer(0, 0, 0, []byte{255, 255, 255, 255})))
	f.Add(append(bmpBytes(wire.BMPInitiation, []byte{0, 2, 0, 1, 'x'}), bmpBytes(wire.BMPTermination, []byte{0, 1, 0, 2, 0, 0})...))
	f.Add([]byte{3, 0, 0, 0, 0, 0, 3, 255, 255, 255, 255, 0})
	f.Add(bmpBytes(wire.BMPPeerDown, perPeer(0, 0, 0, []byte{3, 1, 2})))
	f.Add(bmpBytes(wire.BMPPeerUp, perPeer(0, 0, 0, make([]byte, 30))))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := wire.NewBMPReader(bytes.NewReader(in))
		var s wire.BMPSession
		var m wire.BMPMessage
		var d wire.Decoder
		at := int64(0)
		for {
			raw, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if e, ok := errors.AsType[*wire.BMPFrameError](err); ok {
				if e.Offset != at || e.Skipped <= 0 || int64(len(e.Raw)) > e.Skipped {
					t.Fatalf("at %d: got offset %d, %d skipped, %d raw", at, e.Offset, e.Skipped, len(e.Raw))
				}
				at += e.Skipped
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(raw, in[at:at+int64(len(raw))]) {
				t.Fatalf("at %d: the message is not what the stream holds", at)
			}
			at += int64(len(raw))
			if s.Decode(raw, &m) != nil && !m.Salvaged {
				continue
			}
			for tlv := range m.TLVs() {
				_ = tlv.Value
			}
			_ = m.Down.String()
			// A lost message may be shorter.
			if m.Type == wire.BMPRouteMonitoring && len(m.Update) >= wire.HeaderLength {
				_, _ = d.DecodeUpdate(m.Update[wire.HeaderLength:], m.Options) // FuzzUpdate checks the result
			}
		}
		if at != int64(len(in)) {
			t.Fatalf("octets: got %d, want %d", at, len(in))
		}
	})
}

// TestBMPHeaderAlone: FRR (8.4) sends a header alone for an OPEN that it no longer has. The peer is
// up, without ADD-PATH.
func TestBMPHeaderAlone(t *testing.T) {
	t.Parallel()
	body := append(make([]byte, 12), 203, 0, 113, 2, 0, 179, 0xc3, 0x50)
	body = append(append(body, openBytes(wire.AddPathBoth)...), bgpBytes(wire.MessageOpen, nil)...)
	var s wire.BMPSession
	m := decodeBMP(t, &s, bmpBytes(wire.BMPPeerUp, perPeer(0, 0, 0, body)))
	if s.Peers() != 1 || m.Options.AddPathIPv4 || len(m.Up.Received) != wire.HeaderLength {
		t.Errorf("%d peers, %+v, an OPEN of %d octets", s.Peers(), m.Options, len(m.Up.Received))
	}
}

// TestBMPSalvaged: a Peer Down removes the peer for any reason code, and so does a Peer Up with
// unreadable OPENs. After sound OPENs, faulty TLVs do not reject a Peer Up.
func TestBMPSalvaged(t *testing.T) {
	t.Parallel()
	up := peerUpBytes(0, 0, wire.AddPathBoth, wire.AddPathBoth)
	body := up[wire.BMPHeaderLength:]
	for _, tc := range []struct {
		name            string
		raw             []byte
		salvaged, known bool
	}{
		{"peer down without reason", bmpBytes(wire.BMPPeerDown, perPeer(0, 0, 0, nil)), true, false},
		{"peer down without notification", bmpBytes(wire.BMPPeerDown, perPeer(0, 0, 0, []byte{1})), true, false},
		{"peer up cut", bmpBytes(wire.BMPPeerUp, body[:len(body)-1]), true, false},
		{"peer up with stray octets", bmpBytes(wire.BMPPeerUp, append(bytes.Clone(body), 0, 0, 0)), true, true},
		{"peer up of an unknown type of peer", bmpBytes(wire.BMPPeerUp, append([]byte{9}, body[1:]...)), false, true},
		{"OPEN instead of an UPDATE", bmpBytes(wire.BMPRouteMonitoring, perPeer(0, 0, 0, openBytes(0))), false, true},
		{"octets behind an UPDATE", bmpBytes(wire.BMPRouteMonitoring, perPeer(0, 0, 0, append(endOfRIB(), 1, 2, 3))), true, true},
	} {
		var s wire.BMPSession
		var m wire.BMPMessage
		decodeBMP(t, &s, up)
		if err := s.Decode(tc.raw, &m); err == nil || m.Salvaged != tc.salvaged {
			t.Errorf("%s: got %v, salvaged %t, want %t", tc.name, err, m.Salvaged, tc.salvaged)
		}
		if m = decodeBMP(t, &s, monitoring(0, 0, 0)); m.Known != tc.known || m.Options.AddPathIPv4 != tc.known {
			t.Errorf("%s: afterwards known %t, %+v, want %t", tc.name, m.Known, m.Options, tc.known)
		}
	}
}

// TestBMPSameAddress: link-local addresses are the same on many links, also in a restored session,
// whose peers may have no AS number.
func TestBMPSameAddress(t *testing.T) {
	t.Parallel()
	of := func(asn byte, raw []byte) []byte {
		raw = bytes.Clone(raw)
		raw[wire.BMPHeaderLength+29] = asn
		return raw
	}
	var s wire.BMPSession
	decodeBMP(t, &s, of(1, peerUpBytes(0, 0, wire.AddPathBoth, wire.AddPathBoth)))
	decodeBMP(t, &s, of(2, peerUpBytes(0, 0, 0, 0)))
	list := s.AddPathPeers()
	if len(list) != 1 {
		t.Fatalf("got %+v, want one", list)
	}
	var later, old wire.BMPSession
	later.RestoreAddPath(list)
	list[0].ASN = 0
	old.RestoreAddPath(list)
	for _, tc := range []struct {
		name  string
		s     *wire.BMPSession
		other bool // whether the other peer shares the state of the first
	}{{"heard", &s, false}, {"restored", &later, false}, {"restored without its AS", &old, true}} {
		first, other := decodeBMP(t, tc.s, of(1, monitoring(0, 0, 0))), decodeBMP(t, tc.s, of(2, monitoring(0, 0, 0)))
		if !first.Options.AddPathIPv4 || other.Options.AddPathIPv4 != tc.other {
			t.Errorf("%s: got %t, %t, want true, %t", tc.name, first.Options.AddPathIPv4, other.Options.AddPathIPv4, tc.other)
		}
		decodeBMP(t, tc.s, of(1, bmpBytes(wire.BMPPeerDown, perPeer(0, 0, 0, []byte{4}))))
		if m := decodeBMP(t, tc.s, of(1, monitoring(0, 0, 0))); m.Known {
			t.Errorf("%s: still known after Peer Down", tc.name)
		}
	}
	if m := decodeBMP(t, &s, of(2, monitoring(0, 0, 0))); !m.Known {
		t.Error("the other peer is not known after the first one's Peer Down")
	}
}

// TestBMPLostUpdate: the session passes on an UPDATE with an unreadable header, up to the length of
// a message. Salvage reports that it may have contained any prefix.
func TestBMPLostUpdate(t *testing.T) {
	t.Parallel()
	eor := endOfRIB()
	badLength := append(append(bytes.Clone(eor[:16]), 0, 5), eor[18:]...)
	for name, message := range map[string][]byte{
		"none": nil, "10 octets": eor[:10], "18 octets": eor[:18], "a length of 5": badLength, "no marker": append(make([]byte, 16), eor[16:]...),
		"70000 octets": append(badLength, make([]byte, 70000)...),
	} {
		var s wire.BMPSession
		m := decodeBMP(t, &s, bmpBytes(wire.BMPRouteMonitoring, perPeer(0, 0, 0, message)))
		want := message[:min(len(message), wire.MaxMessage)]
		if !bytes.Equal(m.Update, want) || m.Salvaged {
			t.Errorf("%s: %d octets, salvaged %v; want %d, false", name, len(m.Update), m.Salvaged, len(want))
		}
		var d wire.Decoder
		if u, ok := d.Salvage(m.Update, m.Options); !ok || len(u.Lost) != 2 {
			t.Errorf("%s: Salvage: an UPDATE %v, lost %v", name, ok, u.Lost)
		}
	}
}
