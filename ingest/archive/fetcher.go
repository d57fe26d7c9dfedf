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
	slots   chan struct{} // one for each download under way
	metrics metrics

	mu    sync.Mutex
	pins  map[string]int      // by name in the cache: how many use it
	locks map[string]chan any // by name: closed when whoever downloads it is done
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
		cfg: cfg, c: newClient(cfg), slots: make(chan struct{}, cfg.Parallel), metrics: newMetrics(reg),
		pins: map[string]int{}, locks: map[string]chan any{},
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

// Get returns a file of this machine as it is, another one from the cache, if it is still what is announced, or after fetching it. The
// error is ErrNotFound where the server does not have it, ErrIncomplete where it has not all of it.
func (f *Fetcher) Get(ctx context.Context, file File) (*Local, error) {
	if !isRemote(file.URL) {
		return f.onDisk(file)
	}
	name := cacheName(file.URL)
	if err := f.lock(ctx, name); err != nil {
		return nil, fmt.Errorf("fetching %s: %w", file.URL, err)
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
	return nil, fmt.Errorf("fetching %s: %w", file.URL, err)
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
