package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Key is one key of a configuration.
type Key struct {
	// Name is the whole key. Keys of the entries of a list stand after []: ingest.bmp.routers[].address.
	Name string
	// Parent is the struct that has the Field.
	Parent reflect.Type
	Field  reflect.StructField
	// Value is the configuration's; of a key in a list, the zero value.
	Value  reflect.Value
	Limits Limits
}

// Keys lists the keys of cfg, a pointer to a struct, in the order of its fields. A list of sections is a key itself, and its keys follow.
func Keys(cfg any) []Key {
	var keys []Key
	var add func(p place)
	add = func(p place) {
		t := p.value.Type()
		if p.parent == nil || isSection(t) || strings.Contains(p.key, "[0]") {
			return
		}
		keys = append(keys, Key{p.key, p.parent, p.field, p.value, limitsOf(p.field)})
		if t.Kind() != reflect.Slice || !isSection(t.Elem()) {
			return
		}
		walk(place{p.key + "[]", reflect.New(t.Elem()).Elem(), nil, reflect.StructField{}}, add)
	}
	walk(place{value: reflect.ValueOf(cfg).Elem()}, add)
	return keys
}

// Default writes the value as the configuration file has it; empty where it is.
func (k Key) Default() string {
	switch v := k.Value; {
	case v.Kind() == reflect.Slice && v.Len() == 0, v.Kind() == reflect.String && v.Len() == 0:
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
