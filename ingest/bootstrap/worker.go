package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// Deps is what a Worker is given.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Finder     archive.Finder
	Fetcher    *archive.Fetcher
	// Now is the clock of the streams whose gaps are answered.
	Now func() time.Time
	// Wait is called about every MiB written and blocks while consumers are too far behind; nil: never.
	Wait func(ctx context.Context) error
	// Progress is told how far an answer is, for a terminal; it must not block. nil: nobody is told.
	Progress func(Progress)
	// DeadLetter is given what could not be read of a file; nil: it is only counted.
	DeadLetter func(ctx context.Context, l stream.DeadLetter) error
}

// Progress is how far the answer to one gap or check is.
type Progress struct {
	Collector string
	// Task is bootstrap, fill or check; Doing says in words what is being done.
	Task, Doing string
	// Done and Total count octets of files as they are packed; Total grows as files become known.
	Done, Total uint64
	// Ended tells that it is over; Complete then how.
	Ended, Complete bool
}

// Worker answers gaps.
type Worker struct {
	cfg     Config
	d       Deps
	metrics *metrics
	late    *telemetry.Limited // says which checks were
	dumps   chan struct{}      // one for each dump being fetched or read
	reading chan struct{}      // one for each dump being read
	filling chan struct{}      // one for each file of updates being read
	wake    chan struct{}

	mu         sync.Mutex // all below
	collectors map[string]*collector
	running    bool
	trouble    map[string]error // by collector: what cannot be reached
}

// collector is what is known of one. Worker.mu guards it.
type collector struct {
	stream *stream.Stream
	gap    *stream.Gap             // to be answered
	cancel context.CancelCauseFunc // ends the job; nil: there is none
	again  time.Time               // the answer was incomplete: look for a newer dump then; zero: not
	after  time.Time               // and it has to be later than this
	why    string                  // what was missing
	bad    map[string]time.Time    // dumps that are of no use, by URL: until when they are left alone
	size   size                    // of the last dump that was used
	small  size                    // of the newest that counted as cut short beside it; zero where a newer one refutes it
	check  time.Time               // when the next check is planned
	dump   time.Time               // nominal time of the dump of the planned check; zero: none is planned
}

// errSuperseded ends a job because something more urgent is to be done.
var errSuperseded = errors.New("another gap took its place")

// New checks and allocates; nothing runs yet.
func New(cfg Config, d Deps) (*Worker, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	return &Worker{
		cfg: cfg, d: d, metrics: newMetrics(d.Registerer), late: telemetry.NewLimited(d.Log, 10*time.Second, 3),
		dumps: make(chan struct{}, 2*cfg.Parallel), reading: make(chan struct{}, cfg.Parallel), filling: make(chan struct{}, cfg.Parallel),
		wake: make(chan struct{}, 1), collectors: map[string]*collector{}, trouble: map[string]error{},
	}, nil
}

// Gap asks for an answer to g; it takes the place of an older gap of the same collector. It does not block, and may be called
// while g's stream is locked.
func (w *Worker) Gap(g *stream.Gap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := g.Stream().Collector()
	c := w.collectors[name]
	if c == nil || c.stream != g.Stream() {
		fresh := &collector{stream: g.Stream(), bad: map[string]time.Time{}}
		if c != nil {
			fresh.bad, fresh.size, fresh.small, fresh.check, fresh.cancel = c.bad, c.size, c.small, c.check, c.cancel
		}
		c = fresh
		w.collectors[name] = c
	}
	if c.check.IsZero() && w.cfg.CheckInterval > 0 {
		c.check = w.d.Now().Add(spread(name, time.Duration(w.cfg.CheckInterval)))
	}
	c.gap, c.again = g, time.Time{}
	if c.cancel != nil {
		c.cancel(errSuperseded)
	}
	w.nudge()
}

// spread gives each collector another moment within every.
func spread(name string, every time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // cannot fail
	return time.Duration(h.Sum64() % uint64(every))
}

