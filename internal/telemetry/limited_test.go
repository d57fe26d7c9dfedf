package telemetry

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestLimited checks that a burst passes, then one line for each interval, with the number of
// suppressed lines.
func TestLimited(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLimited(slog.New(slog.NewTextHandler(&out, nil)), time.Second, 2)
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	l.now, l.refilled = func() time.Time { return now }, now
	for range 5 {
		l.Warn("refused", "address", "192.0.2.1")
	}
	now = now.Add(time.Second)
	l.Info("began")
	l.Info("began")
	now = now.Add(time.Hour) // at most a burst accumulates
	for range 5 {
		l.Warn("again")
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		_, line, _ = strings.Cut(line, "level=")
		got = append(got, strings.TrimSpace(line))
	}
	want := []string{
		"WARN msg=refused address=192.0.2.1", "WARN msg=refused address=192.0.2.1", "INFO msg=began suppressed=3",
		"WARN msg=again suppressed=1", "WARN msg=again",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
