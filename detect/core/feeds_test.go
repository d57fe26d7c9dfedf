package core

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestWanted: a state that is built from a part of the log requests the tables of the peers whose
// tables it does not know, and learns nothing in their place.
func TestWanted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFeed(t, small())
	f.detector.RecordsMissing()
	at := dawn + 60
	for c := range w.collectors {
		for p := range w.peers {
			if c == 1 { // a router that sends its table
				w.add(c, at, &pb.PeerUp{Peer: w.peer(c, p)})
			}
			w.announce(c, p, at, w.networks...)
		}
	}
	w.add(2, at+1, &pb.GapBegin{Id: "g"})
	for _, r := range w.records {
		f.apply(r)
	}
	f.until(at + 3600)
	got := fmt.Sprint(f.detector.family(bgp.IPv4).panel.Voters().N, " voters, wanted:")
	for _, o := range f.detector.RequestTables(f.window) {
		r, ok := o.Record.(*pb.FeedRecord)
		if !ok || r.Event != pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED || string(o.Key) != r.Collector || !strings.Contains(r.Reason, "4 peers") {
			t.Errorf("got %v", o)
		}
		got += " " + r.Collector
	}
	if want := "4 voters, wanted: file/c00 file/c03 file/c04 file/c05 file/c06 file/c07"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// Once tables come there are verdicts.
	for c := range w.collectors {
		if c == 1 {
			continue
		}
		f.apply(record(collectorName(c), f.window, &pb.GapBegin{Id: "b"}))
		chunk := w.chunkOf(c, "b")
		f.apply(record(collectorName(c), f.window, chunk))
		f.apply(record(collectorName(c), f.window, &pb.GapEnd{Id: "b", Complete: true, Peers: chunk.Peers}))
	}
	f.until(f.window + 900)
	if n := f.detector.family(bgp.IPv4).panel.Voters().N; n != 32 {
		t.Errorf("%d voters, want 32", n)
	}
	if len(f.detector.RequestTables(f.window)) != 0 {
		t.Error("tables are wanted that are there")
	}
}

// TestRoutersBesideCollectors: peers of a collector whose gap begins before all records vote when
// its table is complete. Peers of a router that sends its tables itself vote at End-of-RIB, or
// after the time of a transfer.
func TestRoutersBesideCollectors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFeed(t, small())
	at := dawn + 60
	for c := range w.collectors {
		if c < 4 {
			w.add(c, at, &pb.GapBegin{Id: "g"})
		}
		for p := range w.peers {
			if c >= 4 {
				w.add(c, at, &pb.PeerUp{Peer: w.peer(c, p)})
			}
			w.announce(c, p, at, w.networks...)
			if c >= 6 {
				w.add(c, at, &pb.RouteChanges{Peer: w.peer(c, p), EndOfRib: []pb.Family{pb.Family_FAMILY_IPV4}})
			}
		}
	}
	for _, r := range w.records {
		f.apply(r)
	}
	voters := func() int { return f.detector.family(bgp.IPv4).panel.Voters().N }
	f.until(at + 120)
	if got := voters(); got != 8 {
		t.Errorf("after End-of-RIB of two routers: %d voters, want 8", got)
	}
	f.until(at + 1800)
	if got := voters(); got != 16 {
		t.Errorf("after the transfers: %d voters, want 16", got)
	}
	chunk := w.chunkOf(0, "g")
	f.apply(record(collectorName(0), f.window, chunk))
	f.apply(record(collectorName(0), f.window, &pb.GapEnd{Id: "g", Complete: true, Peers: chunk.Peers}))
	f.until(f.window + 900)
	if got := voters(); got != 20 {
		t.Errorf("after a table: %d voters, want 20", got)
	}
}

// drive pushes a record into a clock and takes its steps with the detector. closed, if not nil,
// gets the output of each window.
func drive(t *testing.T, ck *clock.Clock, d *Detector, part int32, offset int64, r *pb.RouteRecord, closed func(start int64, outs []Out)) {
	t.Helper()
	if err := ck.Push(part, offset, r, 100); err != nil {
		t.Fatal(err)
	}
	for step := range ck.Steps() {
		if step.Record != nil {
			if err := d.Apply(step.Record, step.Effective); errors.Is(err, codec.ErrInvalid) {
				ck.Reject(step, err)
			} else if err != nil {
				t.Fatal(err)
			}
			continue
		}
		outs, err := d.CloseWindow(step.Window)
		if err != nil {
			t.Fatal(err)
		}
		if closed != nil {
			closed(step.Window, outs)
		}
	}
}

// TestStaleOwner: records of an owner after another has begun change nothing, whether live, of a
// table or of a fill.
func TestStaleOwner(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	ck := clock.New(clock.Config{Partitions: 1, Vanished: 2 * time.Second, Back: time.Second})
	seq, offset := map[string]uint64{}, int64(0)
	push := func(lane string, epoch uint64, at int64, body any) {
		t.Helper()
		r := record(collectorName(0), at, body)
		key := fmt.Sprint(lane, epoch)
		seq[key]++
		r.Position.Lane, r.Position.Epoch, r.Position.Sequence = lane, epoch, seq[key]
		if lane == "clock/x" {
			r.Position.Collector = ""
		}
		offset++
		drive(t, ck, s.f.detector, 0, offset, r, nil)
	}
	at := dawn + 660
	push("clock/x", 0, at-1, &pb.Clock{})
	push("live", 5, at, &pb.EpochBegin{})
	push("live", 5, at, &pb.GapBegin{Id: "5-1"})
	push("live", 5, at, &pb.CollectorUp{})
	push("clock/x", 0, at, &pb.Clock{})
	push("live", 9, at+1, &pb.EpochBegin{})
	stale := func(at int64) {
		push("live", 5, at, s.routes(0, 7, "-10.0.0.0/16"))
		push("live", 5, at, &pb.PeerDown{Peer: s.peer(0, 1)})
		push("live", 5, at, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_LOST})
		push("live", 5, at, &pb.GapBegin{Id: "5-2"})
		for _, id := range []string{"5-1", "5-2"} {
			push("table/"+id, 0, at, s.chunk(id, []int{0, 1, 2, 3}, "10.0.0.0/16", "10.200.0.0/16"))
			push("fill/"+id, 0, at, s.routes(1, 7, "-10.0.0.0/16"))
			push("fill/"+id, 0, at, &pb.GapEnd{Id: id, Complete: true})
		}
	}
	stale(at + 1)
	push("live", 9, at+1, &pb.GapBegin{Id: "9-1"})
	push("live", 9, at+1, &pb.CollectorUp{})
	stale(at + 2)
	s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[64400 64400 64400 64400]")
	s.want("10.200.0.0/16", s.sees("10.200.0.0/16"), "[0 0 0 0]")
	push("table/9-1", 0, at, s.chunk("9-1", []int{0, 1, 2, 3}, "10.1.0.0/16"))
	push("table/9-1", 0, at, &pb.GapEnd{Id: "9-1", Complete: true})
	stale(at + 3)
	s.want("10.0.0.0/16", s.sees("10.0.0.0/16"), "[0 0 0 0]")
	s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[9 9 9 9]")
	if got := ck.Dropped(); got != 12 {
		t.Errorf("%d records dropped, want the 12 live ones", got)
	}
}
