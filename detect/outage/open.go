package outage

import "github.com/darkmap/darkmap/internal/bgp"

// Open returns the number of published events that are open. While no verdict is possible, none of
// them ends.
func (e *Engine) Open() int {
	n := len(e.strange)
	for _, ent := range e.active {
		if ent.ev != nil && ent.ev.state == bgp.StateOpen {
			n++
		}
	}
	return n
}
