package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/darkmap/darkmap/ingest/playback"
)

// readOnce reports whether what path names can be read only once: standard input, pipes, sockets.
func readOnce(path string) bool {
	if path == playback.Stdin {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// spool copies what path names to a file of its own in tmp (the system's folder where it is empty). Errors call it title. It ends when ctx does, also while
// nobody writes.
func spool(ctx context.Context, g *globals, tmp, path, title string) (string, error) {
	f, err := os.CreateTemp(tmp, "darkmap-input-*")
	if err != nil {
		return "", fmt.Errorf("keeping %s: %w", title, err)
	}
	copied := make(chan error, 1)
	go func() { // ends with the input; where ctx ends first, the process is about to
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

// input is standard input that ends when ctx does.
func (g *globals) input(ctx context.Context) io.Reader {
	return &untilDone{ctx.Done(), ctx.Err, g.stdin}
}

// untilDone reads until a context ends, also while nobody writes.
type untilDone struct {
	done <-chan struct{}
	err  func() error
	r    io.Reader
}

// Read reads in a goroutine of its own, for a read from a terminal or a pipe cannot be interrupted.
func (u *untilDone) Read(b []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	own := make([]byte, len(b))
	read := make(chan result, 1)
	go func() { // ends with the read; where the context ends first, the process is about to
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
