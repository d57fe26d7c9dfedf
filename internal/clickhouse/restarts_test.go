package clickhouse

import (
	"bytes"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRestarts: the interval begins at 0.2 s and doubles up to 30 s, the wait is drawn around it,
// and after a minute of service the interval begins again.
func TestRestarts(t *testing.T) {
	t.Parallel()
	r := newRestarts()
	steps := []struct {
		served time.Duration
		want   time.Duration
		ends   int
	}{
		{time.Hour, 200 * time.Millisecond, 1},
		{0, 400 * time.Millisecond, 2},
		{59 * time.Second, 800 * time.Millisecond, 3},
		{0, 1600 * time.Millisecond, 4},
		{0, 3200 * time.Millisecond, 5},
		{0, 6400 * time.Millisecond, 6},
		{0, 12800 * time.Millisecond, 7},
		{0, 20 * time.Second, 8},
		{0, 20 * time.Second, 9},
		{0, 20 * time.Second, 10},
		{time.Minute, 200 * time.Millisecond, 1},
	}
	for i, s := range steps {
		if got := r.next(s.served); got < s.want/2 || got > s.want*3/2+1 || r.ends != s.ends {
			t.Errorf("step %d: got %v after %d ends, want %v, half of it more or less, after %d", i, got, r.ends, s.want, s.ends)
		}
	}
}

// TestWarnShared: the log warns of a child without a network of its own, with the reason.
func TestWarnShared(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	e := &Engine{cfg: EngineConfig{Log: slog.New(slog.NewTextHandler(&logged, nil))}}
	e.warnShared(&child{})
	if logged.Len() > 0 {
		t.Errorf("own network: logged %s", &logged)
	}
	e.warnShared(&child{sharedNetwork: syscall.ENOSPC})
	if !strings.Contains(logged.String(), "its port is on loopback") || !strings.Contains(logged.String(), syscall.ENOSPC.Error()) {
		t.Errorf("shared network: logged %q", &logged)
	}
}
