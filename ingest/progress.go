package ingest

import (
	"slices"
	"time"
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

// Progress is how it goes. It may be called from any goroutine.
func (l *Live) Progress() LiveProgress {
	r := l.running.Load()
	if r == nil {
		return LiveProgress{}
	}
	p := LiveProgress{Tables: r.tables()}
	var lags []int64
	for _, s := range r.set.Streams() {
		st := s.Standing()
		p.Collectors++
		p.Peers += int(st.GetPeersUp())
		p.Messages += st.GetMessages()
		if state := st.GetState(); state == "up" || state == "bootstrapping" {
			p.Up++
			lags = append(lags, st.GetLagUs())
		}
	}
	if len(lags) > 0 {
		slices.Sort(lags)
		p.Lag = time.Duration(lags[len(lags)/2]) * time.Microsecond
	}
	return p
}
