// Package config reads the one YAML file: strictly, over defaults, reporting all faults at once.
//
// Stages define their own typed structs; cmd/darkmap puts them together. A stage's struct has a DefaultConfig and a
// Validate; this package knows none of them.
package config
