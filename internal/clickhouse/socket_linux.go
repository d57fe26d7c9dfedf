package clickhouse

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxSocketPath is how long the kernel lets the path of a Unix socket be.
const maxSocketPath = 107

// withSocket calls do with a path of the socket that is short enough: a long one goes through its folder's descriptor.
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

// dialSocket connects to the Unix socket.
func dialSocket(ctx context.Context, path string) (conn net.Conn, err error) {
	err = withSocket(path, func(path string) error {
		conn, err = (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", path)
		return err
	})
	return conn, err
}

// socketPair returns two connected sockets, the first for us and the second for a child.
func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	_ = unix.SetNonblock(fds[0], true) // so that closing it ends a read
	return os.NewFile(uintptr(fds[0]), "child"), os.NewFile(uintptr(fds[1]), "parent"), nil
}
