package archive

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// maxEntries caps how many entries of a directory a search looks at.
const maxEntries = 1 << 20

// Directory finds files in a folder that is laid out as the archives are.
type Directory struct{ root string }

// NewDirectory returns one that looks below root. It looks again for every search.
func NewDirectory(root string) *Directory { return &Directory{root} }

// Find implements Finder.
func (d *Directory) Find(ctx context.Context, collector string, kind Kind, from, to time.Time) ([]File, error) {
	var files []File
	entries := 0
	err := fs.WalkDir(os.DirFS(d.root), ".", func(rel string, e fs.DirEntry, err error) error { // which follows a link that root is
		if err != nil {
			return err
		}
		if entries++; entries > maxEntries {
			return fmt.Errorf("%w: more than %d", ErrTooMany, maxEntries)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e.IsDir() {
			return nil
		}
		f, ok := parsePath(rel)
		if !ok || f.Collector != collector || f.Kind != kind || !f.touches(from, to) {
			return nil
		}
		path := filepath.Join(d.root, filepath.FromSlash(rel))
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			f.URL, f.Size = path, info.Size()
			files = append(files, f)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking through the directory %s: %w", d.root, err)
	}
	return inOrder(files), nil
}

// earliest is before the first archive of routes (1997): what is named for an earlier time is none.
var earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

// parsePath reads what the archives' layouts say: collector, kind and time. The folder nearest to the file that names a
// collector counts; a prefix of the project's name may stand before it.
func parsePath(rel string) (File, bool) {
	parts := strings.Split(rel, "/")
	name := parts[len(parts)-1]
	var f File
	stem, date, ok := strings.Cut(name, ".")
	switch stem {
	case "bview", "rib":
		f.Kind = RIB
	case "updates":
		f.Kind = Updates
	default:
		return File{}, false
	}
	const layout = "20060102.1504"
	if !ok || len(date) < len(layout) || len(date) > len(layout) && date[len(layout)] != '.' {
		return File{}, false
	}
	switch strings.TrimPrefix(date[len(layout):], ".") {
	case "", "gz", "bz2", "zst", "mrt":
	default:
		return File{}, false // a file that is being written, most likely
	}
	begin, err := time.ParseInLocation(layout, date[:len(layout)], time.UTC)
	if err != nil || begin.Before(earliest) {
		return File{}, false
	}
	for i := len(parts) - 2; i >= 0; i-- {
		if f.Collector = collectorOf(parts[i], stem); f.Collector != "" {
			break
		}
	}
	if f.Collector == "" && len(parts) > 1 && parts[0] == "bgpdata" { // RouteViews' first collector has no folder of its own
		f.Collector, _ = bgp.CollectorName(bgp.ProjectRouteViews, parts[0])
	}
	if f.Collector == "" {
		return File{}, false
	}
	f.Begin, f.End = begin, begin
	if f.Kind == Updates {
		f.End = begin.Add(span(f.Collector))
	}
	return f, true
}

// collectorOf returns the collector that a folder is named for, empty where it is none.
func collectorOf(folder, stem string) string {
	if name, err := bgp.CollectorName(bgp.ProjectRIS, folder); err == nil {
		return name
	}
	switch strings.ToUpper(folder) {
	case "RIBS", "UPDATES", "RIS", "ROUTEVIEWS":
		return ""
	}
	if _, err := time.Parse("2006.01", folder); err == nil || folder == "bgpdata" || stem == "bview" {
		return ""
	}
	name, err := bgp.CollectorName(bgp.ProjectRouteViews, folder)
	if err != nil {
		return ""
	}
	return name
}
