package follow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/config"
)

// Deps is what a Follower is given.
type Deps struct {
	Registerer prometheus.Registerer // nil: no metrics
	// Streams opens the collectors' streams. Its OnGap has to lead to a bootstrap.Worker.
	Streams *stream.Set
	Finder  archive.Finder
	Fetcher *archive.Fetcher
	// Now is the late clock: that of Streams.
	Now func() time.Time
	// DeadLetter is given what could not be read of a file; nil: it is only counted.
	DeadLetter func(ctx context.Context, l stream.DeadLetter) error
}

// Follower plays the archives' updates onto streams whose clock is late by as long as files take to appear.
type Follower struct {
	cfg     Config
	d       Deps
	metrics *metrics
	wake    chan struct{}

	mu      sync.Mutex // all below
	own     []string
	running bool
	trouble map[string]error // by owned collector: why it is not played; nil: it is
}

// New checks; nothing runs yet.
func New(cfg Config, d Deps) (*Follower, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	cfg.Collectors = slices.Clone(cfg.Collectors)
	return &Follower{cfg: cfg, d: d, metrics: newMetrics(d.Registerer), wake: make(chan struct{}, 1), trouble: map[string]error{}}, nil
}

// Collectors are all that it can follow.
func (f *Follower) Collectors() []string { return slices.Clone(f.cfg.Collectors) }

// Own says which collectors this process follows from now on. It does not block.
func (f *Follower) Own(collectors []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own = slices.Clone(collectors)
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Ready is nil while every owned collector is played; the error says which is not, and why.
func (f *Follower) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.running {
		return errors.New("the archives are not followed: not running")
	}
	for _, name := range slices.Sorted(maps.Keys(f.trouble)) {
		if err := f.trouble[name]; err != nil {
			return fmt.Errorf("following the archive of %s: %w", name, err)
		}
	}
	return nil
}

// Run follows what is owned until ctx ends. The error is one of writing.
func (f *Follower) Run(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	f.setRunning(true)
	defer f.setRunning(false)
	g.Go(func() error {
		players := map[string]*player{}
		for {
			f.reconcile(running, g, players)
			select {
			case <-running.Done():
				return nil
			case <-f.wake:
			}
		}
	})
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func (f *Follower) setRunning(is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = is
}

// reconcile ends the players of what is not owned any more and starts those of what is.
func (f *Follower) reconcile(ctx context.Context, g *errgroup.Group, players map[string]*player) {
	f.mu.Lock()
	own := slices.Clone(f.own)
	f.mu.Unlock()
	for name, p := range players {
		if !slices.Contains(own, name) {
			p.cancel()
			<-p.done
			delete(players, name)
			f.note(name, nil, true)
		}
	}
	for _, name := range own {
		if players[name] != nil {
			continue
		}
		p := &player{f: f, name: name, done: make(chan struct{})}
		var playing context.Context
		playing, p.cancel = context.WithCancel(ctx)
		players[name] = p
		f.note(name, errors.New("not begun"), false)
		g.Go(func() error { // ends with playing
			defer close(p.done)
			defer p.cancel()
			err := p.play(playing)
			if playing.Err() != nil || errors.Is(err, stream.ErrClosed) {
				return nil
			}
			return err
		})
	}
}

// note says why a collector is not played; gone forgets it.
func (f *Follower) note(name string, err error, gone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if gone {
		delete(f.trouble, name)
		return
	}
	f.trouble[name] = err
}
