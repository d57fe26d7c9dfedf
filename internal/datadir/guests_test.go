package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestGuests checks that an owner removes run.json and waits for the running statements, and for no
// others.
func TestGuests(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	if _, err := EnterGuest(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a guest where nobody was: got %v", err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := d.WriteRun(Run{Command: "up"}); err != nil {
		t.Fatal(err)
	}
	// A killed process leaves a file without a holder.
	dead := filepath.Join(path, guestsFolder, "1-dead")
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	never := func(pids []int) { t.Errorf("waits for %v, and nobody is there", pids) }
	if left, err := d.AwaitGuests(t.Context(), time.Minute, never); left != nil || err != nil {
		t.Errorf("without guests: got %v, %v", left, err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead guest's file is still there (%v)", err)
	}
	if r, err := ReadRun(path); r != nil || err != nil {
		t.Errorf("run.json while the owner ends: got %v, %v; want none", r, err)
	}
	first, err := EnterGuest(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := EnterGuest(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	me := []int{os.Getpid()}
	if left, err := d.AwaitGuests(t.Context(), time.Millisecond, func([]int) {}); err != nil || !slices.Equal(left, me) {
		t.Errorf("a guest that does not end: got %v, %v; want %v", left, err, me)
	}
	left, err := d.AwaitGuests(t.Context(), time.Minute, func(pids []int) {
		if !slices.Equal(pids, me) {
			t.Errorf("waits for %v, want %v", pids, me)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
	if left != nil || err != nil {
		t.Errorf("after its end: got %v, %v", left, err)
	}
}

// TestOpenStore checks that a reader creates no file.
func TestOpenStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none", "state")
	if d, err := OpenStore(path); d != nil || !errors.Is(err, ErrNothing) {
		t.Errorf("got %v, %v; want ErrNothing", d, err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder was made (%v)", err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err := OpenStore(path); d != nil || !errors.Is(err, ErrNothing) {
		t.Errorf("a folder without a store: got %v, %v; want ErrNothing", d, err)
	}
	if err := os.Mkdir(filepath.Join(path, "clickhouse", "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if d, err = OpenStore(path); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
