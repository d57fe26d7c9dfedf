package geo

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Kind is how good a location file's countries are.
type Kind string

// The kinds. The zero value goes by the content: RIR statistics are delegation; MMDBs whose own type is one of MaxMind's,
// DB-IP's or IPinfo's are geolocation; everything else is whois.
const (
	KindGeolocation Kind = "geolocation"
	KindDelegation  Kind = "delegation"
	KindWhois       Kind = "whois"
)

// File is a location file. In YAML it is a path, or a map with path and kind.
type File struct {
	Path string `yaml:"path"`
	Kind Kind   `yaml:"kind,omitempty"`
}

// UnmarshalYAML reads either form, strictly.
func (f *File) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&f.Path)
	}
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Value != "path" && key.Value != "kind" {
				return fmt.Errorf("line %d: field %s not found in a location file", key.Line, key.Value)
			}
		}
	}
	type plain File
	return n.Decode((*plain)(f))
}

// MarshalYAML writes the shorter form that says it all.
func (f File) MarshalYAML() (any, error) {
	if f.Kind == "" {
		return f.Path, nil
	}
	type plain File
	return plain(f), nil
}

// Config names the files.
type Config struct {
	// Files hold locations or RIR delegations; among files of one kind the first that knows an address counts. Empty is no
	// data: nothing has a country then.
	Files []File `yaml:"files"`
}

// Validate reports all faults.
func (c Config) Validate() error {
	var faults []error
	for i, f := range c.Files {
		if f.Path == "" {
			faults = append(faults, fmt.Errorf("geo.files[%d]: no path", i))
		}
		switch f.Kind {
		case "", KindGeolocation, KindDelegation, KindWhois:
		default:
			faults = append(faults, fmt.Errorf("geo.files[%d]: kind %q is none of %s, %s, %s", i, f.Kind, KindGeolocation, KindDelegation, KindWhois))
		}
	}
	if len(c.Files) > maxFiles {
		faults = append(faults, fmt.Errorf("geo.files: %d files, at most %d", len(c.Files), maxFiles))
	}
	return errors.Join(faults...)
}

const maxFiles = 64
