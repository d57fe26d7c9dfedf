package dated

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/darkmap/darkmap/enrich/geo/source"
)

// ErrNotFound means that a server does not have the file. A Get function returns it.
var ErrNotFound = errors.New("the server does not have it")

// maxBack is the number of earlier days that are tried: a registry sometimes skips a day.
const maxBack = 7

// Get downloads the file at url and returns its local path. discard removes the local file. Without
// discard, the next Get may find it again.
type Get func(ctx context.Context, url string) (path string, discard func(), err error)

// Bring creates the snapshot of a day in dir with one file of each source, and returns the
// snapshot's folder. It takes the file of the day, or the newest of the seven days before, and
// reports an older one through say. The snapshot is complete or is not created: if one source
// fails, Bring fails, and get can find the files of the other sources again. If dir already has a
// snapshot of the day, Bring leaves it as it is.
func Bring(ctx context.Context, dir string, day time.Time, sources []Source, get Get,
	say func(string),
) (string, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("making the folder of snapshots: %w", err)
	}
	all, _, err := List(dir)
	if err != nil {
		return "", err
	}
	for _, s := range all {
		if s.Day.Equal(day) {
			say(fmt.Sprintf("the snapshot of %s is here already", s))
			return s.Paths[0], nil
		}
	}
	temp, err := os.MkdirTemp(dir, ".fetch-")
	if err != nil {
		return "", fmt.Errorf("making a folder to fetch into: %w", err)
	}
	defer os.RemoveAll(temp)                      //nolint:errcheck // at worst a hidden folder is left
	if err := os.Chmod(temp, 0o750); err != nil { //nolint:gosec // as the folder that it is in
		return "", fmt.Errorf("making a folder to fetch into: %w", err)
	}
	var faults []error
	var discards []func()
	for i, s := range sources {
		discard, err := s.bring(ctx, filepath.Join(temp, fmt.Sprintf("%02d-", i)), day, get, say)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", s.Name, err))
			continue
		}
		discards = append(discards, discard)
	}
	if len(faults) > 0 {
		return "", fmt.Errorf("the snapshot of %s was not made: %w", dayText(day), errors.Join(faults...))
	}
	target := filepath.Join(dir, dayText(day))
	if err := os.Rename(temp, target); err != nil {
		return "", fmt.Errorf("naming the snapshot of %s: %w", dayText(day), err)
	}
	for _, discard := range discards {
		discard()
	}
	return target, nil
}

// bring copies the source's file to a path that begins with prefix. The prefixes keep the order of
// the sources, in which files are read.
func (s Source) bring(ctx context.Context, prefix string, day time.Time, get Get,
	say func(string),
) (discard func(), err error) {
	for back := range maxBack + 1 {
		at := day.AddDate(0, 0, -back)
		for _, pattern := range s.URLs {
			from := fill(pattern, at)
			local, discard, err := get(ctx, from)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if err := check(local); err != nil {
				discard()
				return nil, fmt.Errorf("what %s has is no file of locations or AS data: %w", shown(from), err)
			}
			if err := copyFile(local, prefix+path.Base(shown(from))); err != nil {
				return nil, err
			}
			if back > 0 {
				say(fmt.Sprintf("%s has no file of %s: that of %s is taken", s.Name, dayText(day), dayText(at)))
			}
			return discard, nil
		}
	}
	return nil, fmt.Errorf("no file of %s or of the %d days before, asked for %s: %w", dayText(day),
		maxBack, shown(fill(s.URLs[0], day)), ErrNotFound)
}

// shown returns a URL without the parts that may be secret: user, query and fragment.
func shown(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL that cannot be read"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// check reads the whole file, so that an error page or a truncated file is not kept.
func check(path string) error {
	info, err := source.Read(path, source.Visitor{})
	if err == nil && info.Rows == 0 {
		err = ErrEmpty
	}
	return err
}

func copyFile(from, to string) error {
	in, err := os.Open(from) //nolint:gosec // what get brought
	if err != nil {
		return fmt.Errorf("copying a fetched file: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	const asNew = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	out, err := os.OpenFile(to, asNew, 0o640) //nolint:gosec // in a folder of our own
	if err != nil {
		return fmt.Errorf("copying a fetched file: %w", err)
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copying a fetched file: %w", err)
	}
	return nil
}
