package year

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
)

// told is one record in the life of an outage.
type told struct {
	o        *outage
	event    bgp.Event
	state    bgp.State
	decided  int64  // the end of the window, in seconds
	sequence uint32 // from 1
}

// updateAfter lists the ages at which an open outage gets an update.
var updateAfter = []int64{15 * minute, hour, 6 * hour, day, 3 * day, 7 * day, 14 * day}

// life returns the records of an outage up to the end of the year.
func (y *Year) life(o *outage) (all []told) {
	tell := func(event bgp.Event, state bgp.State, at int64) {
		if at = (at + minute - 1) / minute * minute; at <= y.end {
			all = append(all, told{o, event, state, at, uint32(len(all) + 1)})
		}
	}
	if o.blip {
		tell(bgp.EventClosed, bgp.StateClosed, o.end+minute)
		return all
	}
	if o.suspected {
		tell(bgp.EventSuspected, bgp.StateSuspected, o.start+2*minute)
	}
	if o.takenBack {
		tell(bgp.EventRetracted, bgp.StateRetracted, o.end)
		return all
	}
	opened := o.start + 5*minute
	tell(bgp.EventOpened, bgp.StateOpen, opened)
	if o.again > 0 {
		tell(bgp.EventClosed, bgp.StateClosed, o.again-5*minute+10*minute)
		tell(bgp.EventReopened, bgp.StateOpen, o.again+7*minute)
	}
	for _, age := range updateAfter {
		if at := o.start + age; o.again == 0 && at > opened && at < o.end {
			tell(bgp.EventUpdated, bgp.StateOpen, at)
		}
	}
	tell(bgp.EventClosed, bgp.StateClosed, max(o.end+10*minute, opened+minute))
	return all
}

// outageRecords yields the records of the outages that begin at or after from, in the order of
// decision. It skips the outages for which leave reports true.
func (y *Year) outageRecords(
	dataset string, from int64, leave func(n int) bool,
) iter.Seq2[*kgo.Record, error] {
	return func(yield func(*kgo.Record, error) bool) {
		var all []told
		for n, o := range y.outages {
			if o.start >= from && !leave(n) {
				all = append(all, y.life(o)...)
			}
		}
		slices.SortStableFunc(all, func(a, b told) int {
			return cmp.Or(cmp.Compare(a.decided, b.decided), cmp.Compare(a.o.family, b.o.family))
		})
		var s sender
		for _, t := range all {
			object := y.object(t, dataset)
			rec, err := codec.OutageRecord(&object, t.o.bgpFamily(), t.decided*1e6)
			if err != nil {
				yield(nil, err)
				return
			}
			rec.Position = s.decided(t.o.bgpFamily(), t.decided-minute)
			if !yield(s.record(schemas.TopicOutages, 0, y.taken(t.decided), rec)) {
				return
			}
		}
	}
}

// object returns the outage as of one of its records.
func (y *Year) object(t told, dataset string) bgp.Outage {
	o := t.o
	end := min(o.end, t.decided)
	if t.event == bgp.EventClosed && o.again > 0 && t.decided < o.again+7*minute {
		end = o.again - 5*minute
	}
	out := bgp.Outage{
		ID: o.id, Sequence: t.sequence, Kind: o.kind, State: t.state, Event: t.event,
		Family: o.bgpFamily().String(), Entity: o.entity,
		Start: time.Unix(o.start, 0).UTC(), DurationSeconds: max(0, end-o.start),
		Severity: o.severity(), Dataset: dataset,
		Score:    int64(o.percent()) / 100 * (max(0, end-o.start) / minute),
		Baseline: bgp.Size{Prefixes: o.usual, Space: bgp.Decimal(o.usual * 100)}, Peak: o.loss(),
		LostPrefixesTotal:      o.lost,
		SurvivingPrefixesTotal: max(0, o.usual-o.lost),
		Panel: bgp.Panel{
			Voters: y.votersAt(o.start), Collectors: len(y.world.collectors),
			Table: bgp.TablesComplete,
		},
		Blip: o.blip, Watch: o.watch, Unexpected: o.unexpected,
	}
	if t.state == bgp.StateClosed || t.state == bgp.StateRetracted {
		at := time.Unix(end, 0).UTC()
		out.End, out.EndReason = &at, o.reason
	} else {
		out.Now = o.loss()
	}
	if o.before != nil {
		out.Predecessor = o.before.id
	}
	if o.after != nil && t.state == bgp.StateClosed {
		out.Successor = o.after.id
	}
	y.describe(&out, t)
	return out
}

func (o *outage) loss() bgp.Loss {
	return bgp.Loss{LostPrefixes: o.lost, LostSpace: bgp.Decimal(o.lost * 100), LossPercent: o.percent()}
}

// describe adds prefixes, ASes, countries, parents and texts.
func (y *Year) describe(out *bgp.Outage, t told) {
	o, w := t.o, y.world
	if !o.quiet || o.kind == bgp.KindPartial {
		for _, n := range o.sample {
			out.LostPrefixes = append(out.LostPrefixes, prefix(o.family, n).String())
		}
	}
	for _, i := range o.origins {
		out.Origins = append(out.Origins, w.asOf(i))
	}
	for _, i := range o.upstreams {
		out.Upstreams = append(out.Upstreams, w.asOf(i))
	}
	for _, i := range o.movedTo {
		out.Evidence.MovedTo = append(out.Evidence.MovedTo, w.asOf(i))
	}
	if o.entity.Type <= bgp.EntityAS {
		out.Countries = []string{w.countries[o.country].code}
	}
	for _, p := range o.parents {
		out.Parents = append(out.Parents, bgp.Parent{
			Type: p.entity.Type, Code: p.entity.Code, ID: p.id, SharePercent: 10_000,
		})
	}
	away := (o.start + 2*minute) % hour
	out.Evidence.OnTheHour = away <= 4*minute
	name := o.entity.Name
	if o.entity.Type == bgp.EntityAS || o.entity.Type == bgp.EntityPrefix {
		name = fmt.Sprintf("%s, %s", o.entity.Code, o.entity.Name)
	}
	since := out.Start.Format("15:04 UTC, 2 Jan 2006")
	percent := int(o.percent()) / 100
	switch {
	case o.kind == bgp.KindOrigin:
		out.Headline = fmt.Sprintf("%s%s is announced by %v.", Label, o.entity.Code, out.Unexpected[0].Origin.ASN)
	case out.End != nil:
		out.Headline = fmt.Sprintf("%s%s: %s of %d %% is over after %s.", Label, name, o.kind,
			percent, bgp.DurationText(out.End.Sub(out.Start)))
	default:
		out.Headline = fmt.Sprintf("%s%s: %s of %d %% since %s.", Label, name, o.kind, percent, since)
	}
	out.Post = out.Headline
	out.Summary = fmt.Sprintf("%s It began at %s; %s of %d were lost.", out.Headline, since,
		bgp.Count(o.lost, "prefix"), o.usual)
}
