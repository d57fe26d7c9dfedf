package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// sameOutside compares the results of two observatories outside of their gaps: outages with their
// start and end, and the visible space of every entity at the end of every minute, up to the minute
// that begins at until.
func sameOutside(t *testing.T, quiet, disturbed *observatory, until int64) {
	t.Helper()
	gaps := append(quiet.intervals(), disturbed.intervals()...)
	in := func(at time.Time) bool { // in the minute that begins at at
		return slices.ContainsFunc(gaps, func(g bgp.Interval) bool { return !at.Add(time.Minute).Before(g.Start) && !at.After(g.End) })
	}
	// Outages that a gap splits or delays begin or end within it. All other starts and ends are
	// compared.
	found := func(o *observatory) (n int, out []string) {
		all := o.found(until + 60)
		for _, x := range all {
			what := fmt.Sprintf("%s %s %s", x.Entity.Code, x.Family, x.Kind)
			if !in(x.Start) {
				out = append(out, what+" begins "+x.Start.Format(time.TimeOnly))
			}
			if x.End != nil && !in(*x.End) {
				out = append(out, what+" ends "+x.End.Format(time.TimeOnly))
			}
		}
		slices.Sort(out)
		return len(all), out
	}
	na, a := found(quiet)
	nb, b := found(disturbed)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("outages, quiet and disturbed (-quiet +disturbed):\n%s", diff)
	}
	va, _ := quiet.visible()
	vb, _ := disturbed.visible()
	minutes, compared := 0, 0
	for at := max(va.begin(), vb.begin()); at <= until; at += 60 {
		if in(time.Unix(at, 0)) {
			continue
		}
		minutes++
		x, y := va.at(at), vb.at(at)
		compared += len(x)
		if diff := cmp.Diff(x, y); diff != "" {
			t.Errorf("%s: visible, quiet and disturbed (-quiet +disturbed):\n%s", time.Unix(at, 0).UTC().Format(time.TimeOnly), diff)
		}
	}
	t.Logf("%d and %d outages, %d beginnings and ends outside of gaps: %q; %d minutes outside of gaps, %d entities in them", na, nb, len(a), a, minutes, compared)
}

// found lists the outages as they were at a time, in Unix seconds.
func (o *observatory) found(at int64) []bgp.Outage {
	r := outagelog.New()
	o.records(schemas.TopicOutages, func(rec *kgo.Record) error {
		var msg pb.OutageRecord
		if err := msg.UnmarshalVT(rec.Value); err != nil || msg.GetDecidedAtUs() > at*1e6 {
			return err
		}
		_, err := r.Add(rec)
		return err
	})
	return outagelog.Outages(r.Select(outagelog.Filter{All: true}))
}

// intervals returns the gaps of all collectors, each with the minute after it, in which votes
// return to normal.
func (o *observatory) intervals() (all []bgp.Interval) {
	begun := map[string]time.Time{}
	o.records(schemas.TopicFeeds, func(rec *kgo.Record) error {
		var f pb.FeedRecord
		if err := f.UnmarshalVT(rec.Value); err != nil || f.GetGapId() == "" {
			return err
		}
		at := time.UnixMicro(f.GetTimestampUs())
		since, open := begun[f.GetCollector()]
		switch e := f.GetEvent(); {
		case e == pb.FeedEvent_FEED_EVENT_GAP && !open:
			if f.GetBeginUs() != 0 {
				at = time.UnixMicro(f.GetBeginUs())
			}
			begun[f.GetCollector()] = at
		case e == pb.FeedEvent_FEED_EVENT_RECOVERED && open:
			all = append(all, bgp.Interval{Start: since, End: at.Add(time.Minute)})
			delete(begun, f.GetCollector())
		}
		return nil
	})
	return all
}

// visibleAt is the visible space by entity at the end of each minute with a record.
type visibleAt map[int64]map[string]string

// begin returns the first minute with a record, or the latest possible minute if there is none.
func (v visibleAt) begin() int64 {
	first := int64(math.MaxInt64)
	for minute := range v {
		first = min(first, minute)
	}
	return first
}

// at returns the visible space in the minute that begins at minute: the last record of each entity.
func (v visibleAt) at(minute int64) map[string]string {
	all := map[string]string{}
	for _, m := range slices.Sorted(maps.Keys(v)) {
		if m <= minute {
			maps.Copy(all, v[m])
		}
	}
	return all
}

// visible reads bgp.visibility. end is the last minute with a record.
func (o *observatory) visible() (all visibleAt, end int64) {
	all = visibleAt{}
	o.records(schemas.TopicVisibility, func(rec *kgo.Record) error {
		var v pb.VisibilityRecord
		if err := v.UnmarshalVT(rec.Value); err != nil {
			return err
		}
		minute := v.GetWindowUs() / 1e6
		if all[minute] == nil {
			all[minute] = map[string]string{}
		}
		all[minute][string(rec.Key)] = fmt.Sprintf("%d in %d prefixes, of %d in %d", v.GetSpace(), v.GetPrefixes(), v.GetBaselineSpace(), v.GetBaselinePrefixes())
		end = max(end, minute)
		return nil
	})
	return all, end
}
