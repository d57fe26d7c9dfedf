package panel

// lapse is the end of a session whose table was known, until a new table is there to be compared with it. The zero value is none.
type lapse struct {
	at   int64 // Unix seconds
	size int   // prefixes that it held
}

// Known says how much of a session's table is known when it ends.
type Known uint8

// How much is known.
const (
	NoTable     Known = iota
	PartOfTable       // of a table that is being sent, beside that of the session before
	WholeTable
)

// Lapse notes that a session ends at t, holding size prefixes, and tells what is known of its table. Call it before PeerUp and PeerDown.
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
	// At is when the session before ended.
	At int64
	// Comparable: the table is about as large as the one before, so what it lacks is lost. A smaller one is another kind of table.
	Comparable bool
}

// Lapses returns, once each, the sessions that have a whole table again after one that ended. size tells how many prefixes a slot holds.
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
