package outage

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/darkmap/darkmap/internal/bgp"
)

var (
	idPattern = regexp.MustCompile(`^(prefix|as|country|region|world|watch)-[A-Za-z0-9._~-]+-ipv[46]-\d{8}T\d{4}Z$`)
	// forbidden are words for a cause.
	forbidden = regexp.MustCompile(`(?i)attack|shut ?down|sabotage|censor|blackout|switched off|ddos`)
	// first lists the events that may come first; one that is closed at once is a blip.
	first = []bgp.Event{bgp.EventSuspected, bgp.EventOpened, bgp.EventClosed}
	// follows lists the events that may come after an event.
	follows = map[bgp.Event][]bgp.Event{
		bgp.EventSuspected: {bgp.EventOpened, bgp.EventRetracted},
		bgp.EventOpened:    {bgp.EventUpdated, bgp.EventClosed},
		bgp.EventUpdated:   {bgp.EventUpdated, bgp.EventClosed},
		bgp.EventClosed:    {bgp.EventReopened, bgp.EventRetracted}, // retracted: a short loss that became a part of an intermittent event
		bgp.EventReopened:  {bgp.EventUpdated, bgp.EventClosed},
		bgp.EventRetracted: {bgp.EventReopened, bgp.EventRetracted}, // a short loss that became the first of an intermittent event
	}
	stateOf = map[bgp.Event]bgp.State{
		bgp.EventSuspected: bgp.StateSuspected, bgp.EventOpened: bgp.StateOpen, bgp.EventUpdated: bgp.StateOpen,
		bgp.EventReopened: bgp.StateOpen, bgp.EventClosed: bgp.StateClosed, bgp.EventRetracted: bgp.StateRetracted,
	}
)

// checkLives returns the faults of a series of events, for any input.
func checkLives(events []Event) error {
	last := map[string]bgp.Outage{}
	owner := map[string]Key{}
	open := map[Key]string{}
	heirs := map[string]string{} // expected successors, by predecessor
	for _, ev := range events {
		o := ev.Outage
		before, known := last[o.ID]
		if err := checkRecord(ev, before, known); err != nil {
			return fmt.Errorf("%s, record %d (%s): %w", o.ID, o.Sequence, o.Event, err)
		}
		if k, ok := owner[o.ID]; ok && k != ev.Key {
			return fmt.Errorf("%s belongs to %v and %v", o.ID, k, ev.Key)
		}
		owner[o.ID] = ev.Key
		if before, ok := heirs[o.ID]; ok && o.Predecessor != before {
			return fmt.Errorf("%s is the successor of %s and names %q", o.ID, before, o.Predecessor)
		}
		if p := last[o.Predecessor]; o.Predecessor != "" && !known && p.EndReason != bgp.EndSuperseded {
			return fmt.Errorf("%s follows %q, which ended as %q", o.ID, o.Predecessor, p.EndReason)
		}
		if _, known := last[o.Successor]; o.Successor != "" && !known {
			heirs[o.Successor] = o.ID
		}
		switch id := open[ev.Key]; {
		case o.State == bgp.StateOpen && id != "" && id != o.ID:
			return fmt.Errorf("%s and %s are open at once", id, o.ID)
		case o.State == bgp.StateOpen:
			open[ev.Key] = o.ID
		case id == o.ID:
			delete(open, ev.Key)
		}
		last[o.ID] = o
	}
	return nil
}

