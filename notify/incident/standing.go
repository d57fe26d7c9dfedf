package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// Zero values of states, severities and kinds.
var (
	untold   bgp.State
	ungraded bgp.Severity
	unnamed  bgp.Kind
)

// standing is the current state of an incident.
type standing struct {
	// state is suspected, open, closed, or "" while no event has counted.
	state bgp.State
	// goesOn means that all events have ended and one of them waits for its successor.
	goesOn bool
	// top is the widest event, including ended ones. rest means that its entity is not dark any
	// more and others are.
	top  *Event
	rest bool
	// severity is the highest of the active events, or of all events if none is active. families
	// are the families of the top entity's active events.
	severity bgp.Severity
	families string
	// active holds the events that count and have not ended, the widest first.
	active []*Event
	// retracted means that every event was retracted.
	retracted bool
	// waits is the time at which the next event starts to count; zero if none will.
	waits time.Time
}

// standing computes the state of an incident.
func (d *Delivery) standing(r *route, now time.Time) standing {
	s := standing{retracted: true}
	var counted []*Event
	for i := range d.Events {
		ev := &d.Events[i]
		if ev.short() {
			continue
		}
		if !ev.Counted && now.Before(ev.From) {
			if s.waits.IsZero() || ev.From.Before(s.waits) {
				s.waits = ev.From
			}
			continue
		}
		ev.Counted = true
		counted = append(counted, ev)
		s.retracted = s.retracted && ev.State == bgp.StateRetracted
	}
	if len(counted) == 0 {
		return s
	}
	slices.SortFunc(counted, compareWidth)
	s.top = d.top(counted)
	s.state = bgp.StateClosed
	for _, ev := range counted {
		switch {
		case ev.State == bgp.StateOpen:
			s.state, s.active = bgp.StateOpen, append(s.active, ev)
		case ev.State == bgp.StateSuspected && (r.suspected || ev.carries(counted)):
			if s.active = append(s.active, ev); s.state == bgp.StateClosed {
				s.state = bgp.StateSuspected
			}
		case ev.passing(now) && !ev.carriedOn(counted):
			s.goesOn = true
		}
	}
	s.goesOn = s.goesOn && len(s.active) == 0
	s.grade(counted)
	return s
}

// grade sets severity, families and rest.
func (s *standing) grade(counted []*Event) {
	all, families := s.active, map[string]bool{}
	if len(all) == 0 {
		all = counted
	}
	for _, ev := range all {
		if severities[ev.Severity] > severities[s.severity] {
			s.severity = ev.Severity
		}
		if ev.entity() == s.top.entity() {
			families[ev.Family] = true
		}
	}
	s.rest = len(s.active) > 0 && len(families) == 0
	for _, f := range bgp.Families {
		if families[f.String()] {
			s.families += " " + f.Title()
		}
	}
	s.families = strings.TrimSpace(s.families)
}

// top returns the widest of the events that count. Among equally wide entities it keeps the one
// that the target knows.
func (d *Delivery) top(counted []*Event) *Event {
	best := counted[0]
	if d.Told.Entity != "" && best.entity() != d.Told.Entity {
		for _, ev := range counted {
			if ev.entity() == d.Told.Entity && ranks[ev.Type] == ranks[best.Type] {
				best = ev
				break
			}
		}
	}
	// Of the entity's events take one that is active, or else the one that ended last.
	for _, ev := range counted {
		if ev.entity() == best.entity() && (best.over() && !ev.over() || best.over() && ev.End.After(best.End)) {
			best = ev
		}
	}
	return best
}

// carries reports whether the event continues another one of the incident. The target does not hear
// that such an event is only suspected.
func (ev *Event) carries(counted []*Event) bool {
	return slices.ContainsFunc(counted, func(o *Event) bool { return o.Successor == ev.ID })
}

