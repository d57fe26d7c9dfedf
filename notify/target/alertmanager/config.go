package alertmanager

import (
	"regexp"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// usualResolveAfter is the time after which an alert ends unless it is sent again.
const usualResolveAfter = 24 * time.Hour

// Config is a target that is a set of Alertmanagers.
type Config struct {
	// Every instance of the cluster, not a balancer before them. The URL is the one that ends before /api/v2.
	Instances []httpclient.Endpoint `yaml:"instances" min:"1" max:"16"`
	// After what time an alert resolves of which darkmap says nothing more. Shorter than darkmap may
	// be away, and Alertmanager says that a country is back which is dark. 0 is 24h.
	ResolveAfter time.Duration `yaml:"resolve_after" min:"0s" max:"720h"`
	// The name of this darkmap in the heartbeat's alerts DarkmapHeartbeat and DarkmapSilent, which
	// every instance gets once a minute while windows are decided. They need the inhibition rule of
	// docs/alerts.md, or DarkmapSilent fires at once. Empty: no heartbeat.
	Heartbeat string `yaml:"heartbeat" want:"a name of a-z, A-Z, 0-9, '.', '_' and '-', at most 64 characters"`
	// How the instances are spoken to.
	HTTP httpclient.Config `yaml:"http"`
}

// DefaultConfig returns a configuration without an instance.
func DefaultConfig() Config {
	return Config{ResolveAfter: usualResolveAfter, HTTP: httpclient.DefaultConfig()}
}

// heartbeatName matches the allowed names of a darkmap.
var heartbeatName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,64}$`)

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	if c.Heartbeat != "" && !heartbeatName.MatchString(c.Heartbeat) {
		return []config.Fault{{Key: "heartbeat", Value: c.Heartbeat}}
	}
	return nil
}
