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

// brokenPipe is standard output whose reader has gone.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestExitCodes(t *testing.T) {
	t.Parallel()
	_, closed := output{brokenPipe{}}.Write(nil)
	damaged := damagedError(3)
	tests := []struct {
		err  error
		want int
		said string
	}{
		{nil, 0, ""},
		{closed, 0, ""},
		{fmt.Errorf("printing: %w", closed), 0, ""},
		{fmt.Errorf("writing to the broker: %w", syscall.EPIPE), exitFailed, "writing to the broker"},
		{errors.New("broken"), exitFailed, "broken"},
		{usageError(errors.New("wrong")), exitUsage, "wrong"},
		{damaged, exitDamaged, "3 damaged parts"},
		{errors.Join(damaged, closed), exitDamaged, "3 damaged parts"},
		{errors.Join(fmt.Errorf("interrupted: %w", context.Canceled), errors.New("the last rows")), exitInterrupted, "the last rows"},
	}
	for _, tt := range tests {
		var errs bytes.Buffer
		if got := code(tt.err, &errs); got != tt.want || !strings.Contains(errs.String(), tt.said) || tt.said == "" && errs.Len() > 0 {
			t.Errorf("%v: got %d and %q, want %d and %q in it", tt.err, got, errs.String(), tt.want, tt.said)
		}
	}
}
