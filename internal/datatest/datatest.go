// Package datatest finds the real captures that tests read. They belong to others and are not part
// of the project.
package datatest

import (
	"os"
	"path/filepath"
	"testing"
)

// Root returns the project's root folder: the nearest parent with a go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod in any parent folder")
		}
		dir = filepath.Dir(dir)
	}
}

// Path returns a file of the shared data, ../shared/data from the project's root. If it is missing,
// the test is skipped, or fails if TEST_INTEGRATION=1.
func Path(t testing.TB, elem ...string) string {
	t.Helper()
	p := filepath.Join(append([]string{Root(t), "..", "shared", "data"}, elem...)...)
	if _, err := os.Stat(p); err != nil {
		Missing(t, "test data "+filepath.Join(elem...)+
			" is not here: put the shared data beside the project, at ../shared/data")
	}
	return p
}

// Missing skips the test for the reason, or fails it if TEST_INTEGRATION=1: then the machine must
// have everything.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("TEST_INTEGRATION") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
