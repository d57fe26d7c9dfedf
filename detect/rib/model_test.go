package rib

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/detect/snapshot/snapshottest"
	"github.com/darkmap/darkmap/internal/bgp"
)

// cell is the model's state of a pair of slot and prefix.
type cell struct {
	held           bool
	up             bgp.ASN // upstream over which it was heard; 0: none
	touched, known bool
	added          bgp.ASN // upstream of an addition of the check; 0: none
}

// model is a table without packing: one peer after the other, one prefix after the other.
type model struct {
	slots    int
	prefixes int
	cells    [][]cell // by slot, prefix
	gap      []bool
	check    []bool
	dump     *Check
}

func newModel(slots, prefixes int) *model {
	m := &model{slots: slots, prefixes: prefixes, gap: make([]bool, slots), check: make([]bool, slots)}
	for range slots {
		m.cells = append(m.cells, make([]cell, prefixes))
	}
	return m
}

func modelKey(p int) Key { return Key(uint64(10<<24|p<<16)<<8 | 16) }

// watch begins a gap or a check of a slot, or ends it.
func (m *model) watch(s int, gap, check bool) {
	m.gap[s], m.check[s] = gap, check
	for p := range m.cells[s] {
		c := &m.cells[s][p]
		c.touched, c.known, c.added = false, false, 0
	}
}

// end settles a slot. After an unanswered gap, a pair that no message has named since the gap began
// is unknown: neither held nor withdrawn. A dump of a check does not undo a withdrawal.
func (m *model) end(s int, o Outcome) {
	for p := range m.cells[s] {
		c := &m.cells[s][p]
		if c.held && !c.touched && !c.known && o != Filled {
			if c.held = false; o == Unknown {
				c.up = 0
			}
		}
		if m.gap[s] && !c.touched && !c.known && o == Unknown {
			c.held, c.up = false, 0
		}
		if c.added != 0 && !c.touched && o != Filled {
			c.held, c.up = true, c.added
		}
	}
	m.watch(s, false, false)
}

func (m *model) compare(t *rapid.T, tb *Table) {
	for p := range m.prefixes {
		r, ok := tb.Row(modelKey(p))
		heard := make([]bgp.ASN, m.slots)
		if ok {
			tb.EachPair(r, func(_, up bgp.ASN, slots []uint64) {
				for s := range m.slots {
					if slots[s>>6]&(1<<(s&63)) != 0 {
						if heard[s] != 0 {
							t.Fatalf("prefix %d: slot %d stands in two pairs", p, s)
						}
						heard[s] = up
					}
				}
			})
		}
		for s := range m.slots {
			c := &m.cells[s][p]
			held := ok && tb.Held(r)[s>>6]&(1<<(s&63)) != 0
			if held != c.held || heard[s] != c.up {
				t.Fatalf("prefix %d, slot %d: held %v over %d, want %v over %d", p, s, held, heard[s], c.held, c.up)
			}
		}
	}
	for s := range m.slots {
		n := 0
		for _, c := range m.cells[s] {
			if c.held {
				n++
			}
		}
		if got := tb.Size(s); got != n {
			t.Fatalf("slot %d: size %d, want %d", s, got, n)
		}
	}
	open := slices.Contains(m.gap, true) || slices.Contains(m.check, true)
	if open != (tb.watch != nil) {
		t.Fatalf("bits kept: %v, want %v", tb.watch != nil, open)
	}
}

// TestGapsAndChecks compares a table with its model under random changes, gaps, fills, tables and
// checks.
func TestGapsAndChecks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.SampledFrom([]int{1, 3, 70}).Draw(t, "slots")
		tb, m := New(bgp.IPv4), newModel(slots, 4)
		for range slots {
			tb.AddSlot()
		}
		for i := range rapid.IntRange(1, 80).Draw(t, "steps") {
			s := rapid.IntRange(0, slots-1).Draw(t, "slot")
			p := rapid.IntRange(0, m.prefixes-1).Draw(t, "prefix")
			up := bgp.ASN(rapid.IntRange(1, 3).Draw(t, "upstream"))
			step := rapid.IntRange(0, 12).Draw(t, "step")
			m.step(t, tb, step, s, p, up)
			if i%8 == 0 {
				tb = m.restored(t, tb)
				m.compare(t, tb)
			}
		}
		m.compare(t, tb)
	})
}

