package sqlshell

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// temporary creates the file that holds the output until its statement has succeeded, in the folder
// of Path. The file is locked until it is closed. temporary first removes the files that killed
// processes have left.
func (f *File) temporary() (*os.File, error) {
	folder, begin := filepath.Dir(f.Path), "."+filepath.Base(f.Path)+"."
	if err := sweep(folder, begin); err != nil {
		return nil, err
	}
	for { // ends: another process removes the file at most once, between its creation and its lock
		// Not CreateTemp: the file gets the mode that the umask gives.
		name := filepath.Join(folder, begin+rand.Text()[:8]+".tmp")
		flags := os.O_CREATE | os.O_EXCL | os.O_WRONLY
		out, err := os.OpenFile(name, flags, 0o666) //nolint:gosec // the user names it, and the umask is theirs
		if err != nil {
			return nil, err
		}
		// On a file system without locks no process removes the file as a left one.
		if err := syscall.Flock(int(out.Fd()),
			syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			if _, err := os.Stat(name); err == nil {
				return out, nil
			}
		}
		if err := out.Close(); err != nil {
			return nil, err
		}
	}
}

// temporaryEnd is the end of the name of a temporary file.
var temporaryEnd = regexp.MustCompile(`^[A-Z2-7]{8}\.tmp$`)

// sweep removes temporary files whose name starts with begin and that no process has locked.
func sweep(folder, begin string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || len(name) < len(begin) || name[:len(begin)] != begin ||
			!temporaryEnd.MatchString(name[len(begin):]) {
			continue
		}
		if err := removeLeft(filepath.Join(folder, name)); err != nil {
			return fmt.Errorf("removing a file of an earlier statement: %w", err)
		}
	}
	return nil
}

// removeLeft removes a file unless a process has locked it. It leaves other users' files alone.
func removeLeft(name string) error {
	flags := os.O_WRONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	left, err := os.OpenFile(name, flags, 0) //nolint:gosec // a file of the form that this program makes
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer left.Close() //nolint:errcheck // nothing was written
	if syscall.Flock(int(left.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) &&
		!errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
