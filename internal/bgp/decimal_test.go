package bgp

import (
	"encoding/json"
	"math"
	"testing"
)

func TestDecimalJSON(t *testing.T) {
	t.Parallel()
	tests := map[Decimal]string{0: "0", 400: "4", 50: "0.5", 1234: "12.34", 5: "0.05", 10000: "100", -150: "-1.5", -5: "-0.05"}
	for d, want := range tests {
		b, err := json.Marshal(d)
		if err != nil || string(b) != want {
			t.Errorf("Marshal(%d hundredths): got %s, %v, want %s", int64(d), b, err, want)
		}
		var back Decimal
		if err := json.Unmarshal(b, &back); err != nil || back != d {
			t.Errorf("Unmarshal(%s): got %d, %v, want %d", b, int64(back), err, int64(d))
		}
		if d.String() != want {
			t.Errorf("String of %d hundredths: got %s, want %s", int64(d), d, want)
		}
	}
}

func TestHundredths(t *testing.T) {
	t.Parallel()
	tests := []struct {
		part, whole, scale uint64
		want               Decimal
	}{
		{3, 4, 100, 7500},
		{1, 3, 100, 3333},
		{2, 3, 100, 6667},
		{1024, 256, 1, 400},
		{384, 256, 1, 150},
		{1, 256, 1, 0},
		{2, 256, 1, 1},
		{5, 0, 100, 0},
		{1 << 61, 1 << 62, 100, 5000},
		{math.MaxUint64, math.MaxUint64, 100, 10000},
		{math.MaxUint64, 1, 100, math.MaxInt64},
	}
	for _, tt := range tests {
		if got := Hundredths(tt.part, tt.whole, tt.scale); got != tt.want {
			t.Errorf("Hundredths(%d, %d, %d): got %d, want %d", tt.part, tt.whole, tt.scale, got, tt.want)
		}
	}
}
