package matrix

import (
	"strings"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// Config is the section matrix of an entry of notify.targets.
type Config struct {
	// The homeserver's base URL, such as https://matrix.example.net.
	Server string `yaml:"server" min:"1" form:"a URL of http or https"`
	// The access token of darkmap's user.
	Token config.Secret `yaml:"token"`
	// The room's id, such as !abc:example.net; not its alias. The user has joined it, and it is not encrypted.
	Room string `yaml:"room" min:"1" want:"the id of a room, which begins with !"`
	// The connection.
	HTTP httpclient.Config `yaml:"http"`
}

// DefaultConfig returns the defaults, without the server, the token and the room.
func DefaultConfig() Config { return Config{HTTP: httpclient.DefaultConfig()} }

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	if c.Room != "" && !strings.HasPrefix(c.Room, "!") {
		faults = append(faults, config.Fault{Key: "room", Value: c.Room})
	}
	if (c.Token == config.Secret{}) {
		faults = append(faults, config.Fault{Key: "token", Value: "", Want: "a file or an environment variable"})
	}
	return faults
}
