package outage

import "github.com/darkmap/darkmap/internal/bgp"

// tellCovered publishes once that a prefix has lost its own routes while others of the same origin carry its addresses: the
// origin announces an aggregate in its place, or more-specific prefixes. No address is lost, so the event is closed at once.
func (e *Engine) tellCovered(ent *entity, rd *reading) {
	r := ent.covered
	r.digest = e.digestOf(ent)
	r.peak = loss{prefixes: 1}
	ev := e.newEvent(ent, bgp.KindOutage, r, rd)
	ev.state, ev.blip, ev.end, ev.reason = bgp.StateClosed, true, ev.start, bgp.EndCovered
	ent.follows(ev)
	ent.covered, ent.toldCovered = nil, true
	e.publish(ent, ev, bgp.EventClosed)
}
