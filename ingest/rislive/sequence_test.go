package rislive

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSequence compares a sequence with a plain list: alike keys are many, and the latest is found.
func TestSequence(t *testing.T) {
	t.Parallel()
	type item struct{ key, v uint64 }
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s sequence[uint64]
		var list []item
		for v := range uint64(200) {
			key := rnd.Uint64N(8)
			switch rnd.IntN(3) {
			case 0:
				e, ok := s.take(key)
				at := -1
				for i, x := range list {
					if x.key == key {
						at = i
					}
				}
				if ok != (at >= 0) || ok && e.v != list[at].v {
					t.Fatalf("taking %d: got %v, %v of %v", key, e, ok, list)
				}
				if ok {
					list = slices.Delete(list, at, at+1)
				}
			case 1:
				e := s.oldest()
				if (e == nil) != (len(list) == 0) || e != nil && (e.key != list[0].key || e.v != list[0].v) {
					t.Fatalf("the oldest: got %v of %v", e, list)
				}
				if e != nil {
					if got := s.dropOldest(); got != list[0].v {
						t.Fatalf("dropped %d of %v", got, list)
					}
					list = list[1:]
				}
			default:
				s.push(key, 0, v)
				list = append(list, item{key, v})
			}
		}
	}
}
