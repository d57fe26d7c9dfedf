package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxSocketPath is the longest path of a Unix socket that the kernel permits, in octets.
const maxSocketPath = 107

// withSocket calls do with a path of the socket that is short enough. It reaches a socket with a
// long path through the descriptor of the folder.
func withSocket(path string, do func(path string) error) error {
	if len(path) <= maxSocketPath {
		return do(path)
	}
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the socket's folder: %w", err)
	}
	defer unix.Close(dir) //nolint:errcheck // names a folder only
	return do(filepath.Join("/proc/self/fd", strconv.Itoa(dir), filepath.Base(path)))
}

// dialSocket connects to the engine: it requests a connection to the server through the Unix
// socket.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var asked net.Conn
	err := withSocket(path, func(path string) (err error) {
		asked, err = new(net.Dialer).DialContext(ctx, "unix", path)
		return err
	})
	if err != nil {
		return nil, err
	}
	socket, ok := asked.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no Unix socket", path), asked.Close())
	}
	// The deadline ends the waits below.
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	server, err := takeConnection(socket)
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return &givenConn{server, socket}, nil
}

// takeConnection requests a connection and receives its descriptor.
func takeConnection(socket *net.UnixConn) (*net.TCPConn, error) {
	// A rejection may have arrived already, with the socket closed.
	_, writeErr := socket.Write([]byte{askForConnection})
	text, control := make([]byte, 512), make([]byte, syscall.CmsgSpace(4))
	n, oob, _, _, err := socket.ReadMsgUnix(text, control)
	if err != nil {
		return nil, errors.Join(writeErr, err)
	}
	messages, err := syscall.ParseSocketControlMessage(control[:oob])
	if err != nil || len(messages) == 0 {
		return nil, fmt.Errorf("its answer is %q", text[:n]) // a rejection
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("it gave %d descriptors: %w", len(fds), err)
	}
	file := os.NewFile(uintptr(fds[0]), "clickhouse")
	conn, err := net.FileConn(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	server, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(errors.New("it gave no TCP connection"), conn.Close())
	}
	return server, nil
}

// givenConn is a connection to the server of which the relay keeps a duplicate. The relay ends it
// without a reset when this end is closed.
type givenConn struct {
	*net.TCPConn
	socket *net.UnixConn
}

// Close closes this end, and thereby notifies the relay.
func (c *givenConn) Close() error { return errors.Join(c.TCPConn.Close(), c.socket.Close()) }

// socketPair returns two connected sockets, the first for us and the second for a child.
func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	_ = unix.SetNonblock(fds[0], true) // so that Close ends a read
	return os.NewFile(uintptr(fds[0]), "child"), os.NewFile(uintptr(fds[1]), "parent"), nil
}
