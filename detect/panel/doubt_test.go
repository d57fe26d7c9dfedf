package panel

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestShrunk: of 48 voters some withdraw a part of their tables for 40 minutes, over several
// decisions. If at most half of them do, these lose their votes until they have full feeds again.
// If more than half do, all keep voting, whatever the size of their tables.
func TestShrunk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		losers, left int // left: the prefixes of 1000 that each of them keeps
		at           map[int]map[Reason]int
	}{
		{"a quarter keeps 40 %", 12, 400, map[int]map[Reason]int{1: {"": 48}, 6: {"": 36, LostTable: 12}, 40: {"": 36, LostTable: 12}}},
		{"half keeps 40 %", 24, 400, map[int]map[Reason]int{6: {"": 24, LostTable: 24}, 40: {"": 24, LostTable: 24}}},
		{"half keeps nothing", 24, 0, map[int]map[Reason]int{1: {"": 24, LostTable: 24}, 40: {"": 24, LostTable: 24}}},
		{"30 keep 40 %", 30, 400, map[int]map[Reason]int{6: {"": 48}, 16: {"": 48}, 40: {"": 48}}},
		{"30 keep nothing", 30, 0, map[int]map[Reason]int{1: {"": 48}, 16: {"": 48}, 40: {"": 48}}},
		{"all keep 40 %", 48, 400, map[int]map[Reason]int{6: {"": 48}, 16: {"": 48}, 40: {"": 48}}},
		{"a quarter keeps a full feed", 12, 700, map[int]map[Reason]int{6: {"": 48}, 40: {"": 48}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCrowd(DefaultConfig(), 48)
			c.close(60)
			for i := range tt.losers {
				c.lose(i, tt.left)
			}
			for minute := 1; minute <= 40; minute++ {
				c.close(60)
				if want, ok := tt.at[minute]; ok {
					if diff := cmp.Diff(want, c.reasons()); diff != "" {
						t.Errorf("minute %d (-want +got):\n%s", minute, diff)
					}
				}
			}
			for i := range tt.losers { // they come back one after the other
				c.sizes[i] = 1000
				c.close(60)
				if got := c.reasons(); got[Partial] != 0 || got["contradiction"] != 0 {
					t.Fatalf("%d have full feeds again: %v", i+1, got)
				}
			}
			if diff := cmp.Diff(map[Reason]int{"": 48}, c.reasons()); diff != "" {
				t.Errorf("afterwards (-want +got):\n%s", diff)
			}
		})
	}
}

// TestShrunkSession: the prefixes of an earlier session do not count. A peer whose new session
// brings a small table has no full feed.
func TestShrunkSession(t *testing.T) {
	t.Parallel()
	c := newCrowd(DefaultConfig(), 21)
	c.close(60)
	s := c.Session(20)
	s.PeerDown()
	s.PeerUp(c.now, 600)
	c.sizes[20] = 400
	s.EndOfRIB()
	c.close(900 - 60)
	if diff := cmp.Diff(map[Reason]int{"": 20, Partial: 1}, c.reasons()); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// lose makes a session withdraw all but left prefixes.
func (c *crowd) lose(slot, left int) {
	for ; c.sizes[slot] > left; c.sizes[slot]-- {
		c.Session(slot).Lost()
	}
}

// TestSmallerTable: a member whose table became smaller without withdrawals, for example by the
// answer to a gap, has no full feed any more.
func TestSmallerTable(t *testing.T) {
	t.Parallel()
	c := newCrowd(DefaultConfig(), 21)
	c.close(60)
	c.sizes[20] = 400
	c.close(900 - 60)
	if diff := cmp.Diff(map[Reason]int{"": 20, Partial: 1}, c.reasons()); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}
