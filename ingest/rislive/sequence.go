package rislive

import "time"

// sequence is an ordered multiset: entries in order of arrival, found by key. Of equal keys it
// finds the latest.
type sequence[V any] struct {
	first uint64 // number of list[0]; numbers begin at 1
	list  []entry[V]
	index map[uint64]uint64 // key: number of the latest entry with it
}

// entry is an entry of a sequence.
type entry[V any] struct {
	key   uint64
	prev  uint64        // number of the previous entry with the key; 0 or a removed number: none
	at    time.Duration // time of arrival, since the merger's start
	taken bool
	v     V
}

func (s *sequence[V]) push(key uint64, at time.Duration, v V) {
	if s.index == nil {
		s.index, s.first = map[uint64]uint64{}, max(s.first, 1)
	}
	prev := s.index[key]
	s.index[key] = s.first + uint64(len(s.list))
	s.list = append(s.list, entry[V]{key: key, prev: prev, at: at, v: v})
}

// find returns the latest entry with key, or nil. The pointer is valid until the next change.
func (s *sequence[V]) find(key uint64) *entry[V] {
	n, ok := s.index[key]
	if !ok {
		return nil
	}
	return &s.list[n-s.first]
}

// take removes and returns the latest entry with key. It returns false if there is none.
func (s *sequence[V]) take(key uint64) (entry[V], bool) {
	e := s.find(key)
	if e == nil {
		return entry[V]{}, false
	}
	was := *e
	s.remove(e)
	return was, true
}

// oldest returns the first entry, or nil if there is none. The pointer is valid until the next
// change.
func (s *sequence[V]) oldest() *entry[V] {
	if len(s.list) == 0 {
		return nil
	}
	return &s.list[0]
}

// dropOldest removes the first entry. There must be one.
func (s *sequence[V]) dropOldest() V {
	v := s.list[0].v
	s.remove(&s.list[0])
	return v
}

// remove removes e, which is the latest with its key or the oldest of all.
func (s *sequence[V]) remove(e *entry[V]) {
	switch n := s.index[e.key]; {
	case &s.list[n-s.first] != e:
		// later entries have the key; their removal detects that this one is gone
	case e.prev >= s.first:
		s.index[e.key] = e.prev
	default:
		delete(s.index, e.key)
	}
	var none V
	e.taken, e.v = true, none
	n := 0
	for n < len(s.list) && s.list[n].taken {
		n++
	}
	s.first += uint64(n)
	if s.list = s.list[n:]; len(s.list) == 0 {
		s.list, s.index = nil, nil
	}
}
