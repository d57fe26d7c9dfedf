package outage

import (
	"encoding/json"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

// Usual returns the baseline of an entity whose present sample is s: the frozen baseline if there
// is one, otherwise the median of its last 24 hours.
func (e *Engine) Usual(s Sample) (space uint64, prefixes int) {
	ent := e.entities[s.Key]
	switch {
	case ent == nil:
		return s.KnownSpace, s.KnownPrefixes
	case ent.frozen != nil:
		return ent.frozen.space, ent.frozen.prefixes
	}
	b := e.medians.at(&ent.hist, e.next/minute, point{space: s.KnownSpace, prefixes: uint32(s.KnownPrefixes)})
	return b.space, b.prefixes
}

// EventsOf lists the open and suspected events of an entity in their last published form.
func (e *Engine) EventsOf(k Key) []query.Outage {
	ent := e.entities[k]
	if ent == nil {
		return nil
	}
	var out []query.Outage
	if ent.ev != nil {
		out = append(out, e.short(ent, ent.ev))
	}
	if ent.loss != nil && ent.loss.suspect != nil {
		out = append(out, e.short(ent, ent.loss.suspect))
	}
	if ent.strange != nil {
		out = append(out, e.short(ent, ent.strange))
	}
	return out
}

// short returns an event in its last published form. An event without a published record is built
// from its state.
func (e *Engine) short(ent *entity, ev *event) query.Outage {
	var out query.Outage
	if ev.previous == nil || json.Unmarshal(ev.previous, &out) != nil {
		out = query.Outage{
			ID:     ev.id,
			Entity: bgp.Entity{Type: ent.key.Type, Code: ent.key.Code, Name: e.view.Name(ent.key)},
			Kind:   ev.kind, State: ev.state, Start: at(ev.start),
			Severity: ev.severity(),
		}
	}
	return out
}
