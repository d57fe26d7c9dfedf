package outage

import "github.com/darkmap/darkmap/internal/bgp"

// smallPrefixes is the number of prefixes below which the texts about an entity use counts instead
// of percentages.
const smallPrefixes = 10

// severity returns the severity of the event's greatest loss.
func (ev *event) severity() bgp.Severity { return severity(ev.kind, ev.base, ev.peak) }

// severity grades a loss, or for kind origin the share of the voters: minor below 25 %, moderate
// below 50 %, major below 90 %, total from 90 % on. An entity with fewer than smallPrefixes
// prefixes is total only when all its space is lost. A partial event is never total, because a
// part of the voters still holds the routes. An event of kind origin is at least major.
func severity(kind bgp.Kind, base baseline, l loss) bgp.Severity {
	switch {
	case kind == bgp.KindOrigin && l.percent < 9000:
		return bgp.SeverityMajor
	case kind == bgp.KindOrigin:
		return bgp.SeverityTotal
	case l.percent < 2500:
		return bgp.SeverityMinor
	case l.percent < 5000:
		return bgp.SeverityModerate
	case l.percent < 9000, kind == bgp.KindPartial, base.prefixes < smallPrefixes && l.space < base.space:
		return bgp.SeverityMajor
	}
	return bgp.SeverityTotal
}
