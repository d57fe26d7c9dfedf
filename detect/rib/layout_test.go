package rib

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/darkmap/darkmap/internal/bgp"
)

// plainRow is a row by slot, without any layout.
type plainRow struct {
	of   map[int]status
	over map[int]edge
}

// plain is a table of statuses and pairs without any layout.
type plain []plainRow

func newPlain(rows int) plain {
	p := make(plain, rows)
	for i := range p {
		p[i] = plainRow{make(map[int]status), make(map[int]edge)}
	}
	return p
}

// compare checks all methods that read a table.
func (p plain) compare(t *rapid.T, tb *Table, keys []Key) {
	for i, k := range keys {
		r, ok := tb.Row(k)
		if !ok {
			if len(p[i].of) > 0 {
				t.Fatalf("no row of prefix %d, want one", i)
			}
			continue
		}
		if usualHeld, usualHeard := tb.Usual(); tb.IsUsual(r) {
			for s := range tb.slots {
				if want := statusOf(usualHeld[s>>6], usualHeard[s>>6], s); tb.status.of(r, s) != want {
					t.Fatalf("prefix %d is usual, slot %d has status %d, want %d", i, s, tb.status.of(r, s), want)
				}
			}
		}
		held, heard := tb.Heard(r)
		for s := range tb.slots {
			got, want := tb.status.of(r, s), p[i].of[s]
			if got != want || statusOf(held[s>>6], heard[s>>6], s) != want || tb.Holds(r, s) != (want == holding) {
				t.Fatalf("prefix %d, slot %d: status %d, want %d", i, s, got, want)
			}
			bit := uint64(1) << (s & 63)
			if tb.status.heldOf(r, s>>6)&bit != 0 != (want == holding) || tb.status.goneOf(r, s>>6)&bit != 0 != (want == gone) {
				t.Fatalf("prefix %d, slot %d: another status by word", i, s)
			}
		}
		over, origins := make(map[int]edge), make(map[bgp.ASN]bool)
		tb.EachPair(r, func(origin, upstream bgp.ASN, slots []uint64) {
			origins[origin] = true
			for w, b := range slots {
				for s := range eachBit(b) {
					if _, twice := over[w<<6+s]; twice {
						t.Fatalf("prefix %d: slot %d is in two pairs", i, w<<6+s)
					}
					over[w<<6+s] = edge{origin, upstream}
				}
			}
		})
		if !maps.Equal(over, p[i].over) {
			t.Fatalf("prefix %d: pairs %v, want %v", i, over, p[i].over)
		}
		if a, one := tb.OneOrigin(r); one && (len(origins) > 1 || len(origins) == 1 && !origins[a]) {
			t.Fatalf("prefix %d: one origin %d, want %v", i, a, origins)
		} else if !one && len(tb.pairs.get(r)) == mainOctets {
			t.Fatalf("prefix %d: several origins in one pair", i)
		}
	}
}

// TestLayout compares the packed statuses and pairs with plain maps: under single changes and
// changes of whole columns, with few and with many slots, and with rows that come and go.
func TestLayout(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const rows = 35 // more than a block
		slots := rapid.SampledFrom([]int{2, 60, 130}).Draw(t, "slots")
		tb, p := New(bgp.IPv4), newPlain(rows)
		keys := make([]Key, rows)
		for i := range keys {
			keys[i] = modelKey(i)
		}
		for range slots {
			tb.AddSlot()
		}
		common := rapid.IntRange(0, slots).Draw(t, "slots that announce everything")
		for i, k := range keys {
			for s := range common {
				e := edge{64500, bgp.ASN(1 + s%2)}
				tb.Announce(s, k, 0, e.origin, e.upstream)
				p[i].of[s], p[i].over[s] = holding, e
			}
		}
		for n := range rapid.IntRange(1, 60).Draw(t, "steps") {
			if p.step(t, tb, keys); n%6 == 0 {
				p.compare(t, tb, keys)
			}
		}
		p.compare(t, tb, keys)
	})
}

