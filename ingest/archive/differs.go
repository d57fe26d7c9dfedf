package archive

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Against compares a fetched file with its checksum from the index. The call of Get had no
// checksum. If a file in the cache differs, Against fetches it again, only once for each checksum,
// in all processes. It returns the file, which may then be a new one instead of l, and its
// difference from the checksum.
func (f *Fetcher) Against(ctx context.Context, l *Local, file File, checksum string) (*Local, error) {
	differs := verify(l.Path, checksum)
	if differs == nil || l.name == "" {
		return l, differs
	}
	path := filepath.Join(f.cfg.Cache, l.name)
	if refused(path) == checksum {
		return l, fmt.Errorf("also when it was fetched again: %w", differs)
	}
	file.Checksum = "" // the new file is played in any case
	again, err := f.get(ctx, file, true)
	if err != nil {
		return l, fmt.Errorf("%w, and it cannot be fetched again: %w", differs, err)
	}
	l.Release()
	if differs = verify(again.Path, checksum); differs == nil {
		return again, nil
	}
	if err := writeMeta(path, meta{URL: file.URL, Size: again.Size, Refused: checksum}); err != nil {
		return again, fmt.Errorf("%w: %w", differs, err)
	}
	return again, fmt.Errorf("also when it was fetched again: %w", differs)
}

// refused returns the index's checksum that the file at path is known not to match. It is empty if
// none is known.
func refused(path string) string {
	var m meta
	text, err := os.ReadFile(path + metaSuffix) //nolint:gosec // a name of our own
	if err != nil || json.Unmarshal(text, &m) != nil {
		return ""
	}
	return m.Refused
}
