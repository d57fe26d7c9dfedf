package rislive

// maxRecent bounds the keys that are kept of a collector and link, at 8 octets each: some eight
// seconds of the busiest collector.
const maxRecent = 1 << 14

// recent keeps the keys of the latest frames that a link has brought, over all its connections. It
// distinguishes the frames that a new connection repeats from those that the link brings for the
// first time.
type recent struct {
	keys []uint64 // a ring once it has maxRecent keys
	next int      // index of the next key in the ring
	// earlierKeys are the keys of earlier connections. nil: no repetition is expected.
	earlierKeys map[uint64]struct{}
}

// note keeps a key.
func (r *recent) note(key uint64) {
	if len(r.keys) < maxRecent {
		r.keys = append(r.keys, key)
		return
	}
	r.keys[r.next] = key
	r.next = (r.next + 1) % maxRecent
}

// mayHaveForgotten reports whether older keys may have been forgotten.
func (r *recent) mayHaveForgotten() bool { return len(r.keys) == maxRecent }

// end records that the connection has ended: the next one may repeat frames.
func (r *recent) end() {
	r.earlierKeys = make(map[uint64]struct{}, len(r.keys))
	for _, k := range r.keys {
		r.earlierKeys[k] = struct{}{}
	}
}

// repeats reports whether an earlier connection has brought the frame.
func (r *recent) repeats(key uint64) bool {
	_, ok := r.earlierKeys[key]
	return ok
}

// endRepetition forgets the keys of earlier connections. It is called when the present connection
// is too old to repeat their frames.
func (r *recent) endRepetition() { r.earlierKeys = nil }
