package telemetry_test

import (
	"errors"
	"testing"

	"github.com/darkmap/darkmap/internal/telemetry"
)

// TestReadiness checks that a Readiness is ready until a reason is set, and again after nil is set.
func TestReadiness(t *testing.T) {
	t.Parallel()
	var r telemetry.Readiness
	if err := r.Ready(); err != nil {
		t.Errorf("the zero value: got %v, want nil", err)
	}
	reason := errors.New("joining the group")
	for range 2 {
		r.Set(reason)
		if err := r.Ready(); !errors.Is(err, reason) {
			t.Errorf("got %v, want %v", err, reason)
		}
		r.Set(nil)
		if err := r.Ready(); err != nil {
			t.Errorf("after nil: got %v, want nil", err)
		}
	}
}
