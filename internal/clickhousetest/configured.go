package clickhousetest

import (
	"context"
	"io"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Configured returns an empty engine, and the same engine in the form of an external server: native
// protocol and HTTP on TCP ports, with a user and a password.
func Configured(t testing.TB) (*clickhouse.Engine, clickhouse.Server) {
	t.Helper()
	l := listen(t)
	native := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	e := Start(t, clickhouse.EngineConfig{Dir: t.TempDir(), SharedNetwork: true, NativePort: native})
	embedded := e.Server()
	transport := embedded.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	web := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(embedded.BaseURL())
			login := embedded
			login.User, login.Password = r.In.Header.Get("X-ClickHouse-User"), r.In.Header.Get("X-ClickHouse-Key")
			login.Authorize(r.Out.Header)
		},
	})
	t.Cleanup(web.Close)
	s := clickhouse.Server{
		Addresses: []string{forward(t, l.Addr().String())}, HTTPAddress: strings.TrimPrefix(web.URL, "http://"),
		Database: embedded.Database, User: embedded.User, Password: embedded.Password,
	}
	return e, s
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// forward forwards connections to the native port and ends them without a reset, which the
// library's server does not survive. It returns its own address.
func forward(t testing.TB, target string) string {
	t.Helper()
	l := listen(t)
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { pass(context.WithoutCancel(t.Context()), client, target) })
		}
	})
	return l.Addr().String()
}

func pass(ctx context.Context, client net.Conn, target string) {
	defer client.Close() //nolint:errcheck // a test's connection
	server, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // a test's connection
	var sending sync.WaitGroup
	sending.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(client, server)
	_ = client.Close()
	sending.Wait()
	_, _ = io.Copy(io.Discard, server)
}
