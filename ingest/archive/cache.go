package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// ours matches the names that cacheName returns. No other file in the folder is ever removed.
var ours = regexp.MustCompile(`^[0-9a-f]{16}-[0-9A-Za-z._-]*$`)

// belongs matches the suffixes of a file's companions.
var belongs = regexp.MustCompile(`(` + regexp.QuoteMeta(partSuffix) + `|` +
	regexp.QuoteMeta(metaSuffix) + `|` + regexp.QuoteMeta(copySuffix) + `\d+)$`)

// cached is a file of the cache with its companions.
type cached struct {
	name  string
	files []string
	bytes int64
	used  time.Time
}

// makeRoom removes the least recently used files until need more octets fit. Files that are in use
// or being downloaded, here or by another process, stay, even if the cache then gets too large.
func (f *Fetcher) makeRoom(need int64) error {
	_, err := f.evict(func(total, _ int64) bool { return total+need <= f.cfg.CacheBytes })
	return err
}

// squeeze makes room if the disk is full before the cache is. It removes about need octets, and
// reports whether it found any.
func (f *Fetcher) squeeze(need int64) (bool, error) {
	freed, err := f.evict(func(_, freed int64) bool { return freed >= need })
	return freed > 0, err
}

// evict removes files until enough returns true. total is the size of the cache, freed the size of
// the removed files, in octets.
func (f *Fetcher) evict(enough func(total, freed int64) bool) (freed int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, total, err := f.list()
	if err != nil {
		return 0, err
	}
	slices.SortFunc(all, func(a, b cached) int { return a.used.Compare(b.used) })
	for _, c := range all {
		if enough(total, freed) {
			break
		}
		_, busy := f.locks[c.name]
		if busy || f.pins[c.name] > 0 {
			continue
		}
		if free, err := f.claims.unused(c.name); err != nil {
			return freed, fmt.Errorf("making room in the cache: %w", err)
		} else if !free {
			continue // another process uses it
		}
		err := f.remove(c.files)
		f.claims.free(c.name, using)
		if err != nil {
			return freed, fmt.Errorf("making room in the cache: %w", err)
		}
		total, freed = total-c.bytes, freed+c.bytes
		f.metrics.evicted.Inc()
	}
	f.metrics.cache.Set(float64(total))
	return freed, nil
}

func (f *Fetcher) remove(names []string) error {
	for _, name := range names {
		if err := os.Remove(filepath.Join(f.cfg.Cache, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// list returns the files of the cache and their total size. The caller holds mu.
func (f *Fetcher) list() ([]cached, int64, error) {
	entries, err := os.ReadDir(f.cfg.Cache)
	if err != nil {
		return nil, 0, fmt.Errorf("looking through the cache: %w", err)
	}
	at := map[string]int{}
	var all []cached
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !ours.MatchString(e.Name()) {
			continue // the file is gone, or does not belong to the cache
		}
		name := belongs.ReplaceAllString(e.Name(), "")
		i, ok := at[name]
		if !ok {
			i = len(all)
			at[name] = i
			all = append(all, cached{name: name})
		}
		all[i].files = append(all[i].files, e.Name())
		all[i].bytes += info.Size()
		if info.ModTime().After(all[i].used) {
			all[i].used = info.ModTime()
		}
		total += info.Size()
	}
	return all, total, nil
}
