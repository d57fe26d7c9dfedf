package rib

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

func keyOf(t *testing.T, prefix string) Key {
	t.Helper()
	_, k, ok := KeyOf(netip.MustParsePrefix(prefix))
	if !ok {
		t.Fatal(prefix)
	}
	return k
}

// TestRefreshWithPathIDs: at the end of a refresh the paths that were not sent again are gone, and a prefix with its last one.
func TestRefreshWithPathIDs(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	s, _ := tb.AddSlot()
	a, b := keyOf(t, "192.0.2.0/24"), keyOf(t, "198.51.100.0/24")
	for _, k := range []Key{a, b} {
		tb.Announce(s, k, 1, 64500, 64510)
		tb.Announce(s, k, 2, 64500, 64511)
	}
	tb.BeginRefresh(s)
	ra, _, _ := tb.Announce(s, a, 2, 64500, 64511)
	rb, _ := tb.Row(b)
	var lost []Row
	tb.EndRefresh(s, func(r Row) { lost = append(lost, r) })
	if !slices.Equal(lost, []Row{rb}) || tb.Size(s) != 1 {
		t.Errorf("lost rows %v, %d held; want %v, 1", lost, tb.Size(s), rb)
	}
	if _, w, _ := tb.Withdraw(s, a, 2, false); w != Lost || tb.Held(ra)[0] != 0 {
		t.Errorf("the withdrawal of the only path that was sent again: got %v", w)
	}
}

// TestDoubt: what a slot held before is unknown, what it says afterwards stands, and a table ends the doubt.
func TestDoubt(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	s, _ := tb.AddSlot()
	other, _ := tb.AddSlot()
	held, gone, again := keyOf(t, "192.0.2.0/24"), keyOf(t, "198.51.100.0/24"), keyOf(t, "203.0.113.0/24")
	for _, k := range []Key{held, gone, again} {
		tb.Announce(s, k, 0, 64500, 64510)
		tb.Announce(other, k, 0, 64500, 64510)
	}
	tb.Doubt(s)
	tb.Withdraw(s, gone, 0, false)
	tb.Announce(s, again, 0, 64500, 64510)
	tb.SettleDoubts()
	for k, want := range map[Key]uint64{held: 0b10, gone: 0b10, again: 0b11} {
		r, _ := tb.Row(k)
		if tb.Held(r)[0] != want {
			t.Errorf("%v is held by %b, want %b", k.Prefix(bgp.IPv4), tb.Held(r)[0], want)
		}
	}
	rh, _ := tb.Row(held)
	rg, _ := tb.Row(gone)
	if tb.hasHeard(rh, s) || !tb.hasHeard(rg, s) || tb.Size(s) != 2 || !tb.Doubted(s) {
		t.Errorf("heard %v and %v, size %d, doubted %v; want false, true, 2, true", tb.hasHeard(rh, s), tb.hasHeard(rg, s), tb.Size(s), tb.Doubted(s))
	}
	tb.BeginGap(s)
	tb.Tabulate([]uint64{1 << s}, rh, 64500, 64510)
	tb.EndGap(Tabled, s)
	if tb.Doubted(s) || tb.Held(rh)[0] != 0b11 {
		t.Errorf("after a table: doubted %v, held by %b", tb.Doubted(s), tb.Held(rh)[0])
	}
}
