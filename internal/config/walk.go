package config

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
)

// place is a value of a configuration: a key's, or that of a section or list which holds keys.
type place struct {
	key    string // whole: a.b[0].c
	value  reflect.Value
	parent reflect.Type        // the struct that has the field; nil for the configuration itself
	field  reflect.StructField // of parent
}

// walk calls fn with v and with every value below it, from the outside in. Lists of sections go entry by entry.
func walk(p place, fn func(place)) {
	fn(p)
	v := p.value
	switch {
	case isSection(v.Type()):
		for f, fv := range v.Fields() {
			name, inline := keyOf(f)
			switch {
			case inline:
				walk(place{p.key, fv, v.Type(), f}, fn)
			case name != "":
				walk(place{below(p.key, name), fv, v.Type(), f}, fn)
			}
		}
	case v.Kind() == reflect.Slice && isSection(v.Type().Elem()):
		for i := range v.Len() {
			walk(place{p.key + "[" + strconv.Itoa(i) + "]", v.Index(i), p.parent, p.field}, fn)
		}
	}
}

// isSection reports whether a type is a struct of keys, and not one value such as netip.Prefix.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// below is the key of name in the section at; either may be empty.
func below(at, name string) string {
	if at == "" || name == "" {
		return at + name
	}
	return at + "." + name
}

// keyOf is a field's key, empty where it has none; inline says that the keys of its struct stand in its place.
func keyOf(f reflect.StructField) (name string, inline bool) {
	if !f.IsExported() {
		return "", false
	}
	name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return "", false
	}
	return name, options == "inline"
}
