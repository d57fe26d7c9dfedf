package clock

import (
	"errors"
	"slices"
	"testing"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// threeMinutes returns a clock and a clock record, at offset 3, that closes three windows with a
// record in each.
func threeMinutes(t *testing.T) (*Clock, *pb.RouteRecord) {
	t.Helper()
	c, j := New(Config{Partitions: 1}), newJournal(t)
	for i, r := range []*pb.RouteRecord{record("file/a", 1, at(1)), record("file/a", 2, at(61)), record("file/a", 3, at(121))} {
		if err := push(c, j, 0, int64(i), r, 10); err != nil {
			t.Fatal(err)
		}
	}
	return c, clockAt(at(180), true)
}

// TestSteps: the steps of one record are in order.
func TestSteps(t *testing.T) {
	t.Parallel()
	c, end := threeMinutes(t)
	if err := c.Push(0, 3, end, 10); err != nil {
		t.Fatal(err)
	}
	var got []int64 // sequence of a record, or the window that closes, in minutes below zero
	for step := range c.Steps() {
		if step.Record == nil {
			got = append(got, -1-(step.Window-minute0/second)/60)
		} else {
			got = append(got, int64(step.Record.GetPosition().GetSequence()))
		}
	}
	if want := []int64{1, -1, 2, -2, 3, -3, -4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if open, ok := c.Open(); !ok || open != minute0/second+240 || c.Buffered() != 0 {
		t.Errorf("got the open window %d and %d octets waiting, want %d and 0", open, c.Buffered(), minute0/second+240)
	}
}

// TestLoopIsLeft: a clock whose steps were not all taken returns ErrSteps at the next Push,
// wherever the loop was left.
func TestLoopIsLeft(t *testing.T) {
	t.Parallel()
	for left := range 8 {
		c, end := threeMinutes(t)
		if err := c.Push(0, 3, end, 10); err != nil {
			t.Fatal(err)
		}
		taken := 0
		if left > 0 { // with 0 there is no loop
			for range c.Steps() {
				if taken++; taken == left {
					break
				}
			}
		}
		if err := c.Push(0, 4, record("file/a", 4, at(181)), 10); !errors.Is(err, ErrSteps) {
			t.Errorf("after %d steps of 7: got %v, want %v", left, err, ErrSteps)
		}
		if left == 0 {
			continue
		}
		for step := range c.Steps() {
			t.Errorf("after %d steps of 7: got another, %+v", left, step)
		}
	}
}

// TestPushWithinSteps: no record can be pushed while the steps of another are taken.
func TestPushWithinSteps(t *testing.T) {
	t.Parallel()
	c, end := threeMinutes(t)
	if err := c.Push(0, 3, end, 10); err != nil {
		t.Fatal(err)
	}
	for range c.Steps() {
		if err := c.Push(0, 4, record("file/a", 4, at(181)), 10); !errors.Is(err, ErrSteps) {
			t.Fatalf("got %v, want %v", err, ErrSteps)
		}
	}
	if err := c.Push(0, 4, record("file/a", 4, at(181)), 10); err != nil {
		t.Errorf("got %v, want no error after the last step", err)
	}
}

// TestPushAllocatesNothing: Push does not allocate for a record without effect, for a record that
// is applied at once, or for a clock record.
func TestPushAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts everybody's
	c := New(Config{Partitions: 1})
	steps, windows := 0, int64(0)
	take := func(r *pb.RouteRecord) error {
		if err := c.Push(0, 1, r, 10); err != nil {
			return err
		}
		for step := range c.Steps() {
			if steps++; step.Record == nil {
				windows = step.Window
			}
		}
		return nil
	}
	for _, r := range []*pb.RouteRecord{up("file/a", 1, at(0)), clockAt(at(0), false)} {
		if err := take(r); err != nil {
			t.Fatal(err)
		}
	}
	next := record("file/a", 2, at(1))
	for _, tt := range []struct {
		name   string
		rec    *pb.RouteRecord
		before func()
		steps  int
	}{
		{"a repeated record", record("file/a", 1, at(1)), func() {}, 0},
		{"a record of the open window", next, func() { next.Position.Sequence++ }, 1},
		{"a clock record", clockAt(at(1), false), func() {}, 0},
	} {
		steps = 0
		const runs = 100
		if got := testing.AllocsPerRun(runs, func() {
			tt.before()
			if err := take(tt.rec); err != nil {
				t.Error(err)
			}
		}); got != 0 || steps != tt.steps*(runs+1) {
			t.Errorf("%s: got %v allocations and %d steps, want 0 and %d", tt.name, got, steps, tt.steps*(runs+1))
		}
	}
	if windows != 0 {
		t.Errorf("window %d closed", windows)
	}
}