// checkRecord checks one record against the one before it.
func checkRecord(ev Event, before bgp.Outage, known bool) error {
	o := ev.Outage
	allowed := first
	if known {
		allowed = follows[before.Event]
	}
	switch {
	case !slices.Contains(allowed, o.Event):
		return fmt.Errorf("follows %q", before.Event)
	case stateOf[o.Event] != o.State:
		return fmt.Errorf("has the state %s", o.State)
	case o.Sequence != before.Sequence+1:
		return fmt.Errorf("follows the sequence number %d", before.Sequence)
	case !idPattern.MatchString(o.ID):
		return fmt.Errorf("bad id")
	case (o.End == nil) != (o.State == bgp.StateOpen || o.State == bgp.StateSuspected):
		return fmt.Errorf("end %v in state %s", o.End, o.State)
	case (o.EndReason == bgp.NotEnded) != (o.State == bgp.StateOpen || o.State == bgp.StateSuspected):
		return fmt.Errorf("end reason %q in state %s", o.EndReason, o.State)
	case o.Successor != "" && o.EndReason != bgp.EndSuperseded:
		return fmt.Errorf("successor %s of an event that ended as %q", o.Successor, o.EndReason)
	case before.Predecessor != "" && o.Predecessor != before.Predecessor:
		return fmt.Errorf("predecessor %q, before it was %q", o.Predecessor, before.Predecessor)
	case strings.Contains(o.Summary, "The routes were back") && o.EndReason != bgp.EndRecovered:
		return fmt.Errorf("says that the routes were back and ended as %q", o.EndReason)
	case o.End != nil && o.End.Before(o.Start):
		return fmt.Errorf("ends at %v, before its start at %v", o.End, o.Start)
	case o.DurationSeconds < 0 || o.Score < 0 || o.Peak.LossPercent > 10000 || o.Now.LossPercent > o.Peak.LossPercent:
		return fmt.Errorf("bad figures: %d s, score %d, peak %v, now %v", o.DurationSeconds, o.Score, o.Peak, o.Now)
	case o.Blip && o.State == bgp.StateClosed && o.DurationSeconds >= 10*minute:
		return fmt.Errorf("a blip of %d s", o.DurationSeconds)
	case forbidden.MatchString(o.Summary):
		return fmt.Errorf("names a cause: %s", o.Summary)
	case !strings.HasSuffix(o.Summary, caveat):
		return fmt.Errorf("does not end with the caveat: %s", o.Summary)
	case (o.Evidence.ConsistentWith == "") != (o.Evidence.LessTypicalOf == "") ||
		(o.Evidence.ConsistentWith == "") == strings.Contains(o.Summary, "BGP cannot tell these apart."):
		return fmt.Errorf("one side only: %s", o.Summary)
	case (o.Previous != nil) != known:
		return fmt.Errorf("previous state: got %v", o.Previous)
	case o.Entity.Code != ev.Key.Code || o.Entity.Type != ev.Key.Type || o.Family != ev.Key.Family.String() || o.Dataset != "test":
		return fmt.Errorf("is about %v", o.Entity)
	}
	if err := checkSentences(&o); err != nil {
		return err
	}
	for i, g := range o.Gaps {
		if g.End.Before(g.Start) || i > 0 && g.Start.Before(o.Gaps[i-1].End) {
			return fmt.Errorf("bad gaps %v", o.Gaps)
		}
	}
	if !known {
		return nil
	}
	if o.Kind == bgp.KindOrigin && len(o.Unexpected) > len(before.Unexpected) {
		return nil
	}
	if o.Event == bgp.EventUpdated && !differs(o, before) && len(o.Notes) == len(before.Notes) {
		return fmt.Errorf("says nothing new: now %v, severity %s, %d losses", o.Now, o.Severity, o.Evidence.LossesInEvent)
	}
	var p bgp.Outage
	if err := json.Unmarshal(*o.Previous, &p); err != nil {
		return fmt.Errorf("reading the previous state: %w", err)
	}
	if p.Sequence != before.Sequence || p.Event != before.Event || p.Summary != before.Summary || p.Previous != nil {
		return fmt.Errorf("previous is record %d %s", p.Sequence, p.Event)
	}
	return nil
}

// differs reports whether an update differs from the record before it: another kind or severity, a
// greatest or present loss that is 10 points different, other origins or twice or half as many
// prefixes of a moved event, or twice as many short losses.
func differs(o, before bgp.Outage) bool {
	apart := func(a, b bgp.Decimal) bool { return a-b >= 1000 || b-a >= 1000 }
	same := func(a, b bgp.Parent) bool { return a.Type == b.Type && a.Code == b.Code && a.ID == b.ID } // a pending one has no id yet
	if !slices.EqualFunc(o.Parents, before.Parents, same) {
		return true
	}
	if o.Kind == bgp.KindMoved {
		return len(o.Evidence.MovedTo) > len(before.Evidence.MovedTo) || farApart(o.Peak.LostPrefixes, before.Peak.LostPrefixes) ||
			farApart(o.Now.LostPrefixes, before.Now.LostPrefixes)
	}
	return o.Kind != before.Kind || o.Severity != before.Severity || apart(o.Now.LossPercent, before.Now.LossPercent) ||
		apart(o.Peak.LossPercent, before.Peak.LossPercent) ||
		o.Kind == bgp.KindIntermittent && o.Evidence.LossesInEvent >= 2*before.Evidence.LossesInEvent
}

// step is an interval of random time: its state and its length.
type step struct {
	entity, down, share, moved, minutes int
	returns                             Returns
	verdicts, covered                   bool
}

