package playback

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/internal/capture"
)

// maxEntries caps the folder entries that a search looks at.
const maxEntries = 1 << 20

// The reasons for leaving out a file of a folder.
const (
	leftHidden  = "hidden"
	leftPartial = "not complete (.part, .tmp)"
	leftBeside  = "checksums, indexes or texts"
	leftOther   = "no MRT, RIS Live or BMP"
	leftSpecial = "no regular files"
	leftLinks   = "links to nothing"
	leftUnread  = "that cannot be read"
)

// search searches folders. A file or folder with several paths through links is found once, by its
// own path if that is among them.
type search struct {
	files   []found
	pending []found // links, to be followed last
	seen    map[string]bool
	left    map[string][]string // by reason, the first names
	count   map[string]int
	entries int
}

// found is a file of a folder.
type found struct {
	root, path string // root is the named folder, or the file's own; path begins with it
	real       string
}

func newSearch() *search {
	return &search{seen: map[string]bool{}, left: map[string][]string{}, count: map[string]int{}}
}

// path searches a named folder or file.
func (s *search) path(path string) error {
	root := filepath.Dir(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		root = path
	}
	return s.visit(found{root: root, path: path}, path == root)
}

// visit looks at a file or folder. A link is kept for later, unless the user named it.
func (s *search) visit(f found, named bool) error {
	if s.entries++; s.entries > maxEntries || len(s.files) > MaxFiles {
		return fmt.Errorf(
			"%s: more than %d files, or %d entries: name a part of them, a month's folder for example",
			f.root, MaxFiles, maxEntries)
	}
	if name := filepath.Base(f.path); !named && strings.HasPrefix(name, ".") {
		s.leave(leftHidden, name)
		return nil
	}
	info, err := os.Lstat(f.path)
	if err != nil {
		s.leave(leftUnread, filepath.Base(f.path))
		return nil //nolint:nilerr // it is said
	}
	if info.Mode()&os.ModeSymlink != 0 && !named {
		s.pending = append(s.pending, f)
		return nil
	}
	return s.enter(f)
}

// enter adds a file, or searches a folder, unless it was seen already.
func (s *search) enter(f found) error {
	name := filepath.Base(f.path)
	own, err := filepath.EvalSymlinks(f.path)
	if err == nil {
		own, err = filepath.Abs(own)
	}
	if err != nil {
		s.leave(leftLinks, name)
		return nil //nolint:nilerr // a link that leads nowhere is said
	}
	if s.seen[own] {
		return nil
	}
	s.seen[own] = true
	f.real = own
	info, err := os.Stat(f.path)
	if err != nil {
		s.leave(leftUnread, name)
		return nil //nolint:nilerr // it is said
	}
	if !info.IsDir() {
		s.file(f, info)
		return nil
	}
	entries, err := os.ReadDir(f.path)
	switch {
	case err != nil && f.path == f.root:
		return cannotRead(f.path, err)
	case err != nil:
		s.leave(leftUnread, name)
	}
	for _, e := range entries {
		if err := s.visit(found{root: f.root, path: filepath.Join(f.path, e.Name())}, false); err != nil {
			return err
		}
	}
	return nil
}

// links follows the links, after everything else was searched, and sorts the files.
func (s *search) links() error {
	for len(s.pending) > 0 {
		f := s.pending[0]
		s.pending = s.pending[1:]
		if err := s.enter(f); err != nil {
			return err
		}
	}
	slices.SortFunc(s.files, func(a, b found) int { return cmp.Compare(a.path, b.path) })
	return nil
}

// file adds a file that is to be played.
func (s *search) file(f found, info os.FileInfo) {
	name := filepath.Base(f.path)
	switch {
	case !info.Mode().IsRegular():
		s.leave(leftSpecial, name)
	case partial(name):
		s.leave(leftPartial, name)
	case beside(name):
		s.leave(leftBeside, name)
	default:
		// A file with an archive's file name is played even if it is damaged. The damage is then
		// reported.
		_, ok := archive.ParsePath("rrc00/" + name)
		err := readable(f.path)
		if !ok && err == nil {
			ok, err = isCapture(f.path)
		}
		switch {
		case err != nil:
			s.leave(leftUnread, name)
		case ok:
			s.files = append(s.files, f)
		default:
			s.leave(leftOther, name)
		}
	}
}

