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

// Deps holds the dependencies of a Worker.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Finder     archive.Finder
	Fetcher    *archive.Fetcher
	// Now is the clock of the streams whose gaps the Worker answers.
	Now func() time.Time
	// Wait is called about every MiB written. It blocks while consumers are too far behind. nil:
	// the Worker never waits.
	Wait func(ctx context.Context) error
	// Progress receives the progress of an answer, for a terminal. It must not block. nil: progress
	// is not reported here.
	Progress func(Progress)
	// DeadLetter receives the parts of a file that could not be read. nil: they are only counted.
	DeadLetter func(ctx context.Context, l stream.DeadLetter) error
}

// Progress is the progress of the answer to one gap or check.
type Progress struct {
	Collector string
	// Task is bootstrap, fill or check. Doing describes the present step in words.
	Task, Doing string
	// Done and Total count octets of files as stored, usually compressed. Total grows as files
	// become known.
	Done, Total uint64
	// Ended is true when the answer is over. Complete then gives its result.
	Ended, Complete bool
}

// Worker answers gaps.
type Worker struct {
	cfg     Config
	d       Deps
	metrics *metrics
	late    *telemetry.Limited // logs the checks that were too late
	dumps   chan struct{}      // one slot for each dump being fetched or read
	reading chan struct{}      // one slot for each dump being read
	filling chan struct{}      // one slot for each update file being read
	wake    chan struct{}

	mu         sync.Mutex // guards all fields below
	collectors map[string]*collector
	running    bool
	trouble    map[string]error // by collector: the reason why its archives cannot be used
}

// collector is the state of one collector. Worker.mu guards it.
type collector struct {
	stream *stream.Stream
	gap    *stream.Gap             // the gap to be answered
	cancel context.CancelCauseFunc // ends the running job; nil: there is none
	// after an incomplete answer: time to look for a newer dump; zero: no need to
	again time.Time
	after time.Time            // the newer dump has to be from this time or later
	why   string               // the missing part
	bad   map[string]time.Time // unusable dumps, by URL: time until which they are skipped
	size  size                 // of the last dump that was used
	// of the newest dump that counted as cut short beside it; zero after a newer dump that did not
	small size
	check time.Time // time at which the next check is planned
	// nominal time of the dump of the planned check; zero: none is planned
	dump time.Time
}

// errSuperseded ends a job because of a more urgent one, or because its answer is of no use any
// more.
var errSuperseded = errors.New("another gap took its place")

// New checks cfg and allocates the Worker. It starts nothing.
func New(cfg Config, d Deps) (*Worker, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	return &Worker{
		cfg: cfg, d: d, metrics: newMetrics(d.Registerer), late: telemetry.NewLimited(d.Log, 10*time.Second, 3),
		dumps: make(chan struct{}, 2*cfg.Parallel), reading: make(chan struct{}, cfg.Parallel),
		filling: make(chan struct{}, cfg.Parallel),
		wake:    make(chan struct{}, 1), collectors: map[string]*collector{}, trouble: map[string]error{},
	}, nil
}

// Gap asks for an answer to g. It replaces an older gap of the same collector. It does not block,
// and may be called while g's stream is locked.
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

// spread returns a time between 0 and every that depends on the collector's name, so that the
// collectors' checks do not coincide.
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

// Run answers gaps until ctx ends. It returns an error if writing fails. A fault of an archive does
// not end it.
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

// job is one job for a collector.
type job struct {
	c    *collector
	name string
	ctx  context.Context //nolint:containedctx // the job's own, made to be cancelled by a gap
	end  context.CancelCauseFunc
	do   func(context.Context, *collector) error
}

// due returns the jobs that are due, for the collectors without a running job.
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

// run does a job. It returns nil after errSuperseded, after a cancelled job, and if the stream is
// closed.
func (w *Worker) run(ctx context.Context, j job) error {
	w.metrics.working.Inc()
	err := j.do(j.ctx, j.c)
	w.metrics.working.Dec()
	superseded := j.ctx.Err() != nil
	j.end(nil) // releases the context's resources
	w.mu.Lock()
	if c := w.collectors[j.name]; c != nil { // the collector may belong to another stream by now
		c.cancel = nil
	}
	w.mu.Unlock()
	w.nudge()
	if err == nil || ctx.Err() != nil || superseded || errors.Is(err, errSuperseded) ||
		errors.Is(err, stream.ErrClosed) {
		return nil
	}
	return fmt.Errorf("answering a gap of %s: %w", j.name, err)
}

// Ready returns nil while the archives can be reached as far as they are needed. The error names
// the first collector that waits, the reason, and the number of waiting collectors.
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

// setTrouble stores the reason why a collector's archives cannot be used. nil clears it.
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

// enter takes a slot of a bounded group. leave frees it. A nil group needs no slot.
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
