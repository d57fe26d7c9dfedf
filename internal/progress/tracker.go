package progress

import (
	"sort"
	"sync"
)

// Point is the progress of a run at the time when a topic holds At records.
type Point struct {
	At int64
	// Work is the work finished at that time.
	Work Work
	// Messages is the number of messages played; EventTime is the event time reached, in
	// microseconds since 1970, 0 before the first message.
	Messages  uint64
	EventTime int64
}

// trail records the finished work by the number of records in a topic.
type trail struct{ points []Point }

// maxPoints bounds a trail. A full trail drops every other point.
const maxPoints = 4096

// add adds a point. It ignores one with fewer records than the last, and replaces the last one with
// the same number.
func (t *trail) add(p Point) {
	if n := len(t.points); n > 0 {
		last := &t.points[n-1]
		switch {
		case p.At < last.At:
			return
		case p.At == last.At:
			*last = p
			return
		}
	}
	if len(t.points) >= maxPoints {
		half := t.points[:0]
		for i := 0; i < len(t.points); i += 2 {
			half = append(half, t.points[i])
		}
		t.points = half
	}
	t.points = append(t.points, p)
}

// at returns the progress when the topic held that many records, interpolated between two points.
func (t *trail) at(records int64) Point {
	i := sort.Search(len(t.points), func(i int) bool { return t.points[i].At > records })
	if i == len(t.points) {
		if i == 0 {
			return Point{}
		}
		return t.points[i-1]
	}
	var a Point
	if i > 0 {
		a = t.points[i-1]
	}
	b := t.points[i]
	part := float64(max(records, 0)-a.At) / float64(b.At-a.At)
	p := Point{
		At: records, Work: a.Work.between(b.Work, part),
		Messages: a.Messages + uint64(part*float64(b.Messages-a.Messages)), EventTime: a.EventTime,
	}
	if a.EventTime == 0 {
		p.EventTime = b.EventTime
	}
	return p
}

// Reader is the position of a stage in a topic, summed over its partitions: Finished records of the
// Written ones.
type Reader struct{ Finished, Written int64 }

// Tracker derives the work that the slowest stage has finished. Stages read different topics, so a
// position is compared with the work that had been read from the files when the topic held that
// many records. One goroutine may call Read while another calls Look.
type Tracker struct {
	mu      sync.Mutex
	updates trail // work read from the files, by the number of records in the first topic
	// passed holds, by the number of records in the second topic, how many records of the first
	// topic the first stage had finished (as Messages).
	passed trail
	done   Point
}

// Read adds a point: the work read from the files when the first topic held p.At records.
func (t *Tracker) Read(p Point) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.updates.add(p)
}

// Look takes the positions of the stage that reads the first topic and of those that read its
// output. It returns the work that all of them have finished, which never decreases.
func (t *Tracker) Look(first Reader, behind ...Reader) Point {
	t.mu.Lock()
	defer t.mu.Unlock()
	finished := first.Finished
	for _, r := range behind {
		t.passed.add(Point{At: r.Written, Messages: uint64(max(0, first.Finished))})
		finished = min(finished, int64(t.passed.at(r.Finished).Messages))
	}
	if p := t.updates.at(finished); p.At > t.done.At {
		t.done = p
	}
	return t.done
}
