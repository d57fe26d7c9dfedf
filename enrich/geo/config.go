package geo

import (
	"errors"
	"fmt"
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

// UnmarshalYAML reads either form, as strictly as the decoder that calls it.
func (f *File) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&f.Path) == nil {
		return nil
	}
	type plain File
	return unmarshal((*plain)(f))
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
