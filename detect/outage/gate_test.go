package outage

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// gate shuts the panel gate for some minutes.
func (w *world) gate(minutes int) {
	w.view.gated = true
	w.minutes(minutes)
	w.view.gated = false
}

// gateWorld returns a world at noon with a country of ten prefixes.
func gateWorld(t *testing.T) (*world, Key) {
	t.Helper()
	w, kp := newWorld(t, "2024-03-01T10:00Z", DefaultConfig()), country("KP")
	w.add(kp, networks(10))
	w.until("2024-03-01T12:00Z")
	return w, kp
}

// TestGateKeeps checks that a loss that had begun when the gate shut goes on when it opens, as if
// every minute had been measured. A loss that is gone makes no event.
func TestGateKeeps(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		play  func(w *world, kp Key)
		want  []string
		start time.Duration // start of the last event, since noon
	}{
		"a loss of a minute": {func(w *world, kp Key) {
			w.setDown(kp, 5)
			w.minutes(1)
			w.gate(6)
			w.minutes(3)
		}, []string{"opened outage open 0..-"}, 8 * time.Second},
		"a loss that began before its feeds went": {func(w *world, kp Key) {
			w.setDown(kp, 5)
			w.minutes(4)
			w.gate(5)
			w.minutes(3)
		}, []string{"opened outage open 0..-"}, 8 * time.Second},
		"a suspicion": {func(w *world, kp Key) {
			w.setDown(kp, 10)
			w.minutes(2)
			w.gate(6)
			w.minutes(3)
		}, []string{"suspected outage suspected 0..-", "opened outage open 0..-"}, 8 * time.Second},
		"a suspicion that is gone": {func(w *world, kp Key) {
			w.setDown(kp, 10)
			w.minutes(2)
			w.setDown(kp, 0)
			w.gate(6)
			w.minutes(3)
		}, []string{"suspected outage suspected 0..-", "retracted outage retracted 0..9"}, 8 * time.Second},
		"a loss that is gone": {func(w *world, kp Key) {
			w.setDown(kp, 10)
			w.minutes(1)
			w.setDown(kp, 0)
			w.gate(6)
			w.minutes(3)
		}, nil, 0},
		"a loss that began with the gate": {func(w *world, kp Key) {
			w.setDown(kp, 5)
			w.gate(5)
			w.minutes(2)
		}, []string{"opened outage open 0..-"}, 8 * time.Second},
		"a loss that began a minute before it opens": {func(w *world, kp Key) {
			w.gate(4)
			w.setDown(kp, 5)
			w.gate(1)
			w.minutes(5)
		}, []string{"opened outage open 4..-"}, 4*time.Minute + 8*time.Second},
		"too few voters meanwhile": {func(w *world, kp Key) {
			w.setDown(kp, 10)
			w.minutes(2)
			w.view.verdicts = false
			w.gate(6)
			w.view.verdicts = true
			w.minutes(3)
		}, []string{"suspected outage suspected 0..-", "opened outage open 0..-"}, 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, kp := gateWorld(t)
			tt.play(w, kp)
			if diff := cmp.Diff(tt.want, w.life(kp)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(w.events) > 0 {
				if got := w.events[len(w.events)-1].Outage.Start.Sub(time.Unix(unix(t, noon), 0)); got != tt.start {
					t.Errorf("it began at %v, want %v", got, tt.start)
				}
			}
		})
	}
}

// TestGateSameRecord checks that a loss that lasts while the gate is shut has the same figures as
// without the gate.
func TestGateSameRecord(t *testing.T) {
	t.Parallel()
	play := func(gated int) bgp.Outage {
		w, kp := gateWorld(t)
		w.setDown(kp, 5)
		w.minutes(2)
		w.gate(gated)
		w.minutes(30 - 2 - gated)
		w.setDown(kp, 0)
		w.minutes(20)
		return w.final(kp)[0]
	}
	without, with := play(0), play(8)
	if !slices.ContainsFunc(with.Notes, func(s string) bool { return strings.HasPrefix(s, "For 8 minutes of it nothing was decided") }) {
		t.Errorf("got the notes %q", with.Notes)
	}
	if with.ID != without.ID || with.Score != without.Score || with.DurationSeconds != without.DurationSeconds || !with.Start.Equal(without.Start) || with.EndReason != without.EndReason {
		t.Errorf("got %+v, want %+v", with, without)
	}
}

