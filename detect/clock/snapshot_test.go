package clock

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func snapshotOf(t interface{ Fatalf(string, ...any) }, c *Clock) []byte {
	var b bytes.Buffer
	if err := c.Snapshot(&b); err != nil {
		t.Fatalf("%v", err)
	}
	return b.Bytes()
}

// restoredClock returns a clock that was read from a snapshot of c.
func restoredClock(t interface{ Fatalf(string, ...any) }, c *Clock, cfg Config) *Clock {
	b := snapshotOf(t, c)
	out := New(cfg)
	if err := out.Restore(bytes.NewReader(b)); err != nil {
		t.Fatalf("%v", err)
	}
	if got := snapshotOf(t, out); !bytes.Equal(got, b) {
		t.Fatalf("a clock that was restored writes %q, want %q", got, b)
	}
	return out
}

// stepOf returns a step in words.
func stepOf(s Step) string {
	return fmt.Sprint(s.Record.GetPosition(), s.Effective, s.Window, s.Partition, s.Offset)
}

// TestSnapshotAtRandom: a clock that is restored at any step goes on like one that was not.
func TestSnapshotAtRandom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		cfg := Config{Partitions: 2, BufferBytes: 100}
		whole, other := New(cfg), New(cfg)
		seq := map[string]uint64{}
		now := rapid.Int64Range(0, 100).Draw(rt, "begin")
		for i := range rapid.IntRange(5, 60).Draw(rt, "records") {
			now += rapid.Int64Range(-5, 40).Draw(rt, "seconds")
			part := int32(rapid.IntRange(0, 1).Draw(rt, "partition"))
			name := fmt.Sprint("file/", 2*rapid.IntRange(0, 2).Draw(rt, "collector")+int(part))
			seq[name]++
			rec := record(name, seq[name], at(float64(now)))
			switch rapid.IntRange(0, 7).Draw(rt, "kind") {
			case 0, 1:
				rec = clockAt(at(float64(now)), rapid.IntRange(0, 5).Draw(rt, "end") == 0)
			case 2:
				rec.Body = &pb.RouteRecord_Tick{Tick: &pb.Tick{}}
			case 3:
				rec.Body = &pb.RouteRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}
			case 4:
				rec.TimestampUs = -1
			}
			var want, got []string
			for _, c := range []*Clock{whole, other} {
				if err := c.Push(part, int64(i), rec, 10+i); err != nil {
					rt.Fatal(err)
				}
			}
			for s := range whole.Steps() {
				want = append(want, stepOf(s))
			}
			for more := true; more; {
				more = false
				for s := range other.Steps() {
					got = append(got, stepOf(s))
					if rapid.IntRange(0, 3).Draw(rt, "restore") == 0 {
						other, more = restoredClock(rt, other, cfg), true
						break
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("steps of record %d (-whole +restored):\n%s", i, diff)
			}
			other = restoredClock(rt, other, cfg)
			p, r := whole.Flow()
			q, s := other.Flow()
			if !slices.Equal(p, q) || !slices.Equal(r, s) || !bytes.Equal(snapshotOf(rt, whole), snapshotOf(rt, other)) {
				rt.Fatalf("after record %d: pause %v, resume %v, want %v, %v; or another state", i, q, s, p, r)
			}
		}
	})
}

// TestSnapshotOfRejected: rejected records and their errors are in a snapshot.
func TestSnapshotOfRejected(t *testing.T) {
	t.Parallel()
	cfg := Config{Partitions: 1}
	c := New(cfg)
	bad := record("file/a", 1, -7)
	if err := c.Push(0, 5, bad, 10); err != nil {
		t.Fatal(err)
	}
	for range c.Steps() {
		t.Error("a step of a record without a time")
	}
	want, got := c.rejected[0], restoredClock(t, c, cfg).Rejected(minute0/second)
	if len(got) != 1 || got[0].Offset != 5 || got[0].Record.GetTimestampUs() != -7 || got[0].Err.Error() != want.Err.Error() || !errors.Is(got[0].Err, codec.ErrInvalid) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := New(Config{Partitions: 2}).Restore(bytes.NewReader(snapshotOf(t, c))); !errors.Is(err, snapshot.ErrInvalid) {
		t.Errorf("read with another number of partitions: %v", err)
	}
}
