package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestQuiet checks that at the end only records about cancellations are dropped.
func TestQuiet(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	done := make(chan struct{})
	log := Quiet(slog.New(slog.NewTextHandler(&out, nil)), done).With("stage", "x").WithGroup("g")
	cancelled := fmt.Errorf("reading: %w", context.Canceled)
	log.Warn("before", "err", cancelled)
	close(done)
	log.Warn("cancelled", "n", 1, "err", cancelled)
	log.Warn("failed", "err", errors.New("broken"))
	log.Warn("nothing")
	var got []string
	for line := range strings.Lines(out.String()) {
		_, line, _ = strings.Cut(line, "msg=")
		got = append(got, strings.Fields(line)[0])
	}
	if want := "before failed nothing"; strings.Join(got, " ") != want || strings.Count(out.String(), "stage=x") != 3 {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
