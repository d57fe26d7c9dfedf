package rib

import (
	"slices"
	"testing"

	"github.com/darkmap/darkmap/detect/snapshot/snapshottest"
	"github.com/darkmap/darkmap/internal/bgp"
)

// TestSnapshotOfPaths: a table that was read has path ids, a refresh that goes on, a doubt, free
// rows and changed rows, and behaves the same from then on.
func TestSnapshotOfPaths(t *testing.T) {
	t.Parallel()
	written := New(bgp.IPv4)
	slotsOf(t, written, 70)
	a, b, c := keyOf(t, "192.0.2.0/24"), keyOf(t, "198.51.100.0/24"), keyOf(t, "203.0.113.0/24")
	for _, id := range []uint32{5, 6} {
		written.Announce(65, a, id, 64500, 64510)
	}
	written.Announce(65, b, 7, 64500, 64511)
	written.Announce(3, b, 0, 64501, 64511)
	r, _, _ := written.Announce(3, c, 0, 64500, 64510)
	written.Withdraw(3, c, 0, false)
	if !written.Forget(r) {
		t.Fatal("a row that nobody holds is kept")
	}
	written.TakeDirty()
	written.BeginRefresh(65)
	written.Announce(65, a, 5, 64500, 64510)
	written.Doubt(3)
	written.Announce(3, a, 0, 64500, 64510)
	read := New(bgp.IPv4)
	snapshottest.Copy(t, written.Code, read.Code)
	for name, tb := range map[string]*Table{"written": written, "read": read} {
		if got := tb.TakeDirty(); !slices.Equal(got, []Row{0}) {
			t.Errorf("%s: changed rows %v, want 0", name, got)
		}
		lost := 0
		tb.EndRefresh(65, func(Row) { lost++ })
		if _, w, _ := tb.Withdraw(65, a, 5, false); lost != 1 || w != Lost { // 6 was not sent again
			t.Errorf("%s: %d rows lost with the refresh, then %v; want 1 and %v", name, lost, w, Lost)
		}
		if tb.SettleDoubts(); tb.Size(3) != 2 || !tb.Doubted(3) { // b is doubted, a was named since
			t.Errorf("%s: size %d, doubted %v", name, tb.Size(3), tb.Doubted(3))
		}
		if got, _, _ := tb.Announce(4, c, 0, 64500, 64510); got != r {
			t.Errorf("%s: row %d for a new prefix, want the free row %d", name, got, r)
		}
	}
	snapshottest.Same(t, snapshottest.Write(t, written.Code), snapshottest.Write(t, read.Code))
}
