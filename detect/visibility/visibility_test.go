package visibility

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/detect/snapshot/snapshottest"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// dawn is a full hour.
const dawn = int64(1_400_000_400)

// bench is a state with sessions that all vote, each an AS of its own; two make a collector.
type bench struct {
	t     *testing.T
	rib   *rib.Table
	panel *panel.Panel
	s     *State
	now   int64
	peers []bgp.PeerKey
}

func (b *bench) Peer(slot int) (bgp.PeerKey, bool) { return b.peers[slot], true }

// newBench returns a bench whose voters have whole tables, or learn from updates.
func newBench(t *testing.T, voters int, complete bool) *bench {
	t.Helper()
	b := &bench{t: t, rib: rib.New(bgp.IPv4), now: dawn}
	b.s = New(b.rib, b)
	b.panel = panel.New(few(), bgp.IPv4)
	for i := range voters {
		slot, _ := b.rib.AddSlot()
		k := bgp.PeerKey{Collector: fmt.Sprint("c", i/2), Peer: bgp.Peer{ASN: bgp.ASN(100 + i), Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})}}
		b.peers = append(b.peers, k)
		b.panel.Add(slot, &panel.Session{Key: k, Up: true, Complete: complete})
	}
	for i := range 40 { // this makes every peer a full feed
		b.announce(rib.Key(uint64(100<<24|i<<16)<<8|16), 64490, 64510, upTo(voters)...)
	}
	return b
}

// restore continues with a table and a state that were read from a snapshot.
func (b *bench) restore() {
	b.t.Helper()
	t := rib.New(bgp.IPv4)
	snapshottest.Copy(b.t, b.rib.Code, t.Code)
	s := New(t, b)
	s.leftOut, s.steps = b.s.leftOut, b.s.steps
	s.NeedStrangers(b.s.strangers.voters, b.s.strangers.collectors)
	snapshottest.Copy(b.t, b.code(b.s), b.code(s))
	b.rib, b.s = t, s
}

// code returns a function that writes a snapshot of s, or reads one into s.
func (b *bench) code(s *State) func(*snapshot.Coder) {
	return func(c *snapshot.Coder) { s.Code(c, b.s.watch.lists, b.s.voters) }
}

// close ends a window and returns the samples by entity. From time to time it continues with a
// state read from a snapshot.
func (b *bench) close() map[string]outage.Sample {
	b.t.Helper()
	if b.rib.Len() < 1000 && b.now/60%3 == 0 {
		b.restore()
	}
	b.now += 60
	_, changed := b.panel.Close(b.now, b.rib.Size)
	out := map[string]outage.Sample{}
	for _, x := range b.s.Close(Window{End: b.now, Voters: b.panel.Voters(), Changed: changed, Knowledge: b.panel.Knowledge(), Verdicts: b.panel.Verdicts()}) {
		out[x.Key.Type.String()+" "+x.Key.Code] = x
	}
	return out
}

func (b *bench) key(s string) rib.Key {
	b.t.Helper()
	_, k, ok := rib.KeyOf(netip.MustParsePrefix(s))
	if !ok {
		b.t.Fatalf("%s has no key", s)
	}
	return k
}

func (b *bench) announce(k rib.Key, origin, upstream bgp.ASN, slots ...int) {
	for _, s := range slots {
		r, a, _ := b.rib.Announce(s, k, 0, origin, upstream)
		b.s.Announced(r, s, b.now, upstream, a != rib.Again)
	}
}

func (b *bench) withdraw(k rib.Key, learn bool, slots ...int) {
	for _, s := range slots {
		if r, w, ok := b.rib.Withdraw(s, k, 0, learn); ok && w != rib.Nothing {
			b.s.Withdrew(r, s, b.now)
		}
	}
}

