package visibility

import (
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// Losses are widespread from these percentages of the known prefixes, or of the countries
	// with at least spreadCountryPrefixes known prefixes.
	spreadPrefixesPercent, spreadCountriesPercent = 5, 20
	spreadCountryPrefixes                         = 10
)

// Spread reports whether losses are widespread: losses that began at or after since (Unix seconds)
// concern a twentieth of the known prefixes, or a fifth of the countries that are large enough.
// began reports whether a loss of a country began in that time.
func (s *State) Spread(since int64, began func(code string) bool) bool {
	n := 0
	for r := range s.open { // this only counts: the order has no effect
		if p := &s.prefixes[r]; p.flags&(known|lost) == known|lost && int64(p.since)*60 > since {
			n++
		}
	}
	if n*100 >= s.knownRows*spreadPrefixesPercent && n > 0 {
		return true
	}
	countries, lose := 0, 0
	for i := range s.entities {
		e := &s.entities[i]
		if e.key.Type != bgp.EntityCountry || e.knownCount < spreadCountryPrefixes {
			continue
		}
		countries++
		if began(e.key.Code) {
			lose++
		}
	}
	return lose > 0 && lose*100 >= countries*spreadCountriesPercent
}

// rebase corrects the usual visibility of a row after the gate was shut. It subtracts the voters
// that left and held, or may have held, the prefix. If the row is then neither lost nor partial,
// the share that the present voters hold becomes usual. A loss is not corrected if its first window
// ended two minutes or more before the gate shut.
func (s *State) rebase(c *change, t tally) {
	p, left, n := &s.prefixes[c.row], s.left, s.voters.N
	if left == nil || c.flags&known == 0 || p.since != 0 && int64(p.since)*60 <= left.Since-120 {
		return
	}
	short := func(usual int) bool { return t.held*wholeShare*1000 < partialBelow*usual*n }
	if !short(int(p.usual)) {
		return
	}
	held, heard := s.rib.Heard(c.row)
	var b [maxWords]uint64
	for i := range left.Mask {
		known := left.Held[i] | left.Heard[i]
		b[i] = held[i]&left.Held[i] | heard[i]&left.Heard[i] | left.Mask[i]&^known
	}
	gone := left.Count(b[:len(left.Mask)])
	if gone == 0 {
		return
	}
	// A sample is rounded, so it may be one voter too high or too low.
	if rest := max(0, int(p.usual)*left.Usual-wholeShare*(gone+1)) / n; short(rest) {
		return
	}
	p.usual = uint8(t.held * wholeShare / n) // rounded up, the row would be partial at once
	s.days.fill(&p.day, p.usual)
	s.settle(p, c)
}
