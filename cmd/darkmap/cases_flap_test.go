package main

import (
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// flapping withdraws and announces the four prefixes of North Korea in turn from one time until
// another.
func flapping(from, to, out, back time.Duration) *mrttest.World {
	background, kp := mrttest.Background(100), mrttest.KP()
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, kp))
	w.Churn(0, to+3*time.Hour, 2*time.Minute, w.Peers, background)
	for at := from; at < to; at += out + back {
		w.Withdraw(at, w.Peers, mrttest.Prefixes(kp)...)
		w.Announce(at+out, w.Peers, kp...)
	}
	return w
}

// TestCaseSixMinutes: six minutes out and six minutes back for four hours is one intermittent
// event, with a list of its pauses.
func TestCaseSixMinutes(t *testing.T) {
	t.Parallel()
	w := flapping(time.Hour, 5*time.Hour, 6*time.Minute, 6*time.Minute)
	got := replayCase(t, w, wholeFiles(w))
	for _, e := range []bgp.Entity{{Type: bgp.EntityPrefix, Code: "175.45.177.0/24"}, {Type: bgp.EntityAS, Code: "AS131279"}, {Type: bgp.EntityCountry, Code: "KP"}} {
		all := got.of(e.Type, e.Code)
		if len(all) != 1 || all[0].Kind != bgp.KindIntermittent || all[0].End == nil {
			t.Errorf("%s: got %+v, want one intermittent event that ended", e.Code, all)
			continue
		}
		o := all[0]
		if from, to := o.Start.Sub(caseStart).Round(time.Minute), o.End.Sub(caseStart); from != time.Hour || to != 294*time.Minute {
			t.Errorf("%s: got %s to %s, want 1h0m to 4h54m", e.Code, from, to)
		}
		duty := *o.Evidence.DutyCyclePercent
		if o.Evidence.LossesInEvent != 20 || len(o.Gaps) != 19 || o.Gaps[0].End.Sub(o.Gaps[0].Start) != 6*time.Minute || duty < 5000 || duty > 5200 {
			t.Errorf("%s: got %d losses, %d gaps, %s %%, want 20, 19 of six minutes, 51 %%: %s", e.Code, o.Evidence.LossesInEvent, len(o.Gaps), duty, o.Summary)
		}
	}
}

// TestCaseNoPauseOfAMinute: 80 seconds out and 40 seconds back for two hours. At the end of every
// minute all routes are lost. In every other minute the routes came and went.
func TestCaseNoPauseOfAMinute(t *testing.T) {
	t.Parallel()
	w := flapping(time.Hour+50*time.Second, 3*time.Hour, 80*time.Second, 40*time.Second)
	got := replayCase(t, w, wholeFiles(w))
	for _, e := range []bgp.Entity{{Type: bgp.EntityPrefix, Code: "175.45.177.0/24"}, {Type: bgp.EntityAS, Code: "AS131279"}, {Type: bgp.EntityCountry, Code: "KP"}} {
		all := got.of(e.Type, e.Code)
		if len(all) != 1 || all[0].Kind != bgp.KindIntermittent || all[0].End == nil {
			t.Errorf("%s: got %+v, want one intermittent event that ended", e.Code, all)
			continue
		}
		o := all[0]
		if n := o.Evidence.AnnouncedMinutes; n < 50 || n > 60 || len(o.Gaps) != 0 || *o.Evidence.DutyCyclePercent > 6000 {
			t.Errorf("%s: got %d minutes with announcements, %d gaps, %v %%, want nearly 60, none and about 50 %%: %s", e.Code, n, len(o.Gaps),
				*o.Evidence.DutyCyclePercent, o.Summary)
		}
	}
}

// TestCaseShortLosses: losses of less than five minutes that come again and again are one event,
// even those that were published by themselves before. --all lists no other event.
func TestCaseShortLosses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ begin, out, back time.Duration }{
		{0, 2 * time.Minute, 2 * time.Minute}, {0, 80 * time.Second, 40 * time.Second}, {20 * time.Second, 4 * time.Minute, 100 * time.Second},
	} {
		w := flapping(time.Hour+tt.begin, 2*time.Hour, tt.out, tt.back)
		got := replayCase(t, w, wholeFiles(w))
		if len(got.outages) != 6 {
			t.Errorf("%s out, %s back: got %d events, want 6", tt.out, tt.back, len(got.outages))
		}
		for _, o := range got.outages {
			if o.Kind != bgp.KindIntermittent || o.End == nil || o.Start.Sub(caseStart).Truncate(time.Minute) != time.Hour {
				t.Errorf("%s out, %s back: got %s of %s: %s", tt.out, tt.back, o.Kind, o.Entity.Code, o.Summary)
			}
		}
	}
}

// TestCaseFlapsThenOutage: an intermittent event that was an outage ends when a loss lasts for half
// an hour, and not before.
func TestCaseFlapsThenOutage(t *testing.T) {
	t.Parallel()
	kp := mrttest.KP()
	w := flapping(time.Hour, 2*time.Hour, 6*time.Minute, 6*time.Minute)
	w.Withdraw(130*time.Minute, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(155*time.Minute, w.Peers, kp...)
	w.Withdraw(170*time.Minute, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(230*time.Minute, w.Peers, kp...)
	got := replayCase(t, w, wholeFiles(w)).of(bgp.EntityCountry, "KP")
	if len(got) != 2 || got[0].Kind != bgp.KindIntermittent || got[0].Successor != got[1].ID || got[1].Kind != bgp.KindOutage || got[1].End == nil {
		t.Fatalf("got %+v, want an intermittent event and the outage that ended it", got)
	}
	if from, to := got[1].Start.Sub(caseStart).Round(time.Minute), got[1].End.Sub(caseStart); from != 170*time.Minute || to != 230*time.Minute {
		t.Errorf("got an outage from %s to %s, want 2h50m to 3h50m", from, to)
	}
}
