package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFewHolders: prefixes that three voters of one collector hold, of 32 voters, are lost as
// prefixes, and no country, AS or world is lost.
func TestFewHolders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		holders int // of 32
		want    []string
	}{
		{3, nil},
		{15, nil},
		{16, []string{"AS131279 outage open 60-open", "KP outage open 60-open"}},
		{32, []string{"AS131279 outage open 60-open", "KP outage open 60-open"}},
	} {
		w := newWorld(t)
		kp := w.in("KP")
		w.networks = w.networks[:40]
		w.tables()
		few := func(do func(c, p int)) {
			for i := range tt.holders {
				do(i/w.peers, i%w.peers)
			}
		}
		// A minute of their own holds the table's end and the announcements.
		few(func(c, p int) { w.announce(c, p, dawn+1, kp...) })
		few(func(c, p int) {
			for _, n := range kp {
				w.withdraw(c, p, dawn+hours, n.prefix)
			}
		})
		f := w.run(dawn + 2*hours)
		if diff := cmp.Diff(tt.want, told(f, as, country, everything)); diff != "" {
			t.Errorf("%d holders (-want +got):\n%s", tt.holders, diff)
		}
		if got := len(told(f, single)); got != len(kp) {
			t.Errorf("%d holders: %d prefixes are lost, want %d", tt.holders, got, len(kp))
		}
	}
}
