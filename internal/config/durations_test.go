package config_test

import (
	"errors"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// TestDurations: what is too short is named by its key; zero is allowed where it means something.
func TestDurations(t *testing.T) {
	t.Parallel()
	type section struct {
		Name  string        `yaml:"name"`
		Poll  time.Duration `yaml:"poll"`
		Retry time.Duration `yaml:"retry"`
		Check time.Duration `yaml:"check"`
		Never time.Duration `yaml:"never"`
	}
	err := errors.Join(config.Durations("a.b", section{Poll: time.Second, Retry: time.Microsecond, Never: -1}, time.Millisecond, "check", "never")...)
	want := "a.b.retry: 1µs: want at least 1ms\na.b.never: -1ns: want 0 or more"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
