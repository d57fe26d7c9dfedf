package clickhouse

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// startRelay runs a relay on a socket towards a listener of the test, and waits for its end.
func startRelay(t *testing.T, allowed func(*net.UnixConn) error) (socket string, server net.Listener) {
	t.Helper()
	return startRelayTo(t, allowed, func() (bool, error) { return true, nil }, func(l net.Listener) net.Listener { return l })
}

// startRelayTo starts a relay whose server may not listen and whose listener may fail.
func startRelayTo(t *testing.T, allowed func(*net.UnixConn) error, served func() (bool, error), on func(net.Listener) net.Listener) (socket string, server net.Listener) {
	t.Helper()
	server, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(t.TempDir(), "relay.sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(on(l), server.Addr().String(), allowed, served)
	r.slots = make(chan struct{}, 4) // fewer than the failures of TestRelayAcceptsAgain
	done := make(chan error, 1)
	go func() { done <- r.run() }()
	t.Cleanup(func() {
		_ = l.Close()
		_ = server.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the relay ended with %v", err)
		}
	})
	return socket, server
}

func anyone(*net.UnixConn) error { return nil }

// TestRelayNeverResets: the server sees the end of a client's data, and never a reset. The client
// leaves answers unread, is relayed or was given the connection, and closes both ends or is killed.
func TestRelayNeverResets(t *testing.T) {
	t.Parallel()
	ways := map[string]func(socket string) (net.Conn, error){
		"given": func(socket string) (net.Conn, error) { return dialSocket(t.Context(), socket) },
		"passed on": func(socket string) (net.Conn, error) {
			return new(net.Dialer).DialContext(t.Context(), "unix", socket)
		},
	}
	for name, dial := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket, server := startRelay(t, anyone)
			client, err := dial(socket)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(client, "question"); err != nil {
				t.Fatal(err)
			}
			conn, err := server.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() //nolint:errcheck // a test's connection
			if _, err := io.ReadFull(conn, make([]byte, len("question"))); err != nil {
				t.Fatal(err)
			}
			answer := bytes.Repeat([]byte("answer "), 1<<20)
			var sending sync.WaitGroup
			sending.Go(func() {
				if n, err := conn.Write(answer); err != nil {
					t.Errorf("after %d octets the server got %v", n, err)
				}
			})
			if _, err := io.ReadFull(client, make([]byte, 100)); err != nil {
				t.Error(err)
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			sending.Wait()
			if b, err := io.ReadAll(conn); err != nil || len(b) != 0 {
				t.Errorf("at the end the server got %q, %v; want the end alone", b, err)
			}
		})
	}
}

// TestRelayPassesOn: the relay copies the data of both ends, and the end of each.
func TestRelayPassesOn(t *testing.T) {
	t.Parallel()
	socket, server := startRelay(t, anyone)
	long := bytes.Repeat([]byte("0123456789"), 1<<18)
	var serving sync.WaitGroup
	serving.Go(func() {
		conn, err := server.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close() //nolint:errcheck // a test's connection
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(got, long) {
			t.Errorf("the server got %d octets, %v; want %d", len(got), err, len(long))
		}
		if _, err := conn.Write(long); err != nil {
			t.Error(err)
		}
	})
	client, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // a test's connection
	if _, err := client.Write(long); err != nil {
		t.Fatal(err)
	}
	if err := client.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, long) {
		t.Errorf("the client got %d octets, %v; want %d", len(got), err, len(long))
	}
	serving.Wait()
}

// TestRelayRefuses: the relay rejects clients that are not allowed, with the reason, and connects
// them to nothing.
func TestRelayRefuses(t *testing.T) {
	t.Parallel()
	socket, server := startRelay(t, func(*net.UnixConn) error { return errors.New("not you") })
	client, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // a test's connection
	if b, err := io.ReadAll(client); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 403 ") || !strings.HasSuffix(string(b), "not you\n") {
		t.Errorf("got %q, %v; want 403 and the reason", b, err)
	}
	if _, err := dialSocket(t.Context(), socket); err == nil || errors.Is(err, syscall.EINVAL) {
		t.Errorf("asking for the connection: got %v, want a refusal", err)
	}
	if err := server.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if conn, err := server.Accept(); err == nil {
		_ = conn.Close()
		t.Error("the server got a connection")
	}
}

// failingListener fails to accept a given number of times.
type failingListener struct {
	net.Listener
	left int // used only by Accept
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.left > 0 {
		l.left--
		return nil, &net.OpError{Op: "accept", Net: "unix", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// TestRelayAcceptsAgain: the relay accepts again after more failures than it has slots.
func TestRelayAcceptsAgain(t *testing.T) {
	t.Parallel()
	socket, server := startRelayTo(t, anyone, func() (bool, error) { return true, nil }, func(l net.Listener) net.Listener {
		return &failingListener{Listener: l, left: 6}
	})
	client, err := dialSocket(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // a test's connection
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// TestRelayWaitsForItsServer: until the server listens, the relay connects no client to another
// listener. After that the relay does not check again.
func TestRelayWaitsForItsServer(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	served := func() (bool, error) {
		switch asked.Add(1) {
		case 1:
			return false, nil
		case 2:
			return false, errors.New("no table of sockets")
		case 3:
			return true, nil
		}
		return false, nil
	}
	socket, server := startRelayTo(t, anyone, served, func(l net.Listener) net.Listener { return l })
	if _, err := dialSocket(t.Context(), socket); err == nil {
		t.Error("connected although the server does not listen")
	}
	if _, err := dialSocket(t.Context(), socket); err == nil || !strings.Contains(err.Error(), "no table of sockets") {
		t.Errorf("got %v, want the reason", err)
	}
	if err := server.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if conn, err := server.Accept(); err == nil {
		_ = conn.Close()
		t.Error("what listens got a connection")
	}
	for range 2 {
		client, err := dialSocket(t.Context(), socket)
		if err != nil {
			t.Fatal(err)
		}
		_ = client.Close()
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}
