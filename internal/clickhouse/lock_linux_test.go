//go:build embedded && linux && amd64

package clickhouse

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// TestLockEndsWithClose: Close unlocks even while a copy of the file is open, as in a child that is
// just being forked.
func TestLockEndsWithClose(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := syscall.Dup(int(first.(interface{ Fd() uintptr }).Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(shared) //nolint:errcheck // a test's file
	if _, err := lockFile(path); !errors.Is(err, ErrInUse) {
		t.Errorf("while it is locked: got %v, want ErrInUse", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := lockFile(path)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
