//go:build !linux

package archive

import "syscall"

// The locks belong to the process (POSIX), which has one Fetcher for a cache.
const (
	setLock     = syscall.F_SETLK
	setLockWait = syscall.F_SETLKW
)
