package panel

import "github.com/darkmap/darkmap/internal/bgp"

const (
	// A member that holds less than 1/lostShare of a full feed has lost two thirds of its table or
	// more. It loses its vote at once.
	lostShare = 3
	// A member that is no longer a full feed, but holds more than that, loses its vote after
	// shrunkSeconds. An outage reaches some voters earlier than others. Within this time it reaches
	// the others too, and doubt sees that most voters have lost their full feeds.
	shrunkSeconds = 300
)

// doubt takes the vote of members that withdrew their full feeds while their sessions went on, and
// gives it back to members that have a full feed again. Such a member has lost an upstream or its
// router, not the prefixes. If more than half of the voters lost their full feeds, doubt cannot
// decide which side is right: all of them keep their votes, and the loss counts. It reports whether
// the state of any session changed.
func (p *Panel) doubt(now int64, size func(slot int) int) bool {
	healthy, sick := make(map[bgp.PeerKey]bool), make(map[bgp.PeerKey]bool)
	was := make([]bool, len(p.sessions))
	for slot, s := range p.sessions {
		if s == nil {
			continue
		}
		was[slot], s.lost = s.lost, false
		if p.knowledge != bgp.TablesComplete || !s.member || !s.Complete || s.reason(&p.cfg, now) != "" {
			s.shrunk = 0
			continue
		}
		n := size(slot)
		if n >= p.out || !s.withdrewFrom(n, p.out) {
			s.shrunk = 0
			healthy[s.Key.Voter()] = true
			continue
		}
		if s.shrunk == 0 {
			s.shrunk = now
		}
		s.lost = lostShare*n < p.in || now-s.shrunk >= shrunkSeconds
		sick[s.Key.Voter()] = true
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