// cannotRead describes why a named file or folder cannot be read.
func cannotRead(path string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err // without the name of the system call
	}
	return fmt.Errorf("%s cannot be read: %w", path, err)
}

// readable returns the reason why a file cannot be opened, or nil.
func readable(path string) error {
	f, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return err
	}
	return f.Close()
}

// shownNames bounds the names of left-out files in a note.
const shownNames = 3

func (s *search) leave(why, name string) {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` { // such as a line break in a name
		name = quoted
	}
	if s.count[why]++; len(s.left[why]) < shownNames {
		s.left[why] = append(s.left[why], name)
	}
}

// leftOut describes the left-out files, beginning with a semicolon. It is empty if there are none.
func (s *search) leftOut() string {
	total := 0
	var parts []string
	for _, why := range []string{
		leftHidden, leftPartial, leftBeside, leftOther, leftSpecial, leftLinks, leftUnread,
	} {
		n := s.count[why]
		if n == 0 {
			continue
		}
		total += n
		names := strings.Join(s.left[why], ", ")
		if n > shownNames {
			names += ", ..."
		}
		parts = append(parts, fmt.Sprintf("%d %s (%s)", n, why, names))
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("; left out: %s", strings.Join(parts, "; "))
}

// collector returns the collector of the file, from its path in an archive's layout, else from a
// file name in the form of `simulate`.
func (f found) collector() string {
	path, err := filepath.Abs(f.path)
	if err != nil {
		path = f.path
	}
	sure := archive.CollectorIn(filepath.ToSlash(path))
	if rel, err := filepath.Rel(f.root, f.path); err == nil && sure == "" {
		if file, ok := archive.ParsePath(filepath.ToSlash(rel)); ok {
			return FileCollector(file.Collector)
		}
	}
	return cmp.Or(FileCollector(sure), collectorOfName(filepath.Base(path)), "file/"+defaultName)
}

// collectorOfName returns the collector in names such as rrc00.updates.mrt.gz,
// rrc00.updates.20141222.0000.gz and ris.rrc00.updates.1419206400.gz.
func collectorOfName(name string) string {
	parts := strings.Split(name, ".")
	kind := slices.IndexFunc(parts, func(p string) bool { return p == "rib" || p == "bview" || p == "updates" })
	if kind > 1 && (parts[0] == "ris" || parts[0] == "routeviews") {
		parts, kind = parts[1:], kind-1
	}
	if kind < 1 || !validName.MatchString(strings.Join(parts[:kind], ".")) {
		return ""
	}
	return "file/" + strings.Join(parts[:kind], ".")
}

// partial reports whether a file's name is that of a file being written.
func partial(name string) bool {
	name = strings.ToLower(name)
	return hasSuffix(name, ".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".aria2",
		".filepart", ".swp", "~")
}

// beside reports whether a file's name is that of a companion of archive files, such as a checksum.
func beside(name string) bool {
	name = strings.ToLower(name)
	for _, prefix := range []string{
		"index.htm", "readme", "licen", "md5sum", "sha1sum", "sha256sum", "sha512sum", "checksum",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return hasSuffix(name, ".md5", ".sha1", ".sha256", ".sha512", ".sum", ".sig", ".asc", ".html", ".htm",
		".txt", ".md")
}

func hasSuffix(name string, suffixes ...string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// isCapture reports whether a file's content is a capture.
func isCapture(path string) (ok bool, err error) {
	r, err := capture.Open(path, nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = r.Next()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	d, damaged := errors.AsType[*capture.Damage](err)
	return !damaged || !d.NoCapture() && d.Reason != capture.Empty, nil
}
