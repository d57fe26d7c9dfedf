package kafka

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// allocate makes a file that occupies n octets of the disk. If the file system does not support
// that, the file occupies none, which is no error. allocate removes a file that it could not make
// completely.
func allocate(path string, n int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // below the data directory
	if err != nil {
		return fmt.Errorf("taking room on the disk: %w", err)
	}
	for {
		if err = syscall.Fallocate(int(f.Fd()), 0, 0, n); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		err = nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("taking room on the disk: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}
