package schemas_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const outagePageHead = `# Every field of an outage

<!-- Made by make gen from schemas/outage.schema.json. -->

The object of ` + "`bgp.outages.json.v1`, of the field `json` of `bgp.outages.v1`, of webhooks and CloudEvents (key `data`), of `--format json` and of the column `json` of" + `
` + "`outage_events`" + `. [schemas/outage.schema.json](../schemas/outage.schema.json) is the contract; this page says the same in words. Fields are only ever added: ignore those that you do
not know.

Times are RFC 3339 in UTC, whole seconds. Space counts /24s (IPv4) or /48s (IPv6), with at most two decimals. A field that is not always there is absent where its meaning says
so, and otherwise where it is unknown, empty, zero or false.

| field | type | always | meaning |
|---|---|---|---|
`

// TestOutagePage compares docs/outage.md with the JSON Schema of an outage. `make gen` writes it.
func TestOutagePage(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("outage.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node // JSON is YAML; a node keeps its order
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	p := outagePage{definitions: member(doc.Content[0], "$defs")}
	p.text.WriteString(outagePageHead)
	p.rows("", doc.Content[0])
	path := filepath.Join("..", "docs", "outage.md")
	if *update {
		if err := os.WriteFile(path, []byte(p.text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != p.text.String() {
		t.Errorf("docs/outage.md is not what the schema says (%v): run make gen", err)
	}
}

// outagePage writes the rows of the page.
type outagePage struct {
	definitions *yaml.Node
	text        strings.Builder
}

// member returns the value of a key of a mapping, or nil if there is none.
func member(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func word(n *yaml.Node, key string) string {
	if m := member(n, key); m != nil {
		return m.Value
	}
	return ""
}

// rows writes the rows of an object's properties.
func (p *outagePage) rows(prefix string, object *yaml.Node) {
	var always []string
	if r := member(object, "required"); r != nil {
		for _, n := range r.Content {
			always = append(always, n.Value)
		}
	}
	properties := member(object, "properties")
	for i := 0; properties != nil && i < len(properties.Content); i += 2 {
		name, s := properties.Content[i].Value, properties.Content[i+1]
		there := ""
		if slices.Contains(always, name) {
			there = "yes"
		}
		full, many := p.follow(s), false
		if items := member(full, "items"); items != nil {
			full, many = p.follow(items), true
		}
		path := prefix + name
		fmt.Fprintf(&p.text, "| `%s` | %s | %s | %s |\n", path, p.kind(s), there, p.meaning(s, full))
		if many {
			path += "[]"
		}
		if word(s, "$ref") != "#" {
			p.rows(path+".", full)
		}
	}
}

// follow returns the definition that a schema refers to, or the schema itself.
func (p *outagePage) follow(s *yaml.Node) *yaml.Node {
	if name, ok := strings.CutPrefix(word(s, "$ref"), "#/$defs/"); ok {
		return member(p.definitions, name)
	}
	return s
}

// kind names the type of a schema.
func (p *outagePage) kind(s *yaml.Node) string {
	switch ref := word(s, "$ref"); {
	case ref == "#":
		return "outage"
	case slices.Contains([]string{"#/$defs/time", "#/$defs/prefix"}, ref):
		return strings.TrimPrefix(ref, "#/$defs/")
	case ref == "#/$defs/asn":
		return "AS number"
	case ref != "":
		return p.kind(p.follow(s))
	}
	switch t := word(s, "type"); t {
	case "array":
		return "list of " + p.kind(member(s, "items"))
	case "string":
		if member(s, "enum") != nil {
			return "word"
		}
		return "text"
	case "boolean":
		return "true or false"
	default:
		return t
	}
}

// meaning returns the description of a field, with its possible values.
func (p *outagePage) meaning(s, full *yaml.Node) string {
	text := word(s, "description")
	if text == "" {
		text = word(full, "description")
	}
	if text == "" {
		text = "The " + p.kind(s) + "."
	}
	if e := member(full, "enum"); e != nil {
		var words []string
		for _, n := range e.Content {
			if !strings.Contains(text, n.Value+":") {
				words = append(words, n.Value)
			}
		}
		if len(words) > 0 {
			text += " One of " + strings.Join(words, ", ") + "."
		}
	}
	return strings.ReplaceAll(text, "|", "\\|")
}
