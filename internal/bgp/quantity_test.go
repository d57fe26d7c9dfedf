package bgp

import (
	"strings"
	"testing"
	"time"
)

func TestDurationText(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s", 0: "0 s", 499 * time.Millisecond: "0 s", 500 * time.Millisecond: "1 s", 45 * time.Second: "45 s",
		59*time.Second + 499*time.Millisecond: "59 s", 59*time.Second + 500*time.Millisecond: "1 min", time.Minute: "1 min",
		89 * time.Second: "1 min", 90 * time.Second: "2 min", 300 * time.Second: "5 min",
		time.Hour - 31*time.Second: "59 min", time.Hour - 30*time.Second: "1 h", time.Hour: "1 h", 34252 * time.Second: "9 h 31 min",
		34260 * time.Second: "9 h 31 min", 47 * time.Hour: "47 h", 2*day - time.Minute: "47 h 59 min", 2*day - time.Second: "2 d",
		2 * day: "2 d", 50 * time.Hour: "2 d 2 h", 3*day - 31*time.Minute: "2 d 23 h", 3*day - 30*time.Minute: "3 d", 8 * day: "8 d",
		400*day + time.Hour: "400 d 1 h",
	} {
		if got := DurationText(d); got != want {
			t.Errorf("DurationText(%v): got %q, want %q", d, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ noun, many string }{
		{"prefix", "prefixes"},
		{"IPv4 prefix", "IPv4 prefixes"},
		{"loss", "losses"},
		{"short loss", "short losses"},
		{"minute", "minutes"},
		{"day", "days"},
		{"key", "keys"},
		{"country", "countries"},
		{"recovery", "recoveries"},
		{"network", "networks"},
		{"AS", "ASes"},
		{"address", "addresses"},
		{"process", "processes"},
		{"collector", "collectors"},
		{"batch", "batches"},
		{"peer", "peers"},
	} {
		if got := Count(1, one.noun); got != "1 "+one.noun {
			t.Errorf("got %q, want 1 %s", got, one.noun)
		}
		for _, n := range []int64{0, 2, 11, 21, 101, -1} {
			if got := Count(n, one.noun); !strings.HasSuffix(got, " "+one.many) {
				t.Errorf("got %q, want %d %s", got, n, one.many)
			}
		}
	}
}