// step makes one random change to both.
func (p plain) step(t *rapid.T, tb *Table, keys []Key) {
	i, s := rapid.IntRange(0, len(keys)-1).Draw(t, "prefix"), rapid.IntRange(0, len(tb.slots)-1).Draw(t, "slot")
	x, end := &p[i], s+rapid.SampledFrom([]int{1, 1, 70}).Draw(t, "slots")
	switch rapid.IntRange(0, 11).Draw(t, "step") {
	case 0, 1, 2, 3:
		e := edge{bgp.ASN(64500 + rapid.IntRange(0, 1).Draw(t, "origin")), bgp.ASN(rapid.IntRange(1, 4).Draw(t, "upstream"))}
		for s := s; s < min(end, len(tb.slots)); s++ {
			tb.Announce(s, keys[i], 0, e.origin, e.upstream)
			x.of[s], x.over[s] = holding, e
		}
	case 4, 5:
		for s := s; s < min(end, len(tb.slots)); s++ {
			if tb.Withdraw(s, keys[i], 0, true); x.of[s] == unheard {
				x.over[s] = edge{}
			}
			x.of[s] = gone
		}
	case 6, 7:
		whole := rapid.Bool().Draw(t, "whole")
		tb.Vacate(whole, s)
		p.column(s, func(was status) status {
			if was == holding || was == gone && !whole {
				return gone
			}
			return unheard
		})
	case 8:
		tb.ClearSlots(tb.mask([]int{s}))
		p.column(s, func(status) status { return unheard })
	case 9:
		tb.Repack()
	case 10:
		tb.ForgetLapsed(s)
		p.column(s, func(was status) status {
			if was == gone {
				return unheard
			}
			return was
		})
	case 11:
		if r, ok := tb.Row(keys[i]); ok && tb.Forget(r) {
			clear(x.of)
			clear(x.over)
		}
	}
}

// column changes the status of a slot in every row.
func (p plain) column(s int, becomes func(status) status) {
	for i := range p {
		if was, ok := p[i].of[s]; ok {
			if p[i].of[s] = becomes(was); p[i].of[s] == unheard {
				delete(p[i].of, s)
				delete(p[i].over, s)
			}
		}
	}
}

// TestEndsShareAPass: the ends of sessions change no row until a row is written for one of their
// slots, or the window ends. The rows are read as if they had changed.
func TestEndsShareAPass(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(tb *Table){
		"the window ends":          (*Table).Repack,
		"an announcement of a row": func(tb *Table) { tb.Announce(1, modelKey(1), 0, 64500, 1) },
	} {
		tb := New(bgp.IPv4)
		slotsOf(t, tb, 70)
		for s := range 70 {
			tb.Announce(s, modelKey(0), 0, 64500, 1)
		}
		r, _ := tb.Row(modelKey(0))
		before := slices.Clone(tb.status.get(r))
		tb.Vacate(true, 1)
		tb.Announce(0, modelKey(0), 0, 64500, 2) // of another slot
		tb.Vacate(false, 66)
		tb.ClearSlots(tb.mask([]int{2}))
		check := func(when string) {
			t.Helper()
			held, heard := tb.Heard(r)
			if got, want := [...]uint64{held[0], held[1], heard[0], heard[1]}, [...]uint64{
				^uint64(6), 1<<6 - 1 - 1<<2, ^uint64(4), 1<<6 - 1,
			}; got != want {
				t.Errorf("%s, %s: held and heard %x, want %x", name, when, got, want)
			}
		}
		check("before the pass")
		if !slices.Equal(tb.status.get(r), before) {
			t.Errorf("%s: an end of a session changed a row", name)
		}
		if write(tb); slices.Equal(tb.status.get(r), before) {
			t.Errorf("%s: the row did not change", name)
		}
		check("after the pass")
	}
}

// TestRepackShortens: a row that all slots hold takes no octet of statuses, and its largest pair
// takes no octet for its slots.
func TestRepackShortens(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	const slots = 130
	slotsOf(t, tb, slots)
	for s := range slots {
		tb.Announce(s, modelKey(0), 0, 64500, bgp.ASN(1+min(s, 1)))
	}
	tb.Repack()
	r, _ := tb.Row(modelKey(0))
	if got := len(tb.status.get(r)); got != 0 {
		t.Errorf("statuses take %d octets, want 0", got)
	}
	if got, want := len(tb.pairs.get(r)), mainOctets+2+4+2; got != want {
		t.Errorf("pairs take %d octets, want %d", got, want)
	}
}
