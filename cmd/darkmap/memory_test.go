package main

import "testing"

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for live, want := range map[int64]int64{0: 384 << 20, 100 << 20: 384 << 20, 256 << 20: 384 << 20, 400 << 20: 600 << 20} {
		if got := memoryLimit(live); got != want {
			t.Errorf("%d in use: got %d, want %d", live, got, want)
		}
	}
}
