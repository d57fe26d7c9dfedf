package bmp

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// said is a connection that delivers octets of a router and then ends.
type said struct {
	net.Conn // nil: nothing else is called
	r        bytes.Reader
}

func (s *said) Read(b []byte) (int, error)      { return s.r.Read(b) }
func (s *said) SetReadDeadline(time.Time) error { return nil }
func (s *said) Close() error                    { return nil }
func (s *said) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:1"))
}

// Hear runs a session of the router 127.0.0.1 that sends b.
func (s *Station) Hear(ctx context.Context, b []byte) error {
	c := &said{}
	c.r.Reset(b)
	return s.admit(ctx, c).run(ctx)
}

// Hollow returns the number of messages without effect.
func (s *Station) Hollow() int {
	var m dto.Metric
	if err := s.metrics.hollow.Write(&m); err != nil {
		return -1
	}
	return int(m.GetCounter().GetValue())
}
