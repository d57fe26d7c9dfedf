package archive

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Against compares what Get fetched of a file, which it was not told the checksum of, with that checksum. What is in the cache and differs is
// fetched anew, once for a checksum and whatever process asks. It returns the file, which may be another than l then, and how it differs.
func (f *Fetcher) Against(ctx context.Context, l *Local, file File, checksum string) (*Local, error) {
	differs := verify(l.Path, checksum)
	if differs == nil || l.name == "" {
		return l, differs
	}
	path := filepath.Join(f.cfg.Cache, l.name)
	if refused(path) == checksum {
		return l, fmt.Errorf("also when it was fetched anew: %w", differs)
	}
	file.Checksum = "" // what comes is to be played, whatever it is
	again, err := f.get(ctx, file, true)
	if err != nil {
		return l, fmt.Errorf("%w, and it cannot be fetched anew: %w", differs, err)
	}
	l.Release()
	if differs = verify(again.Path, checksum); differs == nil {
		return again, nil
	}
	if err := writeMeta(path, meta{URL: file.URL, Size: again.Size, Refused: checksum}); err != nil {
		return again, fmt.Errorf("%w: %w", differs, err)
	}
	return again, fmt.Errorf("also when it was fetched anew: %w", differs)
}

// refused is the checksum that the index has of a file, and that the file does not have; empty where that is not known.
func refused(path string) string {
	var m meta
	if text, err := os.ReadFile(path + metaSuffix); err != nil || json.Unmarshal(text, &m) != nil { //nolint:gosec // a name of our own
		return ""
	}
	return m.Refused
}
