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

// refreshEvery is the interval at which snapshots are made without new records, since ages and
// feeds change with the clock.
const refreshEvery = time.Second

// Seed is the store's data about the present at the start.
type Seed struct {
	Values  []Value
	Outages []outagelog.Entry
}

// Config configures a Present.
type Config struct {
	Dataset string
	// Kafka is the Kafka of the dataset. It is not used with Load.
	Kafka kafka.Config
	Log   *slog.Logger
	Now   func() time.Time
	// Played means that the dataset is played from files. Its minutes do not follow the clock, so
	// it is never stale.
	Played bool
	// Late is the usual delay of the dataset's minutes behind the clock: half an hour if archives
	// are followed.
	Late time.Duration
	// Waits returns sentences about the conditions that the stages of this process wait for. It is
	// nil if the stages run elsewhere. Only logged-in viewers see the sentences.
	Waits func() []string
	// Seed reads the store's data as of the end of the newest decided minute. It is nil without a
	// store.
	Seed func(ctx context.Context, until time.Time) (Seed, error)
	// At is the moment of the past to show; zero means the present. With At, Load makes the only
	// snapshot, and Kafka is not read.
	At   time.Time
	Load func(context.Context) (*Snapshot, error)
}

// Present holds the newest snapshot. Its methods are safe for concurrent use. It is a stage
// (runner.Stage).
type Present struct {
	cfg     Config
	newest  atomic.Pointer[Snapshot]
	ready   atomic.Bool
	mu      sync.Mutex    // guards all fields below
	changed chan struct{} // closed when a minute came, or problems changed
	fold    *Fold
	state   *state
	stand   standing
}

// New returns a Present. Its snapshot reports that nothing is known yet until Run has read the
// topics.
func New(cfg Config) *Present {
	p := &Present{cfg: cfg, changed: make(chan struct{}), state: newState(time.Time{}, nil).seal()}
	p.stand = standing{dataset: cfg.Dataset, past: cfg.Played, late: cfg.Late}
	p.publish()
	return p
}

// Snapshot returns the newest snapshot. It is never nil.
func (p *Present) Snapshot() *Snapshot { return p.newest.Load() }

// Next waits for a snapshot with a newer minute or other problems than s, and returns the newest
// one. The error is that of ctx.
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

// errReading is the reason why a Present is not ready at its start.
var errReading = errors.New("the present is being read from Kafka")

// Ready returns nil once the topics were read up to their ends at the start.
func (p *Present) Ready() error {
	if !p.ready.Load() {
		return errReading
	}
	return nil
}

// Run reads until ctx ends, then returns nil. If Kafka cannot be read, it reports that in the
// snapshot and tries again.
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
		if err == nil { // the only snapshot is loaded
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

// refresh makes a snapshot at each refreshEvery until ctx ends.
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

// publish makes a snapshot of the current state.
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
	case p.cfg.Played: // the times of its feeds do not follow the clock
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

// warnAfter is the time for which reading may fail before a warning goes to the log. At a start
// topics may have to be made first.
const warnAfter = 10 * time.Second

// lost records that the topics cannot be read, or the store of the only snapshot.
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

// read reads the topics from the start. It returns an error when they cannot be read any more. With
// Load it returns nil after loading.
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

// restarted replaces the fold.
func (p *Present) restarted(f *Fold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fold = f
}

// closed closes minutes up to the given one, and publishes the result. unseeded means that the fold
// lacks the store's data.
func (p *Present) closed(f *Fold, minute time.Time, unseeded bool) {
	p.mu.Lock()
	before := p.state.minute
	f.Close(minute)
	p.state, p.stand.away, p.stand.unseeded = f.state, "", unseeded
	if f.state.minute.After(before) {
		p.stand.learnedAt = p.cfg.Now().UTC()
	}
	p.mu.Unlock()
	p.publish()
}

// alive records that Kafka answers.
func (p *Present) alive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stand.away = ""
}
