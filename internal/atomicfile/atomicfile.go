// Package atomicfile replaces small files as a whole. The maintained libraries do not sync the
// folder as well, and leave temporary files with random names if the process is killed.
package atomicfile

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Write replaces the file at path by one with the content b and mode 0600. After an error, a kill
// or a power failure the file is either the old or the new one; after success it is the new one.
// Until then path + ".tmp" may exist. Two calls for the same path must not run at the same time.
func Write(path string, b []byte) error { return WriteMode(path, b, 0o600) }

// WriteMode is like Write with another mode of the file, independent of the umask: feeds that a web
// server reads need 0644.
func WriteMode(path string, b []byte, mode os.FileMode) error {
	if err := write(path, b, mode); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

func write(path string, b []byte, mode os.FileMode) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = cmp.Or(err, f.Chmod(mode))
	err = cmp.Or(err, f.Sync())
	if err = cmp.Or(err, f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename in dir durable, if the file system supports it.
func syncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	err = d.Sync()
	// Network and FUSE file systems return these.
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return cmp.Or(err, d.Close())
}
