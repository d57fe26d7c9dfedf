package rislive

import "testing"

// TestRecent checks that a new connection's repetitions are recognised, over all earlier
// connections, as far as the keys reach and until endRepetition. The connection's own frames are
// not repetitions.
func TestRecent(t *testing.T) {
	t.Parallel()
	var r recent
	r.note(1)
	if r.repeats(1) {
		t.Error("a frame of the present connection is a repetition")
	}
	r.end()
	r.note(2)
	if !r.repeats(1) || r.repeats(2) || r.mayHaveForgotten() {
		t.Errorf("after the first connection: 1 %v, 2 %v, full %v; want true, false, false", r.repeats(1), r.repeats(2), r.mayHaveForgotten())
	}
	r.end()
	if !r.repeats(1) || !r.repeats(2) {
		t.Error("after the second connection a frame of an earlier one is not recognised")
	}
	r.endRepetition()
	if r.repeats(1) {
		t.Error("a repetition after endRepetition")
	}
	for k := range uint64(maxRecent) {
		r.note(10 + k)
	}
	r.end()
	if r.repeats(2) || !r.repeats(10) || !r.repeats(9+maxRecent) || !r.mayHaveForgotten() || len(r.keys) != maxRecent {
		t.Errorf("a full ring: old key %v, first %v, last %v, full %v, %d keys", r.repeats(2), r.repeats(10), r.repeats(9+maxRecent), r.mayHaveForgotten(), len(r.keys))
	}
}
