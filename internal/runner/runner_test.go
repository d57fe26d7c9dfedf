package runner

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary records events of the stages.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(s string) { d.mu.Lock(); defer d.mu.Unlock(); d.lines = append(d.lines, s) }

// stage is a stage that ends on command, drains for a while, or fails.
type stage struct {
	name  string
	d     *diary
	fail  chan error
	drain time.Duration
	ready error
}

func (s *stage) Run(ctx context.Context) error {
	select {
	case err := <-s.fail:
		s.d.add(s.name + " fails")
		return err
	case <-ctx.Done():
	}
	time.Sleep(s.drain)
	s.d.add(s.name + " ended")
	return nil
}

func (s *stage) Ready() error { return s.ready }

func TestRun(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		act   func(cancel func(), out, in *stage)
		want  []string
		errs  []error
		slow  time.Duration
		ready bool
	}{
		{name: "told to end: inputs first", act: func(cancel func(), _, _ *stage) { cancel() }, want: []string{"in ended", "out ended"}},
		{name: "one fails: all end", act: func(_ func(), out, _ *stage) { out.fail <- broken }, want: []string{"out fails", "in ended"}, errs: []error{broken}},
		{name: "all done: it ends", act: func(_ func(), out, in *stage) { in.fail <- nil; synctest.Wait(); out.fail <- nil }, want: []string{"in fails", "out fails"}},
		{name: "one hangs: the others still end", act: func(cancel func(), _, _ *stage) { cancel() }, slow: time.Hour, want: []string{"out ended"}, errs: []error{ErrDrain}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &diary{}
				out := &stage{name: "out", d: d, fail: make(chan error)}
				in := &stage{name: "in", d: d, fail: make(chan error), drain: tt.slow}
				r := New(slog.New(slog.DiscardHandler), time.Minute)
				r.Add("out", out)
				r.Add("in", in)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- r.Run(ctx) }()
				synctest.Wait()
				tt.act(cancel, out, in)
				err := <-ended
				if len(tt.errs) == 0 && err != nil {
					t.Errorf("got %v, want no error", err)
				}
				for _, want := range tt.errs {
					if !errors.Is(err, want) {
						t.Errorf("got %v, want %v", err, want)
					}
				}
				d.mu.Lock()
				got := slices.Clone(d.lines)
				d.mu.Unlock()
				if !slices.Equal(got, tt.want) {
					t.Errorf("got %v, want %v", got, tt.want)
				}
				time.Sleep(tt.slow) // the hanging stage ends with the bubble
			})
		})
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	r := New(slog.New(slog.DiscardHandler), time.Second)
	tables := errors.New("tables are coming")
	r.Add("out", &stage{})
	r.Add("in", &stage{ready: tables})
	if err := r.Ready(); !errors.Is(err, tables) || err.Error() != "in: tables are coming" {
		t.Errorf("got %v, want the reason of in", err)
	}
}
