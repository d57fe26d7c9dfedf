package config

import (
	"reflect"
	"regexp"
	"strings"

	"github.com/darkmap/darkmap/internal/nearest"
)

var anyIndex = regexp.MustCompile(`\[\d+\]`)

// nearestKey suggests the key meant by an unknown one: a key of the same section with a similar
// spelling, else a key elsewhere with the same last part. It is empty if there is none, or several
// are equally near.
func nearestKey(t reflect.Type, path string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var all []string
	collect(t, "", &all)
	plain := withoutNames(t, anyIndex.ReplaceAllString(path, "[]"))
	section, last := "", plain
	if i := strings.LastIndexByte(plain, '.'); i >= 0 {
		section, last = plain[:i+1], plain[i+1:]
	}
	var beside, elsewhere []string
	for _, key := range all {
		rest, here := strings.CutPrefix(key, section)
		if here && !strings.Contains(rest, ".") {
			beside = append(beside, rest)
		}
		if key == last || strings.HasSuffix(key, "."+last) {
			elsewhere = append(elsewhere, key)
		}
	}
	if near := nearest.Of(last, beside); near != "" {
		return " (did you mean " + path[:len(path)-len(last)] + near + "?)"
	}
	if len(elsewhere) == 1 {
		return " (did you mean " + elsewhere[0] + "?)"
	}
	return ""
}

// collect lists the full keys of a type, sections included. Keys of a list's entries follow [].
func collect(t reflect.Type, at string, all *[]string) {
	for f := range t.Fields() {
		name, inline := keyOf(f)
		key := below(at, name)
		if !inline && name == "" {
			continue
		}
		if !inline {
			*all = append(*all, key)
		}
		switch ft := f.Type; {
		case isSection(sectionType(ft)):
			collect(sectionType(ft), key, all)
		case ft.Kind() == reflect.Slice && isSection(ft.Elem()):
			collect(ft.Elem(), key+"[]", all)
		case isMap(ft):
			collect(sectionType(ft.Elem()), below(key, AnyName), all)
		}
	}
}

// withoutNames returns a key of t with AnyName for the names of entries of maps.
func withoutNames(t reflect.Type, path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if isMap(t) {
			parts[i] = AnyName
		}
		name, listed := strings.CutSuffix(part, "[]")
		next, ok := reflect.Type(nil), false
		if k := t.Kind(); k == reflect.Struct || k == reflect.Map {
			next, ok = elementType(t, name)
		}
		if !ok {
			break
		}
		if listed && next.Kind() == reflect.Slice {
			next = next.Elem()
		}
		t = sectionType(next)
	}
	return strings.Join(parts, ".")
}
