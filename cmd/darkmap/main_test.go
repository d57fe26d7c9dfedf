package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// brokenPipe is a standard output whose reader is gone.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestExitCodes(t *testing.T) {
	t.Parallel()
	_, closed := output{brokenPipe{}}.Write(nil)
	damaged := damagedError(3)
	tests := []struct {
		err  error
		told bool // whether ctx has ended
		want int
		said string
	}{
		{nil, false, 0, ""},
		{closed, false, 0, ""},
		{fmt.Errorf("printing: %w", closed), false, 0, ""},
		{fmt.Errorf("writing to the broker: %w", syscall.EPIPE), false, exitFailed, "writing to the broker"},
		{errors.New("broken"), false, exitFailed, "broken"},
		{usageError(errors.New("wrong")), false, exitUsage, "wrong"},
		{damaged, false, exitDamaged, "3 damaged parts"},
		{errors.Join(damaged, closed), false, exitDamaged, "3 damaged parts"},
		{errors.Join(fmt.Errorf("interrupted: %w", context.Canceled), errors.New("the last rows")), true, exitInterrupted, "the last rows"},
		{errors.Join(errors.New("in use"), fmt.Errorf("reading: %w", context.Canceled)), false, exitFailed, "in use"},
	}
	for _, tt := range tests {
		var errs bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		if tt.told {
			cancel()
		}
		if got := code(ctx, tt.err, &errs); got != tt.want || !strings.Contains(errs.String(), tt.said) || tt.said == "" && errs.Len() > 0 {
			t.Errorf("%v: got %d and %q, want %d and %q in it", tt.err, got, errs.String(), tt.want, tt.said)
		}
		cancel()
	}
}

// TestEmptyFolder: an empty folder name, as from an unset variable, does not mean the current
// folder.
func TestEmptyFolder(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--data-dir", "--cache-dir"} {
		for _, args := range [][]string{{flag, ""}, {flag + "="}} {
			var out, errs bytes.Buffer
			if got := run(t.Context(), append([]string{"version"}, args...), nil, &out, &errs); got != exitUsage || !strings.Contains(errs.String(), flag) || !strings.Contains(errs.String(), "empty") {
				t.Errorf("%q: got %d and %q, want %d and that %s is empty", args, got, errs.String(), exitUsage, flag)
			}
		}
	}
	var out, errs bytes.Buffer
	if got := run(t.Context(), []string{"version", "--data-dir", "~/state"}, nil, &out, &errs); got != 0 {
		t.Errorf("a folder: got %d, %s", got, errs.String())
	}
}
