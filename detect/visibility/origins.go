package visibility

import (
	"encoding/binary"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// originID identifies a set of origins; 0 is the empty set.
type originID uint32

// maxOrigins bounds the origins of a prefix that are distinguished, maxOriginSets the sets that
// are kept.
const (
	maxOrigins    = 8
	maxOriginSets = 4 << 20
)

// originSets stores each set of origin ASes once.
type originSets struct {
	sets   [][]bgp.ASN
	single map[bgp.ASN]originID
	many   map[string]originID
}

func newOriginSets() originSets {
	return originSets{
		sets: make([][]bgp.ASN, 1), single: make(map[bgp.ASN]originID), many: make(map[string]originID),
	}
}

// of returns the set of sorted ASNs. It returns 0 for a new set if maxOriginSets sets are stored.
func (o *originSets) of(asns []bgp.ASN) originID {
	switch len(asns) {
	case 0:
		return 0
	case 1:
		id, ok := o.single[asns[0]]
		if !ok && len(o.sets) < maxOriginSets {
			id = o.add(asns)
			o.single[asns[0]] = id
		}
		return id
	}
	var buf [4 * maxOrigins]byte
	k := buf[:0]
	for _, a := range asns {
		k = binary.BigEndian.AppendUint32(k, uint32(a))
	}
	id, ok := o.many[string(k)]
	if !ok && len(o.sets) < maxOriginSets {
		id = o.add(asns)
		o.many[string(k)] = id
	}
	return id
}

func (o *originSets) add(asns []bgp.ASN) originID {
	o.sets = append(o.sets, slices.Clone(asns))
	return originID(len(o.sets) - 1)
}

// list returns the set's ASNs, sorted. The slice belongs to the set.
func (o *originSets) list(id originID) []bgp.ASN { return o.sets[id] }

// has reports whether a is in the set.
func (o *originSets) has(id originID, a bgp.ASN) bool {
	return id != 0 && slices.Contains(o.sets[id], a)
}

// meet reports whether two sets share an ASN.
func (o *originSets) meet(a, b originID) bool {
	if a == b {
		return a != 0
	}
	for _, x := range o.sets[a] {
		if slices.Contains(o.sets[b], x) {
			return true
		}
	}
	return false
}
