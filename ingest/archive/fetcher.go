package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/config"
)

// ErrIncomplete reports a file that differs from its announcement: it is too short, too long, or
// has another checksum.
var ErrIncomplete = errors.New("the file is incomplete")

// Fetcher fetches files to this machine.
type Fetcher struct {
	cfg     Config
	c       *client
	metrics metrics

	received atomic.Int64 // octets received from servers
	waiting  atomic.Int64 // files for which another process's download is awaited
	claims   *claims

	mu    sync.Mutex
	pins  map[string]int      // by name in the cache: number of uses
	locks map[string]chan any // by name: closed when its download ends
	// slots has a semaphore for each server, with one slot for each download, so that a slow server
	// does not delay others.
	slots map[string]chan struct{}
}

// Local is a fetched file. Release it after reading.
type Local struct {
	// Path is the path of the file. Size is its size in octets.
	Path string
	Size int64

	f    *Fetcher
	name string // in the cache; empty for a file outside of it
	once sync.Once
	copy bool // a copy of a part: Release removes it
}

// NewFetcher creates the cache's folder, which is cfg.Cache. reg may be nil.
func NewFetcher(cfg Config, reg prometheus.Registerer) (*Fetcher, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	if cfg.Cache == "" {
		return nil, errors.New("ingest.archive.cache: no folder")
	}
	if err := os.MkdirAll(cfg.Cache, 0o750); err != nil {
		return nil, fmt.Errorf("making the archives' cache: %w", err)
	}
	claims, err := openClaims(cfg.Cache)
	if err != nil {
		return nil, err
	}
	return &Fetcher{
		cfg: cfg, claims: claims, c: newClient(cfg), metrics: newMetrics(reg),
		pins: map[string]int{}, locks: map[string]chan any{}, slots: map[string]chan struct{}{},
	}, nil
}

// Release allows the cache to remove the file.
func (l *Local) Release() {
	l.once.Do(func() {
		if l.copy {
			_ = os.Remove(l.Path) // on failure evict removes it like any other file
		}
		if l.name != "" {
			l.f.unpin(l.name)
		}
	})
}

// Discard releases a damaged file and removes it from the cache. The next Get fetches it again. If
// the file is still in use elsewhere, Discard only marks it.
func (l *Local) Discard() {
	l.once.Do(func() {
		if l.name == "" {
			return
		}
		l.f.mu.Lock()
		defer l.f.mu.Unlock()
		l.f.drop(l.name)
		alone := false
		if l.f.pins[l.name] == 0 {
			alone, _ = l.f.claims.unused(l.name) // at worst it stays, marked as discarded
		}
		if !alone {
			_ = os.Chtimes(l.Path, discarded, discarded)
			return
		}
		_ = os.Remove(l.Path) // at worst it is found again
		l.f.claims.free(l.name, using)
	})
}

// discarded is the modification time that marks a file to be fetched again.
var discarded = time.Unix(0, 0)

// Received returns the number of octets received from servers so far.
func (f *Fetcher) Received() int64 { return f.received.Load() }

// Waiting returns the number of files for which the Fetcher waits, because another process with the
// same cache downloads them.
func (f *Fetcher) Waiting() int64 { return f.waiting.Load() }

// Have returns the number of a file's octets that are on this machine already. whole reports
// whether they are all of it.
func (f *Fetcher) Have(file File) (n int64, whole bool) {
	path := local(file.URL)
	if isRemote(file.URL) {
		path = filepath.Join(f.cfg.Cache, cacheName(file.URL))
	}
	if info, err := os.Stat(path); err == nil {
		return info.Size(), true
	}
	if isRemote(file.URL) {
		n = partSize(path)
	}
	return n, false
}

// Keep prevents this and other processes from removing files from the cache, also those that are
// not there yet, until release is called. release is never nil.
func (f *Fetcher) Keep(files []File) (release func(), err error) {
	var names []string
	for _, file := range files {
		if isRemote(file.URL) {
			if err = f.pin(cacheName(file.URL)); err != nil {
				break
			}
			names = append(names, cacheName(file.URL))
		}
	}
	return sync.OnceFunc(func() {
		for _, name := range names {
			f.unpin(name)
		}
	}), err
}

// Part copies the downloaded part of a file whose transfers were all interrupted. It copies,
// because another process may continue the download. Local.Size is 0 if no octet came.
func (f *Fetcher) Part(file File) (*Local, error) {
	name := cacheName(file.URL)
	if err := f.pin(name); err != nil {
		return nil, err
	}
	path := filepath.Join(f.cfg.Cache, name)
	l := &Local{f: f, name: name, copy: true}
	err := f.makeRoom(partSize(path))
	if err == nil {
		l.Path, l.Size, err = copied(path+partSuffix, f.cfg.Cache, name+copySuffix+"*")
	}
	if err != nil {
		l.Release()
		return nil, fmt.Errorf("copying the downloaded part of %s: %w", Shown(file.URL), err)
	}
	return l, nil
}

