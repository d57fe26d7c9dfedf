//go:build !linux

package clickhouse

import (
	"context"
	"net"
	"os"
)

// withSocket calls do with a path of the socket.
func withSocket(path string, do func(path string) error) error { return do(path) }

// dialSocket connects to the Unix socket.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", path)
}

// socketPair fails, because this platform has no engine.
func socketPair() (ours, theirs *os.File, err error) { return nil, nil, ErrNoEngine }
