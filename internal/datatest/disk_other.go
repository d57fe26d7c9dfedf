//go:build !linux

package datatest

import "testing"

// SmallDisk skips the test: only Linux has it.
func SmallDisk(t testing.TB, _ int64) string {
	t.Helper()
	Missing(t, "a small disk needs Linux")
	return ""
}

// FillDisk does nothing.
func FillDisk(testing.TB, string) (free func()) { return func() {} }