// copied copies a file to a new name made by os.CreateTemp. It returns the new path and the number
// of octets.
func copied(path, dir, pattern string) (string, int64, error) {
	in, err := os.Open(path) //nolint:gosec // a name of our own
	if err != nil {
		return "", 0, err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return "", 0, err
	}
	n, err := io.Copy(out, in)
	return out.Name(), n, errors.Join(err, out.Close())
}

// Get returns a file. It returns a file of this machine as it is. It returns any other from the
// cache if it still matches the announcement, else after fetching it. The error is ErrNotFound if
// the server does not have the file, and ErrIncomplete if the file does not match.
func (f *Fetcher) Get(ctx context.Context, file File) (*Local, error) { return f.get(ctx, file, false) }

// get implements Get. With anew it fetches a server's file even if the cache has it.
func (f *Fetcher) get(ctx context.Context, file File, anew bool) (*Local, error) {
	if !isRemote(file.URL) {
		return f.onDisk(file)
	}
	name := cacheName(file.URL)
	if err := f.lock(ctx, name); err != nil {
		return nil, fmt.Errorf("fetching %s: %w", Shown(file.URL), err)
	}
	defer f.unlock(name)
	l := &Local{Path: filepath.Join(f.cfg.Cache, name), f: f, name: name}
	err := f.pin(name)
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", Shown(file.URL), err)
	}
	if !anew && l.have(file) {
		return l, nil
	}
	if err = f.claims.load(ctx, name, func() { f.waiting.Add(1) }, func() { f.waiting.Add(-1) }); err == nil {
		if anew || !l.have(file) { // another process may have fetched it meanwhile
			err = f.download(ctx, file, l.Path)
		}
		f.claims.free(name, loading)
	}
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(l.Path); err == nil {
			l.Size = info.Size()
			return l, nil
		}
	}
	f.unpin(name)
	f.metrics.failed.Inc()
	return nil, fmt.Errorf("fetching %s: %w", Shown(file.URL), err)
}

// have reports whether the cache has the file as announced. It then marks the file as used now.
func (l *Local) have(file File) bool {
	info, err := os.Stat(l.Path)
	if err != nil || info.ModTime().Equal(discarded) || file.Size != 0 && info.Size() != file.Size ||
		verify(l.Path, file.Checksum) != nil {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(l.Path, now, now)
	l.Size = info.Size()
	return true
}

// onDisk checks a file of this machine.
func (f *Fetcher) onDisk(file File) (*Local, error) {
	p := local(file.URL)
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("opening %s: %w", p, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("opening an archive's file: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("opening %s: it is no file", p)
	case file.Size != 0 && info.Size() != file.Size:
		return nil, fmt.Errorf("opening %s: %d octets instead of %d: %w", p, info.Size(), file.Size, ErrIncomplete)
	}
	if err := verify(p, file.Checksum); err != nil {
		return nil, fmt.Errorf("opening %s: %w", p, err)
	}
	return &Local{Path: p, Size: info.Size(), f: f}, nil
}

// cacheName returns the name of a URL in the cache: unique, and readable.
func cacheName(url string) string {
	sum := sha256.Sum256([]byte(url))
	base, _, _ := strings.Cut(path.Base(url), "?")
	clean := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' ||
			r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, base)
	return hex.EncodeToString(sum[:8]) + "-" + clean[max(0, len(clean)-80):]
}

// slot returns the semaphore for downloads from a server.
func (f *Fetcher) slot(server string) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slots[server] == nil {
		f.slots[server] = make(chan struct{}, f.cfg.Parallel)
	}
	return f.slots[server]
}

// lock waits until no other goroutine of this process downloads name.
func (f *Fetcher) lock(ctx context.Context, name string) error {
	for {
		f.mu.Lock()
		busy, ok := f.locks[name]
		if !ok {
			f.locks[name] = make(chan any)
			f.mu.Unlock()
			return nil
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-busy:
		}
	}
}

func (f *Fetcher) unlock(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.locks[name])
	delete(f.locks, name)
}

func (f *Fetcher) pin(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pins[name] == 0 {
		if err := f.claims.use(name); err != nil {
			return err
		}
	}
	f.pins[name]++
	return nil
}

func (f *Fetcher) unpin(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(name)
}

// drop ends one use of a file. The caller holds mu.
func (f *Fetcher) drop(name string) {
	if f.pins[name]--; f.pins[name] <= 0 {
		delete(f.pins, name)
		f.claims.free(name, using)
	}
}
