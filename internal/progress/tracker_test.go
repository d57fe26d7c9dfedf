package progress

import (
	"math"
	"testing"
	"time"
)

// TestTracker plays a table, which is cheap to read and expensive to decide on, and updates.
// Reading ends long before the work. The share is the share of the slowest stage, never decreases,
// and is not 100 before the end.
func TestTracker(t *testing.T) {
	t.Parallel()
	const records, total = 10_000, 100.0
	// work returns the work of the first n records. The first tenth has half of the work.
	work := func(n float64) float64 {
		return total * min(n/2000, 0.5+0.5*max(0, n-1000)/9000)
	}
	var tr Tracker
	last := Point{}
	for s := range 101 { // seconds; the sink ends at 100, the reading at 20, enrich at 50
		read, enriched, stored := min(float64(s)/20, 1)*records, min(float64(s)/50, 1)*records, 0.0
		for stored < records && work(stored) < float64(s) { // the sink works at a constant speed
			stored++
		}
		decided := min(enriched, stored+500)
		for n := float64(0); n <= read; n += 50 {
			tr.Read(Point{At: int64(n), Work: Work{Records: work(n)}, Messages: uint64(n), EventTime: 1 + int64(n)})
		}
		got := tr.Look(Reader{int64(enriched), int64(read)},
			Reader{int64(2 * decided), int64(2 * enriched)}, Reader{int64(2 * stored), int64(2 * enriched)})
		if got.Work[Records] < last.Work[Records] || got.EventTime < last.EventTime || got.Messages < last.Messages {
			t.Errorf("second %d: it went back from %+v to %+v", s, last, got)
		}
		last = got
		if done := got.Work[Records]; math.Abs(done-float64(s)) > 5 {
			t.Errorf("second %d of 100: %.0f %% of the work is done", s, done)
		}
	}
}

// TestTrailBound checks that a full trail drops every other point, and that the rest stays correct.
func TestTrailBound(t *testing.T) {
	t.Parallel()
	var tr trail
	for i := range int64(3 * maxPoints) {
		tr.add(Point{At: 10 * i, Work: Work{Minutes: float64(i)}})
	}
	tr.add(Point{At: 5, Work: Work{Minutes: 7}}) // not after the last
	if len(tr.points) > maxPoints {
		t.Errorf("%d points are held", len(tr.points))
	}
	for _, at := range []int64{0, 5, 777, 100_000} {
		if got := tr.at(at).Work[Minutes]; math.Abs(got-float64(at)/10) > 1e-6 {
			t.Errorf("at %d: got %v", at, got)
		}
	}
	if got := (&trail{}).at(5); got != (Point{}) {
		t.Errorf("of nothing: got %+v", got)
	}
}

// TestText checks the words for the known values.
func TestText(t *testing.T) {
	t.Parallel()
	at := time.Date(2013, 1, 1, 0, 12, 59, 0, time.UTC).UnixMicro()
	for _, tt := range []struct {
		run  Run
		want string
	}{
		{Run{Took: time.Second}, "starting  0 outages"},
		{Run{Done: Point{Messages: 10, EventTime: at}, Took: 5 * time.Second, Busy: time.Second, Rest: 95 * time.Second}, "starting  2013-01-01 00:12 UTC  10 messages/s  0 outages"},
		{Run{Took: 5 * time.Second, Busy: leastBusy, Rest: 95 * time.Second}, " 5 %  0 outages  about 95 s left"},
		{
			Run{Done: Point{Messages: 3000, EventTime: at}, Took: 30 * time.Second, Busy: 30 * time.Second, Rest: 30 * time.Second, Outages: 1, Damaged: 2},
			"50 %  2013-01-01 00:12 UTC  100 messages/s  1 outage  2 parts damaged  about 30 s left",
		},
		{Run{Took: time.Hour, Busy: time.Hour, Rest: 9 * time.Hour}, "10 %  0 outages  about 9 h 0 min left"},
		{Run{Took: 40 * time.Second, Busy: 30 * time.Second, Rest: 30 * time.Second}, "57 %  0 outages  about 30 s left"},
		{Run{Took: 30 * time.Second, Busy: 30 * time.Second, Rest: 30 * time.Second, Least: 52}, "52 %  0 outages  about 30 s left"},
		{Run{Took: time.Hour, Busy: time.Hour}, "99 %  0 outages  about 1 s left"},
	} {
		if got := tt.run.Text(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	for _, tt := range []struct {
		done, total int64
		took        time.Duration
		want        string
	}{
		{0, 180_000_000, 0, "waiting for the first of 180 MB"},
		{65_000, 18_000_000, 2 * time.Second, " 0 %  65 kB of 18 MB  32 kB/s"},
		{180_000_000, 180_000_000, time.Minute, "180 MB have come and are checked"},
		{45_000_000, 180_000_000, 30 * time.Second, "25 %  45 MB of 180 MB  1500 kB/s  about 90 s left"},
		{45_000, 0, 2 * time.Second, "45 kB  22 kB/s"},
	} {
		if got := Transfer(tt.done, tt.total, tt.took); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
