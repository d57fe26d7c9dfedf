package stream_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/kafka"
)

// broker acknowledges the marks up to acked.
type broker struct{ marks, acked int64 }

func (b *broker) Mark() kafka.Mark {
	b.marks++
	return kafka.Mark{b.marks}
}

func (b *broker) Acked(m kafka.Mark) (bool, error) { return m[0] <= b.acked, nil }

// TestKnownIsAcknowledged checks that known_us does not exceed the acknowledged records of
// bgp.updates, and that a gap that begins earlier voids a later known time.
func TestKnownIsAcknowledged(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	w, b := &wall{start}, &broker{}
	set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{
		Log: slog.New(slog.DiscardHandler), Now: w.now, Updates: &streamtest.Recorder{}, Feeds: &streamtest.Recorder{}, Acks: b,
	})
	if err != nil {
		t.Fatal(err)
	}
	set.Remember("ris/rrc00", stream.Past{Known: w.us() - 60e6})
	s, err := set.Open(t.Context(), "ris/rrc00", stream.Options{Archived: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	tick := func(want int64, what string) {
		t.Helper()
		w.t = w.t.Add(time.Second)
		if err := set.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := (s.Status().GetKnownUs() - start.UnixMicro()) / 1e6; got != want {
			t.Errorf("%s: known up to %d s, want %d", what, got, want)
		}
	}
	tick(-60, "nothing is acknowledged")
	tick(-60, "nothing is acknowledged")
	b.acked = b.marks
	tick(1, "the first tick is acknowledged")
	b.acked = b.marks
	tick(3, "the third tick is acknowledged")
	g, err := s.BeginGap(t.Context(), start.UnixMicro()+2e6, "lost")
	if err != nil {
		t.Fatal(err)
	}
	tick(2, "a gap is open")
	if err := g.End(t.Context(), g.FillLane(), stream.Outcome{Complete: true, Filled: true}); err != nil {
		t.Fatal(err)
	}
	b.acked = b.marks // of a round that began before the gap
	tick(2, "the fill is not acknowledged")
	b.acked = b.marks
	tick(6, "the fill is acknowledged")
	s.SetMissingSince(start.UnixMicro() + 4e6)
	b.acked = b.marks
	tick(4, "a message may be missing")
	s.SetMissingSince(0)
	tick(7, "no message is missing")
	if _, err := s.BeginGap(t.Context(), 0, "tables"); err != nil {
		t.Fatal(err)
	}
	if got := s.Status().GetKnownUs(); got != 0 {
		t.Errorf("a gap without a beginning: known up to %d", got)
	}
}

// TestAlive checks that a loop that does not turn is dead, but not while it waits for the broker,
// nor just after.
func TestAlive(t *testing.T) {
	t.Parallel()
	w, waiting := &wall{time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}, true
	set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{
		Log: slog.New(slog.DiscardHandler), Now: w.now, Updates: &streamtest.Recorder{}, Feeds: &streamtest.Recorder{},
		Waiting: func() bool { return waiting },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		after         time.Duration
		waiting, live bool
	}{
		{time.Minute, false, true},
		{2 * time.Minute, true, true},
		{10 * time.Minute, true, true},
		{10 * time.Second, false, true},
		{time.Minute, false, false},
	} {
		w.t, waiting = w.t.Add(tt.after), tt.waiting
		if err := set.Alive(); (err == nil) != tt.live {
			t.Errorf("%v later, waiting %v: got %v", tt.after, tt.waiting, err)
		}
	}
}
