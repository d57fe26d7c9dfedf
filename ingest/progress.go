package ingest

import (
	"slices"
	"sync"
	"time"

	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/internal/bgp"
)

// LiveProgress is how the live feeds stand.
type LiveProgress struct {
	// Collectors that are followed, and how many of them are up and fresh; Peers whose sessions are up.
	Collectors, Up, Peers int
	// Messages since the streams were opened.
	Messages uint64
	// Lag is the median of the collectors'.
	Lag    time.Duration
	Tables Tables
}

// Tables is how the tables and fills that answer open gaps come along.
type Tables struct {
	// Open are collectors whose gaps are not answered yet.
	Open int
	// DoneBytes of TotalBytes have been read, as far as known; Left is about how long the rest takes, 0 where unknown.
	DoneBytes, TotalBytes int64
	Left                  time.Duration
}

// tables gathers the worker's progress. It is safe for concurrent use.
type tables struct {
	mu    sync.Mutex
	tasks map[string]bootstrap.Progress // by collector, of what is under way
	began time.Time                     // when there was something to do; zero while there is nothing
	done  uint64                        // octets of tasks that ended since then
}

// note takes a report of the worker.
func (t *tables) note(p bootstrap.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tasks == nil {
		t.tasks = map[string]bootstrap.Progress{}
	}
	if !p.Ended {
		t.tasks[p.Collector] = p
		return
	}
	delete(t.tasks, p.Collector)
	t.done += p.Done
}

// progress is how it goes at now, with so many collectors whose gaps are open.
func (t *tables) progress(now time.Time, open int) Tables {
	t.mu.Lock()
	defer t.mu.Unlock()
	if open == 0 {
		t.began, t.done = time.Time{}, 0
		return Tables{}
	}
	if t.began.IsZero() {
		t.began = now
	}
	out := Tables{Open: open, DoneBytes: int64(t.done), TotalBytes: int64(t.done)}
	for _, p := range t.tasks {
		out.DoneBytes += int64(p.Done)
		out.TotalBytes += int64(p.Total)
	}
	if took := now.Sub(t.began); out.DoneBytes > 0 && out.TotalBytes > out.DoneBytes {
		out.Left = time.Duration(float64(took) * float64(out.TotalBytes-out.DoneBytes) / float64(out.DoneBytes))
	}
	return out
}

// Progress is how it goes. It may be called from any goroutine.
func (l *Live) Progress() LiveProgress {
	r := l.running.Load()
	if r == nil {
		return LiveProgress{}
	}
	var p LiveProgress
	var lags []int64
	open := 0
	for _, s := range r.set.Streams() {
		st := s.Standing()
		p.Collectors++
		p.Peers += int(st.GetPeersUp())
		p.Messages += st.GetMessages()
		if _, gap := s.OpenGap(); gap {
			open++
		}
		if state := bgp.FeedState(st.GetState()); state == bgp.FeedUp || state == bgp.FeedBootstrapping {
			p.Up++
			lags = append(lags, st.GetLagUs())
		}
	}
	if len(lags) > 0 {
		slices.Sort(lags)
		p.Lag = time.Duration(lags[len(lags)/2]) * time.Microsecond
	}
	p.Tables = r.tables.progress(l.d.Now(), open)
	return p
}