func (w *Worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run answers gaps until ctx ends. The error is one of writing: what archives do wrong is no reason to end.
func (w *Worker) Run(ctx context.Context) error {
	w.mu.Lock()
	w.running = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.running = false
		w.mu.Unlock()
	}()
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error {
		t := time.NewTicker(w.cfg.PollInterval)
		defer t.Stop()
		for {
			for _, j := range w.due(running) {
				g.Go(func() error { return w.run(running, j) }) // ends with its job, or running
			}
			select {
			case <-running.Done():
				return nil
			case <-t.C:
			case <-w.wake:
			}
		}
	})
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// job is one thing to do for a collector.
type job struct {
	c    *collector
	name string
	ctx  context.Context //nolint:containedctx // the job's own, made to be cancelled by a gap
	end  context.CancelCauseFunc
	do   func(context.Context, *collector) error
}

// due takes what is to be done from the collectors that nothing is done for.
func (w *Worker) due(ctx context.Context) []job {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.d.Now()
	var jobs []job
	for name, c := range w.collectors {
		if c.cancel != nil {
			continue
		}
		var do func(context.Context, *collector) error
		switch {
		case c.gap != nil:
			g := c.gap
			c.gap = nil
			do = func(ctx context.Context, _ *collector) error { return w.answer(ctx, g) }
		case c.stream.Closed():
			delete(w.collectors, name)
			delete(w.trouble, name)
			continue
		case !c.again.IsZero() && !now.Before(c.again):
			c.again = now.Add(w.cfg.RetryInterval)
			do = w.lookAgain
		case !c.dump.IsZero() && !now.Before(c.dump.Add(-w.cfg.CheckLead)):
			do = w.runCheck
		case !c.check.IsZero() && c.dump.IsZero() && c.again.IsZero() && !now.Before(c.check):
			do = w.planCheck
		default:
			continue
		}
		j := job{c: c, name: name, do: do}
		j.ctx, j.end = context.WithCancelCause(ctx)
		c.cancel = j.end
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b job) int { return strings.Compare(a.name, b.name) })
	return jobs
}

// run does a job. An error of its own making, or of a stream that is gone, is none.
func (w *Worker) run(ctx context.Context, j job) error {
	w.metrics.working.Inc()
	err := j.do(j.ctx, j.c)
	w.metrics.working.Dec()
	superseded := j.ctx.Err() != nil
	j.end(nil) // frees what the context holds
	w.mu.Lock()
	if c := w.collectors[j.name]; c != nil { // perhaps another stream's by now
		c.cancel = nil
	}
	w.mu.Unlock()
	w.nudge()
	if err == nil || ctx.Err() != nil || superseded || errors.Is(err, errSuperseded) || errors.Is(err, stream.ErrClosed) {
		return nil
	}
	return fmt.Errorf("answering a gap of %s: %w", j.name, err)
}

// Ready is nil while the archives can be reached as far as they are needed; the error says which collectors wait for what.
func (w *Worker) Ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.running {
		return errors.New("the archives' worker is not running")
	}
	for _, name := range slices.Sorted(maps.Keys(w.trouble)) {
		return fmt.Errorf("%d collectors wait for the archives; %s: %w", len(w.trouble), name, w.trouble[name])
	}
	return nil
}

// setTrouble notes why a collector's archives cannot be used; nil clears it.
func (w *Worker) setTrouble(name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		delete(w.trouble, name)
		return
	}
	if w.trouble[name] == nil {
		w.d.Log.Warn("an archive cannot be used; trying again", "collector", name, "err", err)
	}
	w.trouble[name] = err
}

// pause waits PollInterval.
func (w *Worker) pause(ctx context.Context) error {
	if retry.Sleep(ctx, w.cfg.PollInterval) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// enter takes a place in a bounded group, nil for none; leave gives it back.
func enter(ctx context.Context, group chan struct{}) (leave func(), err error) {
	if group == nil {
		return func() {}, nil
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case group <- struct{}{}:
		return func() { <-group }, nil
	}
}
