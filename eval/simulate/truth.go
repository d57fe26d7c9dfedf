package simulate

import (
	"net/netip"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Event is one thing that really happens in a world, which a detector should find (outage, intermittent) or pass over
// (blip). Times are when the networks went and came back, not when the peers told so.
type Event struct {
	// Kind is outage, intermittent, moved or blip.
	Kind    string
	Country string
	Family  bgp.Family
	// Start and End bound the loss. An intermittent event ends with its last loss, unless an outage begins within 60
	// quiet minutes: then that ends it (docs/detection.md). End is zero where it lasts beyond the feeds.
	Start, End time.Time
	Origins    []bgp.ASN
	Prefixes   []netip.Prefix
	// Losses is how many losses an intermittent event has, else 1.
	Losses int
	// StartBasis and EndBasis are published or assumed; empty for what is made up.
	StartBasis, EndBasis string
}

// Truth returns everything that happens, sorted by start and family.
func (w *World) Truth() []Event { return slices.Clone(w.truth) }

func (w *World) makeTruth(schedule []Row) []Event {
	var out []Event
	i := 0
	for n, r := range schedule {
		e := Event{Kind: "outage", Losses: 1, Country: w.country, StartBasis: r.StartBasis, EndBasis: r.EndBasis}
		first := i
		for i < len(w.plan.losses) && w.plan.losses[i].start < r.End.Add(w.shift).UnixMicro() {
			i++
		}
		e.Start, e.End = time.UnixMicro(w.plan.losses[first].start).UTC(), time.UnixMicro(w.plan.losses[i-1].end).UTC()
		if r.Flaps {
			e.Kind, e.Losses = "intermittent", i-first
			if n+1 < len(schedule) && schedule[n+1].Start.Add(w.shift).Sub(e.End) < time.Hour {
				e.End = schedule[n+1].Start.Add(w.shift).UTC()
			}
		}
		out = append(out, w.perFamily(e, func(network int) bool { return w.topo.networks[network].Country == w.country })...)
	}
	out = append(out, w.blipTruth()...)
	slices.SortStableFunc(out, func(a, b Event) int { return a.Start.Compare(b.Start) })
	return out
}

func (w *World) blipTruth() []Event {
	var out []Event
	for _, b := range w.plan.blips {
		e := Event{Kind: "blip", Losses: 1, Country: w.topo.networks[b.network].Country, Start: time.UnixMicro(b.start).UTC(), End: time.UnixMicro(b.end).UTC()}
		out = append(out, w.perFamily(e, func(network int) bool { return network == b.network })...)
	}
	return out
}

// perFamily returns the event once for each family in which the networks announce anything.
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
