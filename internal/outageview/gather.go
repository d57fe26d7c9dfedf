package outageview

import (
	"context"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// gatherFor is how long the events of a window are waited for after the last of them.
const gatherFor = time.Second

// Gather holds the events of one window of the detector until all have come, so that they can be folded. It is safe for concurrent use.
type Gather struct {
	fold   func([]bgp.Outage) []Incident
	emit   func([]Incident) error
	mu     sync.Mutex // also held while emit runs, so that windows stay in order
	window time.Time
	held   []bgp.Outage
	last   time.Time // when the last one came
}

// NewGather returns a Gather that emits together what fold, as Fold or Unfolded, makes of a window. What emit returns comes back from Add or Run.
func NewGather(fold func([]bgp.Outage) []Incident, emit func([]Incident) error) *Gather {
	return &Gather{fold: fold, emit: emit}
}

// Add takes an event of a window. It emits those of the window before, if this one is later.
func (g *Gather) Add(o bgp.Outage, window time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var err error
	if window.After(g.window) {
		err = g.flush()
		g.window = window
	}
	g.held, g.last = append(g.held, o), time.Now()
	return err
}

// Run emits what is held once nothing has come for a second, until ctx ends; then it emits the rest. It
// ends with an error of emit, too.
func (g *Gather) Run(ctx context.Context) error {
	t := time.NewTicker(gatherFor / 4)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.flush()
		case now := <-t.C:
			if err := g.due(now); err != nil {
				return err
			}
		}
	}
}

// due emits what is held if nothing has come for a second.
func (g *Gather) due(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.last) < gatherFor {
		return nil
	}
	return g.flush()
}

// flush folds and emits what is held: events that report the same, as beginnings, with each other. mu is held.
func (g *Gather) flush() error {
	for len(g.held) > 0 {
		event := g.held[0].Event
		var same, rest []bgp.Outage
		for _, o := range g.held {
			if o.Event == event {
				same = append(same, o)
			} else {
				rest = append(rest, o)
			}
		}
		g.held = rest
		if err := g.emit(g.fold(same)); err != nil {
			return err
		}
	}
	return nil
}