func (b *bench) place(k rib.Key, country string) {
	if r, ok := b.rib.Row(k); ok {
		b.s.SetPlace(r, []*pb.Place{{Country: country}}, []uint64{0, k.Space(bgp.IPv4)})
	}
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestLearnedVerdict checks how many voters must have withdrawn a prefix, in a panel of ten.
func TestLearnedVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		withdrawn, held int
		lost            bool
	}{
		{2, 0, false},
		{4, 0, false}, // fewer than half of the voters have sent updates
		{5, 0, true},
		{4, 1, false},
		{5, 1, true},
		{6, 2, true},
		{5, 3, false},
		{8, 2, true},
		{7, 3, false},
		{10, 0, true},
	} {
		b := newBench(t, 10, false)
		k := b.key("198.51.100.0/24")
		b.announce(b.key("203.0.113.0/24"), 64500, 64510, upTo(10)...)
		b.close()
		for s := range tt.withdrawn {
			b.withdraw(k, true, s)
		}
		for s := range tt.held {
			b.announce(k, 64500, 64510, tt.withdrawn+s)
		}
		x, ok := b.close()["prefix 198.51.100.0/24"]
		if got := ok && x.Space == 0; got != tt.lost {
			t.Errorf("%d withdrawn, %d held: lost %v, want %v", tt.withdrawn, tt.held, got, tt.lost)
		}
		if !tt.lost {
			continue
		}
		b.announce(k, 64500, 64510, upTo((tt.withdrawn+tt.held+1)/2)...)
		if x := b.close()["prefix 198.51.100.0/24"]; x.Space == 0 {
			t.Errorf("%d withdrawn, %d held: still lost when half of them hold it again", tt.withdrawn, tt.held)
		}
	}
}

// TestLostBelowHalf checks that lost is v < b/2, and that the departure of a voter is no
// withdrawal.
func TestLostBelowHalf(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, true)
	k, rare := b.key("198.51.100.0/24"), b.key("203.0.113.0/24")
	b.announce(b.key("10.0.0.0/8"), 64499, 64510, upTo(10)...)
	b.announce(k, 64500, 64510, upTo(8)...)
	b.announce(rare, 64500, 64510, 0, 1, 2)
	b.close()
	b.withdraw(k, false, 0, 1, 2, 3)
	if x := b.close()["prefix 198.51.100.0/24"]; x.Space == 0 || x.SharePermille != 500 {
		t.Errorf("4 of 8 usual voters: got %+v, want visible at 500", x)
	}
	b.withdraw(k, false, 4)
	if x := b.close()["prefix 198.51.100.0/24"]; x.Space != 0 || x.SharePermille != 375 {
		t.Errorf("3 of 8 usual voters: got %+v, want lost at 375", x)
	}
	for _, s := range []int{0, 1, 2} {
		b.panel.Session(s).Masked = true
	}
	got := b.close()
	if x, ok := got["prefix 203.0.113.0/24"]; ok {
		t.Errorf("its voters left the panel: got %+v, want nothing", x)
	}
	for _, s := range []int{0, 1, 2} {
		b.panel.Session(s).Masked = false
	}
	b.close()
	b.withdraw(rare, false, 0, 1, 2)
	if x, ok := b.close()["prefix 203.0.113.0/24"]; !ok || x.Space != 0 {
		t.Errorf("all of its voters withdrew it: got %+v, want it lost", x)
	}
}

// TestUsualStandsStill checks that the usual visibility does not follow a loss for 7 days, and
// follows it after that.
func TestUsualStandsStill(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, true)
	k := b.key("198.51.100.0/24")
	b.announce(b.key("10.0.0.0/8"), 64499, 64510, upTo(10)...)
	b.announce(k, 64500, 64510, upTo(10)...)
	b.close()
	b.withdraw(k, false, upTo(10)...)
	if x := b.close()["prefix 198.51.100.0/24"]; x.Space != 0 || x.KnownPrefixes != 1 {
		t.Fatalf("got %+v, want it lost", x)
	}
	var left int64
	for range 200 {
		b.now += 3600 - 60
		if x, ok := b.close()["prefix 198.51.100.0/24"]; ok {
			if x.KnownPrefixes != 0 {
				t.Fatalf("got %+v, want it to leave", x)
			}
			left = b.now
			break
		}
	}
	if d := (left - dawn) / 3600; d < 7*24 || d > 7*24+1 {
		t.Errorf("it left the table after %d hours, want 168", d)
	}
}

// TestNewPrefixBecomesUsual checks that a later prefix is known after it was there for half of the
// day.
func TestNewPrefixBecomesUsual(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, true)
	b.announce(b.key("10.0.0.0/8"), 64499, 64510, upTo(10)...)
	for range 30 {
		b.now += 3600 - 60
		b.close()
	}
	k := b.key("198.51.100.0/24")
	b.announce(k, 64500, 64510, upTo(10)...)
	known := 0
	for h := range 24 {
		b.now += 3600 - 60
		if x, ok := b.close()["as AS64500"]; ok && x.KnownPrefixes == 1 {
			known = h + 1
			break
		}
	}
	if known != 13 {
		t.Errorf("known after %d hours, want 13: the lower of two middles", known)
	}
}

