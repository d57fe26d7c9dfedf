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

// TestRefreshWithPathIDs: the end of a refresh removes the paths that were not sent again, and a
// prefix with its last path.
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

// TestDoubt: the routes that a slot held before are unknown, later routes count, and a table ends
// the doubt.
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
	if tb.status.of(rh, s) != unheard || tb.status.of(rg, s) == unheard || tb.Size(s) != 2 || !tb.Doubted(s) {
		t.Errorf("heard %v and %v, size %d, doubted %v; want false, true, 2, true", tb.status.of(rh, s) != unheard, tb.status.of(rg, s) != unheard, tb.Size(s), tb.Doubted(s))
	}
	tb.BeginGap(s)
	tb.Tabulate([]uint64{1 << s}, rh, 64500, 64510)
	tb.EndGap(Tabled, s)
	if tb.Doubted(s) || tb.Held(rh)[0] != 0b11 {
		t.Errorf("after a table: doubted %v, held by %b", tb.Doubted(s), tb.Held(rh)[0])
	}
}

// TestRefreshWithLosses: a refresh of which messages may be missing withdraws nothing. A refresh
// that names prefixes in unreadable messages leaves them in doubt.
func TestRefreshWithLosses(t *testing.T) {
	t.Parallel()
	again, other := keyOf(t, "192.0.2.0/24"), keyOf(t, "198.51.100.0/24")
	tests := map[string]struct {
		lose  func(tb *Table, s int, rows []Row)
		held  int
		doubt bool
	}{
		"a gap that a table answers": {func(tb *Table, s int, rows []Row) {
			tb.BeginGap(s)
			for _, r := range rows {
				tb.Tabulate([]uint64{1 << s}, r, 64500, 64510)
			}
			tb.EndGap(Tabled, s)
		}, 2, false},
		"a doubt":             {func(tb *Table, s int, _ []Row) { tb.Doubt(s) }, 0, true},
		"prefixes not read":   {func(tb *Table, s int, _ []Row) { tb.Unknow(s, other) }, 1, true},
		"nothing was lost":    {func(*Table, int, []Row) {}, 1, false},
		"a gap not yet ended": {func(tb *Table, s int, _ []Row) { tb.BeginGap(s) }, 2, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tb := New(bgp.IPv4)
			s, _ := tb.AddSlot()
			ra, _, _ := tb.Announce(s, again, 0, 64500, 64510)
			rb, _, _ := tb.Announce(s, other, 0, 64500, 64510)
			tb.BeginRefresh(s)
			tb.Announce(s, again, 0, 64500, 64510)
			tt.lose(tb, s, []Row{ra, rb})
			lost := 0
			tb.EndRefresh(s, func(Row) { lost++ })
			tb.SettleDoubts()
			held := 0
			for _, r := range []Row{ra, rb} {
				held += int(tb.Held(r)[0])
			}
			if want := map[bool]int{true: 1}[name == "nothing was lost"]; lost != want || held != tt.held || tb.Doubted(s) != tt.doubt {
				t.Errorf("%d withdrawn, %d held, doubted %v; want %d, %d, %v", lost, held, tb.Doubted(s), want, tt.held, tt.doubt)
			}
		})
	}
}

// TestVacateEndsDoubts: the doubts of a session end with it, so the next session has a size of its
// own. A doubted prefix is not known to be gone.
func TestVacateEndsDoubts(t *testing.T) {
	t.Parallel()
	for _, settled := range []bool{true, false} {
		tb := New(bgp.IPv4)
		s, _ := tb.AddSlot()
		first, second := keyOf(t, "192.0.2.0/24"), keyOf(t, "198.51.100.0/24")
		tb.Announce(s, first, 0, 64500, 64510)
		tb.Announce(s, second, 0, 64500, 64510)
		tb.Doubt(s)
		tb.Announce(s, second, 0, 64500, 64510)
		if settled {
			tb.SettleDoubts()
		}
		tb.BeginRefresh(s)
		tb.Vacate(true, s)
		if tb.Size(s) != 0 || tb.Doubted(s) {
			t.Errorf("settled %v: size %d, doubted %v after the session's end; want 0, false", settled, tb.Size(s), tb.Doubted(s))
		}
		a, _ := tb.Row(first)
		b, _ := tb.Row(second)
		if tb.status.of(a, s) != unheard || tb.status.of(b, s) == unheard {
			t.Errorf("settled %v: the doubted prefix heard: %v, the other: %v; want false, true", settled, tb.status.of(a, s) != unheard, tb.status.of(b, s) != unheard)
		}
		tb.Announce(s, first, 0, 64500, 64510)
		tb.EndRefresh(s, func(Row) { t.Errorf("settled %v: the refresh of the session before withdraws", settled) })
		if tb.Size(s) != 1 {
			t.Errorf("settled %v: size %d with one route", settled, tb.Size(s))
		}
	}
}

// TestUnknowWithinAGap: the prefixes of an unreadable message stay unknown, whatever the table that
// answers the gap has.
func TestUnknowWithinAGap(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	s, _ := tb.AddSlot()
	held, fresh, other := keyOf(t, "192.0.2.0/24"), keyOf(t, "198.51.100.0/24"), keyOf(t, "203.0.113.0/24")
	tb.Announce(s, held, 0, 64500, 64510)
	tb.BeginGap(s)
	tb.Unknow(s, held, fresh)
	for _, k := range []Key{held, fresh, other} {
		r, _ := tb.TableRow(k)
		tb.Tabulate([]uint64{1 << s}, r, 64500, 64510)
	}
	tb.EndGap(Tabled, s)
	for k, want := range map[Key]uint64{held: 0, fresh: 0, other: 1} {
		r, _ := tb.Row(k)
		if tb.Held(r)[0] != want || (tb.status.of(r, s) != unheard) != (want == 1) {
			t.Errorf("%v: held by %b, heard %v; want %b", k.Prefix(bgp.IPv4), tb.Held(r)[0], tb.status.of(r, s) != unheard, want)
		}
	}
}
