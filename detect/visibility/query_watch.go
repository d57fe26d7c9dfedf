package visibility

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

// maxWithinMember bounds the known prefixes within a listed one that an answer examines. maxAmiss
// bounds the prefixes that an answer names because they are not visible.
const (
	maxWithinMember = 10_000
	maxAmiss        = 10
)

// Judged is the state of a listed prefix, or of an address, with the routes that decide it.
type Judged struct {
	State query.State
	Why   string
	// Routes are chosen from the known prefixes within the listed one. Some are not visible: these
	// (at most maxAmiss), and the listed one itself if it is known. All are visible: the listed one
	// if it is known, else the first. There are none: the longest route that covers the prefix.
	// More is the number of known prefixes that Routes leaves out; with more than maxWithinMember
	// known prefixes it is a lower bound.
	Routes []rib.Key
	More   int
	// Covered: the route covers the prefix.
	Covered bool
}

// severities orders states, the most serious first.
var severities = []query.State{
	query.Lost, query.NoAddress, query.NeverSeen, query.TooLong, query.Partly, query.NotCounted,
	query.Visible,
}

// CompareStates orders states, the most serious first.
func CompareStates(a, b query.State) int {
	return cmp.Compare(slices.Index(severities, a), slices.Index(severities, b))
}

// Worse reports whether state a is more serious than state b.
func Worse(a, b query.State) bool { return CompareStates(a, b) < 0 }

// Countries lists the countries of a prefix, sorted. The list is empty if they are not known.
func (s *State) Countries(k rib.Key) []string {
	r, ok := s.rib.Row(k)
	if !ok {
		return nil
	}
	var out []string
	for _, sh := range s.places.sets[s.recordOf(r).place] {
		if e := &s.entities[sh.entity]; e.key.Type == bgp.EntityCountry {
			out = append(out, e.key.Code)
		}
	}
	slices.Sort(out)
	return out
}

// JudgedAddress judges an address of a host.
func (s *State) JudgedAddress(a netip.Addr) Judged {
	j := s.JudgedBy(netip.PrefixFrom(a, a.BitLen()))
	if j.State == query.TooLong { // a listed prefix can be too long, an address cannot
		j.State, j.Why = query.NeverSeen, "no peer was heard to announce a route to it"
	}
	return j
}

// JudgedBy judges a listed prefix.
func (s *State) JudgedBy(p netip.Prefix) Judged {
	if bgp.FamilyOf(p) != s.family {
		return Judged{State: query.NeverSeen}
	}
	long := p.Bits() > s.family.MaxLength()
	if long {
		p, _ = p.Addr().Prefix(s.family.MaxLength()) // the length is within bounds
	}
	_, k, ok := rib.KeyOf(p.Masked())
	if !ok {
		return Judged{State: query.TooLong}
	}
	if !long {
		if j, ok := s.judgedWithin(k); ok {
			return j
		}
	}
	cover := rib.Row(noRow)
	s.trie.around(k, func(row uint32) {
		if s.prefixes[row].flags&known != 0 {
			cover = rib.Row(row)
		}
	})
	if cover != rib.Row(noRow) {
		j := Judged{Routes: []rib.Key{s.rib.Key(cover)}, Covered: true}
		j.State, j.Why = s.stateOf(cover, &s.prefixes[cover])
		return j
	}
	for n := k.Bits(); n >= s.family.MinLength(); n-- {
		at := truncate(k, s.family, n)
		if r, ok := s.rib.Row(at); ok && s.everAnnounced(r) {
			j := Judged{Routes: []rib.Key{at}, Covered: long || n < k.Bits()}
			j.State, j.Why = s.stateOf(r, s.recordOf(r))
			return j
		}
	}
	if long {
		return Judged{
			State: query.TooLong,
			Why:   "no route of its length is looked at, and none that covers it is known",
		}
	}
	return Judged{State: query.NeverSeen, Why: "no peer was heard to announce it, or a route that covers it"}
}

// judgedWithin judges a prefix by the first maxWithinMember known prefixes within it. ok is false
// if there are none.
func (s *State) judgedWithin(k rib.Key) (j Judged, ok bool) {
	looked, some := 0, rib.Key(0)
	s.trie.walkUntil(s.trie.at(k), func(row uint32) bool {
		r := rib.Row(row)
		p := &s.prefixes[r]
		if p.flags&known == 0 {
			return true
		}
		if looked++; looked > maxWithinMember {
			return false
		}
		key := s.rib.Key(r)
		if some == 0 {
			some = key
		}
		state, why := s.stateOf(r, p)
		if j.State == "" || Worse(state, j.State) {
			j.State, j.Why = state, why
		}
		if key == k || state != query.Visible && len(j.Routes) < maxAmiss {
			j.Routes = append(j.Routes, key)
		}
		return true
	})
	if looked == 0 {
		return j, false
	}
	if len(j.Routes) == 0 {
		j.Routes = append(j.Routes, some)
	}
	j.More = looked - len(j.Routes)
	return j, true
}