// walk plays steps and returns the events of every window.
func walk(tb testing.TB, steps []step, skip bool) []Event {
	tb.Helper()
	w := newWorld(tb, "2024-03-01T00:00Z", DefaultConfig())
	nets := networks(30)
	keys := []Key{country("AA"), asKey(64500), prefixKey(nets[0]), prefixKey(nets[3])}
	w.add(keys[0], nets[:4])
	w.add(keys[1], nets[:20])
	w.add(keys[2], nets[:1])
	w.add(keys[3], nets[3:4])
	w.minutes(3)
	for _, s := range steps {
		w.view.verdicts = s.verdicts
		k := keys[s.entity]
		w.setDown(k, min(s.down, len(w.known[k])))
		sample := w.samples[k]
		if k.Type == bgp.EntityPrefix && sample.Space > 0 {
			sample.SharePermille = 500 + s.share
			sample.Moved = s.moved
		} else if k.Type == bgp.EntityPrefix {
			sample.SharePermille = s.share * 499 / 500
			if sample.Covered = s.covered; s.covered {
				w.view.lost[k][0].Deaggregated = true
			}
		}
		for i := range w.view.lost[k] {
			w.view.lost[k][i].SharePermille = s.share
		}
		w.view.moved[k] = nil
		if s.moved > 0 && k.Type == bgp.EntityAS {
			for _, l := range w.view.lost[k] {
				w.view.moved[k] = append(w.view.moved[k], MovedPrefix{Prefix: l.Prefix, From: 64500, To: 64501, Since: w.now})
			}
			sample.Moved = len(w.view.moved[k])
			w.view.lost[k] = nil
		}
		w.view.returns[k] = s.returns
		w.set(sample)
		if skip && s.minutes > 2 {
			w.minutes(1)
			w.now += int64(s.minutes-2) * minute
			w.minutes(1)
		} else {
			w.minutes(s.minutes)
		}
	}
	w.minutes(1)
	return w.events
}

func drawSteps(t *rapid.T) []step {
	short := rapid.IntRange(1, 12)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			entity: rapid.IntRange(0, 3).Draw(t, "entity"),
			down:   rapid.SampledFrom([]int{0, 0, 0, 1, 2, 4, 20}).Draw(t, "down"),
			share:  rapid.SampledFrom([]int{0, 100, 250, 400, 450, 500}).Draw(t, "share"),
			returns: rapid.SampledFrom([]Returns{
				{}, {}, {}, {Unproven: 1}, {Unproven: 1 << 20}, {Foreign: 1 << 20}, {Settled: true}, {Covered: true},
			}).Draw(t, "returns"),
			moved: rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "moved"),
			minutes: rapid.OneOf(short, short, short, short, short, rapid.SampledFrom([]int{11, 31, 61, 61, 61, 1440, 8 * 1440})).
				Draw(t, "minutes"),
			verdicts: rapid.IntRange(0, 9).Draw(t, "verdicts") > 0,
			covered:  rapid.IntRange(0, 4).Draw(t, "covered") == 0,
		}
	}), 1, 40).Draw(t, "steps")
}

// TestLives checks for random input that every event follows the rules, that the same input gives
// the same events, and that minutes without a change may be left out.
func TestLives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := drawSteps(rt)
		events := walk(t, steps, false)
		if err := checkLives(events); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(events, walk(t, steps, false)); diff != "" {
			rt.Fatalf("the same steps give other events (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(events, walk(t, steps, true)); diff != "" {
			rt.Fatalf("quiet minutes left out give other events (-all +fewer):\n%s", diff)
		}
	})
}

// TestMedians compares the run-length list with a plain list of samples.
func TestMedians(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const begin = 1000 * dayMinutes
		h := history{}
		plain := map[int64]uint64{} // by minute
		m := int64(begin)
		for range rapid.IntRange(1, 60).Draw(rt, "changes") {
			stands := uint64(rapid.IntRange(0, 50).Draw(rt, "value"))
			h.record(m, stands, int(stands))
			for range rapid.OneOf(rapid.IntRange(1, 12), rapid.IntRange(1, 200)).Draw(rt, "minutes") {
				plain[m] = stands
				m++
			}
		}
		m--
		prior := uint64(rapid.IntRange(0, 50).Draw(rt, "prior"))
		var samples []uint64
		for s := m - m%sampleMinutes; s > m-m%sampleMinutes-dayMinutes; s -= sampleMinutes {
			if v, ok := plain[s]; ok {
				samples = append(samples, v)
			} else {
				samples = append(samples, prior)
			}
		}
		want := plainMedian(samples)
		var off []uint64
		for _, v := range samples {
			off = append(off, max(v, want)-min(v, want))
		}
		var ms medians
		got := ms.at(&h, m, point{space: prior, prefixes: uint32(prior)})
		if got.space != want || got.mad != plainMedian(off) || got.prefixes != int(want) {
			rt.Fatalf("got %+v, want median %d, deviation %d", got, want, plainMedian(off))
		}
		if len(h.points) > daySamples+2 {
			rt.Fatalf("got %d points", len(h.points))
		}
	})
}

func plainMedian(v []uint64) uint64 {
	w := make([]weighted, len(v))
	for i, x := range v {
		w[i] = weighted{x, 1}
	}
	return median(w)
}
