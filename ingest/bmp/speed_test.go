package bmp_test

import (
	"flag"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/internal/bgp"
)

var speedMessages = flag.Int("speed.messages", 200_000, "Route Monitoring messages of TestSpeed")

// burst returns n announcements of a peer, one after the other.
func burst(p bmptest.Peer, first, n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, bmptest.Monitoring(p, bmptest.Announce(bmptest.Route(first+i), p.ASN, 64500, 64501+bgp.ASN(i%5), 64510))...)
	}
	return b
}

// TestSpeed measures the way from the socket to the acknowledged record, with one processor for the
// station and the broker in another process. It checks that nothing was lost.
func TestSpeed(t *testing.T) {
	const sessions = 4
	cfg := broker(t, 4)
	j := job{Config: bmp.DefaultConfig(), Procs: 1, Expect: int64(*speedMessages), Profile: *profile}
	addr, told := station(t, cfg, j)
	const chunk = 1000
	done := make(chan error, sessions)
	for i := range sessions {
		go func() { done <- send(addr, fmt.Sprintf("127.0.1.%d", i+1), *speedMessages/sessions/chunk, chunk) }() // ends with its last chunk
	}
	for range sessions {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	var f figures
	await(t, told, 2*time.Minute, &f)
	t.Logf("GOMAXPROCS=1: %v", f)
}

// send plays a router that announces chunk routes, chunks times.
func send(station net.Addr, from string, chunks, chunk int) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", station.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // everything was sent
	p := bmptest.Neighbour(1)
	hello := append(bmptest.Initiation(from), bmptest.PeerUp(p)...)
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	b := burst(p, 0, chunk)
	for range chunks {
		if _, err := conn.Write(b); err != nil {
			return err
		}
	}
	// The router stays until the station has read all that it sent.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, _ = conn.Read(make([]byte, 1))
	return nil
}
