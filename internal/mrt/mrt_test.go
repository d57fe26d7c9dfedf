package mrt

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

func prefixes(t *testing.T, all ...string) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for _, s := range all {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

var attributes = wire.PlainAttributes{
	Origin: 2, Path: []bgp.ASN{64496, 4200000000, 64499}, NextHop: netip.MustParseAddr("192.0.2.1"), NextHop6: netip.MustParseAddr("2001:db8::1"),
	MED: 77, HasMED: true, Communities: []uint32{64496<<16 | 1, 64496<<16 | 2},
}

func TestWriterReadsBack(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewWriter(&b)
	start := time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)
	four := Session{PeerASN: 4200000001, LocalASN: 64496, PeerAddress: netip.MustParseAddr("192.0.2.1"), LocalAddress: netip.MustParseAddr("203.0.113.1")}
	six := Session{PeerASN: 64497, LocalASN: 64496, PeerAddress: netip.MustParseAddr("2001:db8::1"), LocalAddress: netip.MustParseAddr("2001:db8::fe")}
	message, err := wire.AppendUpdate(nil, wire.PlainUpdate{Withdrawn: prefixes(t, "198.51.100.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	w.PeerIndexTable(start, four.LocalAddress, "view", []TablePeer{{four.PeerAddress, four.PeerAddress, four.PeerASN}, {four.PeerAddress, six.PeerAddress, six.PeerASN}})
	w.RIB(start, 0, prefixes(t, "198.51.100.0/24")[0], []Entry{{0, start.Add(-time.Hour), attributes}})
	w.RIB(start, 1, prefixes(t, "2001:db8:1::/48")[0], []Entry{{1, start.Add(-time.Hour), attributes}})
	w.Message(start.UnixMicro()+123456, four, message)
	w.StateChange(start.UnixMicro()+999999, six, bgp.Established, bgp.Idle)
	if w.Err() != nil || w.Records() != 5 {
		t.Fatalf("got %d records and %v, want 5", w.Records(), w.Err())
	}
	r := wire.NewMRTReader(&b)
	next := func() wire.MRTRecord {
		rec, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	checkTable(t, next, start)
	rec := next()
	m, err := rec.Message()
	if err != nil || m.PeerASN != four.PeerASN || m.PeerAddress != four.PeerAddress || !bytes.Equal(m.Message, message) {
		t.Errorf("message: got %+v, %v", m, err)
	}
	if rec.Timestamp != start.UnixMicro()+123456 {
		t.Errorf("message: got time %d, want %d", rec.Timestamp, start.UnixMicro()+123456)
	}
	rec = next()
	s, err := rec.StateChange()
	if err != nil || s.PeerAddress != six.PeerAddress || s.Old != bgp.Established || s.New != bgp.Idle {
		t.Errorf("state change: got %+v, %v", s, err)
	}
}

func checkTable(t *testing.T, next func() wire.MRTRecord, start time.Time) {
	t.Helper()
	var index wire.MRTPeerIndex
	rec := next()
	if err := rec.PeerIndex(&index); err != nil || len(index.Peers) != 2 || index.Peers[0].ASN != 4200000001 {
		t.Fatalf("peer index table: got %+v, %v", index, err)
	}
	for i, want := range prefixes(t, "198.51.100.0/24", "2001:db8:1::/48") {
		rec := next()
		var rib wire.MRTRIB
		if err := rec.RIB(&rib); err != nil || rib.Prefix != want || len(rib.Entries) != 1 {
			t.Fatalf("RIB %v: got %+v, %v", want, rib, err)
		}
		e := rib.Entries[0]
		var d wire.Decoder
		u, err := d.DecodeAttributes(e.Attributes, wire.Options{ASOctets: 4})
		if err != nil || u.Malformed != nil || u.Attributes.Path.String() != "64496 4200000000 64499" {
			t.Errorf("RIB %v: attributes %+v, malformed %v, %v", want, u.Attributes, u.Malformed, err)
		}
		if int(e.Peer) != i || int64(e.Originated) != start.Add(-time.Hour).Unix() {
			t.Errorf("RIB %v: entry %+v", want, e)
		}
	}
}

func TestWriterKeepsTheFirstError(t *testing.T) {
	t.Parallel()
	w := NewWriter(failing{})
	w.Message(0, Session{PeerAddress: attributes.NextHop, LocalAddress: attributes.NextHop}, nil)
	w.Message(0, Session{PeerAddress: attributes.NextHop, LocalAddress: attributes.NextHop}, nil)
	if !errors.Is(w.Err(), errFull) || w.Records() != 0 {
		t.Errorf("got %v and %d records, want the first write's error and none", w.Err(), w.Records())
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
