package clickhousetest

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Proxy returns s with its connections routed through pass. It calls pass for each connection with
// both ends; pass closes neither. pass may run several times at once. It must return when one end
// is closed.
func Proxy(t testing.TB, s clickhouse.Server, pass func(client, server net.Conn)) clickhouse.Server {
	t.Helper()
	through := s
	network, addr := "unix", filepath.Join(t.TempDir(), "proxy.sock")
	if !s.Embedded {
		network, addr = "tcp", "127.0.0.1:0"
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	through.Socket = addr
	if !s.Embedded {
		through.Socket, through.Addresses = "", []string{l.Addr().String()}
	}
	ctx := context.WithoutCancel(t.Context())
	dial := func() (net.Conn, error) {
		if s.Embedded {
			return s.Transport().DialContext(ctx, "", "")
		}
		return new(net.Dialer).DialContext(ctx, "tcp", s.Addresses[0])
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			asked, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer asked.Close() //nolint:errcheck // a test's connection
				client := asked
				if socket, ok := asked.(*net.UnixConn); ok {
					if client, err = give(ctx, socket); err != nil {
						return
					}
					defer client.Close() //nolint:errcheck // a test's connection
				}
				server, err := dial()
				if err != nil {
					return
				}
				defer server.Close() //nolint:errcheck // a test's connection
				pass(client, server)
			})
		}
	})
	return through
}

// give gives a client that requests a connection one that ends in the proxy, as the engine's relay
// gives one to the server.
func give(ctx context.Context, socket *net.UnixConn) (net.Conn, error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(socket, first); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close() //nolint:errcheck // one connection was accepted
	theirs, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	defer theirs.Close() //nolint:errcheck // the client has its own copy
	ours, err := l.Accept()
	if err != nil {
		return nil, err
	}
	raw, err := theirs.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var sendErr error
	err = raw.Control(func(fd uintptr) {
		_, _, sendErr = socket.WriteMsgUnix(first, syscall.UnixRights(int(fd)), nil)
	})
	if err == nil {
		err = sendErr
	}
	return ours, err
}
