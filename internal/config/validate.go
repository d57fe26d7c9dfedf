package config

import (
	"reflect"
	"regexp"
)

// Validate checks cfg, a pointer to a struct, with everything in it: each field by its tags
// (Limits), then each Section by its own rules. The error joins all faults; keys are relative to
// cfg.
func Validate(cfg any) error { return join(check(cfg)) }

// check returns the faults that Validate joins.
func check(cfg any) []Fault {
	var faults []Fault
	words := map[string]string{}
	root := place{value: reflect.ValueOf(cfg).Elem()}
	walk(root, func(p place) {
		if p.parent == nil || isSection(p.value.Type()) {
			return
		}
		l := limitsOf(p.field)
		words[p.key] = l.String()
		if p.value.Kind() == reflect.Slice {
			words[p.key] = l.entry()
		}
		faults = append(faults, l.check(p.key, p.value)...)
	})
	walk(root, func(p place) {
		s, ok := reflect.TypeAssert[Section](p.value.Addr())
		if !ok {
			return
		}
		for _, f := range s.Faults() {
			f.Key = below(p.key, f.Key)
			if f.Want == "" {
				f.Want = words[f.Key]
			}
			if f.Want == "" {
				f.Want = words[lastIndex.ReplaceAllString(f.Key, "")]
			}
			faults = append(faults, f)
		}
	})
	return faults
}

// lastIndex matches the index of an entry at the end of a key.
var lastIndex = regexp.MustCompile(`\[\d+\]$`)