// restored returns a table that was read from a snapshot of tb, with the open check.
func (m *model) restored(t *rapid.T, tb *Table) *Table {
	code := func(tb *Table) func(*snapshot.Coder) {
		return func(c *snapshot.Coder) {
			if tb.Code(c); m.dump != nil {
				tb.CodeCheck(c, &m.dump)
			}
		}
	}
	out := New(bgp.IPv4)
	snapshottest.Copy(t, code(tb), code(out))
	return out
}

// step makes one random change to both.
func (m *model) step(t *rapid.T, tb *Table, step, s, p int, up bgp.ASN) {
	c, k := &m.cells[s][p], modelKey(p)
	watched := m.gap[s] || m.check[s]
	switch step {
	case 0, 1, 2:
		tb.Announce(s, k, 0, 64500, up)
		c.held, c.up, c.touched = true, up, watched
	case 3:
		tb.Withdraw(s, k, 0, false)
		c.held, c.touched = false, watched
	case 4:
		tb.ClearSlots(tb.mask([]int{s}))
		m.watch(s, false, false)
		for i := range m.cells[s] {
			m.cells[s][i] = cell{}
		}
	case 5:
		tb.BeginGap(s)
		m.watch(s, true, false)
	case 6, 7:
		m.tabulate(tb, s, p, up)
	case 8:
		_, _, ok := tb.FillAnnounce(s, k, 0, 64500, up)
		if want := m.gap[s] && !c.touched; ok != want {
			t.Fatalf("fill of slot %d, prefix %d applies: %v, want %v", s, p, ok, want)
		} else if ok {
			c.held, c.up, c.known = true, up, true
		}
	case 9:
		if _, _, ok := tb.FillWithdraw(s, k, 0, false); ok {
			c.held, c.known = false, true
		}
	case 10:
		tb.FillDown(s)
		for i := range m.cells[s] {
			if x := &m.cells[s][i]; m.gap[s] && !x.touched {
				*x = cell{known: true}
			}
		}
	case 11:
		if m.gap[s] {
			o := Outcome(rapid.IntRange(0, int(Filled)).Draw(t, "outcome"))
			tb.EndGap(o, s)
			m.end(s, o)
		}
	case 12:
		m.stepCheck(t, tb)
	}
}

// tabulate gives a path of a table to both, for slot s and the one after it.
func (m *model) tabulate(tb *Table, s, p int, up bgp.ASN) {
	both := []int{s, min(s+1, m.slots-1)}
	r, _ := tb.TableRow(modelKey(p))
	tb.Tabulate(tb.mask(both), r, 64500, up)
	if m.dump != nil {
		m.dump.Tabulate(tb.mask(both), modelKey(p), 64500, up)
	}
	for _, s := range slices.Compact(both) {
		c := &m.cells[s][p]
		switch {
		case !m.gap[s] && !m.check[s] || c.touched || c.known:
		case m.gap[s]:
			c.held, c.up, c.known = true, up, true
		default:
			if c.known = true; !c.held {
				c.added = up
			}
		}
	}
}

// stepCheck begins a check of all slots that are in no gap, or ends it.
func (m *model) stepCheck(t *rapid.T, tb *Table) {
	if m.dump == nil {
		var slots []int
		for s := range m.slots {
			if !m.gap[s] {
				slots = append(slots, s)
				m.watch(s, false, true)
			}
		}
		m.dump = tb.BeginCheck(slots...)
		return
	}
	apply := rapid.Bool().Draw(t, "complete")
	var in []int // the dump has the even slots
	for s := range m.slots {
		if s%2 == 0 {
			in = append(in, s)
		}
	}
	m.dump.End(apply, false, in...)
	m.dump = nil
	for s := range m.slots {
		switch {
		case !m.check[s]:
		case apply && s%2 == 0:
			m.end(s, Unknown)
		default:
			m.end(s, Filled)
		}
	}
}

// TestCheckOverflow: a check that finds too many missing pairs changes nothing.
func TestCheckOverflow(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	const slots = 64
	slotsOf(t, tb, slots)
	all := make([]int, slots)
	for i := range all {
		all[i] = i
	}
	tb.Announce(0, Key(1<<32|24), 0, 64500, 1)
	c := tb.BeginCheck(all...)
	for i := range MaxAdditions/slots + 1 {
		c.Tabulate([]uint64{^uint64(0)}, Key(uint64(10<<24|i<<8)<<8|24), 64500, 64510)
	}
	dropped, added, ok := c.End(true, false, all...)
	if got := fmt.Sprint(dropped, added, ok, tb.Size(0), tb.Size(1)); got != "0 0 false 1 0" {
		t.Errorf("got %s, want 0 0 false 1 0", got)
	}
}
