package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	// claimsFile is the file of the cache whose octets are locked. It stays empty, and is none that evict removes.
	claimsFile = ".lock"
	// claimLook is how often is looked whether another process has ended its download.
	claimLook = 200 * time.Millisecond
)

// purpose is what a name of the cache is claimed for.
type purpose int64

const (
	using   purpose = iota // shared: it is not removed meanwhile
	loading                // exclusive: nobody else writes what is downloaded
)

// claims keep processes with one cache apart: each name has two octets of a file, one for each purpose, which are locked (fcntl). The system
// gives the locks of a process back when it ends, however it ends.
type claims struct{ file *os.File } // closed when the Fetcher is collected as garbage, or with the process

func openClaims(dir string) (*claims, error) {
	file, err := os.OpenFile(filepath.Join(dir, claimsFile), os.O_CREATE|os.O_RDWR, 0o640) //nolint:gosec // a name of our own
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the archives' cache: %w", err)
	}
	return &claims{file}, nil
}

// set changes the lock of a name, which is one that cacheName makes.
func (c *claims) set(name string, p purpose, kind int16, command int) error {
	const digits = 15 // 60 bits: an offset has 63
	place, err := strconv.ParseInt(name[:digits], 16, 64)
	if err != nil {
		return fmt.Errorf("locking the cache's file %s: %w", name, err)
	}
	lock := syscall.Flock_t{Type: kind, Whence: io.SeekStart, Start: place*2 + int64(p), Len: 1}
	for {
		if err = syscall.FcntlFlock(c.file.Fd(), command, &lock); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("locking the cache's file %s: %w", name, err)
	}
	return nil
}

// use keeps other processes from removing a name. It waits while one is about to.
func (c *claims) use(name string) error { return c.set(name, using, syscall.F_RDLCK, setLockWait) }

// free gives a claim back. What cannot be given back is so with the process.
func (c *claims) free(name string, p purpose) { _ = c.set(name, p, syscall.F_UNLCK, setLock) }

// unused takes a name for its removal, unless another process uses it; free(name, using) ends that.
func (c *claims) unused(name string) (bool, error) { return c.try(name, using) }

func (c *claims) try(name string, p purpose) (bool, error) {
	err := c.set(name, p, syscall.F_WRLCK, setLock)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// load waits until no other process downloads a name, and takes that for itself. Where it waits, begin and end are called.
func (c *claims) load(ctx context.Context, name string, begin, end func()) error {
	if ok, err := c.try(name, loading); ok || err != nil {
		return err
	}
	begin()
	defer end()
	look := time.NewTicker(claimLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
		if ok, err := c.try(name, loading); ok || err != nil {
			return err
		}
	}
}