// carriedOn reports whether the successor of the event has come.
func (ev *Event) carriedOn(counted []*Event) bool {
	return slices.ContainsFunc(counted, func(o *Event) bool {
		return o.ID == ev.Successor || o.ID != ev.ID && o.entity() == ev.entity() && o.Family == ev.Family &&
			!o.Seen.Before(ev.Seen) && o.Start.After(ev.Start)
	})
}

// said returns the Told after a message of this state.
func (s *standing) said(d *Delivery) Told {
	t := d.Told
	t.State, t.Maybe = s.state, false
	if s.top != nil {
		t.Entity, t.Families, t.Kind, t.Severity, t.Rest = s.top.entity(), s.families, s.top.Kind, s.severity,
			s.rest
	}
	t.Hash = d.hash()
	return t
}

// hash returns the hash of the newest records of the events that have counted.
func (d *Delivery) hash() string {
	h := sha256.New()
	for i := range d.Events {
		if ev := &d.Events[i]; ev.Counted {
			fmt.Fprintln(h, ev.ID, ev.Sequence)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// change is the degree to which an open incident differs from the last sent state.
type change int

const (
	same change = iota
	// detail: another figure changed.
	detail
	// course: the widest entity changed, is back in one family or completely, is dark in fewer or
	// more families, or its event is of another kind.
	course
	// worse: the severity rose, a suspected event is open, or an intermittent or partial loss or a
	// move became an outage.
	worse
)

func (s *standing) differs(d *Delivery) change {
	t := &d.Told
	kind := s.top.entity() == t.Entity && !s.rest && !t.Rest && t.Kind != unnamed && s.top.Kind != t.Kind
	switch {
	case kind && s.top.Kind == bgp.KindOutage:
		return worse
	case severities[s.severity] > severities[t.Severity], t.State == bgp.StateSuspected &&
		s.state == bgp.StateOpen:
		return worse
	case kind, s.top.entity() != t.Entity, s.rest != t.Rest, !s.rest && s.families != t.Families:
		return course
	case d.hash() != t.Hash:
		return detail
	}
	return same
}

// reason returns the end reason of the widest entity's events: that of the last one in each family.
// It is recovered only if all of these recovered.
func (d *Delivery) reason(top *Event) bgp.EndReason {
	last := map[string]*Event{}
	for i := range d.Events {
		ev := &d.Events[i]
		if x := last[ev.Family]; ev.entity() == top.entity() && ev.over() && ev.Counted &&
			(x == nil || ev.End.After(x.End)) {
			last[ev.Family] = ev
		}
	}
	out := top.Reason
	for _, f := range bgp.Families {
		if ev := last[f.String()]; ev != nil && (out == bgp.NotEnded || ev.Reason != bgp.EndRecovered) {
			out = ev.Reason
		}
	}
	return out
}

// wanted returns the kind of the message that the target needs; "" is none.
func (d *Delivery) wanted(s *standing, r *route, style target.Style) target.Kind {
	lasts := s.state == bgp.StateOpen || s.state == bgp.StateSuspected
	switch d.Told.State {
	case untold, bgp.StateClosed, bgp.StateRetracted:
		switch {
		case lasts:
			return target.Open
		case d.Told.Maybe && s.state == bgp.StateClosed && !s.goesOn:
			return target.Close
		}
	case bgp.StateSuspected, bgp.StateOpen:
		switch {
		case s.goesOn, s.state == untold:
		case lasts && d.updates(s, r):
			return target.Update
		case lasts:
		case d.Told.State == bgp.StateSuspected && s.retracted:
			return target.TakeBack
		case r.closes || style == target.Pager || d.place.info.Traits.Keyed:
			return target.Close
		}
	}
	return ""
}

// updates reports whether the route sends this change. A suspected incident that opens is always
// sent.
func (d *Delivery) updates(s *standing, r *route) bool {
	c := s.differs(d)
	switch {
	case d.Told.State == bgp.StateSuspected && s.state == bgp.StateOpen:
		return true
	case d.place.info.Traits.Style == target.Feed: // a feed shows the newest state
		return c != same
	case r.Updates == "none":
		return false
	case r.Updates == "all":
		return c != same
	}
	return c >= course
}
