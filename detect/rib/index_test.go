package rib

import (
	"testing"

	"pgregory.net/rapid"
)

// TestIndex compares an index with a map while keys come and go.
func TestIndex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var x index
		plain := make(map[Key]Row)
		var keys []Key
		var free []Row
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			k := modelKey(rapid.IntRange(0, 60).Draw(t, "prefix"))
			r, ok := x.find(k, keys)
			if want, in := plain[k]; ok != in || r != want {
				t.Fatalf("key %d: row %d %v, want %d %v", k, r, ok, want, in)
			}
			switch {
			case ok && rapid.Bool().Draw(t, "remove"):
				x.remove(k, keys)
				delete(plain, k)
				keys[r] = 0
				free = append(free, r)
			case !ok && len(free) > 0:
				r, free = free[len(free)-1], free[:len(free)-1]
				keys[r], plain[k] = k, r
				x.add(r, keys)
			case !ok:
				keys, plain[k] = append(keys, k), Row(len(keys))
				x.add(plain[k], keys)
			}
			if x.n != len(plain) {
				t.Fatalf("%d keys, want %d", x.n, len(plain))
			}
		}
		for k, want := range plain {
			if r, ok := x.find(k, keys); !ok || r != want {
				t.Fatalf("key %d: row %d %v, want %d", k, r, ok, want)
			}
		}
	})
}
