package webhook

import (
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// Config is a target that is a webhook.
type Config struct {
	httpclient.Endpoint `yaml:",inline"`
	// The secrets that sign: "whsec_" and 24 to 64 octets in base64. Each makes a signature; two of
	// them at a time are how a receiver changes from one to the next. Made with:
	// echo whsec_$(openssl rand -base64 32)
	Secrets []config.Secret `yaml:"secrets" min:"1" max:"8"`
	// How the server is spoken to.
	HTTP httpclient.Config `yaml:"http"`
}

// DefaultConfig returns a configuration without an address.
func DefaultConfig() Config { return Config{HTTP: httpclient.DefaultConfig()} }
