// Package config reads the one YAML file: strictly, over defaults, reporting all faults at once.
//
// Stages define their own typed structs with a DefaultConfig; cmd/darkmap puts them together. Tags of the fields and Section say what
// values are allowed, and no struct knows at which key it stands: Validate puts the whole key before each fault.
package config
