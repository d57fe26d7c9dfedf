package outagelog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// told returns the events that a stream passes, in order.
func told(f Filter, records ...bgp.Outage) (out []string) {
	s := NewStream(f)
	for _, o := range records {
		for _, x := range s.Add(o) {
			out = append(out, fmt.Sprint(x.ID, " ", x.Event))
		}
	}
	return out
}

// TestStream checks that the beginning of an outage never passes without its end, nor an end
// without its beginning.
func TestStream(t *testing.T) {
	t.Parallel()
	life := func(id string, begin, lasts time.Duration, last ...bgp.Event) (all []bgp.Outage) {
		end := start.Add(begin + lasts)
		o := bgp.Outage{ID: id, Start: start.Add(begin), Severity: bgp.SeverityMinor}
		for i, e := range append([]bgp.Event{bgp.EventSuspected, bgp.EventOpened, bgp.EventUpdated}, last...) {
			o.Event, o.Sequence, o.DurationSeconds = e, uint32(i+1), 60*int64(i+1)
			switch e {
			case bgp.EventSuspected:
				o.State = bgp.StateSuspected
			case bgp.EventClosed, bgp.EventRetracted:
				o.State, o.End, o.EndReason, o.DurationSeconds = bgp.StateClosed, &end, bgp.EndRecovered, int64(lasts.Seconds())
			default:
				o.State, o.End, o.EndReason = bgp.StateOpen, nil, bgp.NotEnded
			}
			all = append(all, o)
		}
		return all
	}
	closed := life("a", 0, time.Hour, bgp.EventClosed)
	grown := life("a", 0, time.Hour, bgp.EventUpdated, bgp.EventClosed)
	for i := range grown[3:] {
		grown[3+i].Severity = bgp.SeverityMajor
	}
	late := append(life("b", 30*time.Minute, 3*time.Hour), closed...)
	for name, tt := range map[string]struct {
		f       Filter
		records []bgp.Outage
		want    string
	}{
		"a whole life":                    {Filter{}, life("a", 0, time.Hour, bgp.EventClosed, bgp.EventReopened, bgp.EventClosed), "a opened, a closed, a reopened, a closed"},
		"reopened, and never opened":      {Filter{}, life("a", 0, time.Hour, bgp.EventReopened, bgp.EventClosed)[3:], "a opened, a closed"},
		"its end read twice":              {Filter{}, append(slices.Clone(closed), closed[3]), "a opened, a closed"},
		"suspected too":                   {Filter{All: true}, closed, "a suspected, a opened, a closed"},
		"read twice":                      {Filter{}, slices.Concat(closed[:3], closed[1:]), "a opened, a closed"},
		"over before the window":          {Filter{From: start.Add(2 * time.Hour)}, closed, ""},
		"begun before, ends in it":        {Filter{From: start.Add(30 * time.Minute)}, closed, "a opened, a closed"},
		"begun before, lasts":             {Filter{From: start.Add(45 * time.Minute)}, late, "b opened, a opened, a closed"},
		"begins in it, ends after it":     {Filter{To: start.Add(time.Minute)}, closed, "a opened, a closed"},
		"begins after it":                 {Filter{To: start}, closed, ""},
		"passes only in the course of it": {Filter{MinSeverity: bgp.SeverityMajor}, grown, "a opened, a closed"},
		"passes at its end alone":         {Filter{MinSeverity: bgp.SeverityMajor}, slices.Concat(closed[:3], grown[4:]), "a opened, a closed"},
		"does not pass at its end":        {Filter{States: []bgp.State{bgp.StateOpen}}, closed, "a opened, a closed"},
		"a blip":                          {Filter{}, []bgp.Outage{{ID: "a", Event: bgp.EventClosed, State: bgp.StateClosed, Blip: true, Start: start, End: &start}}, ""},
		"a blip, all":                     {Filter{All: true}, []bgp.Outage{{ID: "a", Event: bgp.EventClosed, State: bgp.StateClosed, Blip: true, Start: start, End: &start}}, "a opened, a closed"},
	} {
		if got := strings.Join(told(tt.f, tt.records...), ", "); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
