package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/retry"
)

// refreshEvery is how often a snapshot is made without news: ages and feeds change with the clock.
const refreshEvery = time.Second

// Seed is what the store tells of the present at the start.
type Seed struct {
	Values  []Value
	Outages []outagelog.Entry
}

// Config says what a Present is of.
type Config struct {
	Dataset string
	// Kafka is that of the dataset. It is not used with Load.
	Kafka kafka.Config
	Log   *slog.Logger
	Now   func() time.Time
	// Played: the dataset is played from files, so its minutes have nothing to do with the clock, and it is never stale.
	Played bool
	// Late is how far the minutes of the dataset lie behind the clock by nature: half an hour where archives are followed.
	Late time.Duration
	// Waits says in sentences what the stages of this process wait for; nil where they are elsewhere. Only people who are logged in see it.
	Waits func() []string
	// Seed reads what the store knows as of the end of the newest decided minute; nil without a store.
	Seed func(ctx context.Context, until time.Time) (Seed, error)
	// At is the moment of the past that is shown; zero is the present. Load makes its snapshot, the only one that there is; Kafka is not read then.
	At   time.Time
	Load func(context.Context) (*Snapshot, error)
}

// Present holds the newest snapshot. Its methods may be used by any number of goroutines at once. It is a stage (runner.Stage).
type Present struct {
	cfg     Config
	newest  atomic.Pointer[Snapshot]
	ready   atomic.Bool
	mu      sync.Mutex    // of all below
	changed chan struct{} // closed when a minute came, or problems changed
	fold    *Fold
	state   *state
	stand   standing
}

// New returns one. Its snapshot tells that nothing is known yet until Run has read the topics.
func New(cfg Config) *Present {
	p := &Present{cfg: cfg, changed: make(chan struct{}), state: newState(time.Time{}, nil).seal()}
	p.stand = standing{dataset: cfg.Dataset, past: cfg.Played, late: cfg.Late}
	p.publish()
	return p
}

// Snapshot is the newest one; never nil.
func (p *Present) Snapshot() *Snapshot { return p.newest.Load() }

// Next waits for a snapshot with a newer minute or other problems than s, and returns the newest one. The error is ctx's.
func (p *Present) Next(ctx context.Context, s *Snapshot) (*Snapshot, error) {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		if now := p.Snapshot(); s == nil || now.Tag() != s.Tag() {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}

// errReading is why a Present is not ready at its start.
var errReading = errors.New("the present is being read from Kafka")

// Ready is nil once the topics were read to where they ended at the start.
func (p *Present) Ready() error {
	if !p.ready.Load() {
		return errReading
	}
	return nil
}

// Run reads until ctx ends; nil then. Where Kafka cannot be read it says so in the snapshot, and tries again.
func (p *Present) Run(ctx context.Context) error {
	var done sync.WaitGroup
	defer done.Wait()
	done.Go(func() { p.refresh(ctx) }) // ends with ctx
	var wait retry.Backoff
	for {
		began := p.cfg.Now()
		err := p.read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil { // the one snapshot is there
			<-ctx.Done()
			return nil
		}
		p.lost(err)
		if p.cfg.Now().Sub(began) > time.Minute {
			wait = retry.Backoff{}
		}
		if wait.Wait(ctx) != nil {
			return nil
		}
	}
}

// refresh makes snapshots without news until ctx ends.
func (p *Present) refresh(ctx context.Context) {
	t := time.NewTicker(refreshEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			p.publish()
		}
	}
}

// publish makes a snapshot of what is known now.
func (p *Present) publish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.newest.Load(); s != nil && p.cfg.Load != nil && p.ready.Load() {
		return
	}
	st := p.stand
	st.now = p.cfg.Now().UTC()
	if p.cfg.Waits != nil {
		st.waits = p.cfg.Waits()
	}
	st.reading = !p.ready.Load()
	if p.fold != nil {
		st.dropped = p.fold.dropped
	}
	switch {
	case p.fold == nil:
	case p.cfg.Played: // the times of its feeds are not those of our clock
		st.families = p.fold.feeds.Answers()
	default:
		st.families, st.feeds = p.fold.feeds.Panels(st.now), p.fold.feeds.Rows(st.now)
	}
	next, before := p.state.snapshot(st), p.newest.Load()
	p.newest.Store(next)
	if before == nil || before.Tag() != next.Tag() {
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// warnAfter is for how long the present may be away without a word in the log: at a start topics may have to be made first.
const warnAfter = 10 * time.Second

// lost notes that the topics, or the store of the one snapshot, cannot be read.
func (p *Present) lost(err error) {
	p.mu.Lock()
	if p.stand.away == "" {
		p.stand.awaySince = p.cfg.Now().UTC()
	}
	since := p.stand.awaySince
	p.stand.away = "Kafka"
	if p.cfg.Load != nil {
		p.stand.away = "the store"
	}
	p.mu.Unlock()
	if p.cfg.Now().Sub(since) >= warnAfter {
		p.cfg.Log.Warn("the present cannot be read", "dataset", p.cfg.Dataset, "since", since, "err", err)
	}
	p.publish()
}

// read reads the topics from the start, and returns with an error when they cannot be read any more; nil with Load.
func (p *Present) read(ctx context.Context) error {
	if p.cfg.Load != nil {
		s, err := p.cfg.Load(ctx)
		if err != nil {
			return err
		}
		p.newest.Store(s)
		p.ready.Store(true)
		return nil
	}
	return p.follow(ctx)
}

// restarted puts a new fold in the place of the one before.
func (p *Present) restarted(f *Fold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fold = f
}

// closed publishes that minutes up to one are decided.
func (p *Present) closed(f *Fold, minute time.Time) {
	p.mu.Lock()
	before := p.state.minute
	f.Close(minute)
	p.state, p.stand.away = f.state, ""
	if f.state.minute.After(before) {
		p.stand.learnedAt = p.cfg.Now().UTC()
	}
	p.mu.Unlock()
	p.publish()
}

// alive notes that Kafka answers.
func (p *Present) alive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stand.away = ""
}
