package visibility

import (
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// briefs keeps the lost prefixes that at least half of their usual voters announced within the
// window and that were lost again at its end. Prefixes whose addresses other routes carry (covered)
// are left out.
type briefs struct {
	announced []event          // of the open window, for prefixes that were lost when it began
	rows      map[rib.Row]bool // of the window that closed last
	entities  []uint32         // entities whose brief space is set
}

// noteAnnounced logs an announcement of a lost prefix. If a window has more than maxLog of them,
// none counts, as for withdrawals.
func (s *State) noteAnnounced(r rib.Row, slot int) {
	if int(r) < len(s.prefixes) && s.prefixes[r].flags&lost != 0 && len(s.brief.announced) <= maxLog {
		s.brief.announced = append(s.brief.announced, event{row: r, slot: uint16(slot)})
	}
}

// closeBriefs finds the prefixes that came back within the window. It is called after the window's
// round has been applied.
func (s *State) closeBriefs() {
	b := &s.brief
	for _, i := range b.entities {
		s.touch(i).brief = 0
	}
	b.entities = b.entities[:0]
	clear(b.rows)
	announced := make(map[rib.Row]*[maxWords]uint64)
	if len(b.announced) > maxLog {
		b.announced = nil
	}
	for _, e := range b.announced {
		if s.prefixes[e.row].flags&lost == 0 {
			continue
		}
		x := announced[e.row]
		if x == nil {
			x = new([maxWords]uint64)
			announced[e.row] = x
		}
		x[e.slot>>6] |= 1 << (e.slot & 63)
	}
	b.announced = shrink(b.announced)
	w := s.rib.Words()
	for r, x := range announced { // entries are independent: their order has no effect
		var voters [maxWords]uint64
		if p := &s.prefixes[r]; s.enough(r, p, s.voters.Fold(voters[:w], x[:w])) && !s.covered(r, p) {
			b.rows[r] = true
		}
	}
	for r := range b.rows {
		s.addBrief(r, &s.prefixes[r])
	}
}

// enough reports whether n voters are at least half of the voters that usually hold a prefix.
func (s *State) enough(r rib.Row, p *prefix, n int) bool {
	if s.knowledge == bgp.TablesComplete {
		return 2*n*wholeShare >= int(p.usual)*s.voters.N
	}
	t := s.count(r)
	return 2*n >= t.held+t.gone
}

// addBrief adds the space of a prefix to the brief space of its entities. Space that a brief
// prefix above it has already added is left out.
func (s *State) addBrief(r rib.Row, p *prefix) {
	if s.knowledge != bgp.TablesComplete || p.flags&counted == 0 {
		return
	}
	above := s.briefAbove(p, func(*prefix) bool { return true })
	for _, sh := range s.sharesOf(r) {
		if above && s.briefAbove(p, func(q *prefix) bool { return s.sharesAbove(sh, q) }) {
			continue
		}
		s.touch(sh.entity).brief += sh.space
		s.brief.entities = append(s.brief.entities, sh.entity)
	}
}

// sharesAbove reports whether a brief and counted prefix q above another one has already added the
// space of the other one's share sh. For an AS, q has if the AS is a usual origin of q. For a watch
// list, q has if it is in the list. For the world, a country or a region, q always has.
func (s *State) sharesAbove(sh share, q *prefix) bool {
	switch {
	case sh.asn != 0:
		return s.origins.has(q.usually, sh.asn)
	case s.entities[sh.entity].key.Type == bgp.EntityWatch:
		return s.inList(q, sh.entity)
	}
	return true
}

// briefAbove reports whether a prefix above p is counted, was brief, and is accepted by of.
func (s *State) briefAbove(p *prefix, of func(*prefix) bool) bool {
	for r, q := range s.above(p) {
		if q.flags&counted != 0 && s.brief.rows[r] && of(q) {
			return true
		}
	}
	return false
}
