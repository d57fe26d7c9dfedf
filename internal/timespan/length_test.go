package timespan

import (
	"testing"
	"time"
)

func TestParseLength(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"7d": 7 * Day, "1d12h": Day + 12*time.Hour, "90m": 90 * time.Minute, "2h": 2 * time.Hour, "0d5s": 5 * time.Second,
		"": 0, "0": 0, "0d": 0, "-2h": 0, "1d-25h": 0, "d": 0, "7": 0, "7 d": 0, "99999d": 0, "-1d": 0, "1dd": 0,
	} {
		if got, err := ParseLength(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
}
