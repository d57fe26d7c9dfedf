package config

import (
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Durations finds the times of a section that cannot be: every field of the struct cfg that is a time.Duration and below least,
// or, where its key stands among zeros, below 0.
func Durations(section string, cfg any, least time.Duration, zeros ...string) []error {
	var faults []error
	v := reflect.ValueOf(cfg)
	for i := range v.NumField() {
		d, ok := reflect.TypeAssert[time.Duration](v.Field(i))
		key := v.Type().Field(i).Tag.Get("yaml")
		switch {
		case !ok:
		case slices.Contains(zeros, key) && d < 0:
			faults = append(faults, fmt.Errorf("%s.%s: %v: want 0 or more", section, key, d))
		case !slices.Contains(zeros, key) && d < least:
			faults = append(faults, fmt.Errorf("%s.%s: %v: want at least %v", section, key, d, least))
		}
	}
	return faults
}
