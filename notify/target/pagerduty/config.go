package pagerduty

import (
	"net/url"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// usualURL is the server for accounts in the US service region.
const usualURL = "https://events.pagerduty.com"

// Config is a target that is a PagerDuty service.
type Config struct {
	// The integration key of a service's integration "Events API V2": 32 letters and digits.
	RoutingKey config.Secret `yaml:"routing_key"`
	// The server, before /v2/enqueue. Empty: https://events.pagerduty.com. Accounts in the EU:
	// https://events.eu.pagerduty.com.
	URL string `yaml:"url" form:"a URL of http or https"`
	// How the server is spoken to.
	HTTP httpclient.Config `yaml:"http"`
}

// DefaultConfig returns a configuration without a key.
func DefaultConfig() Config { return Config{URL: usualURL, HTTP: httpclient.DefaultConfig()} }

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	if c.RoutingKey == (config.Secret{}) {
		faults = append(faults,
			config.Fault{Key: "routing_key", Value: "", Want: "the file or the variable that holds it"})
	}
	if u, err := url.Parse(c.URL); err == nil && u.User != nil {
		faults = append(faults, config.Fault{Key: "url", Value: c.URL, Want: "a URL without a password"})
	}
	return faults
}
