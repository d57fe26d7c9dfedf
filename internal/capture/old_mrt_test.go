package capture_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
)

// oldUpdate returns a record of the deprecated type BGP (RFC 6396 appendix B.2): AS 64496 at
// 203.0.113.1 announces 198.51.100.0/24 with the path 64496 64497. The message has no header.
func oldUpdate(seconds uint32) []byte {
	ends := unhex("fbf0" + "cb007101" + "fbff" + "cb0071fe")
	return mrt(seconds, 5, 1, append(ends, unhex("0000"+"0014"+"40010100"+"400206"+"0202fbf0fbf1"+"400304cb007101"+"18c63364")...))
}

// TestOldMRT checks that RIS' files of 1999 are read, and that a table of 4-octet AS numbers in
// TABLE_DUMP is recognised by its first record.
func TestOldMRT(t *testing.T) {
	t.Parallel()
	state := mrt(start+1, 5, 3, unhex("fbf0"+"cb007101"+"0006"+"0001"))
	keepalive := mrt(start+2, 5, 7, unhex("fbf0"+"cb007101"+"fbff"+"cb0071fe"))
	r, err := capture.New(bytes.NewReader(slices.Concat(oldUpdate(start), state, keepalive)), "updates.1999")
	if err != nil {
		t.Fatal(err)
	}
	peer := bgp.Peer{Address: netip.MustParseAddr("203.0.113.1"), ASN: 64496}
	it, err := r.Next()
	if err != nil || it.Kind != capture.Message || it.Peer != peer || it.ASOctets != 2 || it.Timestamp != start*1e6 {
		t.Fatalf("got %+v, %v; want a message of %v", it, err, peer)
	}
	want := message(2, unhex("0000"+"0014"+"40010100"+"400206"+"0202fbf0fbf1"+"400304cb007101"+"18c63364"))
	if !bytes.Equal(it.Message, want) {
		t.Errorf("got message %x, want %x", it.Message, want)
	}
	it, err = r.Next()
	if err != nil || it.Kind != capture.State || it.Peer != peer || it.OldState != bgp.Established || it.NewState != bgp.Idle {
		t.Errorf("got %+v, %v; want %v from Established to Idle", it, err, peer)
	}
	if it, err = r.Next(); err != nil || it.Kind != capture.Note {
		t.Errorf("got %+v, %v; want a note", it, err)
	}
	if _, err = r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end", err)
	}
	attributes := "40010100" + "40020a" + "02020000fbf00000fbf1" + "400304cb007101"
	table := map[string][]byte{
		"IPv4": mrt(start, 12, 3, unhex("0000"+"0000"+"c6336400"+"18"+"01"+"00000000"+"cb007101"+"0000fbf0"+"0018"+attributes)),
		"IPv6": mrt(start, 12, 4, unhex("0000"+"0000"+"20010db8000000000000000000000000"+"20"+"01"+"00000000"+"20010db8000000000000000000000001"+"0000fbf0"+"0018"+attributes)),
	}
	for name, record := range table {
		r, err := capture.New(bytes.NewReader(record), name)
		if err != nil {
			t.Fatal(err)
		}
		it, err := r.Next()
		if err != nil || it.Kind != capture.RIB || len(it.Entries) != 1 || it.Entries[0].ASOctets != 4 || it.Entries[0].Peer.ASN != 64496 {
			t.Errorf("%s: got %+v, %v; want a route of AS64496 with 4-octet AS numbers", name, it, err)
		}
	}
}
