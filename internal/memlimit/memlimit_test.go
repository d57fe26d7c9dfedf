package memlimit

import (
	"bytes"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"testing"
)

func TestLimit(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	follows, fixed := Limit{Least: 384 * mb, SparePercent: 50}, Limit{Fixed: 512 * mb}
	for _, tt := range []struct {
		l          Limit
		live, want int64
		full       bool
	}{
		{follows, 0, 384 * mb, false},
		{follows, 256 * mb, 384 * mb, false},
		{follows, 400_000_000, 600_000_000, false},
		{fixed, 0, 512 * mb, false},
		{fixed, 400 * mb, 512 * mb, false},
		{fixed, 500 * mb, 512 * mb, true},
	} {
		if got := tt.l.of(tt.live); got != tt.want {
			t.Errorf("%+v, %d in use: got %d, want %d", tt.l, tt.live, got, tt.want)
		}
		if got := tt.l.full(tt.live); got != tt.full {
			t.Errorf("%+v, %d in use: too low is %v, want %v", tt.l, tt.live, got, tt.full)
		}
	}
	if differs(1000, 1010) || !differs(1100, 1000) || !differs(900, 1000) {
		t.Error("a limit 1 % away is set, or one 10 % away is not")
	}
}

// TestHold checks the order: the environment, then a fixed limit. The log names the limit.
func TestHold(t *testing.T) {
	was := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(was) })
	for _, tt := range []struct {
		env   string
		limit Limit
		want  int64
		says  string
	}{
		{"2GiB", Limit{Fixed: 1 << 30, Key: "detect.memory"}, math.MaxInt64, "from=GOMEMLIMIT limit=2GiB"},
		{"", Limit{Fixed: 1 << 30, Key: "detect.memory"}, 1 << 30, "from=detect.memory limit_bytes=1073741824"},
		{"", Limit{Least: 3 << 30, SparePercent: 15}, 3 << 30, `from="what is in use" spare_percent=15 least_bytes=3221225472`},
	} {
		t.Setenv(variable, tt.env)
		debug.SetMemoryLimit(math.MaxInt64)
		var log bytes.Buffer
		stop := tt.limit.Hold(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
		stop()
		if got := debug.SetMemoryLimit(-1); got != tt.want {
			t.Errorf("%q, %+v: the limit is %d, want %d", tt.env, tt.limit, got, tt.want)
		}
		if !strings.Contains(log.String(), tt.says) {
			t.Errorf("%q, %+v: the log has %q, want %q", tt.env, tt.limit, log.String(), tt.says)
		}
	}
}
