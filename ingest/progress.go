package ingest

import (
	"slices"
	"sync"
	"time"

	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/internal/bgp"
)

// LiveProgress is the progress of the live feeds.
type LiveProgress struct {
	// Collectors counts the followed collectors, and Up those that are up and fresh. Peers counts
	// the peers whose sessions are up.
	Collectors, Up, Peers int
	// Messages counts the messages since the streams were opened.
	Messages uint64
	// Lag is the median of the collectors' lags.
	Lag    time.Duration
	Tables Tables
}

// Tables is the progress of the tables and fills that answer open gaps.
type Tables struct {
	// Open counts the collectors whose gaps are not answered yet.
	Open int
	// DoneBytes of TotalBytes have been read, as far as known. Left estimates the remaining time.
	// It is 0 if unknown.
	DoneBytes, TotalBytes int64
	Left                  time.Duration
}

// tables collects the worker's progress. It is safe for concurrent use.
type tables struct {
	mu    sync.Mutex
	tasks map[string]bootstrap.Progress // tasks in progress, by collector
	began time.Time                     // time at which work began; zero while there is none
	done  uint64                        // octets of the tasks that have ended since began
}

// note stores a progress report of the worker.
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

// progress returns the progress at time now. open is the number of collectors with open gaps.
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

// Progress returns the progress of the live feeds. It may be called from any goroutine.
func (l *Live) Progress() LiveProgress {
	r := l.running.Load()
	if r == nil {
		return LiveProgress{}
	}
	var p LiveProgress
	var lags []int64
	open := 0
	for _, s := range r.set.Streams() {
		st := s.Status()
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
