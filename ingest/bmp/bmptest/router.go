package bmptest

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// Router is a connection to a station.
type Router struct {
	tb   testing.TB
	Conn net.Conn
}

// Dial connects from a loopback address. The connection ends with the test.
func Dial(tb testing.TB, station net.Addr, from string) *Router {
	tb.Helper()
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)),
		Timeout:   10 * time.Second,
	}
	conn, err := d.DialContext(tb.Context(), "tcp", station.String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() }) // most tests have closed it already
	return &Router{tb, conn}
}

// Say sends messages to the station.
func (r *Router) Say(messages ...[]byte) {
	r.tb.Helper()
	for _, m := range messages {
		if _, err := r.Conn.Write(m); err != nil {
			r.tb.Fatal(err)
		}
	}
}

// Closed waits until the station has closed the connection.
func (r *Router) Closed() {
	r.tb.Helper()
	if err := r.Conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		r.tb.Fatal(err)
	}
	if n, err := r.Conn.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
		r.tb.Fatalf("the station did not close the connection: %d octets, %v", n, err)
	}
}

func isTimeout(err error) bool {
	t, ok := err.(net.Error) //nolint:errorlint // net's errors are not wrapped
	return ok && t.Timeout()
}
