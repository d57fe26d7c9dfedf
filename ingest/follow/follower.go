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

// Deps holds the dependencies of a Follower.
type Deps struct {
	Registerer prometheus.Registerer // nil: no metrics
	// Streams opens the collectors' streams. Its OnGap must pass the gaps to a bootstrap.Worker.
	Streams *stream.Set
	Finder  archive.Finder
	Fetcher *archive.Fetcher
	// Now is the late clock, the same as that of Streams.
	Now func() time.Time
	// DeadLetter receives the parts of a file that could not be read. nil: they are only counted.
	DeadLetter func(ctx context.Context, l stream.DeadLetter) error
}

// Follower plays the archives' updates to streams. Their clock is late by the time that files take
// to appear.
type Follower struct {
	cfg     Config
	d       Deps
	metrics *metrics
	wake    chan struct{}

	mu      sync.Mutex // guards all fields below
	own     []string
	running bool
	// for each owned collector, the reason why it is not played; nil: it is played
	trouble map[string]error
}

// New checks cfg. It starts nothing.
func New(cfg Config, d Deps) (*Follower, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	cfg.Collectors = slices.Clone(cfg.Collectors)
	return &Follower{
		cfg: cfg, d: d, metrics: newMetrics(d.Registerer), wake: make(chan struct{}, 1),
		trouble: map[string]error{},
	}, nil
}

// Collectors returns all collectors that the Follower can follow.
func (f *Follower) Collectors() []string { return slices.Clone(f.cfg.Collectors) }

// Own sets the collectors that this process follows from now on. It does not block.
func (f *Follower) Own(collectors []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own = slices.Clone(collectors)
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Ready returns nil while every owned collector is played. The error names the first one that is
// not, and the reason.
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

// Run follows the owned collectors until ctx ends. It returns an error if writing fails.
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

// reconcile ends the players of collectors that are no longer owned, and starts players for new
// ones.
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

// note stores the reason why a collector is not played. With gone it deletes the entry.
func (f *Follower) note(name string, err error, gone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if gone {
		delete(f.trouble, name)
		return
	}
	f.trouble[name] = err
}
