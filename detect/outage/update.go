package outage

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	updatePoints = 1000 // difference of a loss that makes an update, in hundredths of percent
	updateFactor = 2    // factor for an event's moved prefixes or an intermittent event's losses
	staleMinutes = 60   // minutes after which a present loss unlike the published one is sent
)

// told holds the values in the records of an event since it opened.
type told struct {
	peak, least loss // the greatest and the smallest loss
	now         loss // the loss in the last record
	severity    bgp.Severity
	losses      int // of an intermittent event
	movedTo     int // number of other origins
	routes      int // of kind origin
	off         int // minutes in which the present loss has differed from now
}

// tell stores the values of a record. The smallest loss is kept since the event opened: a record
// other than `updated` begins it again.
func (ev *event) tell(name bgp.Event, severity bgp.Severity) {
	least := ev.now
	if name == bgp.EventUpdated && worse(least, ev.told.least) == least {
		least = ev.told.least
	}
	ev.told = told{
		peak: ev.peak, least: least, now: ev.now, severity: severity,
		losses: ev.losses, movedTo: len(ev.movedTo), routes: len(ev.unexpected),
	}
}

// material counts a minute and reports whether the event needs an `updated` record:
//   - the loss is greater or smaller than in any record since the event opened,
//   - other ASes originate its prefixes than a record named, or
//   - the present loss has differed from the last record for staleMinutes.
//
// So a loss that changes between two published values needs no record. A quiet loss needs none
// either, because its event ends soon.
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

// worsened reports whether the event's greatest loss is greater than in any record.
func (ev *event) worsened() bool {
	return ev.peak.percent-ev.told.peak.percent >= updatePoints || ev.severity() != ev.told.severity
}

// count counts a minute in which the present loss differs from the published one, or does not.
func (t *told) count(other bool) {
	if t.off++; !other {
		t.off = 0
	}
}

// farApart reports whether two numbers of prefixes differ by updateFactor.
func farApart(a, b int) bool { return max(a, b) >= updateFactor*max(min(a, b), 1) }

// nameMoved adds the ASes that originate an event's prefixes now.
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

// movedTo lists the ASes that originate the prefixes now, sorted.
func movedTo(moved []MovedPrefix) []bgp.ASN {
	var to []bgp.ASN
	for _, m := range moved {
		to = append(to, m.To)
	}
	slices.Sort(to)
	return slices.Compact(to)
}
