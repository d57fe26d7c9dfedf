package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// Fault is a value that a key must not have. Sections list faults. As an error, a fault is one of
// several joined errors.
type Fault struct { //nolint:errname // a value that sections list
	// Key is relative to the section that reports the fault. Validate makes it the full key.
	Key string
	// Value is the rejected value.
	Value any
	// Want completes "want ...". If empty, Validate takes the words of the key's tags.
	Want string
}

// Error names the key, the value and the allowed values.
func (f Fault) Error() string {
	return f.Key + ": " + got(reflect.ValueOf(f.Value)) + "want " + f.Want
}

// Section is a configuration with rules beyond the tags of single fields.
type Section interface {
	// Faults returns the violations of those rules, with keys relative to the section.
	Faults() []Fault
}

// join joins all faults to one error; nil if there are none.
func join(faults []Fault) error {
	all := make([]error, len(faults))
	for i, f := range faults {
		all[i] = f
	}
	return errors.Join(all...)
}

// got returns the words for the rejected value in a message.
func got(v reflect.Value) string {
	if !v.IsValid() {
		return ""
	}
	if v.Kind() == reflect.String && v.Len() == 0 || v.Kind() == reflect.Slice && v.Len() == 0 {
		return "is empty, "
	}
	if v.Kind() == reflect.Slice {
		return fmt.Sprintf("has %d entries, ", v.Len())
	}
	return "got " + text(v) + ", "
}

// text formats a value for messages and the reference page.
func text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return Duration(x)
	case fmt.Stringer:
		return x.String()
	}
	if v.Kind() == reflect.String {
		return strconv.Quote(cut(WithoutSecrets(v.String())))
	}
	return fmt.Sprint(v.Interface())
}

// cut shortens a text that is too long for a message.
func cut(s string) string {
	if r := []rune(s); len(r) > maxShown {
		return string(r[:maxShown]) + "…"
	}
	return s
}
