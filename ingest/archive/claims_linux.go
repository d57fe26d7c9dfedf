package archive

import "golang.org/x/sys/unix"

// The locks belong to the open file, not to the process, so that they also separate two Fetchers of
// one process.
const (
	setLock     = unix.F_OFD_SETLK
	setLockWait = unix.F_OFD_SETLKW
)
