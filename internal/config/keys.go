package config

import (
	"fmt"
	"reflect"
	"strings"
)

// AnyName replaces the name of a map's entry in the names of keys.
const AnyName = "NAME"

// Key is one key of a configuration.
type Key struct {
	// Name is the full key. Keys in the entries of a list follow []: ingest.bmp.routers[].address.
	// Keys in the entries of a map follow AnyName: notify.targets.NAME.max_age.
	Name string
	// Parent is the struct type of Field.
	Parent reflect.Type
	Field  reflect.StructField
	// Value is the value in the configuration; for a key in a list, the zero value.
	Value  reflect.Value
	Limits Limits
}

// Keys lists the keys of cfg, a pointer to a struct, in the order of its fields. A list or a map of
// sections is a key itself, followed by its keys. The keys of an optional section are listed even
// if it is absent.
func Keys(cfg any) []Key {
	var keys []Key
	var add func(p place)
	add = func(p place) {
		t := p.value.Type()
		switch {
		case p.parent == nil || isSection(t) || p.entry:
			return
		case isOptional(t):
			if p.value.IsNil() {
				walk(zero(p.key, t), add)
			}
			return
		}
		keys = append(keys, Key{p.key, p.parent, p.field, p.value, limitsOf(p.field)})
		switch {
		case t.Kind() == reflect.Slice && isSection(t.Elem()):
			walk(zero(p.key+"[]", t.Elem()), add)
		case isMap(t):
			walk(zero(below(p.key, AnyName), t.Elem()), add)
		}
	}
	walk(place{value: reflect.ValueOf(cfg).Elem()}, add)
	return keys
}

// Defaulted is a section with its own defaults. Keys shows them if the section is absent.
// SetDefaults also fills optional sections within it.
type Defaulted interface{ SetDefaults() }

// zero returns the place of an absent section, with its defaults.
func zero(key string, t reflect.Type) place {
	v := reflect.New(sectionType(t))
	if d, ok := reflect.TypeAssert[Defaulted](v); ok {
		d.SetDefaults()
	}
	return place{key: key, value: v.Elem()}
}

// Default returns the value in the form of the configuration file; empty for an empty value.
func (k Key) Default() string {
	switch v := k.Value; {
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.String || v.Kind() == reflect.Map) && v.Len() == 0:
		return ""
	case v.Kind() == reflect.Slice:
		entries := make([]string, v.Len())
		for i := range entries {
			entries[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return strings.Join(entries, ", ")
	case v.Kind() == reflect.String:
		return v.String()
	default:
		return text(v)
	}
}

// Results lists, as key=value, the keys with the tag `result:"yes"` whose values differ between cfg
// and defaults, both pointers to structs of one type: the settings that change results.
func Results(cfg, defaults any) []string {
	usual := map[string]string{}
	for _, k := range resultKeys(defaults) {
		usual[k.Name] = k.Default()
	}
	var out []string
	for _, k := range resultKeys(cfg) {
		if v := k.Default(); v != usual[k.Name] {
			out = append(out, k.Name+"="+v)
		}
	}
	return out
}

// resultKeys returns the keys whose settings change results.
func resultKeys(cfg any) []Key {
	var out []Key
	for _, k := range Keys(cfg) {
		if k.Field.Tag.Get("result") == "yes" {
			out = append(out, k)
		}
	}
	return out
}
