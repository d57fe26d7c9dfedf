package kafka_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/darkmap/darkmap/internal/kafka"
)

// TestBrokerLog: the log reports in plain words that the broker cannot write, but not for every
// batch. It omits the broker's other messages.
func TestBrokerLog(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"full", &fs.PathError{Op: "write", Path: "0.dat", Err: syscall.ENOSPC}, "the disk is full"},
		{"quota", &fs.PathError{Op: "write", Path: "0.dat", Err: syscall.EDQUOT}, "the disk is full"},
		{"broken", &fs.PathError{Op: "write", Path: "0.dat", Err: syscall.EIO}, "cannot write its data"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			l := kafka.NewBrokerLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})), "/state/kafka")
			l.Logf(kfake.LogLevelWarn, "slow transaction: %v", 3)
			for range 100 {
				l.Logf(kfake.LogLevelWarn, "persist batch %s-%d: %v", "bgp.updates.v1", 3, tt.err)
				l.Logf(kfake.LogLevelError, "endTx: failed to persist control batch for %s p%d pid %d", "bgp.updates.v1", 3, 1)
			}
			got := out.String()
			if strings.Count(got, "\n") != 1 || !strings.Contains(got, tt.want) || !strings.Contains(got, "dir=/state/kafka") || !strings.Contains(got, tt.err.Error()) {
				t.Errorf("got %q, want one line with %q", got, tt.want)
			}
		})
	}
}
