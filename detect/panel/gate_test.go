package panel

import (
	"math/bits"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

// gated returns a crowd of 100 sessions, one voter at each of 100 ASes, whose gate knows M.
func gated(cfg Config, windows int) *crowd {
	c := newCrowd(cfg, 100)
	for range windows {
		c.close(60)
		c.CloseGate(c.now, func() bool { return true })
	}
	return c
}

// leave takes sessions down.
func (c *crowd) leave(first, n int) {
	for i := first; i < first+n; i++ {
		c.Session(i).PeerDown()
	}
}

// TestGateShuts: the number of voters that have to leave, and the other conditions.
func TestGateShuts(t *testing.T) {
	t.Parallel()
	stale := func(n int, ended bool) func(*crowd) {
		return func(c *crowd) {
			for i := range n {
				c.Session(i).Masked, c.Session(i).Ended = true, ended
			}
		}
	}
	for name, tt := range map[string]struct {
		windows int // windows before the voters leave
		spread  bool
		do      func(c *crowd)
		want    bool
	}{
		"a seventh of them":        {10, false, func(c *crowd) { c.leave(0, 16) }, true},
		"at stale collectors":      {10, false, stale(16, false), true},
		"not quite a seventh":      {10, false, func(c *crowd) { c.leave(0, 15) }, false},
		"with losses":              {10, true, func(c *crowd) { c.leave(0, 3) }, true},
		"too few with losses":      {10, true, func(c *crowd) { c.leave(0, 2) }, false},
		"before anything is usual": {9, true, func(c *crowd) { c.leave(0, 50) }, false},
		"losses alone":             {10, true, func(*crowd) {}, false},
		"files that ended":         {10, true, stale(50, true), false},
		"a table that is sent": {10, true, func(c *crowd) {
			c.Session(1).PeerUp(c.now, 600)
			c.Session(2).PeerUp(c.now, 600)
			c.Session(3).PeerUp(c.now, 600)
		}, true},
		"a gap":                      {10, true, func(c *crowd) { c.Session(1).GapBegin(true); c.Session(2).GapBegin(true); c.Session(3).GapBegin(true) }, true},
		"a gap that nobody answered": {10, true, func(c *crowd) { c.Session(1).GapUnknown(); c.Session(2).GapUnknown(); c.Session(3).GapUnknown() }, true},
		"messages that cannot be read": {10, true, func(c *crowd) {
			c.Session(1).Unreadable, c.Session(2).Unreadable, c.Session(3).Unreadable = true, true, true
		}, false},
		"a panel that is chosen anew": {14, true, func(c *crowd) {
			for i := range 50 {
				c.sizes[i] = 10
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := gated(DefaultConfig(), tt.windows)
			tt.do(c)
			c.close(60)
			g, changed := c.CloseGate(c.now, func() bool { return tt.spread })
			if g.Shut() != tt.want || changed != tt.want {
				t.Errorf("got %+v, changed %t, want shut: %t", g, changed, tt.want)
			}
			if tt.want && (g.Since != c.now-60 || g.Usual != 100 || g.Voters != c.Voters().N || g.Voters+g.Leavers != 100) {
				t.Errorf("got %+v at %d with %d voters", g, c.now, c.Voters().N)
			}
		})
	}
}

// TestGateLosesLate: voters that left are remembered for three windows.
func TestGateLosesLate(t *testing.T) {
	t.Parallel()
	for after, want := range map[int]bool{0: true, 1: true, 2: true, 3: false} {
		c := gated(DefaultConfig(), 10)
		c.leave(0, 10)
		for range after {
			c.close(60)
			if g, _ := c.CloseGate(c.now, func() bool { return false }); g.Shut() {
				t.Fatal("the gate shut without losses")
			}
		}
		c.close(60)
		if g, _ := c.CloseGate(c.now, func() bool { return true }); g.Shut() != want || g.Leaving != want {
			t.Errorf("losses %d windows later: got %+v, want shut: %t", after, g, want)
		}
	}
}

// TestGateSecondFeed: a network that votes through another session is no leaver.
func TestGateSecondFeed(t *testing.T) {
	t.Parallel()
	c := newCrowd(DefaultConfig(), 30)
	for i := range 30 {
		c.join(bgp.ASN(100+i), 1000).Complete = true
	}
	for range 10 {
		c.close(60)
		c.CloseGate(c.now, func() bool { return true })
	}
	c.leave(0, 30)
	c.close(60)
	if g, _ := c.CloseGate(c.now, func() bool { return true }); g.Shut() || g.Leavers != 0 {
		t.Errorf("got %+v, want no leaver", g)
	}
	c.leave(30, 15)
	c.close(60)
	if g, _ := c.CloseGate(c.now, func() bool { return false }); !g.Shut() || g.Leavers != 15 {
		t.Errorf("got %+v, want it shut by 15", g)
	}
}

// TestGateOpens: the gate opens after five windows without a new leaver, at the latest after 15
// minutes. The number of voters at that time is then usual.
func TestGateOpens(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ leaving, want int }{"nobody else leaves": {0, 5}, "for four windows": {4, 9}, "without an end": {60, 15}} {
		c := gated(DefaultConfig(), 20)
		c.leave(0, 20)
		windows, shut := 0, true
		for ; shut; windows++ {
			c.close(60)
			g, changed := c.CloseGate(c.now, func() bool { return false })
			if shut = g.Shut(); shut && c.Left() != nil || changed != (windows == 0 || !shut) {
				t.Fatalf("%s: window %d: got %+v, changed %t", name, windows, g, changed)
			}
			if windows < tt.leaving {
				c.leave(20+windows, 1)
			}
		}
		if windows-1 != tt.want {
			t.Errorf("%s: it opened after %d windows, want %d", name, windows-1, tt.want)
		}
		n := c.Voters().N
		if left := c.Left(); left == nil || left.N != 100-n || left.Usual != 100 {
			t.Errorf("%s: %+v left, want %d of 100", name, left, 100-n)
		}
		if tt.leaving > tt.want {
			continue
		}
		c.close(60)
		c.leave(99, 1)
		if g, _ := c.CloseGate(c.now, func() bool { return false }); g.Shut() || c.Left() != nil {
			t.Errorf("%s: got %+v: %d voters are usual now", name, g, n)
		}
		c.leave(100-n, 20)
		c.close(60)
		if g, _ := c.CloseGate(c.now, func() bool { return false }); !g.Shut() || g.Usual != n {
			t.Errorf("%s: got %+v, want it shut again with %d as usual", name, g, n)
		}
	}
}

// TestGateLeft: what Left reports about the routes of the voters that left.
func TestGateLeft(t *testing.T) {
	t.Parallel()
	c := gated(DefaultConfig(), 10)
	for i := range 16 {
		s := c.Session(i)
		switch i % 4 {
		case 0:
			s.Masked = true
		case 1:
			s.Lapse(c.now, 1000)
			s.PeerDown()
		case 2:
			s.GapUnknown()
			c.sizes[i] = 10 // otherwise the size proves that the table is whole
		case 3:
			s.GapBegin(true)
		}
	}
	c.Session(17).Masked = true // a session that comes back
	for range 6 {
		c.close(60)
		c.CloseGate(c.now, func() bool { return false })
		c.Session(17).Masked = false
	}
	count := func(words []uint64) (n int) {
		for _, w := range words {
			n += bits.OnesCount64(w)
		}
		return n
	}
	left := c.Left()
	if left == nil || left.N != 16 || count(left.Held) != 8 || count(left.Heard) != 4 || left.Votes(17) {
		t.Errorf("got %+v, want 8 whose routes are known, 4 whose sessions ended, 4 of which nothing is known", left)
	}
	c.close(60)
	if c.CloseGate(c.now, func() bool { return false }); c.Left() != nil {
		t.Errorf("those who left are told again: %+v", c.Left())
	}
}

// TestGateOff: a gate that is switched off never shuts.
func TestGateOff(t *testing.T) {
	t.Parallel()
	c := gated(with(func(c *Config) { c.Gate = false }), 20)
	c.leave(0, 60)
	c.close(60)
	if g, changed := c.CloseGate(c.now, func() bool { return true }); g != (Gate{}) || changed {
		t.Errorf("got %+v, changed %t", g, changed)
	}
}

// TestGateMedian: M is the lower median of the newest 60 windows, and needs at least 10.
func TestGateMedian(t *testing.T) {
	t.Parallel()
	x := gate{voters: slices.Repeat([]int{7}, gateLeast-1)}
	if n, ok := x.median(); ok {
		t.Errorf("got %d of %d windows", n, len(x.voters))
	}
	x.voters = append(slices.Repeat([]int{9}, 5), slices.Repeat([]int{4}, 5)...)
	if n, ok := x.median(); !ok || n != 4 {
		t.Errorf("got %d, %t, want the lower one of 4 and 9", n, ok)
	}
	c := gated(DefaultConfig(), 100)
	if n := len(c.gate.voters); n != gateWindows {
		t.Errorf("the voters of %d windows are kept", n)
	}
}

// TestGateLeftLater: if too few voters are left when the gate opens, Left reports the voters that
// left when there are verdicts again.
func TestGateLeftLater(t *testing.T) {
	t.Parallel()
	c := gated(DefaultConfig(), 10)
	shut := c.now
	for i := range 100 {
		c.Session(i).Masked = true
	}
	window := func() Gate {
		c.close(60)
		g, _ := c.CloseGate(c.now, func() bool { return false })
		return g
	}
	for range 30 {
		if g := window(); c.Left() != nil || g.Shut() != (c.now-60-shut < 300) {
			t.Fatalf("got %+v and %+v without voters", g, c.Left())
		}
	}
	for i := range 40 {
		c.Session(i).Masked = false
	}
	window()
	if left := c.Left(); left == nil || left.N != 60 || left.Usual != 100 || left.Since != shut {
		t.Errorf("got %+v, want 60 of 100 who left at %d", left, shut)
	}
	if window(); c.Left() != nil {
		t.Errorf("those who left are told again: %+v", c.Left())
	}
}
