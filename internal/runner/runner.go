package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Stage is a stage of the process (guide §3).
type Stage interface {
	// Run blocks until ctx has ended and the drain is finished, or no work is left, and returns
	// nil; or it returns the reason of its failure.
	Run(ctx context.Context) error
	// Ready returns nil if the stage is ready, else the reason.
	Ready() error
}

// Runner runs stages. Add them, outputs first, then Run once.
type Runner struct {
	log    *slog.Logger
	drain  time.Duration
	stages []*running
}

type running struct {
	name   string
	stage  Stage
	cancel context.CancelFunc
	done   chan struct{} // closed when Run has returned
	err    error         // owner: the stage's goroutine until done is closed, then any
}

// New returns an empty runner. drain bounds the time in which each stage must end.
func New(log *slog.Logger, drain time.Duration) *Runner { return &Runner{log: log, drain: drain} }

// Add appends a stage; add outputs before inputs. The channel is closed when the stage has ended.
func (r *Runner) Add(name string, s Stage) <-chan struct{} {
	x := &running{name: name, stage: s, done: make(chan struct{})}
	r.stages = append(r.stages, x)
	return x.done
}

// Ready joins the reasons of the stages that are not ready. It may be called at any time, from any
// goroutine, once all stages are added.
func (r *Runner) Ready() error {
	var reasons []error
	for _, x := range r.stages {
		if err := x.stage.Ready(); err != nil {
			reasons = append(reasons, fmt.Errorf("%s: %w", x.name, err))
		}
	}
	return errors.Join(reasons...)
}

// ErrDrain reports that a stage did not end in time. Its goroutine still runs, so the process
// should end.
var ErrDrain = errors.New("not ended in time")

// Run starts the stages and returns when all have ended: because ctx ended, because one failed, or
// because no stage has work left. The error joins those of all stages.
func (r *Runner) Run(ctx context.Context) error {
	failed := make(chan string, len(r.stages))
	for _, x := range r.stages {
		var stageCtx context.Context
		stageCtx, x.cancel = context.WithCancel(context.WithoutCancel(ctx))
		go func() { // ends when the stage's Run returns; stop waits for it
			defer close(x.done)
			if x.err = x.stage.Run(stageCtx); x.err != nil {
				failed <- x.name
			}
		}()
		r.log.Info("stage started", "stage", x.name)
	}
	r.wait(ctx, failed)
	return r.stop(ctx)
}

// wait returns when the stages must end.
func (r *Runner) wait(ctx context.Context, failed <-chan string) {
	all := make(chan struct{})
	go func() { // ends after every stage has ended, which stop ensures
		defer close(all)
		for _, x := range r.stages {
			<-x.done
		}
	}()
	select {
	case <-ctx.Done():
	case <-all:
	case name := <-failed:
		r.log.Error("stage failed, ending all", "stage", name)
	}
}

// stop ends the stages, last first.
func (r *Runner) stop(ctx context.Context) error {
	var errs []error
	for _, x := range slices.Backward(r.stages) {
		x.cancel()
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.drain)
		select {
		case <-x.done:
			if x.err != nil {
				errs = append(errs, fmt.Errorf("running %s: %w", x.name, x.err))
			}
			r.log.Info("stage ended", "stage", x.name)
		case <-limit.Done():
			errs = append(errs, fmt.Errorf("ending %s within %v: %w", x.name, r.drain, ErrDrain))
		}
		cancel()
	}
	return errors.Join(errs...)
}
