package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/telemetry"
)

// TestHealth asks an admin server that is well, one that waits, one that is not ready, one whose
// loop stands, and none.
func TestHealth(t *testing.T) {
	t.Parallel()
	waits := telemetry.WaitingError{Err: errors.New("no verdict yet")}
	tests := []struct {
		name        string
		ready, live error
		args        []string
		code        int
		out, err    string
	}{
		{name: "well", code: 0, out: "ok\n"},
		{name: "waits", ready: waits, code: 0, out: "no verdict yet\n"},
		{name: "not ready", ready: errors.New("sink: waiting for Kafka"), code: 1, err: "sink: waiting for Kafka"},
		{name: "not ready, asked whether it lives", ready: errors.New("x"), args: []string{"--live"}, code: 0, out: "ok\n"},
		{name: "stands", live: errors.New("the loop stands"), args: []string{"--live"}, code: 1, err: "the loop stands"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			admin, err := telemetry.NewAdmin(t.Context(), telemetry.AdminConfig{
				Addr: "127.0.0.1:0", Gatherer: telemetry.NewRegistry("x"), Ready: func() error { return tt.ready }, Live: func() error { return tt.live },
			}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = admin.Run(t.Context()) }() // ends with the test
			_, port, _ := strings.Cut(admin.Addr(), ":")
			for _, addr := range []string{admin.Addr(), ":" + port} {
				var stdout, stderr bytes.Buffer
				code := run(t.Context(), append([]string{"health", "--admin-addr", addr}, tt.args...), strings.NewReader(""), &stdout, &stderr)
				if code != tt.code || stdout.String() != tt.out || !strings.Contains(stderr.String(), tt.err) {
					t.Errorf("%s: got %d, %q, %q, want %d, %q, %q", addr, code, &stdout, &stderr, tt.code, tt.out, tt.err)
				}
			}
		})
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"health", "--admin-addr", "127.0.0.1:1"}, strings.NewReader(""), &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "127.0.0.1:1") {
		t.Errorf("nobody answers: got %d, %q", code, &stderr)
	}
}
