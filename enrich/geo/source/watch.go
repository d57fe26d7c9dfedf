package source

import (
	"io/fs"
	"os"
	"slices"
)

// Stamp identifies a state of a file, without its content: by its size, its time and the file's
// identity.
type Stamp struct{ info fs.FileInfo }

// StampOf returns the current state of the file at path. A directory, or a path that cannot be
// examined, counts as missing.
func StampOf(path string) Stamp {
	i, err := os.Stat(path)
	if err != nil || i.IsDir() {
		return Stamp{}
	}
	return Stamp{i}
}

// StampsOf returns the stamp of each path.
func StampsOf(paths []string) []Stamp {
	stamps := make([]Stamp, 0, len(paths))
	for _, path := range paths {
		stamps = append(stamps, StampOf(path))
	}
	return stamps
}

// SameStamps reports whether no file changed.
func SameStamps(a, b []Stamp) bool { return slices.EqualFunc(a, b, Stamp.same) }

func (s Stamp) same(o Stamp) bool {
	if s.Missing() || o.Missing() {
		return s.Missing() == o.Missing()
	}
	return s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime()) &&
		os.SameFile(s.info, o.info)
}

// Missing reports whether there was no file.
func (s Stamp) Missing() bool { return s.info == nil }
