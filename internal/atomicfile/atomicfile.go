// Package atomicfile replaces small files as a whole. No kept library syncs the folder as well, and libraries leave
// temporary files of random names behind when the process is killed.
package atomicfile

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Write replaces the file at path by one with the content b and mode 0600. After an error, a kill or a power failure the
// file is either the old one or the new one; after success it is the new one. Until then path + ".tmp" may exist. Two calls
// for the same path must not run at the same time.
func Write(path string, b []byte) error { return WriteMode(path, b, 0o600) }

// WriteMode is Write with another mode of the file, whatever the process's umask: feeds that a web server reads need 0644.
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

// syncFolder makes a renaming in dir durable, where the file system can do that.
func syncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) { // network and FUSE file systems
		err = nil
	}
	return cmp.Or(err, d.Close())
}
