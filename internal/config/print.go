package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// commentWidth is the maximum length of a comment line that Print writes, in octets; a single
// longer word exceeds it.
const commentWidth = 100

// Print writes the configuration as YAML, without the users and passwords of URLs. comments are the
// comments of keys, by their names in Keys; of a list's or map's entries only the first gets them.
// In place of an empty section, list or map of sections, Print names its possible keys. nil omits
// comments.
func Print(w io.Writer, cfg any, comments map[string]string) error {
	var root yaml.Node
	if err := root.Encode(cfg); err != nil {
		return fmt.Errorf("writing configuration: %w", err)
	}
	if comments != nil {
		p := printer{comments: comments}
		for _, k := range Keys(cfg) {
			p.keys = append(p.keys, k.Name)
		}
		p.section(&root, "")
	}
	var b bytes.Buffer // yaml does not return the errors of w
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(&root), e.Close()); err != nil {
		return fmt.Errorf("writing configuration: %w", err)
	}
	_, err := io.WriteString(w, WithoutSecrets(b.String()))
	return err
}

// printer adds comments to the nodes of a configuration.
type printer struct {
	comments map[string]string
	keys     []string
}

// section adds comments to the keys of a mapping with the full key at.
func (p *printer) section(n *yaml.Node, at string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := below(at, key.Value)
		if p.named(at) {
			if i > 0 {
				break
			}
			name = below(at, AnyName)
		}
		lines := wrapped(p.comments[name], "")
		if len(value.Content) == 0 {
			lines = append(lines, p.absent(name)...)
		}
		key.HeadComment = strings.Join(lines, "\n")
		switch {
		case value.Kind == yaml.MappingNode:
			p.section(value, name)
		case value.Kind == yaml.SequenceNode && len(value.Content) > 0 && value.Content[0].Kind == yaml.MappingNode:
			p.section(value.Content[0], name+"[]")
		}
	}
}

// named reports whether at is the key of a map of sections.
func (p *printer) named(at string) bool {
	return slices.ContainsFunc(p.keys, func(k string) bool { return strings.HasPrefix(k, at+"."+AnyName+".") })
}

// absent names the possible keys of an empty section or list.
func (p *printer) absent(name string) (lines []string) {
	for _, k := range p.keys {
		for _, prefix := range []string{name + ".", name + "[]."} {
			if sub, ok := strings.CutPrefix(k, prefix); ok {
				lines = append(lines, wrapped(sub+": "+p.comments[k], "  ")...)
			}
		}
	}
	return lines
}

// wrapped breaks a text into comment lines; all but the first begin with indent.
func wrapped(text, indent string) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > commentWidth-len("# ") {
			lines = append(lines, "# "+line)
			line = indent + word
			continue
		}
		line += strings.Repeat(" ", min(len(line), 1)) + word
	}
	if line != "" {
		lines = append(lines, "# "+line)
	}
	return lines
}
