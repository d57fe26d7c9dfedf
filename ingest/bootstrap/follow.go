package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/tablechunk"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// Follower plays the archives' updates onto streams whose clock is late by as long as files take to appear. It begins each collector
// with a gap, and makes one of each file that does not appear in time; the Set's OnGap has to lead to a Worker.
type Follower struct {
	cfg        Config
	d          Deps
	set        *stream.Set
	collectors []string
	metrics    *metrics
	wake       chan struct{}

	mu      sync.Mutex // all below
	own     []string
	running bool
	trouble map[string]error // by owned collector: why it is not played; nil: it is
}

// NewFollower checks; nothing runs yet. collectors are all that it can follow. d.Now is the Set's clock; metrics are w's, whose gaps
// these are.
func NewFollower(cfg Config, d Deps, w *Worker, set *stream.Set, collectors []string) (*Follower, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Follower{
		cfg: cfg, d: d, set: set, collectors: slices.Clone(collectors), metrics: w.metrics, wake: make(chan struct{}, 1), trouble: map[string]error{},
	}, nil
}

// Collectors are all that it can follow.
func (f *Follower) Collectors() []string { return slices.Clone(f.collectors) }

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
	for _, name := range sorted(f.trouble) {
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

// player plays one collector. It belongs to its goroutine, but for cancel and done.
type player struct {
	f      *Follower
	name   string
	cancel context.CancelFunc
	done   chan struct{}

	s      *stream.Stream
	lane   *stream.Lane
	files  []archive.File
	cursor time.Time // everything before was played, or is in a gap
	m      stream.Message
}

// lookAhead is how far beyond the present of the late clock files are asked for.
const lookAhead = time.Hour

// play follows the collector until ctx ends.
func (p *player) play(ctx context.Context) (err error) {
	if p.s, err = p.f.set.Open(ctx, p.name, stream.Options{Source: "archive", Archived: true}); err != nil {
		return err
	}
	defer p.s.Close()
	p.lane = p.s.Source(bgp.LaneFollow)
	if err := p.gap(ctx, p.s.Since(), "begins to follow the archive"); err != nil {
		return err
	}
	for ctx.Err() == nil {
		file, err := p.next(ctx)
		if err != nil {
			return err
		}
		if err := p.file(ctx, file); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// gap begins one since since, microseconds, and puts the cursor where it ends: writing may take a while.
func (p *player) gap(ctx context.Context, since int64, why string) error {
	g, err := p.s.BeginGap(ctx, since, why)
	if err != nil {
		return err
	}
	p.cursor = time.UnixMicro(g.Until)
	return p.s.Up(ctx)
}

// next returns the file that covers the cursor. Where there is none in time, a gap begins before what follows.
func (p *player) next(ctx context.Context) (archive.File, error) {
	isDown := false
	for {
		if row := rowFrom(p.files, p.cursor); len(row) > 0 {
			p.files = row[1:]
			p.f.note(p.name, nil, false)
			return row[0], p.s.Up(ctx)
		}
		now := p.f.d.Now()
		files, err := p.f.d.Finder.Find(ctx, p.name, archive.Updates, p.cursor, p.f.d.Now().Add(lookAhead))
		p.files = files
		early := false
		switch row := rowFrom(files, now); {
		case len(rowFrom(files, p.cursor)) > 0:
			continue
		case now.Before(p.cursor.Add(p.f.cfg.FollowStep)):
			early = true
		case now.Before(p.cursor.Add(p.f.cfg.FollowMissing)):
			p.s.Suspend()
		case err == nil && len(row) > 0:
			if err := p.skip(ctx, now); err != nil {
				return archive.File{}, err
			}
			continue
		case !isDown:
			isDown = true
			p.f.metrics.missing.Inc()
			if err := p.s.Down(ctx, pb.DownReason_DOWN_REASON_STALE, "no updates from "+clock(p.cursor)+" on"); err != nil {
				return archive.File{}, err
			}
		}
		if err == nil && !early {
			err = errors.New("no updates from " + clock(p.cursor) + " on")
		}
		p.f.note(p.name, err, false)
		if err := sleep(ctx, p.f.cfg.Poll); err != nil {
			return archive.File{}, err
		}
	}
}

// until waits for t or a part of the time until then: a clock may be set.
func (p *player) until(ctx context.Context, t, now time.Time) error {
	return sleep(ctx, min(max(t.Sub(now), p.f.cfg.FollowStep), p.f.cfg.Poll))
}

// skip makes a gap of what lies between the cursor and to, once the late clock has reached that.
func (p *player) skip(ctx context.Context, to time.Time) error {
	p.f.metrics.missing.Inc()
	now := p.f.d.Now()
	for now.Before(to) {
		p.s.Suspend()
		if err := p.until(ctx, to, now); err != nil {
			return err
		}
		now = p.f.d.Now()
	}
	return p.gap(ctx, p.cursor.UnixMicro(), "the updates from "+clock(p.cursor)+" on are not in the archive")
}

// file plays a file, each message when the late clock has reached it.
func (p *player) file(ctx context.Context, f archive.File) error {
	local, err := p.fetch(ctx, f)
	if err != nil || local == nil {
		return err
	}
	defer local.Release()
	r, err := capture.Open(local.Path, nil)
	if err != nil {
		return p.skip(ctx, f.End)
	}
	defer r.Close() //nolint:errcheck // only read
	now, last := p.f.d.Now(), p.cursor
	begun := f.Begin.Before(p.cursor) // its first part was played, or is in a gap
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			p.cursor = f.End
			return nil
		}
		if d, ok := errors.AsType[*capture.Damage](err); ok {
			if err := p.damaged(ctx, f, d); err != nil {
				return err
			}
			if lost(d) && (d.Reason != capture.Empty || packed(f.URL) && r.Compression() == capture.Plain) {
				local.Discard()
				p.cursor = last
				return p.skip(ctx, f.End)
			}
			continue
		}
		up, down := tablechunk.Session(it)
		at := time.UnixMicro(it.Timestamp)
		if it.Local || !up && !down && it.Kind != capture.Message || begun && at.Before(p.cursor) {
			continue
		}
		for at.After(now) {
			if now = p.f.d.Now(); !at.After(now) {
				break
			}
			if err := p.until(ctx, at, now); err != nil {
				return err
			}
			now = p.f.d.Now()
		}
		if at.After(last) { // a gap does not begin earlier for a record that is out of order
			last = at
		}
		p.lane.Seek(uint64(max(f.Begin.Unix(), 0)), it.Number)
		if _, err := tell(ctx, p.s, p.lane, &p.m, it, up, down); err != nil {
			return err
		}
		p.f.metrics.followed.Inc()
	}
}

func (p *player) damaged(ctx context.Context, f archive.File, d *capture.Damage) error {
	p.f.metrics.damaged.Inc()
	if p.f.d.DeadLetter == nil {
		return nil
	}
	return p.f.d.DeadLetter(ctx, stream.DeadLetter{Collector: p.name, Origin: f.URL, Offset: d.Offset, Raw: d.Raw, Reason: string(d.Reason), Err: d.Err})
}

// fetch gets a file; nil where it did not come in time: a gap has begun then.
func (p *player) fetch(ctx context.Context, f archive.File) (*archive.Local, error) {
	for {
		local, err := p.f.d.Fetcher.Get(ctx, f)
		if err == nil {
			p.f.note(p.name, nil, false)
			return local, p.s.Up(ctx)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.f.note(p.name, err, false)
		now := p.f.d.Now()
		if !now.Before(p.cursor.Add(p.f.cfg.FollowMissing)) {
			return nil, p.skip(ctx, f.End)
		}
		if !now.Before(p.cursor.Add(p.f.cfg.FollowStep)) {
			p.s.Suspend()
		}
		if err := sleep(ctx, p.f.cfg.Poll); err != nil {
			return nil, err
		}
	}
}
