package panel

import (
	"math/rand/v2"
	"testing"
)

// TestRowSet compares a set of few and of many rows with a map.
func TestRowSet(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	var x rowSet
	plain := make(map[uint32]bool)
	if x.begun() {
		t.Error("an empty set has begun")
	}
	for range 3 * fewRows {
		row := rng.Uint32N(2 * fewRows)
		if asked := rng.Uint32N(3 * fewRows); x.has(asked) != plain[asked] {
			t.Fatalf("row %d of %d is in the set: %v, want %v", asked, len(plain), x.has(asked), plain[asked])
		}
		if added := x.add(row); added == plain[row] {
			t.Fatalf("row %d is new: %v, want %v", row, added, !plain[row])
		}
		plain[row] = true
		if !x.begun() {
			t.Fatal("a set with rows has not begun")
		}
	}
	if len(plain) <= fewRows || x.few != nil {
		t.Errorf("%d rows, of which %d one by one: the test needs more than %d", len(plain), len(x.few), fewRows)
	}
}
