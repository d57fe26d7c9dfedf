package enrich

import (
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
)

// Config is the section enrich of the configuration.
type Config struct {
	// Geo says where addresses are. Empty (default) is the default data that `darkmap fetch` brings.
	Geo geo.Config `yaml:"geo"`
	// ASN says who ASes are and what they originate. Empty (default) is the default data that `darkmap fetch` brings.
	ASN asn.Config `yaml:"asn"`
	// ReloadSeconds is how often the files are looked at for a change. Default 30; 0 is never.
	ReloadSeconds int `yaml:"reload_seconds"`
}

// DefaultConfig looks for changes twice a minute and names no files: cmd/darkmap fills in what was fetched.
func DefaultConfig() Config { return Config{ReloadSeconds: 30} }

const (
	maxReloadSeconds = 86400
	maxASNFiles      = 64
)

// Validate reports all faults, joined.
func (c Config) Validate() error {
	var faults []error
	if err := c.Geo.Validate(); err != nil {
		faults = append(faults, fmt.Errorf("enrich: %w", err))
	}
	for i, path := range c.ASN.Files {
		if path == "" {
			faults = append(faults, fmt.Errorf("enrich: asn.files[%d]: no path", i))
		}
	}
	if len(c.ASN.Files) > maxASNFiles {
		faults = append(faults, fmt.Errorf("enrich: asn.files: %d files, at most %d", len(c.ASN.Files), maxASNFiles))
	}
	if c.ReloadSeconds < 0 || c.ReloadSeconds > maxReloadSeconds {
		faults = append(faults, fmt.Errorf("enrich: reload_seconds %d: want 0 to %d", c.ReloadSeconds, maxReloadSeconds))
	}
	return errors.Join(faults...)
}
