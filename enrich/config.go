package enrich

import (
	"time"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/dated"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section enrich.
type Config struct {
	// Where addresses are.
	Geo geo.Config `yaml:"geo"`
	// Who ASes are and what they originate.
	ASN asn.Config `yaml:"asn"`
	// The geography and the owners of days of the past.
	Snapshots dated.Config `yaml:"snapshots"`
	// OriginsApart means that the owners and origins are newer than the geography. The geography
	// then ignores them.
	OriginsApart bool `yaml:"-"`
	// The time between two looks at the files for a change.
	ReloadInterval config.DurationOrOff `yaml:"reload_interval" min:"1s" max:"24h"`
}

// DefaultConfig checks for changed files twice a minute and names no files. cmd/darkmap adds the
// fetched files.
func DefaultConfig() Config { return Config{ReloadInterval: config.DurationOrOff(30 * time.Second)} }
