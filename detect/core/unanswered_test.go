package core

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// newLearnedWorld returns one collector with eight peers that announce every network at dawn,
// without a table.
func newLearnedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.collectors, w.peers = 1, 8
	w.everybody(dawn, func(c, p int, t int64) { w.announce(c, p, t, w.networks...) })
	return w
}

// TestUnansweredGapIsNoLoss: after a gap without an answer, a withdrawal from before it is no
// evidence, and neither is an earlier announcement. A loss is unknown until half of the voters have
// named the prefix again.
func TestUnansweredGapIsNoLoss(t *testing.T) {
	t.Parallel()
	w := newLearnedWorld(t)
	kp := w.in("KP")
	gap := dawn + 30*minute
	for p := range 5 { // three of eight hold it: partial, and no loss after the gap
		w.withdraw(0, p, dawn+5*minute, kp[0].prefix)
	}
	w.everybody(dawn+10*minute, func(c, p int, t int64) { w.withdraw(c, p, t, kp[1].prefix, kp[2].prefix) })
	w.add(0, gap, &pb.GapBegin{Id: "g", SinceUs: (gap - 15*minute) * 1e6})
	w.add(0, gap, &pb.GapEnd{Id: "g"})
	w.withdraw(0, 0, gap+minute, kp[1].prefix)
	w.everybody(gap+5*minute, func(c, p int, t int64) { // a loss after the gap is found
		w.announce(c, p, t, kp[3])
		w.withdraw(c, p, t+minute, kp[3].prefix)
	})
	f := w.run(gap + 30*minute)
	want := []string{
		"175.45.176.0/24 partial closed 5-30",
		"175.45.177.0/24 outage closed 10-30", "175.45.178.0/24 outage closed 10-30", "175.45.179.0/24 outage open 36-open",
	}
	if diff := cmp.Diff(want, told(f, single)); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
	for _, r := range f.final() {
		if r.State == "closed" && r.EndReason != "lost_sight" {
			t.Errorf("%s ended as %s, want lost_sight", describe(r), r.EndReason)
		}
	}
}

// TestOnlyWithdrawals: routers that withdraw prefixes that they never announced prove no loss, even
// with a few announcements among the withdrawals.
func TestOnlyWithdrawals(t *testing.T) {
	t.Parallel()
	for _, injected := range []int{0, 5} {
		w := newLearnedWorld(t)
		w.peers = 13 // five more
		for p := 8; p < 13; p++ {
			w.announce(0, p, dawn+2*minute, w.networks[:injected]...)
			for i, n := range w.networks[injected:] {
				w.withdraw(0, p, dawn+3*minute+int64(i), n.prefix)
			}
			for i := range 60 {
				w.withdraw(0, p, dawn+4*minute+int64(i), fmt.Sprintf("192.168.%d.0/24", i))
			}
		}
		if got := told(w.run(dawn+hours), single); got != nil {
			t.Errorf("%d announcements: got %v, want nothing", injected, got)
		}
	}
}
