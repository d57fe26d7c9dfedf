package outage

import (
	"encoding/json"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// publish sends the whole state of an event under the next sequence number.
func (e *Engine) publish(ent *entity, ev *event, name bgp.Event) {
	ev.seq++
	if ev.state == bgp.StateOpen && ev.kind != bgp.KindMoved {
		e.meet(ent, ev)
	}
	o := e.outage(ent, ev, name)
	b, err := json.Marshal(&o)
	if err != nil {
		panic(err) // every field is a string, a number or a time of this century
	}
	if ev.previous != nil {
		previous := ev.previous
		o.Previous = &previous
	}
	ev.previous = b
	ev.publishedAt = e.window
	ev.tell(name, o.Severity)
	e.out = append(e.out, Event{Outage: o, Key: ent.key})
}

// outage builds the object that everybody sees.
func (e *Engine) outage(ent *entity, ev *event, name bgp.Event) bgp.Outage {
	unit := e.cfg.Family.UnitSpace()
	o := bgp.Outage{
		ID: ev.id, Sequence: ev.seq, Kind: ev.kind, State: ev.state, Event: name, Family: e.cfg.Family.String(),
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
	o.Evidence = e.evidence(ev)
	w := wording{o: &o, ev: ev}
	w.write(e.cfg.Label)
	return o
}

// public converts a loss from the inside.
func (l loss) public(unit uint64) bgp.Loss {
	return bgp.Loss{LostPrefixes: l.prefixes, LostSpace: bgp.Hundredths(l.space, unit, 1), LossPercent: l.percent}
}

func at(t int64) time.Time { return time.Unix(t, 0).UTC() }
