package config

import (
	"fmt"
	"reflect"
	"strings"
)

// AnyName stands in the names of keys for that of an entry of a map.
const AnyName = "NAME"

// Key is one key of a configuration.
type Key struct {
	// Name is the whole key. Keys of the entries of a list stand after []: ingest.bmp.routers[].address. Those of the entries of a map stand
	// after AnyName: notify.targets.NAME.max_age.
	Name string
	// Parent is the struct that has the Field.
	Parent reflect.Type
	Field  reflect.StructField
	// Value is the configuration's; of a key in a list, the zero value.
	Value  reflect.Value
	Limits Limits
}

// Keys lists the keys of cfg, a pointer to a struct, in the order of its fields. A list or a map of sections is a key itself, and its keys
// follow. Those of an optional section are listed whether it is there or not.
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

// Defaulted is a section that knows its defaults: where it may be absent, Keys shows them. Optional sections within it are filled too.
type Defaulted interface{ SetDefaults() }

// zero is the place of a section that is not there, with its defaults.
func zero(key string, t reflect.Type) place {
	v := reflect.New(sectionType(t))
	if d, ok := reflect.TypeAssert[Defaulted](v); ok {
		d.SetDefaults()
	}
	return place{key: key, value: v.Elem()}
}

// Default writes the value as the configuration file has it; empty where it is.
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

// Results lists, as key=value, the keys tagged `result:"yes"` at which cfg differs from defaults, both pointers to structs of one type: what
// decides results beside the defaults.
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

// resultKeys are the keys that decide results.
func resultKeys(cfg any) []Key {
	var out []Key
	for _, k := range Keys(cfg) {
		if k.Field.Tag.Get("result") == "yes" {
			out = append(out, k)
		}
	}
	return out
}
