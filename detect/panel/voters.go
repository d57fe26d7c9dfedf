package panel

import (
	"math/bits"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Voters holds the slots that vote, and groups them by ASN. The zero value has no voters. Only
// codeVoters changes it after it is made.
type Voters struct {
	// N is the number of ASNs that vote, Collectors the number of their collectors.
	N, Collectors int
	// Mask holds every slot that votes, Leaders one slot of each ASN.
	Mask, Leaders []uint64
	// second pairs a further slot of an ASN with its leader.
	second []follower
	// collector has a number for the collector of each slot that votes.
	collector []uint16
}

// follower is a further session of an ASN.
type follower struct{ slot, leader int }

// Votes reports whether a slot votes.
func (v *Voters) Votes(slot int) bool { return hasBit(v.Mask, slot) }

// Collector returns a number for the collector of a slot that votes.
func (v *Voters) Collector(slot int) int { return int(v.collector[slot]) }

// Fold turns a bitset of slots into a bitset of voters: dst gets the leader of each ASN with a
// voting slot in b. It returns their number. dst is as long as b.
func (v *Voters) Fold(dst, b []uint64) int {
	n := 0
	k := min(len(b), len(v.Leaders))
	for i := range k {
		dst[i] = b[i] & v.Leaders[i]
	}
	clear(dst[k:])
	for _, f := range v.second {
		if dst[f.leader>>6]&(1<<(f.leader&63)) == 0 && hasBit(b, f.slot) { // rare: b mostly has the leader
			dst[f.leader>>6] |= 1 << (f.leader & 63)
		}
	}
	for _, w := range dst {
		n += bits.OnesCount64(w)
	}
	return n
}

// Count returns the number that Fold returns, without the bitset.
func (v *Voters) Count(b []uint64) int {
	if len(v.second) > 0 {
		var dst [16]uint64
		return v.Fold(dst[:len(b)], b)
	}
	n := 0
	for i, w := range v.Leaders {
		if i < len(b) {
			n += bits.OnesCount64(b[i] & w)
		}
	}
	return n
}

// Equal reports whether the same slots vote. It ignores for how many slots there is room.
func (v *Voters) Equal(o *Voters) bool {
	return equalBits(v.Mask, o.Mask) && equalBits(v.Leaders, o.Leaders)
}

// equalBits reports whether two bitsets have the same bits, of whatever lengths they are.
func equalBits(a, b []uint64) bool {
	n := min(len(a), len(b))
	set := func(w uint64) bool { return w != 0 }
	return slices.Equal(a[:n], b[:n]) && !slices.ContainsFunc(a[n:], set) && !slices.ContainsFunc(b[n:], set)
}

// newVoters builds the voters from the slots that vote.
func newVoters(sessions []*Session, votes func(slot int) bool) *Voters {
	n := bitsOf(len(sessions))
	v := &Voters{
		Mask: make([]uint64, n), Leaders: make([]uint64, n),
		collector: make([]uint16, len(sessions)),
	}
	leader := make(map[bgp.PeerKey]int)
	collectors := make(map[string]uint16)
	for slot, s := range sessions {
		if s == nil || !votes(slot) {
			continue
		}
		setBit(v.Mask, slot)
		voter := s.Key.Voter()
		if l, ok := leader[voter]; ok {
			v.second = append(v.second, follower{slot, l})
		} else {
			leader[voter] = slot
			setBit(v.Leaders, slot)
			v.N++
		}
		c, ok := collectors[s.Key.Collector]
		if !ok {
			c = uint16(len(collectors))
			collectors[s.Key.Collector] = c
		}
		v.collector[slot] = c
	}
	v.Collectors = len(collectors)
	return v
}
