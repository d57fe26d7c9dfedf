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

// ours matches what cacheName makes: nothing else in the folder is ever removed.
var ours = regexp.MustCompile(`^[0-9a-f]{16}-[0-9A-Za-z._-]*$`)

// belongs matches what the names of a file's companions have at their end.
var belongs = regexp.MustCompile(`(` + regexp.QuoteMeta(partSuffix) + `|` + regexp.QuoteMeta(metaSuffix) + `|` + regexp.QuoteMeta(copySuffix) + `\d+)$`)

// cached is a file of the cache with what belongs to it.
type cached struct {
	name  string
	files []string
	bytes int64
	used  time.Time
}

// makeRoom removes what was not used for the longest time until need more octets fit. What is in use, or being downloaded,
// here or by another process, stays, even where the cache gets too large by that.
func (f *Fetcher) makeRoom(need int64) error {
	_, err := f.evict(func(total, _ int64) bool { return total+need <= f.cfg.CacheBytes })
	return err
}

// squeeze is makeRoom where the disk is full before the cache is: it removes about need octets, and reports whether it found any.
func (f *Fetcher) squeeze(need int64) (bool, error) {
	freed, err := f.evict(func(_, freed int64) bool { return freed >= need })
	return freed > 0, err
}

// evict removes files until enough, which is given what the cache holds and what was removed, in octets.
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

// list returns the files of the cache and how much they have together. mu is held.
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
			continue // gone, or somebody else's
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
