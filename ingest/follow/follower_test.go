package follow_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/archive/archivetest"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// everyHalfMinute returns the ten changes of an update file that begins at begin.
func everyHalfMinute(begin time.Time) []archivetest.Change {
	var out []archivetest.Change
	for i := range 10 {
		out = append(out, change(begin.Add(time.Duration(i)*30*time.Second), i%2, i))
	}
	return out
}

// TestFollow checks that archives are played when the late clock has reached each message, from the
// present of that clock on. A bootstrap precedes that. A missing file becomes a gap before the next
// one, and is filled when it appears.
func TestFollow(t *testing.T) {
	t.Parallel()
	virtual(t, dumped.Add(2*time.Minute+time.Millisecond), func(sc *scene) {
		sc.dump(dumped)
		sc.updates(dumped, everyHalfMinute(dumped)...)
		f := sc.follow(sc.set.Set)
		synctest.Wait()
		if e := sc.ends(); len(e) != 1 || !e[0].GetComplete() || e[0].GetFilled() || len(e[0].GetPeers()) != 2 || len(sc.filled()) != 5 {
			t.Fatalf("got ends %v, %v in fills; want a table of 2 peers and 5 messages since", e, sc.filled())
		}
		sc.until(dumped.Add(3*time.Minute + 29*time.Second))
		if diff := cmp.Diff([]string{"0/6", "0/7"}, sc.followed()); diff != "" {
			t.Error(diff)
		}
		sc.until(dumped.Add(4*time.Minute + 45*time.Second))
		if diff := cmp.Diff([]string{"0/6", "0/7", "0/8", "0/9", "0/10"}, sc.followed()); diff != "" {
			t.Error(diff)
		}
		if err := f.Ready(); err != nil {
			t.Error(err)
		}
		sc.updates(dumped.Add(10*time.Minute), everyHalfMinute(dumped.Add(10*time.Minute))...) // the one before is missing
		sc.until(dumped.Add(8 * time.Minute))
		if f.Ready() == nil {
			t.Error("ready without a file to play")
		}
		sc.until(dumped.Add(10*time.Minute + 45*time.Second))
		if g := sc.gaps(); len(g) != 2 || len(sc.ends()) != 1 {
			t.Fatalf("got gaps %q, ends %v; want the missing file in an open gap", g, sc.ends())
		}
		sc.updates(dumped.Add(5*time.Minute), everyHalfMinute(dumped.Add(5*time.Minute))...)
		sc.until(dumped.Add(14*time.Minute + 50*time.Second))
		if e := sc.ends(); len(e) != 2 || !e[1].GetComplete() || !e[1].GetFilled() {
			t.Errorf("got ends %v; want the missing file in a fill", e)
		}
		// the contents of the late file, and of the next one the minute beyond the end of the gap
		var missing []time.Duration
		for i := range 13 {
			missing = append(missing, 5*time.Minute+time.Duration(i)*30*time.Second)
		}
		if diff := cmp.Diff(missing, sc.filled()[5:]); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"600/2", "600/3", "600/4", "600/5", "600/6", "600/7", "600/8", "600/9", "600/10"}, sc.followed()[5:]); diff != "" {
			t.Error(diff)
		}
		f.Own(nil)
		synctest.Wait()
		if s := sc.set.Streams(); len(s) != 0 {
			t.Errorf("got %d streams, want none", len(s))
		}
	})
}

// TestBoundary checks that a record stamped just before its file is played. If playing begins in
// the middle of a file, its earlier part is not played.
func TestBoundary(t *testing.T) {
	t.Parallel()
	virtual(t, dumped.Add(2*time.Minute), func(sc *scene) {
		sc.dump(dumped)
		sc.updates(dumped, change(dumped.Add(time.Minute), 0, 1), change(dumped.Add(4*time.Minute), 0, 2))
		next := dumped.Add(5 * time.Minute)
		sc.updates(next, change(next.Add(-100*time.Millisecond), 0, 3), change(next.Add(time.Second), 0, 4))
		sc.follow(sc.set.Set)
		sc.until(dumped.Add(6 * time.Minute))
		if diff := cmp.Diff([]string{"0/2", "300/1", "300/2"}, sc.followed()); diff != "" {
			t.Error(diff)
		}
		if g := sc.gaps(); len(g) != 1 {
			t.Errorf("got gaps %q, want the first alone", g)
		}
	})
}

