package panel

import "github.com/darkmap/darkmap/internal/bgp"

// lostShare: a voter whose table has less than this part of a full feed's has lost nearly all of it.
const lostShare = 3

// doubt takes the vote of members that have withdrawn nearly all of their tables since the last decision, while their sessions went on, and
// gives it back to those that have a full feed again: an upstream of theirs is gone, or the router, and not the prefixes. Where more than
// half of the voters lost theirs, nobody knows who is right, and the loss stands. It reports whether anybody's state changed.
func (p *Panel) doubt(now int64, size func(slot int) int) bool {
	healthy, sick := make(map[bgp.PeerKey]bool), make(map[bgp.PeerKey]bool)
	was := make([]bool, len(p.sessions))
	for slot, s := range p.sessions {
		if s == nil {
			continue
		}
		was[slot], s.lost = s.lost, false
		if p.knowledge != bgp.TablesComplete || !s.member || !s.Complete || s.reason(&p.cfg, now) != "" {
			continue
		}
		n := size(slot)
		if s.lost = lostShare*n < p.in && lostShare*s.gone >= (lostShare-1)*p.in || was[slot] && n < p.out; s.lost {
			sick[s.Key.Voter()] = true
		} else {
			healthy[s.Key.Voter()] = true
		}
	}
	for voter := range healthy {
		delete(sick, voter)
	}
	stands := len(sick) > len(healthy)
	changed := false
	for slot, s := range p.sessions {
		if s != nil {
			s.lost = s.lost && !stands
			changed = changed || s.lost != was[slot]
		}
	}
	return changed
}
