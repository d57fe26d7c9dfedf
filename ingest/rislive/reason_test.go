package rislive

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

// TestReasonNamesConnection checks that the reason for a change of the leader has a subject: it is
// logged beside a sentence about the other connection, and it is a gap's reason.
func TestReasonNamesConnection(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		silent bool
		want   string
	}{
		"a message is left out":      {false, "the connection that led left out a message of rrc00 that the other one brought"},
		"a collector brings nothing": {true, "the connection that led brings nothing of rrc00, the other one does"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var lines bytes.Buffer
				w := newWorld(t, "rrc00", "rrc01")
				w.m.log = slog.New(slog.NewTextHandler(&lines, nil))
				w.connect(0)
				w.connect(1)
				for i := range 60 {
					w.bring(w.says("rrc01", peer1), 0, 1)
					if f := w.says("rrc00", peer1); i < 20 || !tt.silent && i != 20 {
						w.bring(f, 0, 1)
					} else {
						w.bring(f, 1)
					}
					w.second()
				}
				if !strings.Contains(lines.String(), tt.want) {
					t.Errorf("got %s, want %q", lines.String(), tt.want)
				}
			})
		})
	}
}
