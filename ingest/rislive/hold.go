package rislive

import "time"

const (
	// maxAhead bounds the hashes of what was said and a connection has not brought.
	maxAhead = 1 << 20
	// maxSpare and spareBytes bound the buffers that are kept for the next frames.
	maxSpare   = 4096
	spareBytes = 4 << 10
)

// held is a frame that a follower brought.
type held struct {
	key  uint64
	at   time.Duration // since the merger's start
	data []byte        // nil: the leader brought it as well
	// stamp is the message's timestamp, microseconds; sure says that it has an id, by which the leader's would have been known.
	stamp int64
	sure  bool
}

// hold keeps a collector's frames of one connection, in order.
type hold struct {
	first  uint64 // number of frames[0]
	frames []held
	index  map[uint64]uint64 // key: number
}

// next returns the key under which one more message like key is to be kept: messages that are alike are counted.
func next[V any](m map[uint64]V, key uint64) uint64 {
	for {
		if _, ok := m[key]; !ok {
			return key
		}
		key = key*0x9e3779b97f4a7c15 + 1
	}
}

// last returns the key of the last message like key; false where there is none.
func last[V any](m map[uint64]V, key uint64) (uint64, bool) {
	found := false
	for {
		if _, ok := m[key]; !ok {
			break
		}
		found = true
		further := key*0x9e3779b97f4a7c15 + 1
		if _, ok := m[further]; !ok {
			break
		}
		key = further
	}
	return key, found
}

// pool keeps buffers for frames, and counts the octets that are held.
type pool struct {
	bytes int64
	spare [][]byte
}

func (p *pool) copy(frame []byte) []byte {
	p.bytes += int64(len(frame))
	if n := len(p.spare); n > 0 && len(frame) <= spareBytes {
		b := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return append(b[:0], frame...)
	}
	b := make([]byte, len(frame), max(len(frame), 1<<10))
	copy(b, frame)
	return b
}

func (p *pool) free(b []byte) {
	p.bytes -= int64(len(b))
	if len(p.spare) < maxSpare && cap(b) <= spareBytes {
		p.spare = append(p.spare, b)
	}
}

// push keeps a frame: f's data are copied.
func (h *hold) push(f held, p *pool) {
	if h.index == nil {
		h.index = map[uint64]uint64{}
	}
	f.key, f.data = next(h.index, f.key), p.copy(f.data)
	h.index[f.key] = h.first + uint64(len(h.frames))
	h.frames = append(h.frames, f)
}

// oldest is the frame that has been held longest; nil where none is.
func (h *hold) oldest() *held {
	if len(h.frames) == 0 {
		return nil
	}
	return &h.frames[0]
}

// match drops a frame like key and reports whether there was one. Of those that are alike the latest goes; they are alike.
func (h *hold) match(key uint64, p *pool) bool {
	key, ok := last(h.index, key)
	if !ok {
		return false
	}
	f := &h.frames[h.index[key]-h.first]
	delete(h.index, key)
	p.free(f.data)
	f.data = nil
	h.trim()
	return true
}

// trim forgets what was matched at the beginning.
func (h *hold) trim() {
	n := 0
	for n < len(h.frames) && h.frames[n].data == nil {
		n++
	}
	h.first += uint64(n)
	h.frames = h.frames[n:]
	if len(h.frames) == 0 {
		h.frames = nil
	}
}

// drop forgets the oldest frame; false where there is none.
func (h *hold) drop(p *pool) bool {
	if len(h.frames) == 0 {
		return false
	}
	f := &h.frames[0]
	delete(h.index, f.key)
	p.free(f.data)
	f.data = nil
	h.trim()
	return true
}

// clear forgets all.
func (h *hold) clear(p *pool) {
	for h.drop(p) {
	}
	h.index = nil
}

// ahead remembers what was said and a connection has not brought yet.
type ahead struct {
	keys map[uint64]struct{}
	ring []said // in order; entries that were brought since stay until their time is over
}

type said struct {
	key uint64
	at  time.Duration
}

func (a *ahead) push(key uint64, at time.Duration) {
	if a.keys == nil {
		a.keys = map[uint64]struct{}{}
	}
	key = next(a.keys, key)
	a.keys[key] = struct{}{}
	if len(a.ring) >= maxAhead {
		a.drop()
	}
	a.ring = append(a.ring, said{key, at})
}

// match forgets a message like key and reports whether there was one.
func (a *ahead) match(key uint64) bool {
	key, ok := last(a.keys, key)
	if ok {
		delete(a.keys, key)
	}
	return ok
}

func (a *ahead) drop() {
	delete(a.keys, a.ring[0].key)
	a.ring = a.ring[1:]
}

// expire forgets what was said before t, and tells when the last of it was said that has not been brought; 0 where all was.
func (a *ahead) expire(t time.Duration) (lacking time.Duration) {
	for len(a.ring) > 0 && a.ring[0].at < t {
		if _, ok := a.keys[a.ring[0].key]; ok {
			lacking = a.ring[0].at
		}
		a.drop()
	}
	if len(a.ring) == 0 {
		a.ring = nil
	}
	return lacking
}
