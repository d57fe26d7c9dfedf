package config

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// place is a value of a configuration: the value of a key, or a section or list that holds keys.
type place struct {
	key    string // full: a.b[0].c
	value  reflect.Value
	parent reflect.Type        // the struct that has the field; nil for the configuration itself
	field  reflect.StructField // of parent
	entry  bool                // the value is, or lies in, an entry of a list or map
}

// at returns the place of another value at or below p.
func (p place) at(key string, v reflect.Value, parent reflect.Type, f reflect.StructField) place {
	return place{key, v, parent, f, p.entry}
}

// inEntry returns the place of an entry of the list or map at p.
func (p place) inEntry(key string, v reflect.Value) place {
	return place{key, v, p.parent, p.field, true}
}

// walk calls fn with p and with every value below it, outer values first. It visits lists and maps
// of sections entry by entry, maps in the order of their keys. It skips an optional section, a
// pointer, that is nil. The entries of maps are copies.
func walk(p place, fn func(place)) {
	fn(p)
	v := p.value
	switch {
	case isSection(v.Type()):
		for f, fv := range v.Fields() {
			name, inline := keyOf(f)
			switch {
			case inline:
				walk(p.at(p.key, fv, v.Type(), f), fn)
			case name != "":
				walk(p.at(below(p.key, name), fv, v.Type(), f), fn)
			}
		}
	case v.Kind() == reflect.Slice && isSection(v.Type().Elem()):
		for i := range v.Len() {
			walk(p.inEntry(p.key+"["+strconv.Itoa(i)+"]", v.Index(i)), fn)
		}
	case isOptional(v.Type()) && !v.IsNil():
		walk(p.at(p.key, v.Elem(), p.parent, p.field), fn)
	case isMap(v.Type()):
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			walk(p.inEntry(below(p.key, k.String()), e), fn)
		}
	}
}

// isOptional reports whether a type is a pointer to a section, which may be absent.
func isOptional(t reflect.Type) bool { return t.Kind() == reflect.Pointer && isSection(t.Elem()) }

// isMap reports whether a type is a map from names to sections.
func isMap(t reflect.Type) bool {
	return t.Kind() == reflect.Map && t.Key().Kind() == reflect.String &&
		(isSection(t.Elem()) || isOptional(t.Elem()))
}

// sectionType returns the type of a section that may be optional.
func sectionType(t reflect.Type) reflect.Type {
	if isOptional(t) {
		return t.Elem()
	}
	return t
}

// isSection reports whether a type is a struct of keys, and not one value such as netip.Prefix.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct &&
		!reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// below returns the key of name in the section at; either may be empty. A name that begins with [0]
// belongs to an entry of the list at.
func below(at, name string) string {
	if at == "" || name == "" || name[0] == '[' {
		return at + name
	}
	return at + "." + name
}

// keyOf returns a field's key, empty if it has none. inline reports that the keys of its struct
// take its place.
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
