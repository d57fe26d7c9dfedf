package rislive

import "testing"

// TestRecent: a new connection's repetitions are recognised as far as the keys reach, over all
// former connections, until the new connection has settled; its own frames are not repetitions.
func TestRecent(t *testing.T) {
	t.Parallel()
	var r recent
	r.note(1)
	if r.repeats(1) {
		t.Error("a frame of the present connection is a repetition")
	}
	r.end()
	r.note(2)
	if !r.repeats(1) || r.repeats(2) || r.full() {
		t.Errorf("after the first connection: 1 %v, 2 %v, full %v; want true, false, false", r.repeats(1), r.repeats(2), r.full())
	}
	r.end()
	if !r.repeats(1) || !r.repeats(2) {
		t.Error("after the second connection a frame of a former one is not recognised")
	}
	r.settle()
	if r.repeats(1) {
		t.Error("a settled connection repeats")
	}
	for k := range uint64(maxRecent) {
		r.note(10 + k)
	}
	r.end()
	if r.repeats(2) || !r.repeats(10) || !r.repeats(9+maxRecent) || !r.full() || len(r.keys) != maxRecent {
		t.Errorf("a full ring: old key %v, first %v, last %v, full %v, %d keys", r.repeats(2), r.repeats(10), r.repeats(9+maxRecent), r.full(), len(r.keys))
	}
}
