package sink

import (
	"hash/maphash"
	"strconv"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

func TestNear(t *testing.T) {
	t.Parallel()
	const second = int64(1_000_000)
	live, later := source{bgp.LaneLive, 1}, source{bgp.LaneLive, 2}
	fill, other := source{bgp.FillLane("1-1"), 0}, source{bgp.FillLane("2-1"), 0}
	rv := source{bgp.RouteViewsLane("routeviews.chicago.64496.bmp_raw", 0), 0}
	tests := []struct {
		name    string
		row     source
		at      int64
		of      source
		other   int64
		is, own bool
	}{
		{"a stream rounded down", fill, 7*second + 128_931, live, 7*second + 120_000, true, true},
		{"a stream rounded up", fill, 7*second + 999_931, live, 8 * second, true, true},
		{"the stream comes late", live, 7*second + 120_000, fill, 7*second + 128_931, true, true},
		{"another one half a second later", fill, 7*second + 128_931, live, 7*second + 628_000, false, true},
		{"an archive of whole seconds", fill, 7 * second, live, 7*second + 990_000, true, false},
		{"an archive of whole seconds, rounded up", fill, 7 * second, live, 8 * second, true, false},
		{"the second after", fill, 7 * second, live, 8*second + 10_000, false, false},
		{"the second before", fill, 7 * second, live, 6*second + 990_000, false, false},
		{"the stream comes late, whole seconds", live, 7*second + 990_000, fill, 7 * second, true, false},
		{"two archives", other, 7*second + 128_931, fill, 7*second + 128_931, true, true},
		{"two archives of whole seconds", other, 7 * second, fill, 8 * second, false, true},
		{"two epochs", later, 7*second + 120_000, live, 7*second + 120_000, true, true},
		{"two epochs, later", later, 7*second + 170_000, live, 7*second + 120_000, false, true},
		{"a router's whole second", fill, 7*second + 928_931, rv, 7 * second, true, false},
		{"a router's whole second, and an archive's", fill, 7 * second, rv, 6*second + 500_000, true, false},
		{"a router's second before", fill, 7*second + 928_931, rv, 6 * second, false, false},
	}
	for _, tt := range tests {
		is, own := near(tt.row, tt.at, &candidate{at: tt.other, source: tt.of})
		if is != tt.is || own != tt.own {
			t.Errorf("%s: near %v, of its own time %v; want %v, %v", tt.name, is, own, tt.is, tt.own)
		}
	}
}

// TestTake checks that a row is paired with at most one row, and no row with two.
func TestTake(t *testing.T) {
	t.Parallel()
	const second = int64(1_000_000)
	live := source{bgp.LaneLive, 1}
	w := newWindow("ris/rrc00", source{bgp.FillLane("1-1"), 0}, 0, 100*second)
	for i, at := range []int64{7 * second, 5 * second, 5*second + 400_000, 5*second + 10_000} {
		w.add(1, candidate{at: at, name: uint64(10 + i), source: live})
	}
	w.markPaired(map[uint64]bool{10: true})
	for i, tt := range []struct {
		key  uint64
		at   int64
		want uint64
	}{
		{2, 5*second + 1, 0},        // another change
		{1, 5*second + 403_000, 12}, // its own time, not the earliest one
		{1, 5*second + 1, 11},       // the earliest of two that are equally near
		{1, 5*second + 2, 13},
		{1, 5*second + 3, 0},      // all are paired
		{1, 7*second + 5_000, 0},  // paired before the window was read
		{1, 20*second + 5_000, 0}, // no row is near
	} {
		if got := w.pair(tt.key, tt.at); got != tt.want {
			t.Errorf("row %d at %d: paired with %d, want %d", i, tt.at, got, tt.want)
		}
	}
}

// TestWindowEnds checks that a window ends at the newest row, if it is known, and is dropped if a
// stream fills it.
func TestWindowEnds(t *testing.T) {
	t.Parallel()
	p := newEarlierRows()
	h := p.of("ris/rrc00")
	live := source{bgp.LaneLive, 1}
	if got := h.windowEnd(50); got != 50+startWidth {
		t.Errorf("of a history that was not read: %d", got)
	}
	h.from = 0
	h.note(h.peer(bgp.Peer{ASN: 64496}), live, 10*coarseTolerance)
	if got, want := h.windowEnd(5*coarseTolerance), 12*coarseTolerance; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	if at := 90 * coarseTolerance; h.windowEnd(at) <= at {
		t.Error("a window does not cover its first row")
	}
	p.keep(newWindow("ris/rrc00", source{bgp.FillLane("1-1"), 0}, 0, coarseTolerance))
	for i := range windowRows + 1 {
		if !p.near("ris/rrc00", live, 1) {
			t.Fatalf("forgotten after %d rows", i)
		}
		p.add("ris/rrc00", live, uint64(i), candidate{at: 1, name: 1, source: live})
	}
	if p.near("ris/rrc00", live, 1) {
		t.Error("a window collects rows without end")
	}
}

// TestNewest checks that two sources are enough to find the newest row of another one.
func TestNewest(t *testing.T) {
	t.Parallel()
	a, b, c := source{bgp.LaneLive, 1}, source{bgp.LaneLive, 2}, source{bgp.FillLane("1-1"), 0}
	n := newest{at: noRow, secondAt: noRow}
	if n.others(a) >= 0 {
		t.Error("a row before the first one")
	}
	all := map[source]int64{}
	for i, row := range []struct {
		s  source
		at int64
	}{{a, 5}, {a, 9}, {b, 3}, {b, 12}, {a, 10}, {c, 11}, {a, 14}, {b, 20}, {c, 19}, {c, 25}, {a, 1}} {
		n.note(row.s, row.at)
		all[row.s] = max(all[row.s], row.at)
		for _, s := range []source{a, b, c, {"live", 3}} {
			want := int64(noRow)
			for o, at := range all {
				if o != s {
					want = max(want, at)
				}
			}
			if got := n.others(s); got != want {
				t.Errorf("after row %d: newest of others than %v is %d, want %d", i, s, got, want)
			}
		}
	}
}

// TestPastIsBounded uses more peers and lanes than the limits.
func TestPastIsBounded(t *testing.T) {
	t.Parallel()
	p := newEarlierRows()
	h := p.of("ris/rrc00")
	for i := range 3 * maxPeers {
		h.peer(bgp.Peer{ASN: bgp.ASN(i), Distinguisher: 7}).note(source{bgp.LaneLive, 1}, int64(i))
	}
	if n := len(h.peers); n > maxPeers+sharedPeers {
		t.Errorf("%d peers are kept", n)
	}
	if h.peer(bgp.Peer{ASN: 5}) != h.peer(bgp.Peer{ASN: 5, Distinguisher: 9}) {
		t.Error("rows have no distinguisher, and peers of two are kept apart")
	}
	for i := range 3 * maxWindows {
		w := newWindow("ris/rrc00", source{bgp.FillLane(strconv.Itoa(i)), 0}, 0, 1)
		w.lastUse = uint64(i)
		p.keep(w)
	}
	if len(p.windows) != maxWindows || p.windows[0].lastUse < 2*maxWindows {
		t.Errorf("%d windows are kept, the first of use %d", len(p.windows), p.windows[0].lastUse)
	}
	for i := range maxLanes + 1 {
		p.source(bgp.Position{Lane: bgp.FillLane(strconv.Itoa(i))})
	}
	p.trim()
	if len(p.lanes) != 0 || len(p.collectors) != 0 || len(p.windows) != 0 {
		t.Error("what is known of too many lanes is kept")
	}
}

func TestChangeKey(t *testing.T) {
	t.Parallel()
	k := changeKey{seed: maphash.MakeSeed()}
	base := change{peer: "192.0.2.1", peerASN: 64496, table: 1, pathID: 1, safi: 1, kind: typeAnnounce, prefix: "198.51.100.0/24", path: "64496 64500"}
	seen := map[uint64]int{k.of(&base): 0}
	for i, edit := range []func(*change){
		func(c *change) { c.peer = "192.0.2.2" }, func(c *change) { c.peerASN++ }, func(c *change) { c.table++ }, func(c *change) { c.pathID++ },
		func(c *change) { c.safi++ }, func(c *change) { c.kind = typeWithdraw }, func(c *change) { c.prefix = "198.51.100.0/25" }, func(c *change) { c.path = "64496 64501" },
	} {
		c := base
		edit(&c)
		if other, ok := seen[k.of(&c)]; ok {
			t.Errorf("edit %d is the same change as %d", i+1, other)
		}
		seen[k.of(&c)] = i + 1
	}
	if again := base; k.of(&again) != k.of(&base) {
		t.Error("one change has two keys")
	}
}
