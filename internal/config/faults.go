package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// yamlLine matches the start of yaml's messages.
var yamlLine = regexp.MustCompile(`^(yaml: )?line \d+: `)

// yamlTags replaces YAML's names of kinds.
var yamlTags = strings.NewReplacer("!!seq", "a list", "!!map", "a map", "!!str ", "", "!!int ", "",
	"!!float ", "", "!!bool ", "", "!!null ", "")

// maxShown bounds the part of a value that a message repeats, in characters.
const maxShown = 40

// plain rewrites yaml's messages on the document b in an operator's words: the key's path, the
// found and the wanted value, and no Go type. With lines false the messages name no line.
func plain(err error, dst any, b []byte, lines bool) error {
	var messages []string
	t, ok := errors.AsType[*yaml.TypeError](err)
	switch {
	case ok:
		messages = t.Errors
	case lines:
		return err
	default:
		messages = []string{err.Error()}
	}
	known := mismatches(dst, b)
	var faults []error
	for _, m := range messages {
		line := yamlLine.FindString(m)
		if texts := known[untyped(m)]; len(texts) > 0 {
			m, known[untyped(m)] = line+texts[0], texts[1:]
		} else {
			m = withoutTypes(m)
		}
		if !lines {
			m = strings.TrimPrefix(m, line)
		}
		faults = append(faults, errors.New(m))
	}
	return errors.Join(faults...)
}

// notFound precedes the name of a Go type in yaml's message on an unknown key.
const notFound = " not found in type "

// untyped returns a message on an unknown key without the type's name.
func untyped(m string) string {
	if before, _, ok := strings.Cut(m, notFound); ok {
		return before + notFound
	}
	return m
}

// withoutTypes removes Go types from a message.
func withoutTypes(m string) string {
	if before, _, ok := strings.Cut(m, notFound); ok {
		return strings.Replace(before, "field ", "unknown key ", 1)
	}
	if before, _, ok := strings.Cut(m, " already set in type "); ok {
		return strings.Replace(before, "field ", "twice the key ", 1)
	}
	if at := strings.LastIndex(m, " into "); at >= 0 && strings.Contains(m, "cannot unmarshal ") {
		return yamlTags.Replace(strings.Replace(m[:at], "cannot unmarshal ", "of the wrong kind: ", 1))
	}
	return m
}

// mismatches returns, by yaml's message, in order, the words for each value in b if it does not fit
// its field in dst.
func mismatches(dst any, b []byte) map[string][]string {
	var doc yaml.Node
	if yaml.Unmarshal(b, &doc) != nil {
		return nil
	}
	out := map[string][]string{}
	each(&doc, reflect.TypeOf(dst), "", func(n *yaml.Node, t reflect.Type, path string) {
		if t == nil {
			m := fmt.Sprintf("line %d: field %s", n.Line, n.Value) + notFound
			out[m] = append(out[m], "unknown key "+path+nearestKey(reflect.TypeOf(dst), path))
			return
		}
		m := mismatch(n, t)
		out[m] = append(out[m], path+": "+found(n, t)+"want "+wanted(t))
	})
	return out
}

// each calls fn with every value of the document that has a field in t, and the dereferenced type
// of the field, and with every unknown key and a nil type. It skips aliases.
func each(n *yaml.Node, t reflect.Type, path string, fn func(*yaml.Node, reflect.Type, string)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind == yaml.DocumentNode {
		for _, c := range n.Content {
			each(c, t, path, fn)
		}
		return
	}
	fn(n, t, path)
	switch {
	case n.Kind == yaml.SequenceNode && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array):
		for i, c := range n.Content {
			each(c, t.Elem(), path+"["+strconv.Itoa(i)+"]", fn)
		}
	case n.Kind == yaml.MappingNode && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if at, ok := elementType(t, key); ok {
				each(n.Content[i+1], at, below(path, key), fn)
			} else {
				fn(n.Content[i], nil, below(path, key))
			}
		}
	}
}

// elementType returns the type of a key in a struct or map.
func elementType(t reflect.Type, key string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for f := range t.Fields() {
		name, inline := keyOf(f)
		if inline {
			if at, ok := elementType(f.Type, key); ok {
				return at, true
			}
		}
		if name != "" && name == key {
			return f.Type, true
		}
	}
	return nil, false
}

// found returns the words for the value found instead of a t. It omits a value in place of a map,
// which may be a secret.
func found(n *yaml.Node, t reflect.Type) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "got a list, "
	case n.Kind == yaml.MappingNode:
		return "got a map, "
	case t.Kind() == reflect.Struct || n.Kind != yaml.ScalarNode:
		return ""
	}
	return "got " + cut(WithoutSecrets(n.Value)) + ", "
}

// wanted describes a value of the type.
func wanted(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 10s"
	case reflect.TypeFor[DurationOrZero]():
		return "a duration such as 10s, or 0"
	case reflect.TypeFor[DurationOrOff]():
		return "a duration such as 10s, or " + off
	case reflect.TypeFor[CountOrOff]():
		return "a whole number above 0, or " + off
	case reflect.TypeFor[CountOrAuto]():
		return "a whole number above 0, or " + auto
	}
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number from 0 to %d", ^uint64(0)>>(64-t.Bits()))
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return fmt.Sprintf("a whole number up to %d", ^uint64(0)>>(65-t.Bits()))
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "one value"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Struct {
			return "a list such as [" + wanted(t.Elem()) + "]"
		}
		return "a list such as [a, b]"
	case reflect.Struct:
		var keys []string
		for f := range t.Fields() {
			if name, _ := keyOf(f); name != "" {
				keys = append(keys, name+": ...")
			}
		}
		return "{" + strings.Join(keys, ", ") + "}"
	default:
		return "a map of keys and values"
	}
}