// TestOddTimes checks that a record with a time far outside its file is played with the one before
// it, and the player does not wait for its time.
func TestOddTimes(t *testing.T) {
	t.Parallel()
	virtual(t, dumped.Add(2*time.Minute), func(sc *scene) {
		sc.dump(dumped)
		sc.updates(dumped, change(dumped.Add(150*time.Second), 0, 1), change(dumped.Add(12*time.Hour), 0, 2), change(time.Unix(60, 0), 1, 3), change(dumped.Add(4*time.Minute), 0, 4))
		sc.follow(sc.set.Set)
		sc.until(dumped.Add(5 * time.Minute))
		if diff := cmp.Diff([]string{"0/1", "0/2", "0/3", "0/4"}, sc.followed()); diff != "" {
			t.Error(diff)
		}
		var got []time.Duration
		for _, r := range sc.set.Updates.Updates(t) {
			if r.GetPosition().GetLane() == "follow" {
				got = append(got, time.UnixMicro(r.GetTimestampUs()).Sub(dumped))
			}
		}
		if want := []time.Duration{150 * time.Second, 150 * time.Second, 150 * time.Second, 4 * time.Minute}; !slices.Equal(got, want) {
			t.Errorf("played at %v, want %v", got, want)
		}
	})
}

// TestOddTimesPlayedBefore checks that, if playing begins in the middle of a file, its earlier part
// is not played, whatever times it has.
func TestOddTimesPlayedBefore(t *testing.T) {
	t.Parallel()
	virtual(t, dumped.Add(2*time.Minute), func(sc *scene) {
		sc.dump(dumped)
		odd := dumped.Add(12 * time.Hour)
		sc.updates(dumped, change(odd, 0, 1), change(dumped.Add(time.Minute), 0, 2), change(odd, 1, 3), change(dumped.Add(150*time.Second), 0, 4), change(odd, 0, 5))
		sc.follow(sc.set.Set)
		sc.until(dumped.Add(5 * time.Minute))
		if diff := cmp.Diff([]string{"0/4", "0/5"}, sc.followed()); diff != "" {
			t.Error(diff)
		}
	})
}

// slow is a producer that takes a minute for the record CollectorUp.
type slow struct{ streamtest.Recorder }

func (s *slow) Produce(ctx context.Context, name string, value []byte) error {
	var rec pb.UpdateRecord
	if err := rec.UnmarshalVT(value); err == nil && rec.GetCollectorUp() != nil {
		time.Sleep(time.Minute)
	}
	return s.Recorder.Produce(ctx, name, value)
}

// TestSlowStart checks that playing begins where the first gap ends, however long writing the gap
// takes.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	virtual(t, dumped.Add(2*time.Minute), func(sc *scene) {
		sc.updates(dumped, change(dumped.Add(time.Minute), 0, 1), change(dumped.Add(150*time.Second), 0, 2), change(dumped.Add(4*time.Minute), 0, 3))
		updates := &slow{}
		set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{Log: slog.New(slog.DiscardHandler), Now: sc.now, Updates: updates, Feeds: &streamtest.Recorder{}})
		sc.check(err)
		sc.follow(set)
		sc.until(dumped.Add(5 * time.Minute))
		var got []time.Duration
		for _, r := range updates.Updates(t) {
			if r.GetBgpMessage() != nil {
				got = append(got, time.UnixMicro(r.GetTimestampUs()).Sub(dumped))
			}
		}
		if want := []time.Duration{150 * time.Second, 4 * time.Minute}; !slices.Equal(got, want) {
			t.Errorf("played %v, want %v", got, want)
		}
	})
}
