package config

import (
	"errors"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// origins holds the place of each key that was written: a line of the file, or a --set. The last
// one counts.
type origins map[string]string

// note records the keys of a document. where returns the name of a line.
func (o origins) note(dst any, b []byte, where func(line int) string) {
	var doc yaml.Node
	if yaml.Unmarshal(b, &doc) != nil {
		return // decoding reports it
	}
	each(&doc, reflect.TypeOf(dst), "", func(n *yaml.Node, _ reflect.Type, path string) {
		if path != "" {
			o[path] = where(n.Line)
		}
	})
}

// of returns a fault with the place of its key, or of the section around the key. A key that was
// not written has no place.
func (o origins) of(f Fault) error {
	for key := f.Key; key != ""; {
		if at, ok := o[key]; ok {
			return prefixed(at, f)
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			break
		}
		key = key[:cut]
	}
	return f
}

// prefixed puts a text before each of the joined errors.
func prefixed(text string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return &placedError{text, err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, &placedError{text, e})
	}
	return errors.Join(all...)
}

// placedError is an error with the place of its cause.
type placedError struct {
	at  string
	err error
}

func (e *placedError) Error() string { return e.at + ": " + e.err.Error() }
func (e *placedError) Unwrap() error { return e.err }
