package clock

import (
	"testing"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestWatchStream: the stream of a watch list does not hold the clock, and its records are in the
// window of their time. A repeated record, or one of an older writer, is dropped.
func TestWatchStream(t *testing.T) {
	t.Parallel()
	c := New(Config{Partitions: 1})
	const from = int64(1_400_000_400)
	offset := int64(0)
	var windows []int64
	lists := 0
	push := func(collector, lane string, epoch, sequence uint64, at int64, r *pb.RouteRecord) {
		r.Position, r.TimestampUs = &pb.Position{Collector: collector, Lane: lane, Epoch: epoch, Sequence: sequence}, at*1e6
		if err := c.Push(0, offset, r, 1); err != nil {
			t.Fatal(err)
		}
		offset++
		for step := range c.Steps() {
			switch {
			case step.Record == nil:
				windows = append(windows, step.Window-from)
			case step.Record.GetWatchList() != nil:
				lists++
				if w := step.Effective/1e6 - from; w != 5 {
					t.Errorf("the list counts at %d, want 5", w)
				}
			}
		}
	}
	list := func(epoch, sequence uint64) {
		push("watch/mine", "watch", epoch, sequence, from+5, &pb.RouteRecord{Body: &pb.RouteRecord_WatchList{WatchList: &pb.WatchList{Name: "mine"}}})
	}
	push("ris/rrc00", "live", 1, 1, from, &pb.RouteRecord{Body: &pb.RouteRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}})
	list(2, 1)
	list(2, 1)
	list(1, 9)
	list(2, 2)
	for i := range int64(4) {
		at := from + 40*(i+1)
		push("ris/rrc00", "live", 1, uint64(i)+2, at, &pb.RouteRecord{Body: &pb.RouteRecord_Tick{Tick: &pb.Tick{}}})
		push("", "clock/a", 0, uint64(i)+1, at, &pb.RouteRecord{Body: &pb.RouteRecord_Clock{Clock: &pb.Clock{}}})
	}
	if len(windows) != 2 || windows[0] != 0 || windows[1] != 60 || lists != 2 || c.Dropped() != 2 {
		t.Errorf("windows %v, %d lists, %d dropped; want two of each", windows, lists, c.Dropped())
	}
	for _, name := range c.Holding() {
		if name != "ris/rrc00" {
			t.Errorf("%s holds the window", name)
		}
	}
}
