package outage

import "github.com/darkmap/darkmap/internal/bgp"

// tellCovered publishes that a prefix has lost its own routes while other routes of the same
// origin carry its addresses. The origin announces an aggregate in its place, or more-specific
// prefixes. No address is lost, so the event is closed at once. It is published once for each such
// loss.
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
