package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	goyaml "go.yaml.in/yaml/v3"
)

// object is a Kubernetes object in the form of its YAML.
type object map[string]any

// readObjects reads the documents of a YAML stream. It skips empty ones.
func readObjects(text []byte) ([]object, error) {
	var all []object
	d := goyaml.NewDecoder(bytes.NewReader(text))
	for {
		var o object
		switch err := d.Decode(&o); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("reading YAML: %w", err)
		case len(o) > 0:
			all = append(all, o)
		}
	}
}

// kind returns the kind of the object.
func (o object) kind() string { return text(o["kind"]) }

// name returns the name of the object.
func (o object) name() string { return text(at(o, "metadata", "name")) }

// String returns the object's kind and name, for messages.
func (o object) String() string { return o.kind() + " " + o.name() }

// component returns the label of the component that the object belongs to.
func (o object) component() string {
	return text(at(o, "metadata", "labels", "app.kubernetes.io/component"))
}

// pod returns the template of a workload's pods; nil for other kinds.
func (o object) pod() object {
	if !slices.Contains([]string{"StatefulSet", "Deployment", "Job", "DaemonSet"}, o.kind()) {
		return nil
	}
	return asObject(at(o, "spec", "template"))
}

// containers returns the containers of a pod's spec, including the init containers.
func (o object) containers() []object {
	var all []object
	for _, key := range []string{"initContainers", "containers"} {
		all = append(all, objects(o[key])...)
	}
	return all
}

// at follows keys into maps; nil if one is missing.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m := asObject(v)
		if m == nil {
			return nil
		}
		v = m[k]
	}
	return v
}

// asObject returns v as a map; nil if it is none.
func asObject(v any) object {
	switch m := v.(type) {
	case object:
		return m
	case map[string]any:
		return m
	}
	return nil
}

// objects returns the maps of a list.
func objects(v any) []object {
	list, _ := v.([]any)
	var all []object
	for _, e := range list {
		if m := asObject(e); m != nil {
			all = append(all, m)
		}
	}
	return all
}

// texts returns the scalars of a list, as text.
func texts(v any) []string {
	list, _ := v.([]any)
	var all []string
	for _, e := range list {
		all = append(all, text(e))
	}
	return all
}

// text returns a scalar as text; empty for nil.
func text(v any) string {
	if v == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(v))
}

// number returns a whole number; ok is false if v is none.
func number(v any) (n int, ok bool) {
	n, ok = v.(int)
	return n, ok
}
