package config

import (
	"fmt"
	"os"
	"strings"
)

// Secret names the place of a secret; the configuration never holds the secret itself. The zero
// value is no secret.
type Secret struct {
	// A file that holds the secret in its first line.
	File string `yaml:"file,omitempty"`
	// The name of an environment variable that holds the secret.
	Env string `yaml:"env,omitempty"`
}

// Faults reports a Secret that names both places.
func (s Secret) Faults() []Fault {
	if s.File != "" && s.Env != "" {
		return []Fault{{"env", s.Env, "either file or env"}}
	}
	return nil
}

// Read returns the secret; empty for the zero value.
func (s Secret) Read() (string, error) {
	switch {
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("reading a secret: %w", err)
		}
		line, _, _ := strings.Cut(string(b), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	case s.Env != "":
		v, ok := os.LookupEnv(s.Env)
		if !ok {
			return "", fmt.Errorf("reading a secret: environment variable %s is not set", s.Env)
		}
		return v, nil
	}
	return "", nil
}
