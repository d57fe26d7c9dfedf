package outage

import "github.com/darkmap/darkmap/internal/bgp"

// smallPrefixes is below how many prefixes an entity speaks in counts.
const smallPrefixes = 10

// severity is that of the event's greatest loss.
func (ev *event) severity() bgp.Severity { return severity(ev.kind, ev.base, ev.peak) }

// severity grades a loss, or of kind origin the share of the voters: minor below 25 %, moderate below 50, major below 90. A small entity is total only when all is gone, and
// so is no entity of which a part of the voters still holds the routes.
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
