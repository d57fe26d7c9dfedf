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
	// claimsFile is the file of the cache whose octets are locked. It stays empty, and evict does
	// not remove it.
	claimsFile = ".lock"
	// claimLook is the interval for checking whether another process has ended its download.
	claimLook = 200 * time.Millisecond
)

// purpose is the purpose of a claim on a name of the cache.
type purpose int64

const (
	using   purpose = iota // shared: the file is not removed meanwhile
	loading                // exclusive: no other process writes the download
)

// claims coordinate processes that share a cache. Each name has two octets of a file, one for each
// purpose. A claim locks its octet (fcntl). The system releases the locks of a process when it
// ends, for whatever reason.
// closed when the Fetcher is garbage-collected, or with the process.
type claims struct{ file *os.File }

func openClaims(dir string) (*claims, error) {
	path := filepath.Join(dir, claimsFile)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640) //nolint:gosec // a name of our own
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the archives' cache: %w", err)
	}
	return &claims{file}, nil
}

// set changes the lock of a name, which must come from cacheName.
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

// use keeps other processes from removing a name. It waits while another process is removing it.
func (c *claims) use(name string) error { return c.set(name, using, syscall.F_RDLCK, setLockWait) }

// free releases a claim. A lock that cannot be released ends with the process.
func (c *claims) free(name string, p purpose) { _ = c.set(name, p, syscall.F_UNLCK, setLock) }

// unused claims a name for its removal, unless another process uses it. free(name, using) ends the
// claim.
func (c *claims) unused(name string) (bool, error) { return c.try(name, using) }

func (c *claims) try(name string, p purpose) (bool, error) {
	err := c.set(name, p, syscall.F_WRLCK, setLock)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// load waits until no other process downloads a name, and claims the download. If it has to wait,
// it calls begin before and end after.
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
