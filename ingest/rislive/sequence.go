package rislive

import "time"

// sequence is an ordered multiset: entries in the order in which they came, found by key. Of those that are alike the latest is found.
type sequence[V any] struct {
	first uint64 // number of list[0]; numbers begin at 1
	list  []entry[V]
	index map[uint64]uint64 // key: number of the latest that is alike
}

// entry is one of a sequence.
type entry[V any] struct {
	key   uint64
	prev  uint64        // number of the one before that is alike; 0 or one that is gone: none
	at    time.Duration // when it came, since the merger's start
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

// find returns the latest like key; nil where there is none. It is good until the next change.
func (s *sequence[V]) find(key uint64) *entry[V] {
	n, ok := s.index[key]
	if !ok {
		return nil
	}
	return &s.list[n-s.first]
}

// take takes out the latest like key and returns it; false where there is none.
func (s *sequence[V]) take(key uint64) (entry[V], bool) {
	e := s.find(key)
	if e == nil {
		return entry[V]{}, false
	}
	was := *e
	s.remove(e)
	return was, true
}

// oldest is the one that came first; nil where none is. It is good until the next change.
func (s *sequence[V]) oldest() *entry[V] {
	if len(s.list) == 0 {
		return nil
	}
	return &s.list[0]
}

// dropOldest takes out the one that came first; there must be one.
func (s *sequence[V]) dropOldest() V {
	v := s.list[0].v
	s.remove(&s.list[0])
	return v
}

// remove takes out e, which is the latest of its kind or the oldest of all.
func (s *sequence[V]) remove(e *entry[V]) {
	switch n := s.index[e.key]; {
	case &s.list[n-s.first] != e: // later ones are alike; that this one is gone they find out
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
