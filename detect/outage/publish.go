package outage

import (
	"encoding/json"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// pending is a record after the decision, without its parents and the record before it, which send
// adds. An event may have two pending records in a minute.
type pending struct {
	ent    *entity
	ev     *event
	outage bgp.Outage
}

// publish adds the whole state of an event to the minute's records, under the next sequence
// number.
func (e *Engine) publish(ent *entity, ev *event, name bgp.Event) {
	name = e.standFor(ent, ev, name)
	if ev.unknown {
		switch ev.state {
		case bgp.StateSuspected:
			name = bgp.EventSuspected
		case bgp.StateOpen:
			name = bgp.EventOpened
		case bgp.StateClosed, bgp.StateRetracted:
			return // no record of this event was ever published
		}
	}
	ev.seq++
	if ev.state == bgp.StateOpen && ev.kind != bgp.KindMoved && ev.kind != bgp.KindOrigin {
		e.meet(ent, ev)
	}
	o := e.outage(ent, ev, name)
	ev.publishedAt, ev.unknown = e.window, false
	ev.tell(name, o.Severity)
	ev.watch = o.Watch
	if name != bgp.EventUpdated {
		e.changed = max(e.changed, ent.key.Type.Breadth())
	}
	e.pending = append(e.pending, pending{ent: ent, ev: ev, outage: o})
}

// send completes the minute's records after the events have been related. Parents come before
// their parts.
func (e *Engine) send() {
	first := len(e.out)
	for i := range e.pending {
		p := &e.pending[i]
		p.outage.Parents = e.publicParents(p.ev)
		b, err := json.Marshal(&p.outage)
		if err != nil {
			panic(err) // every field is a string, a number or a time of this century
		}
		if p.ev.previous != nil {
			previous := p.ev.previous
			p.outage.Previous = &previous
		}
		p.ev.previous = b
		p.ev.named = p.outage.Parents
		e.out = append(e.out, Event{Outage: p.outage, Key: p.ent.key})
	}
	for i := range e.pending {
		if ev := e.pending[i].ev; ev.end != 0 {
			ev.parents, ev.wider = nil, nil
		}
	}
	clear(e.pending)
	e.pending = e.pending[:0]
	sortEvents(e.out[first:])
}

// outage builds the public object of an event.
func (e *Engine) outage(ent *entity, ev *event, name bgp.Event) bgp.Outage {
	unit := e.cfg.Family.UnitSpace()
	o := bgp.Outage{
		ID: ev.id, Sequence: ev.seq, Kind: ev.kind, State: ev.state, Event: name,
		Family:          e.cfg.Family.String(),
		Entity:          bgp.Entity{Type: ent.key.Type, Code: ent.key.Code, Name: e.view.Name(ent.key)},
		Start:           at(ev.start),
		DurationSeconds: e.window + minute - ev.start,
		Severity:        ev.severity(),
		Score:           (ev.score + 50) / 100,
		Baseline:        bgp.Size{Prefixes: ev.base.prefixes, Space: bgp.Hundredths(ev.base.space, unit, 1)},
		Peak:            ev.peak.public(unit),
		Now:             ev.now.public(unit),
		Panel:           e.panel,
		Flaps:           ev.flaps,
		Blip:            ev.blip,
		Notes:           append([]string(nil), ev.notes...),
		Dataset:         e.cfg.Dataset,
		EndReason:       ev.reason,
		Successor:       ev.successor,
		Predecessor:     ev.predecessor,
	}
	if ev.end != 0 {
		end := at(ev.end)
		o.End, o.DurationSeconds = &end, ev.end-ev.start
	}
	for _, g := range ev.gaps {
		o.Gaps = append(o.Gaps, bgp.Interval{Start: at(g.start), End: at(g.end)})
	}
	if d := ev.digest; d != nil {
		o.LostPrefixes, o.LostPrefixesTotal = d.lost, d.total
		o.SurvivingPrefixes, o.SurvivingPrefixesTotal = d.surviving, d.survivors
		o.Countries = d.countries
		origins := d.origins
		if len(origins) == 0 {
			origins = d.usually
		}
		for _, a := range origins {
			o.Origins = append(o.Origins, e.as(a))
		}
		for _, a := range d.upstreams {
			o.Upstreams = append(o.Upstreams, e.as(a))
		}
	}
	o.Watch, o.Unexpected = e.watchOf(ent, ev), e.publicUnexpected(ev)
	o.Evidence = e.evidence(ev)
	if name == bgp.EventClosed && ev.digest != nil {
		o.Evidence.Withdrawals = ev.digest.withdrawn
	}
	w := wording{o: &o, ev: ev}
	w.write(e.cfg.Label)
	return o
}

// public converts a loss to its public form.
func (l loss) public(unit uint64) bgp.Loss {
	return bgp.Loss{
		LostPrefixes: l.prefixes, LostSpace: bgp.Hundredths(l.space, unit, 1), LossPercent: l.percent,
	}
}

func at(t int64) time.Time { return time.Unix(t, 0).UTC() }
