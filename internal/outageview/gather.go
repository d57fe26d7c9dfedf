package outageview

import (
	"context"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// gatherFor is the time after the last event of a window after which the window counts as complete.
const gatherFor = time.Second

// Gather holds the events of one window of the detector until all have come, so that they can be
// folded. It is safe for concurrent use.
type Gather struct {
	fold   func([]bgp.Outage) []Incident
	emit   func([]Incident) error
	mu     sync.Mutex // also held while emit runs, so that windows stay in order
	window time.Time
	held   []bgp.Outage
	last   time.Time // when the last event came
}

// NewGather returns a Gather that passes the incidents of a window, made by fold (Fold or
// Unfolded), to emit. Add and Run return the errors of emit.
func NewGather(fold func([]bgp.Outage) []Incident, emit func([]Incident) error) *Gather {
	return &Gather{fold: fold, emit: emit}
}

// Add adds an event of a window. It first emits the events of the window before, if this one is
// later.
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

// Run emits the held events once no event has come for gatherFor. When ctx ends it emits the rest
// and returns. It also returns on an error of emit.
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

// due emits the held events if no event has come for gatherFor.
func (g *Gather) due(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.last) < gatherFor {
		return nil
	}
	return g.flush()
}

// flush folds and emits the held events, in groups of the same report, such as all beginnings. The
// caller holds mu.
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
