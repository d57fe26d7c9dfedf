package progress

import (
	"sort"
	"sync"
)

// Point is how far a run is when At records stand in a topic.
type Point struct {
	At int64
	// Work that is done then.
	Work Work
	// Messages that were played, and the event time that was reached, microseconds since 1970; 0 before the first.
	Messages  uint64
	EventTime int64
}

// trail remembers what was done when a topic had so many records.
type trail struct{ points []Point }

// maxPoints bounds a trail; beyond it every other point is forgotten.
const maxPoints = 4096

// add notes a point; one that does not go on from the last is left out.
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

// at is what was done when the topic had so many records, between two points in proportion.
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
	p := Point{At: records, Work: a.Work.between(b.Work, part), Messages: a.Messages + uint64(part*float64(b.Messages-a.Messages)), EventTime: a.EventTime}
	if a.EventTime == 0 {
		p.EventTime = b.EventTime
	}
	return p
}

// Reader is where a stage stands in a topic, summed over its partitions: how many records it has finished, and how many there are.
type Reader struct{ Finished, Written int64 }

// Tracker finds out how much the slowest stage has done. Stages read at different places of different topics: what was read of the
// files when a topic had so many records tells what a stage has finished that finished so many. Read and Look may be called by two
// goroutines, each by one.
type Tracker struct {
	mu      sync.Mutex
	updates trail // what was read of the files, by the records of the first topic
	passed  trail // Messages is how many of those the first stage had finished, by the records of the second topic
	done    Point
}

// Read notes what was read of the files once p.At records were written to the first topic.
func (t *Tracker) Read(p Point) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.updates.add(p)
}

// Look notes where the stage stands that reads the first topic, and where those stand that read what it writes. It returns what all have
// finished, which never goes back.
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
