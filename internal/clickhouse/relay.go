package clickhouse

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// maxRelayed caps the concurrent connections. Further connections wait to be accepted.
	maxRelayed = 128
	// drainLimit caps the time for reading the answer to a client that has disconnected.
	drainLimit = time.Minute
	// acceptAgain is the pause after a failed accept.
	acceptAgain = 50 * time.Millisecond
)

// askForConnection is the first octet of a client that requests the connection itself instead of
// relayed data. No HTTP request begins with this octet.
const askForConnection = 0

// relay connects clients of a Unix socket to the server's port. A client that begins with
// askForConnection receives the descriptor of the connection, and the relay keeps a duplicate. For
// any other client the relay copies the data in both directions.
//
// The server does not survive every reset of a connection, so it never sees a reset, however a
// client ends. The relay first closes its writing half of the connection to the server. It closes
// the connection when the server has closed the other half.
type relay struct {
	listener net.Listener
	target   string
	// allowed returns the reason to reject a client; nil admits it.
	allowed func(*net.UnixConn) error
	// served reports whether the server itself listens at target. Before the server listens,
	// another user's program can, and it must receive neither a key nor rows.
	served func() (bool, error)
	// known is set after served returned true: the server listens until this process ends.
	known atomic.Bool
	slots chan struct{}
	wg    sync.WaitGroup
}

func newRelay(
	l net.Listener, target string, allowed func(*net.UnixConn) error, served func() (bool, error),
) *relay {
	return &relay{
		listener: l, target: target, allowed: allowed, served: served, slots: make(chan struct{}, maxRelayed),
	}
}

// run accepts connections until the listener is closed, waits for the end of all connections, and
// returns the reason. After any other error, such as too many open files, it accepts again.
func (r *relay) run() error {
	defer r.wg.Wait()
	for {
		r.slots <- struct{}{}
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accepting connections: %w", err)
		}
		if err != nil {
			<-r.slots
			<-time.NewTimer(acceptAgain).C
			continue
		}
		client, ok := conn.(*net.UnixConn)
		if !ok {
			return errors.Join(errors.New("accepting connections: not on a Unix socket"), conn.Close())
		}
		r.wg.Go(func() { // ends with the connection
			defer func() { <-r.slots }()
			r.serve(client)
		})
	}
}

// serve relays one connection.
func (r *relay) serve(client *net.UnixConn) {
	defer client.Close() //nolint:errcheck // nothing is pending
	if err := r.allowed(client); err != nil {
		refuse(client, "403 Forbidden", err)
		return
	}
	if served, err := r.ready(); err != nil {
		refuse(client, "503 Service Unavailable", err)
		return
	} else if !served {
		return // the server does not listen yet
	}
	conn, err := (&net.Dialer{Timeout: dialTimeout}).Dial("tcp", r.target)
	if err != nil {
		return // the server does not listen any more
	}
	server, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close()
		return
	}
	defer server.Close() //nolint:errcheck // the connection has ended
	first := make([]byte, 1)
	if _, err := io.ReadFull(client, first); err != nil {
		end(server)
		return
	}
	if first[0] == askForConnection {
		give(client, server)
		return
	}
	pass(client, server, first)
}

// ready reports whether the server listens.
func (r *relay) ready() (bool, error) {
	if r.known.Load() {
		return true, nil
	}
	served, err := r.served()
	if served {
		r.known.Store(true)
	}
	return served, err
}

// refuse sends the reason of a rejection to the client.
func refuse(client io.Writer, status string, reason error) {
	text := reason.Error() + "\n"
	_, _ = fmt.Fprintf(client,
		"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, len(text), text)
}

// give sends the connection's descriptor to the client, and ends the connection when the client has
// disconnected.
func give(client *net.UnixConn, server *net.TCPConn) {
	if raw, err := server.SyscallConn(); err == nil {
		var sendErr error
		err = raw.Control(func(fd uintptr) {
			_, _, sendErr = client.WriteMsgUnix([]byte{askForConnection}, syscall.UnixRights(int(fd)), nil)
		})
		if errors.Join(err, sendErr) == nil {
			_, _ = io.Copy(io.Discard, client) // until it closes its end
		}
	}
	end(server)
}

// pass copies data in both directions. The client's data begin with first.
func pass(client *net.UnixConn, server *net.TCPConn, first []byte) {
	var sending sync.WaitGroup
	sending.Go(func() { // ends with the client's half of the connection
		if _, err := server.Write(first); err == nil {
			_, _ = io.Copy(server, client)
		}
		_ = server.CloseWrite()
	})
	if _, err := io.Copy(client, server); err != nil { // the client has disconnected
		_ = client.Close()
		sending.Wait()
		end(server)
		return
	}
	_ = client.CloseWrite()
	_ = client.CloseRead() // discard later data of the client
	sending.Wait()
}

// end closes the writing half of a connection and reads the remaining data of the server.
func end(server *net.TCPConn) {
	_ = server.CloseWrite()
	_ = server.SetReadDeadline(time.Now().Add(drainLimit))
	_, _ = io.Copy(io.Discard, server)
}
