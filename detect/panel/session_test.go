package panel

import "testing"

// TestGapInTransfer checks a peer that is sending its table when a short gap begins, and that is
// held because the gap's fill has a state of it. If messages stay missing, the table is not whole
// when the time for the transfer is over. A transfer that began after the gap still counts.
func TestGapInTransfer(t *testing.T) {
	t.Parallel()
	const timeout = 600
	for name, tt := range map[string]struct {
		mask, hold, again bool // again: the peer begins another transfer in the gap
		end               func(*Session)
		complete          bool
	}{
		"not held, not filled":             {false, false, false, (*Session).GapUnknown, false},
		"held, not filled":                 {false, true, false, (*Session).GapUnknown, false},
		"masked, not filled":               {true, true, false, (*Session).GapUnknown, false},
		"masked, not filled, sent again":   {true, true, true, (*Session).GapUnknown, true},
		"held, not filled, but sent again": {false, true, true, (*Session).GapUnknown, true},
		"held, filled":                     {false, true, false, (*Session).GapFilled, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrowd(DefaultConfig(), 1)
			s := c.join(200, 1000)
			s.PeerUp(c.now, timeout)
			c.close(60)
			s.GapBegin(tt.mask)
			if tt.hold {
				s.Hold()
			}
			c.close(60)
			if tt.again {
				s.transferUntil = c.now + timeout // close decides so for a table without a state message
			}
			tt.end(s)
			for range 2 * timeout / 60 {
				c.close(60)
			}
			if s.Complete != tt.complete {
				t.Errorf("the whole table is known: got %v, want %v", s.Complete, tt.complete)
			}
		})
	}
}
