package playback

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/internal/bgp"
)

// ErrNoFiles reports an argument that leads to no playable file.
var ErrNoFiles = errors.New("no capture is found")

// MaxFiles caps the files that one run may play.
const MaxFiles = archive.MaxFiles

// Inputs holds the files that the arguments of a run name.
type Inputs struct {
	Files []Input
	// Notes are sentences about files found in folders and by patterns, and about left-out files.
	Notes []string
	// Unread counts the files and subfolders that were left out because they cannot be read.
	Unread int
}

// Expand expands the arguments of a run: FILE, a folder or a pattern, each alone or as NAME=...; -
// is standard input. The files of a folder or a pattern are in the order of their paths. The errors
// report wrong usage.
func Expand(args []string) (*Inputs, error) {
	x := expansion{seen: map[string]bool{}}
	for _, arg := range args {
		in, err := ParseInput(arg)
		if err != nil {
			return nil, err
		}
		if err := x.add(in); err != nil {
			return nil, err
		}
		if len(x.Files) > MaxFiles {
			return nil,
				fmt.Errorf("%s: more than %d files: name a part of them, a month's folder for example",
					arg, MaxFiles)
		}
	}
	return &x.Inputs, nil
}

// expansion holds the files of the arguments so far.
type expansion struct {
	Inputs

	seen map[string]bool // collector and real path of files from folders and patterns
}

func (x *expansion) add(in Input) error {
	info, err := os.Stat(in.Path)
	switch {
	case in.Path == Stdin:
	case err == nil && info.IsDir():
		return x.addFound(in, in.Path, []string{in.Path})
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(in.Path, "*?["):
		paths, err := filepath.Glob(in.Path)
		if err != nil {
			return fmt.Errorf("%s: the pattern has a [ without its ]", in.Path)
		}
		if len(paths) == 0 {
			return fmt.Errorf("%w: nothing matches the pattern %s", ErrNoFiles, in.Path)
		}
		return x.addFound(in, in.Path, paths)
	case err != nil:
		return cannotRead(in.Path, err)
	case info.Mode().IsRegular() && readable(in.Path) != nil:
		return cannotRead(in.Path, readable(in.Path))
	}
	if in.Path != Stdin && !in.Named {
		if path, err := filepath.Abs(in.Path); err == nil {
			if _, ok := archive.ParsePath(filepath.ToSlash(path)); ok {
				in.Collector = cmp.Or(FileCollector(archive.CollectorIn(filepath.ToSlash(path))), in.Collector)
			}
		}
	}
	x.Files = append(x.Files, in)
	return nil
}

// addFound adds the playable files of paths, which are files or folders. arg is the argument that
// named them.
func (x *expansion) addFound(in Input, arg string, paths []string) error {
	s := newSearch()
	for _, path := range paths {
		if err := s.path(path); err != nil {
			return err
		}
	}
	if err := s.links(); err != nil {
		return err
	}
	of := map[string]int{}
	for _, f := range s.files {
		name := in.Collector
		if !in.Named {
			name = f.collector()
		}
		if key := name + "\n" + f.real; x.seen[key] {
			continue
		} else if x.seen[key] = true; true {
			of[name]++
			x.Files = append(x.Files, Input{Collector: name, Named: in.Named, Path: f.path})
		}
	}
	if len(s.files) == 0 {
		return fmt.Errorf("%s: %w%s", arg, ErrNoFiles, s.leftOut())
	}
	x.Unread += s.count[leftUnread]
	x.Notes = append(x.Notes, fmt.Sprintf("%s: %s%s", arg, countOf(of), s.leftOut()))
	return nil
}

// countOf describes the number of files of each collector.
func countOf(of map[string]int) string {
	total := 0
	var names []string
	for name, n := range of {
		total += n
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = fmt.Sprintf("%d of %s", of[name], name)
	}
	const most = 12
	if n := len(names) - most; n > 0 {
		names = append(names[:most], fmt.Sprintf("and of %d more collectors", n))
	}
	return bgp.Count(total, "file") + ": " + strings.Join(names, ", ")
}

// FileCollector returns the name of an archive's collector in a run: file/rrc00 for ris/rrc00, the
// same as with NAME=FILE.
func FileCollector(name string) string {
	if name == "" {
		return ""
	}
	return "file/" + name[strings.LastIndexByte(name, '/')+1:]
}