// TestGateOpenEvent checks that an open event does not change while the gate is shut, also when
// its routes are back. Its quiet minutes go on afterwards.
func TestGateOpenEvent(t *testing.T) {
	t.Parallel()
	w, kp := gateWorld(t)
	w.setDown(kp, 5)
	w.minutes(10)
	w.setDown(kp, 0)
	w.minutes(4)
	w.gate(15)
	if diff := cmp.Diff([]string{"opened outage open 0..-"}, w.life(kp)); diff != "" {
		t.Errorf("while the gate is shut (-want +got):\n%s", diff)
	}
	w.minutes(6)
	if diff := cmp.Diff([]string{"opened outage open 0..-", "closed outage closed 0..10"}, w.life(kp)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w, kp = gateWorld(t)
	w.setDown(kp, 5)
	w.minutes(10)
	w.setDown(kp, 0)
	w.gate(15)
	w.minutes(12)
	if diff := cmp.Diff([]string{"opened outage open 0..-", "closed outage closed 0..25"}, w.life(kp)); diff != "" {
		t.Errorf("back meanwhile (-want +got):\n%s", diff)
	}
	want := "No verdict was possible from 12:10 UTC on 1 March 2024 to 12:25 UTC on 1 March 2024: the end lies between these times."
	if got := w.final(kp)[0].Notes; !slices.Contains(got, want) {
		t.Errorf("got the notes %q, want %q", got, want)
	}
}

// TestGateLapsed checks that a loss through ended sessions counts from the time when the gate
// opens, because the new tables may be incomplete.
func TestGateLapsed(t *testing.T) {
	t.Parallel()
	w, kp := gateWorld(t)
	w.setDown(kp, 5)
	for i := range w.view.lost[kp] {
		w.view.lost[kp][i].Lapsed = true
	}
	w.gate(6)
	w.minutes(4)
	if got := w.life(kp); got != nil {
		t.Errorf("got %v after four minutes, want nothing", got)
	}
	w.minutes(1)
	if diff := cmp.Diff([]string{"opened outage open 0..-"}, w.life(kp)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestGateLeaving checks that nothing is suspected while many feeds leave, and that a loss that
// lasts opens.
func TestGateLeaving(t *testing.T) {
	t.Parallel()
	w, kp := gateWorld(t)
	w.view.leaving = true
	w.setDown(kp, 10)
	w.minutes(6)
	if diff := cmp.Diff([]string{"opened outage open 0..-"}, w.life(kp)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestGateUsual checks that minutes with the gate shut are no samples, and that prefixes that are
// unknown when it opens do not count as lost.
func TestGateUsual(t *testing.T) {
	t.Parallel()
	w, kp := gateWorld(t)
	w.gate(3)
	w.known[kp] = networks(6) // four of them are unknown now
	w.setDown(kp, 0)
	w.minutes(30)
	if got := w.life(kp); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
	w.setDown(kp, 3)
	w.minutes(10)
	got := w.final(kp)
	if len(got) != 1 || got[0].Baseline.Prefixes != 6 {
		t.Errorf("got %+v, want a loss of half of six prefixes", got)
	}
}

// TestGateTakeOver checks that published events wait for the gate after a start: nothing ends
// while it is shut, and an adopted event is not judged.
func TestGateTakeOver(t *testing.T) {
	t.Parallel()
	before, all := published(t)
	w := newWorld(t, "2024-03-01T15:00Z", DefaultConfig())
	w.events = slices.Clone(before.events)
	n := len(w.events)
	w.engine.TakeOver(all, before.now)
	w.add(country("KP"), networks(20))
	w.gate(14)
	if len(w.events) != n {
		t.Errorf("published %v while the gate is shut", w.events[n:])
	}
	w.minutes(1)
	if len(w.events) != n+1 || w.events[n].Key != country("AA") || w.events[n].Outage.State != bgp.StateRetracted {
		t.Errorf("got %v when it opens, want the suspicion retracted", w.events[n:])
	}
	w.minutes(10)
	if got := w.final(country("KP")); len(got) != 1 || got[0].ID != all[0].ID || got[0].State != bgp.StateClosed || got[0].EndReason != bgp.EndRecovered {
		t.Errorf("got %+v, want %s closed", got, all[0].ID)
	}
}
