package panel

// lapse is the end of a session with a known table. It is kept until a new table can be compared
// with the old one. The zero value is no lapse.
type lapse struct {
	at   int64 // Unix seconds
	size int   // number of prefixes that the session held
}

// Known is the part of a session's table that is known when the session ends.
type Known uint8

// Values of Known.
const (
	NoTable Known = iota
	// PartOfTable is a part of the table that a session was sending when it ended. The whole table
	// of the session before it is still known.
	PartOfTable
	WholeTable
)

// Lapse records that a session with size prefixes ends at t, and returns the known part of its
// table. Call it before PeerUp and PeerDown.
func (s *Session) Lapse(t int64, size int) Known {
	switch {
	case s.lapse.at != 0:
		return PartOfTable
	case !s.Complete:
		return NoTable
	}
	s.lapse = lapse{at: t, size: size}
	return WholeTable
}

// Lapsed is a session that has a whole table again.
type Lapsed struct {
	Slot int
	// At is the time when the session before it ended.
	At int64
	// Comparable reports whether the table is about as large as the one before, so that prefixes
	// missing from it are lost. A smaller table is another kind of table.
	Comparable bool
}

// Lapses returns, once each, the sessions that have a whole table again after an earlier session
// ended. size returns the number of prefixes that a slot holds.
func (p *Panel) Lapses(size func(slot int) int) []Lapsed {
	var out []Lapsed
	for slot, s := range p.sessions {
		if s == nil || !s.Complete || s.lapse.at == 0 {
			continue
		}
		enough := size(slot)*1000 >= s.lapse.size*p.cfg.FullFeedOutPermille
		out = append(out, Lapsed{Slot: slot, At: s.lapse.at, Comparable: enough})
		s.lapse = lapse{}
	}
	return out
}
