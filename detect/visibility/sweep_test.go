package visibility

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/snapshot/snapshottest"
	"github.com/darkmap/darkmap/internal/bgp"
)

// closed is what a close leaves behind: its samples and holdings, and a snapshot of the state.
type closed struct {
	samples  []outage.Sample
	holdings []Holding
	snapshot []byte
}

// closeBoth ends a window twice: in the state, and in a copy in which every row is judged by
// itself, because it gets voters that left (none, so nothing else differs).
func (b *bench) closeBoth() (got, want closed) {
	b.t.Helper()
	b.restore()
	swept := bench{t: b.t, rib: b.rib, panel: b.panel, s: b.s, peers: b.peers}
	b.restore() // the state goes on as the copy, the other one is judged in the sweep
	b.now += 60
	b.rib.Repack()
	swept.rib.Repack()
	_, changed := b.panel.Close(b.now, b.rib.Size)
	w := Window{
		End: b.now, Voters: b.panel.Voters(), Changed: changed, Knowledge: b.panel.Knowledge(), Verdicts: b.panel.Verdicts(),
	}
	got = swept.closeWith(w)
	w.Left = &panel.Left{Voters: &panel.Voters{}}
	return got, b.closeWith(w)
}

func (b *bench) closeWith(w Window) (out closed) {
	out.samples = b.s.Close(w)
	slices.SortFunc(out.samples, func(x, y outage.Sample) int {
		return cmp.Or(cmp.Compare(x.Key.Type, y.Key.Type), cmp.Compare(x.Key.Code, y.Key.Code))
	})
	out.holdings = b.s.Holdings()
	out.snapshot = snapshottest.Write(b.t, b.code(b.s))
	return out
}

// TestSweep compares a sweep with the judgement of each row by itself, while prefixes move between
// origins, are withdrawn and return, and voters leave and return.
func TestSweep(t *testing.T) {
	t.Parallel()
	const voters, prefixes = 12, 120
	steady, others, sweeps := 0, 0, 0
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 7))
		b := newBench(t, voters, true)
		key := func(i int) rib.Key { return rib.Key(uint64(10<<24|i<<16)<<8 | 16) }
		for i := range prefixes {
			b.announce(key(i), bgp.ASN(64500+i/10), 64510, upTo(voters)...)
			b.place(key(i), []string{"AA", "BB", "CC"}[i%3])
		}
		b.s.LeaveOut(nil, seed%2 == 0)
		for range 150 {
			for range rng.IntN(8) {
				i, n := rng.IntN(prefixes), rng.IntN(voters+1)
				switch origin := bgp.ASN(64500 + i/10); rng.IntN(5) {
				case 0:
					b.withdraw(key(i), false, upTo(n)...)
				case 1:
					b.announce(key(i), origin+1, 64510, upTo(n)...)
				default:
					b.announce(key(i), origin, bgp.ASN(64510+rng.IntN(2)), upTo(voters)...)
				}
			}
			slot := rng.IntN(voters)
			switch s := b.panel.Session(slot); {
			case rng.IntN(3) > 0:
			case s.Up && rng.IntN(2) == 0:
				s.PeerDown()
				b.rib.Vacate(true, slot)
			case !s.Up:
				s.Up, s.Complete = true, true
				for i := range prefixes {
					b.announce(key(i), bgp.ASN(64500+i/10), 64510, slot)
				}
				for i := range 40 {
					b.announce(rib.Key(uint64(100<<24|i<<16)<<8|16), 64490, 64510, slot)
				}
			}
			if rng.IntN(20) == 0 {
				b.now += 3540 - b.now%3600 // so that usual states change
			}
			before := *b.panel.Voters()
			got, want := b.closeBoth()
			if diff := gocmp.Diff(want.samples, got.samples); diff != "" {
				t.Fatalf("seed %d: samples (-plain +swept):\n%s", seed, diff)
			}
			if diff := gocmp.Diff(want.holdings, got.holdings); diff != "" {
				t.Fatalf("seed %d: holdings (-plain +swept):\n%s", seed, diff)
			}
			snapshottest.Same(t, want.snapshot, got.snapshot)
			if v := b.panel.Voters(); v.Equal(&before) {
				continue
			}
			sweeps++
			for i := range prefixes {
				r, _ := b.rib.Row(key(i))
				if p := &b.s.prefixes[r]; p.flags == steadyFlags && p.since == 0 && b.rib.IsUsual(r) {
					steady++
				} else {
					others++
				}
			}
		}
	}
	if sweeps < 50 || steady < 1000 || others < 500 {
		t.Errorf("%d sweeps with %d steady and %d other prefixes: too few to prove anything", sweeps, steady, others)
	}
}
