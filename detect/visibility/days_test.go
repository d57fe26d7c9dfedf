package visibility

import (
	"testing"

	"pgregory.net/rapid"
)

// TestDays compares the samples of some prefixes with plain arrays.
func TestDays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const prefixes = 5
		var x days
		var ids [prefixes]dayID
		var plain [prefixes][dayHours]uint8
		for i := range plain {
			for h := range plain[i] {
				plain[i][h] = absentShare
			}
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			i, v := rapid.IntRange(0, prefixes-1).Draw(t, "prefix"), rapid.SampledFrom([]uint8{0, 1, 249, wholeShare}).Draw(t, "share")
			if step := rapid.IntRange(0, 30).Draw(t, "step"); step == 0 {
				if rapid.Bool().Draw(t, "forget") {
					v = absentShare
				}
				x.fill(&ids[i], v)
				for h := range plain[i] {
					plain[i][h] = v
				}
			} else {
				h := rapid.Int64Range(0, dayHours-1).Draw(t, "hour")
				x.set(&ids[i], h, v)
				plain[i][h] = v
			}
			various := 0
			for i := range plain {
				if got := x.all(ids[i]); got != plain[i] {
					t.Fatalf("prefix %d: %v, want %v", i, got, plain[i])
				}
				if _, same := sameDay(&plain[i]); !same {
					various++
				}
			}
			if got := len(x.various) - len(x.free); got != various {
				t.Fatalf("%d days are kept, want %d", got, various)
			}
		}
	})
}
