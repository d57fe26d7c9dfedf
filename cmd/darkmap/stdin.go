package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/darkmap/darkmap/ingest/playback"
)

// readOnce reports whether the input at path can be read only once, as standard input, pipes and
// sockets.
func readOnce(path string) bool {
	if path == playback.Stdin {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// spool copies the input at path to a new file in tmp, or in the system's temporary folder if tmp
// is empty. Errors call the input title. spool returns when ctx ends, even if no data arrives.
func spool(ctx context.Context, g *globals, tmp, path, title string) (string, error) {
	f, err := os.CreateTemp(tmp, "darkmap-input-*")
	if err != nil {
		return "", fmt.Errorf("keeping %s: %w", title, err)
	}
	copied := make(chan error, 1)
	go func() { // ends with the input; if ctx ends first, the process is about to end
		copied <- copyInput(f, g, path)
	}()
	select {
	case err = <-copied:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("keeping %s: %w", title, err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func copyInput(f *os.File, g *globals, path string) error {
	if path == playback.Stdin {
		_, err := f.ReadFrom(g.stdin)
		return err
	}
	in, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return err
	}
	_, err = f.ReadFrom(in)
	return errors.Join(err, in.Close())
}

// input returns standard input as a reader that ends when ctx ends.
func (g *globals) input(ctx context.Context) io.Reader {
	return &untilDone{ctx.Done(), ctx.Err, g.stdin}
}

// untilDone reads until a context ends, even if no data arrives.
type untilDone struct {
	done <-chan struct{}
	err  func() error
	r    io.Reader
}

// Read reads in a goroutine of its own, because a read from a terminal or a pipe cannot be
// interrupted.
func (u *untilDone) Read(b []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	own := make([]byte, len(b))
	read := make(chan result, 1)
	go func() { // ends with the read; if the context ends first, the process is about to end
		n, err := u.r.Read(own)
		read <- result{n, err}
	}()
	select {
	case <-u.done:
		return 0, u.err()
	case r := <-read:
		return copy(b, own[:r.n]), r.err
	}
}
