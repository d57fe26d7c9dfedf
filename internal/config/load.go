package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxBytes bounds a configuration file. YAML aliases expand at most as far as yaml/v3 allows.
const maxBytes = 1 << 20

// Load decodes the file at path (none if empty) and then each KEY=VALUE of sets over dst, a pointer
// to a struct that holds the defaults, and validates the result (Validate). Keys are dotted paths;
// values are YAML. An unknown key is an error with its line. The error joins all faults.
func Load(dst any, path string, sets []string) error {
	var faults []error
	origin := origins{}
	if path != "" {
		if err := decodeFile(dst, path, origin); err != nil {
			faults = append(faults, err)
		}
	}
	for _, s := range sets {
		if err := set(dst, s, origin); err != nil {
			faults = append(faults, err)
		}
	}
	for _, f := range check(dst) {
		faults = append(faults, origin.of(f))
	}
	return errors.Join(faults...)
}

// IsList reports whether the document in a file is a list. It returns false for a file that is not
// YAML.
func IsList(path string) (bool, error) {
	b, err := readFile(path)
	if err != nil {
		return false, err
	}
	var doc yaml.Node
	return yaml.Unmarshal(b, &doc) == nil && len(doc.Content) == 1 &&
		doc.Content[0].Kind == yaml.SequenceNode, nil
}

func decodeFile(dst any, path string, origin origins) error {
	b, err := readFile(path)
	if err != nil {
		return err
	}
	origin.note(dst, b, func(line int) string { return fmt.Sprintf("%s: line %d", path, line) })
	if err := Decode(dst, b); err != nil {
		return prefixed(path, err)
	}
	return nil
}

// readFile reads a configuration file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("opening configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	if len(b) > maxBytes {
		return nil, fmt.Errorf("reading configuration %s: larger than %d bytes", path, maxBytes)
	}
	return b, nil
}

// Decode decodes one YAML document over dst; unknown keys and further documents are errors.
func Decode(dst any, b []byte) error { return decode(dst, b, true) }

// decode implements Decode. With lines false its errors name no line.
func decode(dst any, b []byte, lines bool) error {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(dst); err != nil && !errors.Is(err, io.EOF) {
		return plain(err, dst, b, lines)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	return nil
}

// set decodes one KEY=VALUE over dst.
func set(dst any, s string, origin origins) error {
	key, value, ok := strings.Cut(s, "=")
	if !ok || key == "" {
		return fmt.Errorf("--set %s: want key=value", s)
	}
	shown := "--set " + key + "=" + Masked(key, value)
	var v yaml.Node
	if err := yaml.Unmarshal([]byte(value), &v); err != nil {
		return prefixed(shown, plain(err, dst, nil, false))
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	if len(v.Content) == 1 {
		node = v.Content[0]
	}
	parts := strings.Split(key, ".")
	for _, part := range slices.Backward(parts) {
		node = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: part}, node}}
	}
	b, err := yaml.Marshal(node)
	if err != nil {
		return prefixed(shown, err)
	}
	shown = withoutMisplaced(shown, dst, node)
	origin.note(dst, b, func(int) string { return shown })
	if node, err = overEntry(reflect.ValueOf(dst), node, len(parts)); err == nil {
		b, err = yaml.Marshal(node)
	}
	if err != nil {
		return prefixed(shown, err)
	}
	if err := decode(dst, b, false); err != nil {
		return prefixed(shown, err)
	}
	return nil
}

// overEntry returns a document of one key, with the given number of parts, completed by the rest of
// the map entry around it, because a decoded entry replaces the old one. v is the value over which
// the document is decoded.
func overEntry(v reflect.Value, n *yaml.Node, parts int) (*yaml.Node, error) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if parts < 2 { // n is the entry itself
		return n, nil
	}
	key, value := n.Content[0], n.Content[1]
	switch {
	case isMap(v.Type()):
		entry := v.MapIndex(reflect.ValueOf(key.Value))
		if !entry.IsValid() || entry.Kind() == reflect.Pointer && entry.IsNil() {
			return n, nil
		}
		var old yaml.Node
		if err := old.Encode(entry.Interface()); err != nil {
			return nil, err
		}
		lay(&old, value)
		return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, &old}}, nil
	case isSection(v.Type()):
		below, ok := fieldOf(v, key.Value)
		if !ok {
			return n, nil
		}
		over, err := overEntry(below, value, parts-1)
		return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, over}}, err
	}
	return n, nil
}

// fieldOf returns the value of a key of a section.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for f, fv := range v.Fields() {
		name, inline := keyOf(f)
		if inline {
			if found, ok := fieldOf(fv, key); ok {
				return found, true
			}
		} else if name == key {
			return fv, true
		}
	}
	return reflect.Value{}, false
}

// lay merges the keys of a document into another, over its values.
func lay(old, over *yaml.Node) {
	if old.Kind != yaml.MappingNode || over.Kind != yaml.MappingNode {
		*old = *over
		return
	}
	for i := 0; i+1 < len(over.Content); i += 2 {
		at := 0
		for at < len(old.Content) && old.Content[at].Value != over.Content[i].Value {
			at += 2
		}
		if at < len(old.Content) {
			lay(old.Content[at+1], over.Content[i+1])
		} else {
			old.Content = append(old.Content, over.Content[i], over.Content[i+1])
		}
	}
}
