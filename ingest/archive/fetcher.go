package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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

// ErrIncomplete is a file that is not what was announced: too short, too long, another checksum.
var ErrIncomplete = errors.New("the file is incomplete")

// Fetcher brings files to this machine.
type Fetcher struct {
	cfg     Config
	c       *client
	metrics metrics

	received atomic.Int64 // octets that came from servers

	mu    sync.Mutex
	pins  map[string]int      // by name in the cache: how many use it
	locks map[string]chan any // by name: closed when whoever downloads it is done
	// slots has, by server, one for each download under way: a slow server does not keep others waiting.
	slots map[string]chan struct{}
}

// Local is a fetched file. Release it when it was read.
type Local struct {
	// Path is where it is; Size what it has.
	Path string
	Size int64

	f    *Fetcher
	name string // in the cache; empty outside of it
	once sync.Once
}

// NewFetcher makes the cache's folder, which is cfg.Cache. reg may be nil.
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
	return &Fetcher{
		cfg: cfg, c: newClient(cfg), metrics: newMetrics(reg),
		pins: map[string]int{}, locks: map[string]chan any{}, slots: map[string]chan struct{}{},
	}, nil
}

// Release lets the cache remove the file.
func (l *Local) Release() {
	l.once.Do(func() {
		if l.name != "" {
			l.f.unpin(l.name)
		}
	})
}

// Matches reports whether the file has a checksum as File.Checksum writes it; nil: it has.
func (l *Local) Matches(checksum string) error { return verify(l.Path, checksum) }

// Discard releases the file and removes it from the cache: its content is damaged, and the next Get fetches it anew.
func (l *Local) Discard() {
	l.once.Do(func() {
		if l.name == "" {
			return
		}
		l.f.mu.Lock()
		defer l.f.mu.Unlock()
		_ = os.Remove(l.Path) // at worst it is found again
		l.f.drop(l.name)
	})
}

// Received is how many octets came from servers so far.
func (f *Fetcher) Received() int64 { return f.received.Load() }

// Have is how many octets of a file are on this machine already; whole tells whether that is all of it.
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

// Keep keeps the cache from removing what it has, or will have, of files, until release.
func (f *Fetcher) Keep(files []File) (release func()) {
	var names []string
	for _, file := range files {
		if isRemote(file.URL) {
			names = append(names, cacheName(file.URL))
			f.pin(cacheName(file.URL))
		}
	}
	return sync.OnceFunc(func() {
		for _, name := range names {
			f.unpin(name)
		}
	})
}

// Part returns what came of a file whose transfers all broke off; Local.Size is 0 where that is nothing.
func (f *Fetcher) Part(file File) *Local {
	name := cacheName(file.URL)
	f.pin(name)
	path := filepath.Join(f.cfg.Cache, name)
	return &Local{Path: path + partSuffix, Size: partSize(path), f: f, name: name}
}

// Get returns a file of this machine as it is, another one from the cache, if it is still what is announced, or after fetching it. The
// error is ErrNotFound where the server does not have it, ErrIncomplete where it has not all of it.
func (f *Fetcher) Get(ctx context.Context, file File) (*Local, error) {
	if !isRemote(file.URL) {
		return f.onDisk(file)
	}
	name := cacheName(file.URL)
	if err := f.lock(ctx, name); err != nil {
		return nil, fmt.Errorf("fetching %s: %w", Shown(file.URL), err)
	}
	defer f.unlock(name)
	l := &Local{Path: filepath.Join(f.cfg.Cache, name), f: f, name: name}
	f.pin(name)
	if info, err := os.Stat(l.Path); err == nil && (file.Size == 0 || info.Size() == file.Size) && verify(l.Path, file.Checksum) == nil {
		now := time.Now()
		_ = os.Chtimes(l.Path, now, now) // when it was used last
		l.Size = info.Size()
		return l, nil
	}
	err := f.download(ctx, file, l.Path)
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

// onDisk checks a file that is here already.
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

// cacheName is the name of a URL in the cache: unlike any other's, and telling.
func cacheName(url string) string {
	sum := sha256.Sum256([]byte(url))
	base, _, _ := strings.Cut(path.Base(url), "?")
	clean := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, base)
	return hex.EncodeToString(sum[:8]) + "-" + clean[max(0, len(clean)-80):]
}

// slot is where downloads from a server wait for each other.
func (f *Fetcher) slot(server string) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slots[server] == nil {
		f.slots[server] = make(chan struct{}, f.cfg.Parallel)
	}
	return f.slots[server]
}

// lock waits until nobody else downloads name.
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

func (f *Fetcher) pin(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pins[name]++
}

func (f *Fetcher) unpin(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(name)
}

// drop takes one use back. mu is held.
func (f *Fetcher) drop(name string) {
	if f.pins[name]--; f.pins[name] <= 0 {
		delete(f.pins, name)
	}
}
