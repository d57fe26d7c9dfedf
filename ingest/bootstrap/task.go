package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/capture"
)

// writtenEvery is the number of octets written between two calls of Wait.
const writtenEvery = 1 << 20

// task is one answer in progress. It belongs to its job's goroutine.
type task struct {
	w         *Worker
	kind      string // bootstrap, fill, check
	collector string
	gap       *stream.Gap // nil for a check
	// gone reports that the answer is of no use any more.
	gone func() bool

	done, total uint64 // octets of files
	doing       string
	reported    time.Time
	written     int
	looked      int // items since the last call of gone
}

// goneEvery is the number of items between two calls of gone.
const goneEvery = 512

// step is called for every item. It ends a job that is of no use any more.
func (t *task) step(ctx context.Context) error {
	if t.looked++; t.looked < goneEvery {
		return nil
	}
	t.looked = 0
	return t.alive(ctx)
}

func (t *task) alive(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if t.gone() {
		return errSuperseded
	}
	return nil
}

// wrote counts octets and waits for consumers.
func (t *task) wrote(ctx context.Context, n int) error {
	if t.written += n; t.written < writtenEvery || t.w.d.Wait == nil {
		return nil
	}
	t.written = 0
	if err := t.w.d.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	return t.alive(ctx)
}

// say reports progress. Deps.Progress receives it when doing is new, or ProgressInterval has
// passed. bgp.feeds receives it only after ProgressInterval.
func (t *task) say(ctx context.Context, doing string, done uint64) error {
	now := time.Now()
	due := now.Sub(t.reported) >= t.w.cfg.ProgressInterval
	p := Progress{
		Collector: t.collector, Task: t.kind, Doing: doing, Done: t.done + done,
		Total: max(t.total, t.done+done),
	}
	if doing == t.doing && !due {
		return nil
	}
	t.doing = doing
	t.w.tell(p)
	if !due {
		return nil
	}
	t.reported = now
	if t.gap == nil || t.gap.Superseded() {
		return nil
	}
	return t.gap.Progress(ctx, p.Done, p.Total, doing)
}

// tell calls Deps.Progress.
func (w *Worker) tell(p Progress) {
	if w.d.Progress != nil {
		w.d.Progress(p)
	}
}

// ended counts an answer and reports its end.
func (t *task) ended(complete bool, why string) {
	result := "complete"
	if !complete {
		result = "incomplete"
	}
	t.w.metrics.answers.WithLabelValues(t.kind, result).Inc()
	t.w.tell(Progress{
		Collector: t.collector, Task: t.kind, Doing: why, Done: t.done, Total: t.done, Ended: true,
		Complete: complete,
	})
	t.w.d.Log.Info("a gap was answered", "collector", t.collector, "task", t.kind, "complete", complete,
		"why", why)
}

// damaged counts a part of a file that could not be read, and keeps it as a dead letter for
// inspection.
func (w *Worker) damaged(ctx context.Context, collector string, file *archive.File, d *capture.Damage) error {
	w.metrics.damaged.Inc()
	if w.d.DeadLetter == nil {
		return nil
	}
	return w.d.DeadLetter(ctx, stream.DeadLetter{
		Collector: collector, Origin: file.URL, Offset: d.Offset, Raw: d.Raw, Reason: string(d.Reason),
		Err: d.Err,
	})
}

// find searches the archives, and repeats the search until they answer.
func (t *task) find(ctx context.Context, kind archive.Kind, from, to time.Time) ([]archive.File, error) {
	for {
		files, err := t.w.d.Finder.Find(ctx, t.collector, kind, from, to)
		if err == nil {
			t.w.setTrouble(t.collector, nil)
			return files, nil
		}
		if errors.Is(err, archive.ErrNoArchive) {
			return nil, &missing{err: err}
		}
		if err := t.again(ctx, fmt.Errorf("looking for files: %w", err)); err != nil {
			return nil, err
		}
	}
}

// patience returns the time until which to wait for something that was due at since: UpdatesTimeout
// after it, but at least two poll intervals from now, so that it is tried more than once.
func (t *task) patience(since time.Time) time.Time {
	due, soonest := since.Add(t.w.cfg.UpdatesTimeout), t.w.d.Now().Add(2*t.w.cfg.PollInterval)
	if soonest.After(due) {
		return soonest
	}
	return due
}

// fetch downloads a file, and repeats that for as long as the server cannot be reached. A *missing
// reports that the file is not available: ErrNotFound, ErrIncomplete, too large, refused, or
// answered with a server's error for all of UpdatesTimeout. Any other error is that of ctx, or
// errSuperseded. Each attempt takes a slot in group (nil: none), and frees it before waiting,
// because another server may work. With a file the slot is kept until leave is called.
func (t *task) fetch(
	ctx context.Context, file archive.File, group chan struct{},
) (l *archive.Local, leave func(), err error) {
	deadline := t.patience(t.w.d.Now())
	for {
		leave, err := enter(ctx, group)
		if err != nil {
			return nil, nil, err
		}
		l, err := t.w.d.Fetcher.Get(ctx, file)
		if err == nil {
			t.w.setTrouble(t.collector, nil)
			return l, leave, nil
		}
		leave()
		if ctx.Err() == nil && (archive.Final(err) || archive.Answered(err) && t.w.d.Now().After(deadline)) {
			return nil, nil, &missing{err: err}
		}
		if err := t.again(ctx, err); err != nil {
			return nil, nil, err
		}
	}
}

// again waits before another attempt after err. Meanwhile it reports err.
func (t *task) again(ctx context.Context, err error) error {
	if err := t.alive(ctx); err != nil {
		return err
	}
	t.w.setTrouble(t.collector, err)
	if err := t.say(ctx, "waiting for the archives: "+err.Error(), 0); err != nil {
		return err
	}
	if err := t.w.pause(ctx); err != nil {
		return err
	}
	return t.alive(ctx)
}

// missing reports data that an archive does not have. The answer is then incomplete.
type missing struct {
	// until is the end of the missing time. It is zero if another dump, even an older one, would
	// replace the missing data.
	until time.Time
	err   error
}

func (m *missing) Error() string { return m.err.Error() }

func (m *missing) Unwrap() error { return m.err }

// isMissing returns err as a *missing, or nil if it is another error.
func isMissing(err error) *missing {
	m, _ := errors.AsType[*missing](err)
	return m
}
