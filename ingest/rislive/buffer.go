package rislive

import "time"

const (
	// maxAwaited is the value of merger.maxAwaited outside of tests.
	maxAwaited = 1 << 20
	// maxSpare and spareBytes bound the buffers that are kept for the next frames.
	maxSpare   = 4096
	spareBytes = 4 << 10
	// entryBytes is the cost of an entry besides its frame, in octets.
	entryBytes = 96
)

// bufferedFrame is a frame that a follower brought and the leader has not.
type bufferedFrame struct {
	data  []byte // nil: evicted; the buffer only knows that the message came
	frame uint64 // the frame's number (merger.frames)
	stamp int64  // the message's timestamp, microseconds
	// hasID is true if the message has an id. A message without one is never known to be missing.
	hasID bool
}

// buffer keeps a collector's frames of one connection, in order.
type buffer struct {
	sequence[bufferedFrame]
	bytes     int64  // octets of all frames
	evictedTo uint64 // the data of all frames with a lower number are evicted
}

// pool keeps buffers for frames, and counts the octets that are held.
type pool struct {
	bytes int64
	spare [][]byte
}

func (p *pool) copy(frame []byte) []byte {
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
	if len(p.spare) < maxSpare && cap(b) > 0 && cap(b) <= spareBytes {
		p.spare = append(p.spare, b)
	}
}

// count records that n more octets are held.
func (h *buffer) count(n int, p *pool) {
	h.bytes += int64(n)
	p.bytes += int64(n)
}

// push keeps a frame and copies its data, if there are any. It replaces a frame with the same key
// whose data were evicted.
func (h *buffer) push(key uint64, at time.Duration, f bufferedFrame, p *pool) {
	if e := h.find(key); e != nil && e.v.data == nil {
		h.match(key, p)
	}
	if f.data != nil {
		f.data = p.copy(f.data)
	}
	h.count(entryBytes+len(f.data), p)
	h.sequence.push(key, at, f)
}

// match removes the latest frame with the key. The data of the returned entry must not be used:
// they are free for the next frame. It returns false if no frame has the key.
func (h *buffer) match(key uint64, p *pool) (e entry[bufferedFrame], ok bool) {
	if e, ok = h.take(key); ok {
		h.release(e.v, p)
	}
	return e, ok
}

// drop removes the oldest frame. There must be one.
func (h *buffer) drop(p *pool) { h.release(h.dropOldest(), p) }

func (h *buffer) release(f bufferedFrame, p *pool) {
	h.count(-entryBytes-len(f.data), p)
	p.free(f.data)
}

// clear removes all frames.
func (h *buffer) clear(p *pool) {
	for h.oldest() != nil {
		h.drop(p)
	}
}

// evict evicts the data of the oldest frame that has any. It returns false if no frame has data.
func (h *buffer) evict(p *pool) bool {
	for h.evictedTo = max(h.evictedTo, h.first); h.evictedTo < h.first+uint64(len(h.list)); h.evictedTo++ {
		e := &h.list[h.evictedTo-h.first]
		if e.taken || e.v.data == nil {
			continue
		}
		h.count(-len(e.v.data), p)
		p.free(e.v.data)
		e.v.data = nil
		return true
	}
	return false
}

// evictAll evicts the data of all frames.
func (h *buffer) evictAll(p *pool) {
	for h.evict(p) {
	}
}
