package slack

import (
	"regexp"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// Config is the section slack of an entry of notify.targets. Either url, or token and channel.
type Config struct {
	// The URL of an incoming webhook. It is a secret.
	URL config.Secret `yaml:"url"`
	// A bot's token, xoxb-..., with the scope chat:write.
	Token config.Secret `yaml:"token"`
	// The channel for the token, by its id such as C0123456789: Slack's chat.update takes no name. The
	// bot has to be in it.
	Channel string `yaml:"channel" want:"the id of a channel such as C0123456789 (in Slack, at the end of the channel's details), not its name, together with token"`
	// Where Slack's methods are.
	API string `yaml:"api" form:"a URL of http or https"`
	// The connection.
	HTTP httpclient.Config `yaml:"http"`
}

// channelID matches the id of a channel, a private channel or a direct message.
var channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{8,20}$`)

// DefaultConfig returns the defaults, without the webhook or the token.
func DefaultConfig() Config {
	return Config{API: "https://slack.com/api/", HTTP: httpclient.DefaultConfig()}
}

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	hook, token := c.URL != config.Secret{}, c.Token != config.Secret{}
	var faults []config.Fault
	if hook == token {
		faults = append(faults, config.Fault{Key: "url", Value: hook, Want: "either url, or token and channel"})
	}
	if token != (c.Channel != "") || token && !channelID.MatchString(c.Channel) {
		faults = append(faults, config.Fault{Key: "channel", Value: c.Channel})
	}
	return faults
}
