package simulate

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Event is one true event of a world. A detector should find it (outage, intermittent, moved) or
// ignore it (blip). Times are when the networks went and came back, not when the peers sent it.
type Event struct {
	// Kind is outage, intermittent, moved or blip.
	Kind    string
	Country string
	Family  bgp.Family
	// Start and End bound the loss. An intermittent event ends with its last loss; if an outage
	// begins within 60 quiet minutes, the event ends when the outage begins (docs/detection.md).
	// End is zero if the event lasts beyond the feeds.
	Start, End time.Time
	Origins    []bgp.ASN
	Prefixes   []netip.Prefix
	// Losses is the number of losses of an intermittent event, else 1.
	Losses int
	// StartBasis and EndBasis are published, assumed or simulated, and empty for events outside of
	// the schedule.
	StartBasis, EndBasis string
}

// Truth returns all true events, sorted by start and family.
func (w *World) Truth() []Event { return slices.Clone(w.truth) }

// Schedule returns the rows that this world follows, in order of time. Only the times of North
// Korea are published. For another country the times are simulated, and sources and notes are
// empty.
func (w *World) Schedule() []Row { return slices.Clone(w.schedule) }

// Row returns the index of the schedule row from which an outage comes: the row with the longest
// overlap. It returns -1 if the outage is of another country or overlaps no row.
func (w *World) Row(o bgp.Outage) int {
	best, row := time.Duration(0), -1
	if !w.inCountry(o.Entity) {
		return row
	}
	for i, r := range w.schedule {
		from, to := r.Start, r.End.Add(time.Minute) // a minute is the detector's window
		if o.Start.After(from) {
			from = o.Start
		}
		if o.End != nil && o.End.Before(to) {
			to = *o.End
		}
		if d := to.Sub(from); d > best {
			best, row = d, i
		}
	}
	return row
}

// inCountry reports whether an entity is the country that goes dark, or one of its regions,
// networks or prefixes.
func (w *World) inCountry(e bgp.Entity) bool {
	switch e.Type {
	case bgp.EntityCountry, bgp.EntityRegion:
		country, _, _ := strings.Cut(e.Code, "-")
		return country == w.country
	default:
		return slices.ContainsFunc(w.topo.networks, func(n Network) bool {
			return n.Country == w.country &&
				(n.ASN.String() == e.Code || slices.ContainsFunc(n.Prefixes, func(p netip.Prefix) bool {
					return p.String() == e.Code
				}))
		})
	}
}

// shiftSchedule moves the rows to the times of the world.
func (w *World) shiftSchedule(schedule []Row) []Row {
	out := slices.Clone(schedule)
	for i := range out {
		r := &out[i]
		r.Start, r.End = r.Start.Add(w.shift), r.End.Add(w.shift)
		if w.cfg.Seed != 0 {
			r.StartBasis, r.EndBasis, r.Source, r.Note = Simulated, Simulated, "", ""
		}
	}
	return out
}

func (w *World) makeTruth(schedule []Row) []Event {
	var out []Event
	i := 0
	for n, r := range schedule {
		e := Event{Kind: "outage", Losses: 1, Country: w.country, StartBasis: r.StartBasis, EndBasis: r.EndBasis}
		first := i
		for i < len(w.plan.losses) && w.plan.losses[i].start < r.End.Add(w.shift).UnixMicro() {
			i++
		}
		e.Start, e.End = time.UnixMicro(w.plan.losses[first].start).UTC(),
			time.UnixMicro(w.plan.losses[i-1].end).UTC()
		if r.Flaps {
			e.Kind, e.Losses = "intermittent", i-first
			if n+1 < len(schedule) && schedule[n+1].Start.Add(w.shift).Sub(e.End) < time.Hour {
				e.End = schedule[n+1].Start.Add(w.shift).UTC()
			}
		}
		out = append(out, w.perFamily(e, func(network int) bool {
			return w.topo.networks[network].Country == w.country
		})...)
	}
	out = append(out, w.blipTruth()...)
	slices.SortStableFunc(out, func(a, b Event) int { return a.Start.Compare(b.Start) })
	return out
}

func (w *World) blipTruth() []Event {
	var out []Event
	for _, b := range w.plan.blips {
		e := Event{
			Kind: "blip", Losses: 1, Country: w.topo.networks[b.network].Country,
			Start: time.UnixMicro(b.start).UTC(), End: time.UnixMicro(b.end).UTC(),
		}
		out = append(out, w.perFamily(e, func(network int) bool { return network == b.network })...)
	}
	return out
}

// perFamily returns the event once for each family in which the networks announce prefixes.
func (w *World) perFamily(e Event, belongs func(network int) bool) []Event {
	var out []Event
	for _, f := range bgp.Families {
		one := e
		one.Family = f
		for _, g := range w.groups {
			if g.family == f && belongs(g.network) {
				one.Prefixes = append(one.Prefixes, g.prefixes...)
				one.Origins = append(one.Origins, w.topo.networks[g.network].ASN)
			}
		}
		if len(one.Prefixes) > 0 {
			out = append(out, one)
		}
	}
	return out
}
