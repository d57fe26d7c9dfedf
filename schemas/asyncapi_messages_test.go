package schemas_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/darkmap/darkmap/schemas"
)

// outageSchemaName names the schema of an outage in the AsyncAPI document, and begins the names of
// its parts.
const outageSchemaName = "Outage"

// definitions are the schemas of the AsyncAPI document.
type definitions struct {
	messages map[string]protoreflect.MessageDescriptor
	files    map[string]string // the messages' files, by name
	enums    map[string]protoreflect.EnumDescriptor
	outage   object
}

// newDefinitions reads the .proto files, because the output of protoc-gen-go has no comments.
func newDefinitions(t *testing.T) *definitions {
	t.Helper()
	const root = "proto"
	paths, err := filepath.Glob(filepath.Join(root, "darkmap", "v1", "*.proto"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no .proto files: %v", err)
	}
	for i := range paths {
		paths[i] = filepath.ToSlash(strings.TrimPrefix(paths[i], root+string(filepath.Separator)))
	}
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{root}}, SourceInfoMode: protocompile.SourceInfoStandard}
	files, err := c.Compile(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	d := &definitions{messages: map[string]protoreflect.MessageDescriptor{}, files: map[string]string{}, enums: map[string]protoreflect.EnumDescriptor{}, outage: outageSchemas(t)}
	for _, f := range files {
		d.add(f.Path(), f.Messages())
		d.addEnums(f.Enums())
	}
	return d
}

func (d *definitions) add(file string, all protoreflect.MessageDescriptors) {
	for i := range all.Len() {
		m := all.Get(i)
		d.messages[schemaName(m)], d.files[schemaName(m)] = m, "schemas/proto/"+file
		d.add(file, m.Messages())
		d.addEnums(m.Enums())
	}
}

func (d *definitions) addEnums(all protoreflect.EnumDescriptors) {
	for i := range all.Len() {
		d.enums[schemaName(all.Get(i))] = all.Get(i)
	}
}

// schemaName returns the name of a message or an enum without the package.
func schemaName(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
}

// comment returns the comment before a declaration, in one line.
func comment(d protoreflect.Descriptor) string {
	return strings.Join(strings.Fields(d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments), " ")
}

// holds describes a record of a topic.
func (d *definitions) holds(t schemas.Topic) string {
	if t.Holds != "" {
		return t.Holds
	}
	return comment(d.messages[t.Value])
}

// schemas returns the schemas of all messages that topics carry, of the messages within these, and
// of an outage, by name.
func (d *definitions) schemas() object {
	used, queue := map[string]object{}, []string(nil)
	for _, t := range schemas.Topics {
		if t.Value != "" {
			queue = append(queue, t.Value)
		}
	}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if used[name] != nil {
			continue
		}
		if e, ok := d.enums[name]; ok {
			used[name] = enumSchema(e)
			continue
		}
		var needs []string
		used[name], needs = messageSchema(d.messages[name])
		queue = append(queue, needs...)
	}
	names := make([]string, 0, len(used))
	for name := range used {
		names = append(names, name)
	}
	slices.Sort(names)
	var all object
	for _, name := range names {
		all = append(all, name, used[name])
	}
	return append(all, d.outage...)
}

func enumSchema(e protoreflect.EnumDescriptor) object {
	text, names := comment(e), []any(nil)
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		names = append(names, string(v.Name()))
		text += fmt.Sprintf("\n- %s (%d): %s", v.Name(), v.Number(), comment(v))
	}
	return object{"type", "string", "description", text, "enum", names}
}

// messageSchema also returns the names of the schemas that it refers to.
func messageSchema(m protoreflect.MessageDescriptor) (schema object, needs []string) {
	var properties object
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		value := f
		if f.IsMap() {
			value = f.MapValue()
		}
		s, need := fieldSchema(value)
		switch {
		case f.IsMap():
			s = object{"type", "object", "additionalProperties", s}
		case f.IsList():
			s = object{"type", "array", "items", s}
		case need != "":
			s = object{"allOf", []any{s}} // a reference must have no siblings
		}
		s = append(s, "description", comment(f), "x-field", int(f.Number()))
		if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
			s = append(s, "x-oneof", string(o.Name()))
		}
		properties = append(properties, string(f.Name()), s)
		if need != "" {
			needs = append(needs, need)
		}
	}
	schema = object{"type", "object", "description", comment(m)}
	if len(properties) > 0 {
		schema = append(schema, "properties", properties)
	}
	return schema, needs
}

// fieldSchema returns the schema of one value of a field. need is the name of the schema that it
// refers to.
func fieldSchema(f protoreflect.FieldDescriptor) (schema object, need string) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		name := schemaName(f.Message())
		return ref("components", "schemas", name), name
	case protoreflect.EnumKind:
		name := schemaName(f.Enum())
		return ref("components", "schemas", name), name
	case protoreflect.BoolKind:
		return object{"type", "boolean"}, ""
	case protoreflect.StringKind:
		return object{"type", "string"}, ""
	case protoreflect.BytesKind:
		return object{"type", "string", "contentEncoding", "base64"}, ""
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return object{"type", "number", "format", f.Kind().String()}, ""
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return object{"type", "string", "format", "int64", "pattern", "^-?[0-9]+$"}, ""
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return object{"type", "string", "format", "uint64", "pattern", "^[0-9]+$"}, ""
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return object{"type", "integer", "format", "uint32", "minimum", 0, "maximum", 1<<32 - 1}, ""
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return object{"type", "integer", "format", "int32", "minimum", -1 << 31, "maximum", 1<<31 - 1}, ""
	default:
		panic(fmt.Sprintf("%s: a field of kind %s", f.FullName(), f.Kind()))
	}
}

// outageSchemas splits the JSON Schema of an outage: Outage, and Outage.NAME for each of its
// definitions.
func outageSchemas(t *testing.T) object {
	t.Helper()
	b, err := os.ReadFile("outage.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node // JSON is YAML; a node keeps its order
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	root := doc.Content[0]
	plain(root)
	var all, parts object
	var rest yaml.Node
	rest.Kind = yaml.MappingNode
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		switch key.Value {
		case "$schema":
		case "$defs":
			for j := 0; j < len(value.Content); j += 2 {
				parts = append(parts, outageSchemaName+"."+value.Content[j].Value, value.Content[j+1])
			}
		default:
			rest.Content = append(rest.Content, key, value)
		}
	}
	all = append(all, outageSchemaName, &rest)
	return append(all, parts...)
}

// plain replaces flow style and quotes of JSON by YAML's own, and makes references refer to the
// document. It puts a reference with siblings into allOf: before draft 2019-09 of JSON Schema,
// which AsyncAPI follows, a reference must have no siblings.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plain(c)
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Value != "$ref" {
			continue
		}
		name := outageSchemaName
		if part, ok := strings.CutPrefix(value.Value, "#/$defs/"); ok {
			name += "." + part
		}
		value.Value = "#/components/schemas/" + name
		if len(n.Content) == 2 {
			return
		}
		alone := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, value}}
		n.Content[i], n.Content[i+1] = &yaml.Node{Kind: yaml.ScalarNode, Value: "allOf"}, &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{alone}}
	}
}
