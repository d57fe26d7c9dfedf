package mastodon

import (
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// Config is the section mastodon of an entry of notify.targets.
type Config struct {
	// The server, such as https://mastodon.example.net.
	Server string `yaml:"server" min:"1" form:"a URL of http or https"`
	// The access token of an application with the scope write:statuses (and read:accounts for checks).
	Token config.Secret `yaml:"token"`
	// Who sees the posts: public, unlisted (everybody, but not in the timelines of the server),
	// private (followers) or direct (no other account).
	Visibility string `yaml:"visibility" min:"1" oneof:"public unlisted private direct"`
	// The language of the posts, ISO 639. darkmap's own texts are in English.
	Language string `yaml:"language" min:"2" max:"3"`
	// The connection.
	HTTP httpclient.Config `yaml:"http"`
}

// DefaultConfig returns the defaults, without the server and the token.
func DefaultConfig() Config {
	return Config{Visibility: "unlisted", Language: "en", HTTP: httpclient.DefaultConfig()}
}

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	if (c.Token == config.Secret{}) {
		return []config.Fault{{Key: "token", Value: "", Want: "a file or an environment variable"}}
	}
	return nil
}
