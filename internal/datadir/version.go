package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// version is the number of the folder's layout and of its content. Any other version is refused.
// Version 1 has positions with a session in the sorting keys of its tables, version 2 with an
// epoch.
const version = 2

// versionFile is the file with the number.
const versionFile = "VERSION"

var (
	// ErrNewer reports that a newer darkmap wrote the folder.
	ErrNewer = errors.New("written by a newer darkmap")
	// ErrOlder reports that an older darkmap wrote the folder, in a form that this one does not
	// read.
	ErrOlder = errors.New("written by an older darkmap")
	// ErrNoVersion reports that the folder is not empty and has no readable version.
	ErrNoVersion = errors.New("of an unknown version")
)

// elsewhere is the advice for a folder that is refused.
const elsewhere = "move it away, or name another directory with --data-dir"

// checkVersion reports whether the folder has a version, which is then this program's. It returns
// false for a new or missing folder, and otherwise ErrNewer, ErrOlder or ErrNoVersion with advice.
func checkVersion(path string) (bool, error) {
	n, found, err := readVersion(path)
	if err == nil && !found {
		var content string
		if content, err = contentOf(path); err == nil && content == "" {
			return false, nil
		}
		// Another process may have created the folder since VERSION was looked for. It writes
		// VERSION first.
		if n, found, err = readVersion(path); err == nil && !found {
			return false, fmt.Errorf("data directory %s is %w: it holds %s and no file VERSION; %s",
				path, ErrNoVersion, content, elsewhere)
		}
	}
	switch {
	case err != nil:
		return false, err
	case n > version:
		return false, fmt.Errorf("data directory %s has version %d, this darkmap knows %d: %w",
			path, n, version, ErrNewer)
	case n < version:
		return false, fmt.Errorf("data directory %s has version %d, %w, and this darkmap reads version %d alone: "+
			"%s. The program that wrote it still reads it; to keep its outages, first run that program: "+
			"darkmap sql --data-dir %q --format JSONEachRow "+
			"'SELECT * FROM outage_events' > outage_events.json",
			path, n, ErrOlder, version, elsewhere, path)
	}
	return true, nil
}

// readVersion reads VERSION. found is false if the file or the folder does not exist.
func readVersion(path string) (n int, found bool, err error) {
	b, err := os.ReadFile(filepath.Join(path, versionFile)) //nolint:gosec // below the data directory
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("data directory %s is %w: %w; make the file readable, "+
			"or name another directory with --data-dir",
			path, ErrNoVersion, err)
	}
	text := strings.TrimSpace(string(b))
	if n, err = strconv.Atoi(text); err != nil || n < 1 {
		return 0, false, fmt.Errorf("data directory %s is %w: VERSION holds %q, want a number; %s",
			path, ErrNoVersion, text[:min(len(text), 40)], elsewhere)
	}
	return n, true, nil
}

// contentOf names a file of darkmap in the folder that a start creates only after VERSION; empty if
// there is none.
func contentOf(path string) (string, error) {
	for _, name := range []string{"installation", "run.json"} {
		if _, err := os.Lstat(filepath.Join(path, name)); err == nil {
			return name, nil
		}
	}
	for _, name := range []string{"clickhouse", "kafka"} {
		entries, err := os.ReadDir(filepath.Join(path, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return "", fmt.Errorf("data directory %s is %w: %w; %s", path, ErrNoVersion, err, elsewhere)
		}
		if len(entries) > 0 {
			return filepath.Join(name, entries[0].Name()), nil
		}
	}
	return "", nil
}
