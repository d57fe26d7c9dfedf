package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/internal/progress"
)

// ErrMissing reports that an item is not in the cache.
var ErrMissing = errors.New("not fetched yet: run `darkmap fetch` (or `make deps`)")

// DefaultCacheDir returns $XDG_CACHE_HOME/darkmap, or ~/.cache/darkmap.
func DefaultCacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w", err)
	}
	return filepath.Join(dir, "darkmap"), nil
}

// Dir returns the folder with the item's files, or an error that wraps ErrMissing. An empty
// cacheDir is the default.
func Dir(cacheDir string, item Item) (string, error) {
	cacheDir, err := orDefault(cacheDir)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cacheDir, item.Name+"-"+item.Version)
	for _, f := range item.Files {
		info, err := os.Stat(filepath.Join(dir, f.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("%s %s: %w", item.Name, item.Version, ErrMissing)
		case err != nil:
			return "", fmt.Errorf("looking for %s: %w", item.Name, err)
		case info.Size() != f.Size:
			return "", fmt.Errorf("%s has %d bytes instead of %d: %w", info.Name(), info.Size(), f.Size, ErrMissing)
		}
	}
	return dir, nil
}

// Ensure returns the folder with the item's files, and fetches them first if they are missing. line
// shows the progress. Ensure needs npm and its registry only to fetch.
func Ensure(ctx context.Context, cacheDir string, item Item, line *progress.Line) (string, error) {
	cacheDir, err := orDefault(cacheDir)
	if err != nil {
		return "", err
	}
	if dir, err := Dir(cacheDir, item); err == nil || !errors.Is(err, ErrMissing) {
		return dir, err
	}
	fmt.Fprintf(line, "darkmap: fetching %s (%s %s), %s\n", item.Name, item.Package, item.Version,
		progress.Bytes(item.Bytes))
	if err := os.MkdirAll(cacheDir, 0o750); err != nil {
		return "", fmt.Errorf("creating the cache folder: %w", err)
	}
	temp, err := os.MkdirTemp(cacheDir, ".fetch-")
	if err != nil {
		return "", fmt.Errorf("creating a folder to fetch into: %w", err)
	}
	defer os.RemoveAll(temp) //nolint:errcheck // at worst it is left in the cache
	stop := watch(ctx, line, temp, item)
	archive, err := pack(ctx, temp, item)
	stop()
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", item.Name, err)
	}
	files := filepath.Join(temp, "files")
	stop = line.Busy("unpacking " + item.Name)
	err = unpack(ctx, archive, files, item)
	stop()
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", item.Name, err)
	}
	return install(cacheDir, files, item)
}

func orDefault(cacheDir string) (string, error) {
	if cacheDir != "" {
		return cacheDir, nil
	}
	return DefaultCacheDir()
}

// pack downloads the item's archive into dir with npm and returns its path.
func pack(ctx context.Context, dir string, item Item) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "npm", "pack", //nolint:gosec // arguments of the table
		"--silent", "--ignore-scripts", item.Package+"@"+item.Version)
	cmd.Dir, cmd.Stderr = dir, &stderr
	if _, err := cmd.Output(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", errors.New("npm is not installed (Debian: apt-get install npm)")
		}
		if ctx.Err() != nil { // npm was killed
			return "", ctx.Err()
		}
		return "", fmt.Errorf("running npm pack: %w: %s", err, lastLines(stderr.String()))
	}
	// Not a glob pattern, because the folder's name may contain brackets.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("looking for the archive of npm pack: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return !strings.HasSuffix(e.Name(), ".tgz")
	})
	if len(entries) != 1 {
		return "", fmt.Errorf("npm pack left %d archives instead of one", len(entries))
	}
	return filepath.Join(dir, entries[0].Name()), nil
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-4):], "; ")
}

// unpack checks the archive's hash and writes the item's files into dir.
func unpack(ctx context.Context, archive, dir string, item Item) error {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return fmt.Errorf("creating a folder: %w", err)
	}
	in, err := os.Open(archive) //nolint:gosec // npm's own file in our folder
	if err != nil {
		return fmt.Errorf("opening the archive: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return fmt.Errorf("reading the archive: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != item.SHA256 {
		return fmt.Errorf("the archive's SHA-256 is %s instead of %s", got, item.SHA256)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the archive: %w", err)
	}
	zr, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("reading the archive: %w", err)
	}
	tr := tar.NewReader(zr)
	for missing := len(item.Files); missing > 0; {
		h, err := tr.Next()
		if err != nil {
			return fmt.Errorf("reading the archive, %d files missing: %w", missing, err)
		}
		i := slices.IndexFunc(item.Files, func(f File) bool { return path.Base(h.Name) == f.Name })
		if i < 0 {
			continue
		}
		if err := write(ctx, filepath.Join(dir, item.Files[i].Name), tr, item.Files[i].Size); err != nil {
			return err
		}
		missing--
	}
	return nil
}

// write copies size bytes of r into a new file and syncs it.
func write(ctx context.Context, name string, r io.Reader, size int64) error {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640) //nolint:gosec // a name of the table
	if err != nil {
		return fmt.Errorf("creating a file: %w", err)
	}
	n, err := io.Copy(out, &reader{ctx, io.LimitReader(r, size+1)})
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes instead of %d", n, size)
	}
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(name), err)
	}
	return nil
}

// reader is a reader that ends with its context.
type reader struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	r   io.Reader
}

func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// install moves the files to the folder that Dir returns. Another process may have installed them
// first.
func install(cacheDir, files string, item Item) (string, error) {
	target := filepath.Join(cacheDir, item.Name+"-"+item.Version)
	err := os.Rename(files, target)
	if err == nil {
		return target, nil
	}
	if dir, err := Dir(cacheDir, item); err == nil {
		return dir, nil
	}
	// A damaged installation is in the way.
	if err := os.RemoveAll(target); err != nil {
		return "", fmt.Errorf("replacing a damaged %s: %w", item.Name, err)
	}
	if err := os.Rename(files, target); err != nil {
		return "", fmt.Errorf("installing %s: %w", item.Name, err)
	}
	return target, nil
}
