// Package config reads the YAML configuration file: strictly, over defaults, with all faults
// reported at once.
//
// Stages define their own typed structs with a DefaultConfig; cmd/darkmap combines them. The tags
// of the fields, and Section, define the allowed values. A struct does not know its own key:
// Validate puts the full key before each fault.
package config
