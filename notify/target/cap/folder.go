package cap

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/atomicfile"
)

const (
	// filePrefix starts the file names of alerts and their identifiers. fileSuffix ends the file
	// names.
	filePrefix, fileSuffix = "darkmap-", ".xml"
	// feedName is the file name of the feed.
	feedName = "feed.atom"
	// maxAlert bounds a file that is read, in octets.
	maxAlert = 1 << 20
)

// folder holds the alerts. It keeps the newest alert of each incident in memory.
type folder struct {
	dir         string
	file, below fs.FileMode
	// newest holds the newest alert by incident, older the others.
	newest map[string]*alert
	older  []older
}

// older is an alert that a later one replaces.
type older struct {
	incident, identifier string
	sent                 moment
}

// key returns the key of an alert in newest: the incident's id, or the alert's own identifier for a
// test.
func (a *alert) key() string { return cmp.Or(a.Incidents, a.Identifier) }

// number returns the number of the alert's message.
func (a *alert) number() uint64 {
	n, _ := strconv.ParseUint(a.parameter(parameterNumber), 10, 64) // 0 if there is no number
	return n
}

// after reports whether a came after b.
func (a *alert) after(b *alert) bool {
	return cmp.Or(a.Sent.Compare(b.Sent.Time), cmp.Compare(a.number(), b.number()),
		cmp.Compare(a.Identifier, b.Identifier)) > 0
}

// open reads the folder and creates it if it is missing. It logs a file that cannot be read and
// keeps it.
func (f *folder) open(logger *slog.Logger) error {
	if err := os.Mkdir(f.dir, f.below); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making the folder of CAP alerts: %w", err)
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return fmt.Errorf("reading the folder of CAP alerts: %w", err)
	}
	f.newest, f.older = map[string]*alert{}, nil
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), filePrefix) || !strings.HasSuffix(e.Name(), fileSuffix) {
			continue
		}
		a, err := f.read(e.Name())
		if err != nil {
			logger.Warn("a file in the folder of CAP alerts is passed over", "file", e.Name(), "err", err)
			continue
		}
		f.add(a)
	}
	return nil
}

func (f *folder) read(name string) (*alert, error) {
	r, err := os.Open(filepath.Join(f.dir, name)) //nolint:gosec // a name that the folder lists
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(r, maxAlert))
	if err != nil {
		return nil, err
	}
	return readAlert(b)
}

// add adds an alert to the folder's index.
func (f *folder) add(a *alert) {
	replaced := f.newest[a.key()]
	if replaced != nil && !a.after(replaced) {
		a, replaced = replaced, a
	}
	f.newest[a.key()] = a
	if replaced != nil {
		f.older = append(f.older, older{replaced.key(), replaced.Identifier, replaced.Sent})
	}
}

// has reports whether the folder holds an alert with the identifier.
func (f *folder) has(identifier string) bool {
	_, err := os.Stat(f.path(identifier))
	return err == nil
}

func (f *folder) path(identifier string) string {
	return filepath.Join(f.dir, identifier+fileSuffix)
}

// write adds an alert and then writes the feed. It removes surplus files last.
func (f *folder) write(a *alert, c *Config) error {
	b, err := a.write()
	if err != nil {
		return err
	}
	if err := atomicfile.WriteMode(f.path(a.Identifier), b, f.file); err != nil {
		return err
	}
	f.add(a)
	gone := f.trim(a.key(), c)
	if err := f.writeFeed(c); err != nil {
		return err
	}
	for _, identifier := range gone {
		if err := os.Remove(f.path(identifier)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an old CAP alert: %w", err)
		}
	}
	return nil
}

// trim removes incidents and alerts above the limits from the index, but none of the incident kept.
// It returns the identifiers of the removed alerts.
func (f *folder) trim(kept string, c *Config) (gone []string) {
	all := f.sorted()
	slices.SortStableFunc(all, func(a, b *alert) int { // those that are over come last
		return cmp.Compare(order(a, kept), order(b, kept))
	})
	for len(all) > c.Entries {
		last := all[len(all)-1]
		all = all[:len(all)-1]
		delete(f.newest, last.key())
		gone = append(gone, last.Identifier)
	}
	f.older = slices.DeleteFunc(f.older, func(o older) bool {
		if f.newest[o.incident] == nil {
			gone = append(gone, o.identifier)
			return true
		}
		return false
	})
	slices.SortFunc(f.older, func(a, b older) int {
		return cmp.Or(a.sent.Compare(b.sent.Time), cmp.Compare(a.identifier, b.identifier))
	})
	for len(f.older)+len(all) > c.Files && len(f.older) > 0 {
		gone = append(gone, f.older[0].identifier)
		f.older = f.older[1:]
	}
	return gone
}

// order ranks the incident kept first, open incidents second, and incidents that are over last.
func order(a *alert, kept string) int {
	switch {
	case a.key() == kept:
		return 0
	case !a.chain().Ended:
		return 1
	}
	return 2
}

// sorted returns the newest alerts of all incidents, the newest first.
func (f *folder) sorted() []*alert {
	all := make([]*alert, 0, len(f.newest))
	for _, a := range f.newest {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *alert) int {
		if a.after(b) {
			return -1
		}
		return 1
	})
	return all
}
