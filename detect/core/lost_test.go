package core

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestRecordsLost: if records are lost in the log of some collectors, no loss and no return follows
// from the missing records, even if they held the announcements after withdrawals. The tables are
// requested, and after them there are verdicts again.
func TestRecordsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	f := newFeed(t, small())
	play := func() {
		t.Helper()
		slices.SortStableFunc(w.records, cmpTime)
		for _, r := range w.records {
			f.apply(r)
		}
		w.records = nil
	}
	at := dawn + 3600
	w.gone(at, w.in("KP")...)
	for c := range w.collectors {
		// KP comes back in the lost records.
		w.add(c, at+40, &pb.RecordsLost{Topic: "bgp.routes.v1", FromOffset: 10, ToOffset: 20})
	}
	play()
	f.until(at + 1800)
	if got := told(f, pb.EntityType_ENTITY_TYPE_COUNTRY); got != nil {
		t.Errorf("got %v, want no outage", got)
	}
	if n := f.detector.family(bgp.IPv4).panel.Voters().N; n != 0 {
		t.Errorf("%d voters, want none", n)
	}
	if got := f.detector.RequestTables(f.window); len(got) != w.collectors {
		t.Errorf("the tables of %d collectors are wanted, want %d", len(got), w.collectors)
	}
	for c := range w.collectors { // as after another start: a fill is no table
		w.add(c, f.window, &pb.GapBegin{Id: "a", SinceUs: (f.window - 30) * 1e6})
	}
	play()
	if got := f.detector.RequestTables(f.window); len(got) != w.collectors {
		t.Errorf("in a gap: the tables of %d collectors are wanted, want %d", len(got), w.collectors)
	}
	for c := range w.collectors {
		w.add(c, f.window, &pb.GapBegin{Id: "b"})
		chunk := w.chunkOf(c, "b")
		w.add(c, f.window, chunk)
		w.add(c, f.window, &pb.GapEnd{Id: "b", Complete: true, Families: []pb.Family{pb.Family_FAMILY_IPV4}, Peers: chunk.Peers})
	}
	play()
	f.until(f.window + 3600)
	if n := f.detector.family(bgp.IPv4).panel.Voters().N; n != 32 {
		t.Errorf("%d voters after the tables, want 32", n)
	}
	if got := f.detector.RequestTables(f.window); len(got) != 0 {
		t.Errorf("tables are wanted that are there: %v", got)
	}
	began := f.window + 120
	w.gone(began, w.in("KP")...)
	play()
	f.until(began + 1200)
	if got := told(f, pb.EntityType_ENTITY_TYPE_COUNTRY); len(got) != 1 {
		t.Errorf("got %v, want the outage of KP", got)
	}
}

func cmpTime(a, b *pb.RouteRecord) int {
	switch {
	case a.TimestampUs < b.TimestampUs:
		return -1
	case a.TimestampUs > b.TimestampUs:
		return 1
	}
	return 0
}

// TestRecordsLostOfPartition: each collector of the partition gets the record of lost records once.
// Those of other partitions do not get it.
func TestRecordsLostOfPartition(t *testing.T) {
	t.Parallel()
	var told []string
	c := clock.New(clock.Config{Partitions: 2})
	push := func(part int32, r *pb.RouteRecord) {
		t.Helper()
		if err := c.Push(part, 0, r, 1); err != nil {
			t.Fatal(err)
		}
		for step := range c.Steps() {
			if step.Record.GetRecordsLost() != nil {
				told = append(told, step.Record.GetPosition().GetCollector())
			}
		}
	}
	tick := func(name string, seq uint64, at int64) *pb.RouteRecord {
		r := record(name, at, &pb.Tick{})
		r.Position.Sequence = seq
		return r
	}
	push(0, tick("ris/b", 1, dawn))
	push(0, tick("ris/a", 1, dawn))
	push(1, tick("ris/c", 1, dawn))
	lost := codec.RecordsLost("bgp.routes.v1", 0, 5, 9, time.Time{}, time.Time{})
	push(0, lost)
	push(0, lost) // the log holds it once, and it may be read again
	for i, name := range []string{"ris/b", "ris/a"} {
		push(0, tick(name, 2, dawn+600+int64(i)))
	}
	for p := range int32(2) {
		push(p, &pb.RouteRecord{Position: &pb.Position{Lane: "clock/0", Sequence: 1}, TimestampUs: (dawn + 600) * 1e6, Body: &pb.RouteRecord_Clock{Clock: &pb.Clock{End: true}}})
	}
	if diff := cmp.Diff([]string{"ris/a", "ris/b"}, told); diff != "" {
		t.Errorf("collectors told (-want +got):\n%s", diff)
	}
}
