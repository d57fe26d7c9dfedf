package shoutrrr

import (
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// Config is the section shoutrrr of an entry of notify.targets.
type Config struct {
	// The URL of the service, as shoutrrr has it: discord://TOKEN@ID,
	// telegram://TOKEN@telegram?chats=ID, ntfy://ntfy.sh/TOPIC. It is a secret.
	URL config.Secret `yaml:"url"`
	// The connection, of the services that it can be set for.
	HTTP httpclient.Config `yaml:"http"`
}

// DefaultConfig returns the defaults, without the URL.
func DefaultConfig() Config { return Config{HTTP: httpclient.DefaultConfig()} }

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	if (c.URL == config.Secret{}) {
		return []config.Fault{{Key: "url", Value: "", Want: "a file or an environment variable"}}
	}
	return nil
}