// TestView checks the voters and times of a loss, the last route, and the upstreams through which
// the prefix was still heard.
func TestView(t *testing.T) {
	t.Parallel()
	b := newBench(t, 6, true)
	k, agg := b.key("198.51.100.0/24"), b.key("198.51.0.0/16")
	b.announce(agg, 64777, 64510, upTo(6)...)
	b.announce(k, 64500, 64510, 0, 1, 2, 3)
	b.announce(k, 64500, 64511, 4, 5)
	b.place(k, "KP")
	b.close()
	at := b.now
	b.withdraw(k, false, 0, 1, 2)
	b.now += 10
	b.announce(k, 64500, 64520, 3)
	b.now += 10
	b.withdraw(k, false, 3, 4, 5)
	b.now += 40 - 60
	b.close()
	key := outage.Key{Family: bgp.IPv4, Type: bgp.EntityCountry, Code: "KP"}
	want := []outage.LostPrefix{{
		Prefix: netip.MustParsePrefix("198.51.100.0/24"), Space: 256, Origin: 64500, Upstreams: []bgp.ASN{64510, 64511, 64520},
		Withdrawals: []int64{at, at, at, at + 20, at + 20, at + 20}, WithdrawnBy: []bgp.ASN{100, 101, 102, 103, 104, 105}, Collectors: 3, ReroutedVia: []bgp.ASN{64520}, CoveredBy: 64777,
	}}
	if diff := cmp.Diff(want, b.s.Lost(key), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("lost (-want +got):\n%s", diff)
	}
	if got, n := b.s.Surviving(outage.Key{Family: bgp.IPv4, Type: bgp.EntityWorld, Code: "world"}, 5); n != 41 || len(got) != 5 || got[4].String() != "100.4.0.0/16" {
		t.Errorf("surviving: got %v %d, want the first 5 of 41", got, n)
	}
	b.now += 600
	b.close()
	if got := b.s.Churn(key, b.now); got.Hour != 7 || got.Day != 7 {
		t.Errorf("churn: got %+v, want the 7 changes since the panel stands", got)
	}
}

// TestPlaceChoice checks that different places from collectors in a window give the same result in
// any order.
func TestPlaceChoice(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"AA", "BB"}, {"BB", "AA"}} {
		b := newBench(t, 4, true)
		k := b.key("198.51.100.0/24")
		b.announce(k, 64500, 64510, upTo(4)...)
		for _, c := range order {
			b.place(k, c)
		}
		got := b.close()
		if x := got["country AA"]; x.Space != 256 || got["country BB"].Space != 0 {
			t.Errorf("order %v: got %+v, want it in AA", order, got)
		}
	}
}

// cells is the number of /24s in the model.
const cells = 4096 // 10.0.0.0/12

// TestSpaceModel compares the sums of every entity with counting /24 by /24, after random changes.
func TestSpaceModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 5))
		const voters = 10
		b := newBench(t, voters, true)
		keys := map[rib.Key]bool{}
		for len(keys) < 60 {
			length := 12 + rng.IntN(13)
			a := uint64(10<<24) | uint64(rng.IntN(cells))<<8
			a &^= 1<<(32-length) - 1
			keys[rib.Key(a<<8|uint64(length))] = true
		}
		list := make([]rib.Key, 0, len(keys))
		for k := range keys {
			list = append(list, k)
		}
		slices.Sort(list)
		for i, k := range list {
			if i%5 > 0 {
				b.announce(k, bgp.ASN(64500+rng.IntN(4)), 64510, upTo(voters)[max(0, rng.IntN(14)-6):]...)
				placeCells(b, k)
			}
		}
		b.close()
		for range 30 {
			for range 1 + rng.IntN(4) {
				k := list[rng.IntN(len(list))]
				switch rng.IntN(4) {
				case 0, 1:
					b.withdraw(k, false, upTo(voters)...)
				default:
					b.announce(k, bgp.ASN(64500+rng.IntN(4)), 64510, upTo(voters)[rng.IntN(8):]...)
					placeCells(b, k)
				}
			}
			if rng.IntN(20) == 0 {
				b.now += 3600 * int64(rng.IntN(30))
			}
			b.close()
			compareModel(t, b, list)
		}
	}
}

