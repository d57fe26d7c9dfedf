package config

import (
	"bytes"
	"testing"
	"time"
)

type optional struct {
	Idle  DurationOrOff  `yaml:"idle" min:"1s"`
	Floor CountOrOff     `yaml:"floor" min:"1"`
	Count CountOrAuto    `yaml:"count" min:"1"`
	Every time.Duration  `yaml:"every" min:"1m" step:"1m"`
	Over  DurationOrZero `yaml:"over" min:"0s"`
}

// TestOptional checks that a value that can be off is written and printed as off, and never as 0.
func TestOptional(t *testing.T) {
	t.Parallel()
	usual := optional{DurationOrOff(time.Hour), 5, 0, time.Minute, 0}
	for set, want := range map[string]optional{
		"over=5s":    {DurationOrOff(time.Hour), 5, 0, time.Minute, DurationOrZero(5 * time.Second)},
		"over=0":     usual,
		"idle=off":   {0, 5, 0, time.Minute, 0},
		"idle=90s":   {DurationOrOff(90 * time.Second), 5, 0, time.Minute, 0},
		"floor=off":  {DurationOrOff(time.Hour), 0, 0, time.Minute, 0},
		"floor=7":    {DurationOrOff(time.Hour), 7, 0, time.Minute, 0},
		"count=auto": usual,
		"count=3":    {DurationOrOff(time.Hour), 5, 3, time.Minute, 0},
	} {
		got := usual
		if err := Load(&got, "", []string{set}); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", set, got, err, want)
		}
		var b bytes.Buffer
		if err := Print(&b, &got, nil); err != nil {
			t.Fatal(err)
		}
		again := optional{Every: time.Second}
		if err := Decode(&again, b.Bytes()); err != nil || again != got {
			t.Errorf("%s: printed as\n%sthat is %+v, %v", set, b.String(), again, err)
		}
	}
	for set, want := range map[string]string{
		"idle=0":      "--set idle=0: idle: got 0, want a duration such as 10s, or off",
		"idle=0s":     "--set idle=0s: idle: got 0s, want a duration such as 10s, or off",
		"floor=0":     "--set floor=0: floor: got 0, want a whole number above 0, or off",
		"floor=many":  "--set floor=many: floor: got many, want a whole number above 0, or off",
		"count=off":   "--set count=off: count: got off, want a whole number above 0, or auto",
		"over=5":      "--set over=5: over: got 5, want a duration such as 10s, or 0",
		"over=-1s":    "--set over=-1s: over: got -1s, want at least 0s",
		"idle=10ms":   "--set idle=10ms: idle: got 10ms, want at least 1s, or off",
		"floor=-1":    "--set floor=-1: floor: got -1, want at least 1, or off",
		"every=90s":   "--set every=90s: every: got 1m30s, want at least 1m, whole minutes",
		"idle=[1, 2]": "--set idle=[1, 2]: idle: got a list, want a duration such as 10s, or off",
	} {
		got := usual
		if err := Load(&got, "", []string{set}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", set, err, want)
		}
	}
	if got := (optional{}); Validate(&got) == nil {
		t.Error("every is 0: no fault")
	}
}
