package api

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

// listed is a page of a list of outages.
type listed struct {
	Entries []outagelog.Entry
	Next    string
	// Problem is the reason why outages may be missing, or empty.
	Problem string
}

// list lists the outages of the store. It takes an outage from the present if the present has a
// newer record, and adds outages that only the present has. If the store is away, list answers from
// the present alone, with Problem.
func (s *service) list(m moment, q history.OutagesQuery) (listed, error) {
	got, err := s.History.Outages(m.r.Context(), m.scope, q)
	switch {
	case err == nil && !m.here:
		return listed{Entries: got.Entries, Next: got.Next}, nil
	case err == nil:
		out := listed{Entries: withPresent(got, m.present, q), Next: got.Next}
		for i := range out.Entries {
			out.Entries[i].Outage = asOf(out.Entries[i].Outage, m.present.Until())
		}
		return out, nil
	case m.here && q.Cursor == "" && (errors.Is(err, history.ErrNoStore) || errors.Is(err, history.ErrAway)):
		found := presentOf(m.present, q)
		slices.SortFunc(found, func(a, b outagelog.Entry) int { return compare(q.Sort, a.Outage, b.Outage) })
		found = found[:min(len(found), limitOf(q))]
		return listed{
			Entries: found,
			Problem: "Older outages than those of the last 24 hours are missing. " + serve.Reason(err),
		}, nil
	}
	return listed{}, err
}

// limitOf returns the number of outages on a page.
func limitOf(q history.OutagesQuery) int {
	if q.Limit < 1 || q.Limit > history.MaxOutages {
		return 100
	}
	return q.Limit
}

// presentOf returns the outages of the present that pass the query.
func presentOf(s *live.Snapshot, q history.OutagesQuery) []outagelog.Entry {
	var out []outagelog.Entry
	for _, all := range [][]outagelog.Entry{s.Open, s.Suspected, s.Closed} {
		for _, e := range all {
			if shows(q, e.Outage) {
				out = append(out, e)
			}
		}
	}
	return out
}

// shows reports whether an outage passes the query.
func shows(q history.OutagesQuery, o bgp.Outage) bool {
	return q.Shows(o) && (len(q.Codes) == 0 || slices.Contains(q.Codes, o.Entity.Code)) &&
		(o.End == nil || o.DurationSeconds >= int64(q.MinDuration.Seconds()))
}

// asOf returns an outage whose duration counts to until if it has not ended.
func asOf(o bgp.Outage, until time.Time) bgp.Outage {
	if o.End == nil && until.After(o.Start) {
		o.DurationSeconds = max(o.DurationSeconds, int64(until.Sub(o.Start).Seconds()))
	}
	return o
}

// withPresent returns a page of the store with the newer records of the present. In the orders by
// length and loss, and on later pages, it adds no outages: the place of an open outage differs
// between store and present, so the outage would be on two pages.
func withPresent(got history.Outages, s *live.Snapshot, q history.OutagesQuery) []outagelog.Entry {
	out := make([]outagelog.Entry, 0, len(got.Entries))
	stored := map[string]bool{}
	for _, e := range got.Entries {
		stored[e.Outage.ID] = true
		if now, ok := s.Find(e.Outage.ID); ok && now.Outage.Sequence >= e.Outage.Sequence {
			if !shows(q, now.Outage) {
				continue
			}
			e = now
		}
		out = append(out, e)
	}
	if q.Sort == history.SortLongest || q.Sort == history.SortLoss || q.Cursor != "" {
		return out
	}
	for _, e := range presentOf(s, q) {
		onPage := got.Next == "" ||
			len(got.Entries) > 0 && compare(q.Sort, e.Outage, got.Entries[len(got.Entries)-1].Outage) < 0
		if !stored[e.Outage.ID] && onPage {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b outagelog.Entry) int { return compare(q.Sort, a.Outage, b.Outage) })
	return out
}

// compare orders outages as package history does.
func compare(by history.Sort, a, b bgp.Outage) int {
	order := b.Start.Compare(a.Start)
	switch by {
	case history.SortOldest:
		order = a.Start.Compare(b.Start)
	case history.SortLongest:
		order = cmp.Compare(b.DurationSeconds, a.DurationSeconds)
	case history.SortLoss:
		order = cmp.Compare(b.Peak.LossPercent, a.Peak.LossPercent)
	case history.SortNewest:
	}
	return cmp.Or(order, cmp.Compare(a.ID, b.ID))
}
