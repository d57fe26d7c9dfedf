package datadir

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// guestsFolder holds a file for each statement of another process on the store of the folder's
// owner.
const guestsFolder = "guests"

// guestLook is the interval at which a waiting owner looks for guests.
const guestLook = 50 * time.Millisecond

// Guest is a running statement on a store that another process owns. The owner does not end its
// store while a Guest is open.
type Guest struct{ file *os.File }

// EnterGuest announces a statement on the store of the process that has the folder (the default if
// path is empty). The caller reads run.json afterwards: an owner first removes its run.json, then
// waits for the guests that it finds, so one of the two sees the other. Close ends the statement,
// and so does the end of the process. The error is os.ErrNotExist if the folder was never in use.
func EnterGuest(path string) (*Guest, error) {
	path, err := Path(path)
	if err != nil {
		return nil, err
	}
	for { // ends: an owner removes a file once, between its creation and its lock
		name := filepath.Join(path, guestsFolder, strconv.Itoa(os.Getpid())+"-"+strings.ToLower(rand.Text()[:8]))
		flags := os.O_CREATE | os.O_EXCL | os.O_RDWR
		f, err := os.OpenFile(name, flags, 0o600) //nolint:gosec // below the data directory
		if err != nil {
			return nil, fmt.Errorf("announcing a statement: %w", err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil &&
			!errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("announcing a statement: %w", err), f.Close(), removeIfThere(name))
		} else if err == nil {
			if _, err := os.Stat(name); err == nil {
				return &Guest{f}, nil
			}
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("announcing a statement: %w", err)
		}
	}
}

// Close ends the statement. A nil Guest is allowed.
func (g *Guest) Close() error {
	if g == nil {
		return nil
	}
	// Closing alone does not unlock: a child that is being forked holds the file too.
	return errors.Join(removeIfThere(g.file.Name()),
		syscall.Flock(int(g.file.Fd()), syscall.LOCK_UN), g.file.Close())
}

// guests lists the processes with running statements on this folder's store, and removes the files
// of dead processes.
func (d *Dir) guests() ([]int, error) {
	folder := filepath.Join(d.path, guestsFolder)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("looking for guests: %w", err)
	}
	var pids []int
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "-")
		pid, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		alive, err := tidy(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		if alive && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// tidy reports whether a guest holds its file, and removes a file without a guest.
func tidy(name string) (alive bool, err error) {
	f, err := os.Open(name) //nolint:gosec // below the data directory
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for guests: %w", err)
	}
	defer f.Close() //nolint:errcheck // only looked at
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("looking for guests: %w", err)
	}
	return false, errors.Join(removeIfThere(name), syscall.Flock(int(f.Fd()), syscall.LOCK_UN))
}

// AwaitGuests removes run.json and waits until no other process runs a statement on the store, for
// at most limit. It calls say with the processes that it waits for, at once and when they change,
// but not if there are none. It returns the processes whose statements still run.
func (d *Dir) AwaitGuests(ctx context.Context, limit time.Duration, say func(pids []int)) ([]int, error) {
	if err := removeIfThere(d.runFile()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	look := time.NewTicker(guestLook)
	defer look.Stop()
	var said []int
	for {
		pids, err := d.guests()
		if err != nil || len(pids) == 0 {
			return nil, err
		}
		if !slices.Equal(pids, said) {
			say(pids)
			said = pids
		}
		select {
		case <-ctx.Done():
			return pids, nil
		case <-look.C:
		}
	}
}
