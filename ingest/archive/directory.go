package archive

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxEntries caps the directory entries that a search looks at.
const maxEntries = 1 << 20

// Directory finds files in a folder with the layout of the archives.
type Directory struct{ root string }

// NewDirectory returns a Directory for the folder root. It reads the folder again for every search.
func NewDirectory(root string) *Directory { return &Directory{root} }

// Find implements Finder.
func (d *Directory) Find(
	ctx context.Context, collector string, kind Kind, from, to time.Time,
) ([]File, error) {
	var files []File
	entries := 0
	// os.DirFS follows root if it is a link
	err := fs.WalkDir(os.DirFS(d.root), ".", func(rel string, e fs.DirEntry, err error) error {
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
		f, ok := ParsePath(rel)
		if !ok || !f.wanted(collector, kind, from, to) {
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
