package outage

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	updatePoints = 1000 // hundredths of percent by which a loss differs
	updateFactor = 2    // by which the moved prefixes of an event, or the losses of an intermittent one, differ
	staleMinutes = 60   // for which the present loss is another one than the published before it is published again
)

// told is what the records of an event since it opened have said.
type told struct {
	peak, least loss // the greatest and the smallest loss
	now         loss // the last
	severity    bgp.Severity
	losses      int // of an intermittent event
	movedTo     int // how many others originate
	routes      int // of kind origin
	off         int // minutes for which the present loss has been another one than now
}

// tell remembers what a record says. The smallest loss is that since the event opened.
func (ev *event) tell(name bgp.Event, severity bgp.Severity) {
	least := ev.now
	if name == bgp.EventUpdated && worse(least, ev.told.least) == least {
		least = ev.told.least
	}
	ev.told = told{peak: ev.peak, least: least, now: ev.now, severity: severity, losses: ev.losses, movedTo: len(ev.movedTo), routes: len(ev.unexpected)}
}

// material counts a minute and tells whether a reader has to hear of it: the loss is greater or smaller than any record said, others
// originate than were named, or the present loss has been another one than the last record said for staleMinutes. So a loss that goes up
// and down between two values that were published says nothing; nor does one that is quiet, which ends soon.
func (ev *event) material() bool {
	t := &ev.told
	if ev.quiet > 0 {
		t.off = 0
		return false
	}
	if ev.kind == bgp.KindMoved {
		t.count(farApart(ev.now.prefixes, t.now.prefixes))
		return len(ev.movedTo) > t.movedTo || ev.peak.prefixes >= updateFactor*max(t.peak.prefixes, 1) ||
			t.least.prefixes >= updateFactor*max(ev.now.prefixes, 1) || t.off >= staleMinutes
	}
	diff := ev.now.percent - t.now.percent
	t.count(diff >= updatePoints || diff <= -updatePoints)
	return ev.worsened() || t.least.percent-ev.now.percent >= updatePoints || t.off >= staleMinutes
}

// worsened tells whether the event's greatest loss is greater than any record said.
func (ev *event) worsened() bool {
	return ev.peak.percent-ev.told.peak.percent >= updatePoints || ev.severity() != ev.told.severity
}

// count counts a minute in which the present loss is another one than the published, or not.
func (t *told) count(other bool) {
	if t.off++; !other {
		t.off = 0
	}
}

// farApart tells whether two numbers of prefixes differ by updateFactor.
func farApart(a, b int) bool { return max(a, b) >= updateFactor*max(min(a, b), 1) }

// nameMoved adds those who originate an event's prefixes now.
func (e *Engine) nameMoved(ent *entity) {
	if !ent.touched {
		return
	}
	for _, a := range movedTo(e.view.Moved(ent.key)) {
		if !slices.Contains(ent.ev.movedTo, a) {
			ent.ev.movedTo = append(ent.ev.movedTo, a)
		}
	}
}

// movedTo lists who originates the prefixes now.
func movedTo(moved []MovedPrefix) []bgp.ASN {
	var to []bgp.ASN
	for _, m := range moved {
		to = append(to, m.To)
	}
	slices.Sort(to)
	return slices.Compact(to)
}
