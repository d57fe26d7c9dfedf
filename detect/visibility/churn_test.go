package visibility

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/darkmap/darkmap/detect/rib"
)

// TestChanges compares a sorted list of counts with a map.
func TestChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const most = 300
		var x changes
		plain := make(map[rib.Row]uint32)
		for range rapid.IntRange(1, 12).Draw(t, "windows") {
			count := make([]uint32, most)
			rows := rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(0, most-1), func(i int) rib.Row { return rib.Row(i) }), 0, 60, rapid.ID[rib.Row]).Draw(t, "rows")
			slices.Sort(rows)
			for _, r := range rows {
				count[r] = rapid.SampledFrom([]uint32{1, 2, 254, 255, 256, 70_000}).Draw(t, "count")
				plain[r] += count[r]
			}
			x.add(rows, count)
			if r := rib.Row(rapid.IntRange(0, most-1).Draw(t, "forgotten")); r%3 == 0 {
				x.forget(r)
				delete(plain, r)
			}
			asked := rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(0, most+5), func(i int) rib.Row { return rib.Row(i) }), 0, 200, rapid.ID[rib.Row]).Draw(t, "asked")
			slices.Sort(asked)
			want := 0
			for _, r := range asked {
				want += int(plain[r])
			}
			if got := x.sum(asked); got != want {
				t.Fatalf("%d changes of %v, want %d", got, asked, want)
			}
			if len(x.rows)-x.gone != len(plain) {
				t.Fatalf("%d rows, want %d", len(x.rows)-x.gone, len(plain))
			}
		}
	})
}

// TestChangesBound checks that beyond maxChurn rows no new row is added, and the others are still
// counted.
func TestChangesBound(t *testing.T) {
	t.Parallel()
	var x changes
	rows, count := make([]rib.Row, maxChurn), make([]uint32, maxChurn+1)
	for i := range count {
		count[i] = 1
	}
	for i := range rows {
		rows[i] = rib.Row(i)
	}
	x.add(rows, count)
	x.add([]rib.Row{5, maxChurn}, count)
	if got := []int{x.sum(rows[5:6]), x.sum([]rib.Row{maxChurn}), len(x.rows)}; !slices.Equal(got, []int{2, 0, maxChurn}) {
		t.Errorf("got %v, want 2 changes, none of the newcomer, and %d rows", got, maxChurn)
	}
}
