package rislivetest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// PipeURL is the URL of a server on a Pipe.
const PipeURL = "ws://127.0.0.1/v1/ws/"

// Pipe is a network in memory between one server and its clients, for virtual time
// (testing/synctest): reads and writes wait for nothing outside the process. NewPipe creates one.
// It implements net.Listener and is safe for concurrent use.
type Pipe struct {
	dialed chan net.Conn
	closed chan struct{}
	close  func()
}

// NewPipe creates a network without a listener.
func NewPipe() *Pipe {
	p := &Pipe{dialed: make(chan net.Conn), closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	return p
}

// DialContext connects to the server, for any address. It waits until the server accepts.
func (p *Pipe) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.dialed <- server:
		return client, nil
	case <-p.closed:
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("%s: %w", address, net.ErrClosed)}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept waits for the next client.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialed:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close ends listening. Open connections go on.
func (p *Pipe) Close() error {
	p.close()
	return nil
}

// Addr returns a loopback address.
func (p *Pipe) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:80"))
}
