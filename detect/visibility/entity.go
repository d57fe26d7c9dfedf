package visibility

import (
	"hash/fnv"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// entity is a country, a region, an AS, a watch list or the world, with its visible space. Sums
// are integers and may be below zero while a window is being counted.
type entity struct {
	key         outage.Key
	space       int64  // visible space
	known       int64  // space of the counted prefixes
	prefixes    int32  // counted prefixes that are visible, or below a visible one of their origin
	knownCount  int32  // counted prefixes
	moved       int32  // of an AS: counted prefixes that it originates no more and other ASes do
	brief       uint64 // lost space that was announced for a part of the window
	minute      uint8  // minute of the hour at which Hourly returns it, changed or not
	touched     bool
	last        outage.Sample
	members     []rib.Row // counted prefixes; not for the world
	everSampled bool
}

// world is the number of the entity that contains everything.
const world = 0

// entity returns the number of an entity and creates it if needed. The number depends on the order
// of the records and is never shown.
func (s *State) entity(t bgp.EntityType, code string) uint32 {
	k := outage.Key{Family: s.family, Type: t, Code: code}
	if i, ok := s.byKey[k]; ok {
		return i
	}
	k.Code = strings.Clone(code)
	return s.addEntity(k)
}

// asEntity is entity for an AS.
func (s *State) asEntity(a bgp.ASN) uint32 {
	if i, ok := s.byASN[a]; ok {
		return i
	}
	i := s.entity(bgp.EntityAS, a.String())
	s.byASN[a] = i
	return i
}

func (s *State) addEntity(k outage.Key) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(k.Code))
	i := uint32(len(s.entities))
	s.entities = append(s.entities, entity{key: k, minute: uint8(h.Sum32() % 60)})
	s.byKey[k] = i
	return i
}

// touch marks an entity for sampling.
func (s *State) touch(i uint32) *entity {
	e := &s.entities[i]
	if !e.touched {
		e.touched = true
		s.touchedEntities = append(s.touchedEntities, i)
	}
	return e
}

// sample returns the present sample of the entity.
func (e *entity) sample() outage.Sample {
	return outage.Sample{
		Key: e.key, Space: uint64(max(e.space, 0)), Prefixes: int(e.prefixes), KnownSpace: uint64(max(e.known, 0)),
		KnownPrefixes: int(e.knownCount), SharePermille: 1000, Moved: int(e.moved), Brief: e.brief,
	}
}

// takeEntitySamples returns the samples of touched entities that differ from the last ones.
func (s *State) takeEntitySamples() []outage.Sample {
	var out []outage.Sample
	for _, i := range s.touchedEntities {
		e := &s.entities[i]
		e.touched = false
		n := e.sample()
		if n == e.last || !e.everSampled && n.KnownSpace == 0 && n.Space == 0 {
			continue
		}
		e.last, e.everSampled = n, true
		out = append(out, n)
	}
	s.touchedEntities = s.touchedEntities[:0]
	return out
}

// join and leave maintain the lists of members. A row that leaves stays in the list until dismiss.
func (s *State) join(i uint32, r rib.Row) {
	if _, ok := s.leaving[i][r]; ok {
		delete(s.leaving[i], r)
		return
	}
	s.entities[i].members = append(s.entities[i].members, r)
}

func (s *State) leave(i uint32, r rib.Row) {
	if s.leaving[i] == nil {
		s.leaving[i] = make(map[rib.Row]struct{})
	}
	s.leaving[i][r] = struct{}{}
}

// dismiss removes the rows that left from the lists. If more than fewLeave rows left an entity, it
// goes through the entity's list once.
func (s *State) dismiss() {
	for i, rows := range s.leaving {
		e := &s.entities[i]
		if len(rows) > fewLeave {
			s.steps += len(e.members)
			e.members = slices.DeleteFunc(e.members, func(r rib.Row) bool { _, gone := rows[r]; return gone })
			continue
		}
		for r := range rows {
			if j := slices.Index(e.members, r); j >= 0 {
				s.steps += j
				e.members[j] = e.members[len(e.members)-1]
				e.members = e.members[:len(e.members)-1]
			}
		}
	}
	clear(s.leaving)
}

// fewLeave is the largest number of rows that are searched in a list one by one. Up to this number
// that is faster than checking every member.
const fewLeave = 8
