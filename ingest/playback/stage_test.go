package playback

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/darkmap/darkmap/internal/capture"
)

// TestLinesAreLimited checks that damaged files do not fill the log.
func TestLinesAreLimited(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := &writer{s: NewStage(&Plan{}, Deps{Log: slog.New(slog.NewTextHandler(&out, nil))})}
	for range 1000 {
		if err := w.deadLetter(t.Context(), "", &capture.Damage{File: "x", Reason: capture.BadRecord}); err != nil {
			t.Fatal(err)
		}
	}
	if n := bytes.Count(out.Bytes(), []byte("passed over damaged input")); n == 0 || n > 30 {
		t.Errorf("%d lines for 1000 damaged records", n)
	}
}