// placeCells puts odd /24s into AA, even ones into BB.
func placeCells(b *bench, k rib.Key) {
	r, ok := b.rib.Row(k)
	if !ok {
		return
	}
	n := k.Space(bgp.IPv4) / 256
	places := []*pb.Place{{Country: "AA"}, {Country: "BB", Region: "BB-1"}}
	if n == 1 {
		b.s.SetPlace(r, places[k.Address()>>8&1:][:1], []uint64{0, 256})
		return
	}
	b.s.SetPlace(r, places, []uint64{0, n / 2 * 256, 1, n / 2 * 256})
}

func compareModel(t *testing.T, b *bench, list []rib.Key) {
	t.Helper()
	s := b.s
	want := map[string]int64{}
	for _, e := range []string{"world world", "as AS64490"} { // the prefixes that all voters hold
		want[e], want[e+" known"] = 40<<16, 40<<16
	}
	for cell := range uint64(cells) {
		k := rib.Key((10<<24|cell<<8)<<8 | 24)
		var over []*prefix // that contain it and count, longest last
		for _, x := range list {
			if r, ok := b.rib.Row(x); ok && x.Contains(bgp.IPv4, k) && s.prefixes[r].flags&(known|seen) != 0 {
				over = append(over, &s.prefixes[r])
			}
		}
		if len(over) == 0 {
			continue
		}
		place := []string{"country BB", "country AA"}[1-cell&1]
		last := over[len(over)-1]
		visible, isKnown := last.flags&wide != 0, false
		for _, p := range over {
			visible = visible || p.flags&wide != 0 && s.origins.meet(p.origins, last.usually)
			isKnown = isKnown || p.flags&counted != 0
		}
		for _, e := range []string{place, "world world"} {
			if visible {
				want[e] += 256
			}
			if isKnown {
				want[e+" known"] += 256
			}
		}
		for a := bgp.ASN(64500); a < 64504; a++ {
			has, knows := false, false
			for _, p := range over {
				has = has || p.flags&wide != 0 && s.origins.has(p.origins, a)
				knows = knows || p.flags&counted != 0 && s.origins.has(p.usually, a)
			}
			if has {
				want["as "+a.String()] += 256
			}
			if knows {
				want["as "+a.String()+" known"] += 256
			}
		}
	}
	got := map[string]int64{}
	for i := range s.entities {
		e := &s.entities[i]
		if e.key.Type == bgp.EntityRegion {
			continue
		}
		name := e.key.Type.String() + " " + e.key.Code
		if e.space != 0 {
			got[name] = e.space
		}
		if e.known != 0 {
			got[name+" known"] = e.known
		}
		if e.key.Type != bgp.EntityWorld && int(e.knownCount) != len(e.members) {
			t.Fatalf("%s: %d known prefixes, %d members", name, e.knownCount, len(e.members))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("sums (-want +got):\n%s", diff)
	}
}

// few is a panel in which three voters on one collector are enough.
func few() panel.Config {
	c := panel.DefaultConfig()
	c.MinVoters, c.MinCollectors = 3, 1
	return c
}

// TestNamelessPeersWithdrawEach checks that peers whose AS number identifies no network each have
// a withdrawal, and those of one AS have one.
func TestNamelessPeersWithdrawEach(t *testing.T) {
	t.Parallel()
	for asn, want := range map[bgp.ASN]int{0: 6, 23456: 6, 64600: 1} {
		b := newBench(t, 6, true)
		k := b.key("198.51.100.0/24")
		b.announce(k, 64500, 64510, upTo(6)...)
		b.close()
		for i := range b.peers {
			b.peers[i].ASN = asn
		}
		b.withdraw(k, false, upTo(6)...)
		b.close()
		lost := b.s.Lost(outage.Key{Family: bgp.IPv4, Type: bgp.EntityAS, Code: "AS64500"})
		if len(lost) != 1 || len(lost[0].Withdrawals) != want {
			t.Errorf("peers of %v: got %+v, want one prefix with %d withdrawals", asn, lost, want)
		}
	}
}
