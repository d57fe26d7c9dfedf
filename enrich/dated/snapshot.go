package dated

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/enrich/geo/source"
)

// maxFiles bounds the files of one snapshot.
const maxFiles = 64

// Errors that a caller may distinguish.
var (
	// ErrEmpty means that a snapshot has no file of places or owners, or that a folder has no
	// snapshot.
	ErrEmpty = errors.New("no usable data")
	errMany  = fmt.Errorf("more than %d files", maxFiles)
)

// Snapshot lists the entries of one day in a folder.
type Snapshot struct {
	// Day is the start of the day, UTC.
	Day time.Time
	// Paths are the entries of the folder, sorted. Each is a file or a folder of files.
	Paths []string
}

// String names the day and the paths of the snapshot.
func (s Snapshot) String() string { return dayText(s.Day) + " (" + s.where() + ")" }

// where lists the entries; several entries are read as one.
func (s Snapshot) where() string { return strings.Join(s.Paths, " together with ") }

// Data lists files. Files that come first take precedence.
type Data struct {
	Places []geo.File
	Owners []string
}

// List returns the snapshots of a folder, oldest first, and the names of the entries without a day.
// It skips hidden entries.
func List(dir string) (all []Snapshot, left []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("looking for snapshots: %w", err)
	}
	byDay := map[time.Time][]string{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if day, ok := source.DateInName(e.Name()); ok {
			byDay[day] = append(byDay[day], filepath.Join(dir, e.Name()))
		} else {
			left = append(left, e.Name())
		}
	}
	for day, paths := range byDay {
		all = append(all, Snapshot{day, paths})
	}
	slices.SortFunc(all, func(a, b Snapshot) int { return a.Day.Compare(b.Day) })
	return all, left, nil
}

// Read finds the data of each file of the snapshot. An empty file, or one of an unknown format,
// gives an error that names the file. A snapshot without any usable file is an error too.
func (s Snapshot) Read() (Data, error) {
	var paths []string
	for _, p := range s.Paths {
		found, err := filesIn(p)
		if err != nil {
			return Data{}, fmt.Errorf("looking at the snapshot of %s: %w", dayText(s.Day), err)
		}
		paths = append(paths, found...)
	}
	if len(paths) > maxFiles {
		return Data{}, fmt.Errorf("reading the snapshot of %s: %w", s, errMany)
	}
	slices.Sort(paths)
	var d Data
	for _, p := range paths {
		gives, err := source.Look(p)
		switch {
		case err != nil:
			return Data{}, fmt.Errorf("reading the snapshot of %s: %s: %w", dayText(s.Day), p, err)
		case gives == source.Gives{}:
			return Data{},
				fmt.Errorf("reading the snapshot of %s: %w in %s: it has no countries and no ASes", dayText(s.Day),
					ErrEmpty, p)
		}
		if gives.Places {
			d.Places = append(d.Places, geo.File{Path: p, Kind: kindOf(p)})
		}
		if gives.Owners {
			d.Owners = append(d.Owners, p)
		}
	}
	if len(d.Places)+len(d.Owners) == 0 {
		return Data{}, fmt.Errorf("%w in the snapshot of %s: it holds no file of locations or AS data", ErrEmpty, s)
	}
	return d, nil
}

// filesIn lists the files at path or below it. It skips hidden files, checksums, signatures and
// documentation.
func filesIn(path string) (files []string, err error) {
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err // the error names the path
	}
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		switch name := filepath.Base(p); {
		case err != nil:
			return err
		case p != root && strings.HasPrefix(name, "."):
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case e.IsDir() || aside(name):
			return nil
		}
		if len(files) >= maxFiles {
			return fmt.Errorf("%s: %w", path, errMany)
		}
		files = append(files, p)
		return nil
	})
	return files, err
}

// aside reports whether a file, by its name, describes the data and holds none.
func aside(name string) bool {
	name = strings.ToLower(name)
	if slices.Contains([]string{".md5", ".sha1", ".sha256", ".sha512", ".asc", ".sig", ".md"},
		filepath.Ext(name)) {
		return true
	}
	return slices.ContainsFunc([]string{"readme", "license", "licence", "copyright", "copying", "notice"},
		func(p string) bool { return strings.HasPrefix(name, p) })
}

// kindOf returns the kind that the file's parent folder names. If it names none, the result is
// empty and the content decides.
func kindOf(path string) geo.Kind {
	switch k := geo.Kind(filepath.Base(filepath.Dir(path))); k {
	case geo.KindGeolocation, geo.KindDelegation, geo.KindWhois:
		return k
	}
	return ""
}

// dayText formats a day for messages.
func dayText(day time.Time) string { return day.Format(time.DateOnly) }
