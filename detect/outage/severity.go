package outage

import "github.com/darkmap/darkmap/internal/bgp"

// severity returns the severity of the event's greatest loss.
func (ev *event) severity() bgp.Severity { return severity(ev.kind, ev.base, ev.peak) }

// severity grades a loss of space with a baseline.
func severity(kind bgp.Kind, base baseline, l loss) bgp.Severity {
	return bgp.GradeLoss(kind, l.percent, base.prefixes, l.space >= base.space)
}
