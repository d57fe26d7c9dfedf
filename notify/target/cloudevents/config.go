package cloudevents

import (
	"net/url"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// The content modes.
const (
	structured = "structured"
	binary     = "binary"
)

// Event holds the keys that both transports share.
type Event struct {
	// How events are written: structured is one JSON document, binary has the data as the body and all
	// else in headers. Empty: structured.
	Mode string `yaml:"mode" oneof:"structured binary"`
	// The attribute source, a URI. Empty: notify.public_url, or urn:darkmap where that is empty.
	Source string `yaml:"source" want:"a URI such as https://darkmap.example.net or urn:darkmap"`
}

// Faults returns the faults that struct tags cannot express.
func (e Event) Faults() []config.Fault {
	if u, err := url.Parse(e.Source); e.Source != "" && (err != nil || u.Scheme == "" || u.User != nil) {
		return []config.Fault{{Key: "source", Value: e.Source}}
	}
	return nil
}

// Config is a target that takes CloudEvents by HTTP.
type Config struct {
	httpclient.Endpoint `yaml:",inline"`
	Event               `yaml:",inline"`
	// How the server is spoken to.
	HTTP httpclient.Config `yaml:"http"`
}

// DefaultConfig returns a configuration without an address.
func DefaultConfig() Config {
	return Config{Event: Event{Mode: structured}, HTTP: httpclient.DefaultConfig()}
}

// Faults returns nil: the faults of the parts are checked separately.
func (c Config) Faults() []config.Fault { return nil }

// TopicConfig is a target that takes CloudEvents on a Kafka topic.
type TopicConfig struct {
	Event `yaml:",inline"`
	// The topic, which has to be there. On the pipeline's own brokers kafka.topic_prefix goes before
	// it, and it is made where it is missing.
	Topic string `yaml:"topic" min:"1" max:"249" want:"of A-Z a-z 0-9 . _ -"`
	// Seed addresses. Empty: the pipeline's own brokers, with their tls and sasl.
	Brokers []string `yaml:"brokers" form:"host:port"`
	// Encryption of connections to the brokers.
	TLS kafka.TLS `yaml:"tls"`
	// Authentication at the brokers.
	SASL kafka.SASL `yaml:"sasl"`
}

// DefaultTopicConfig returns a configuration without a topic, on the pipeline's own brokers.
func DefaultTopicConfig() TopicConfig { return TopicConfig{Event: Event{Mode: structured}} }

// Faults returns the faults that struct tags cannot express.
func (c TopicConfig) Faults() []config.Fault {
	var faults []config.Fault
	if !topicName.MatchString(c.Topic) || c.Topic == "." || c.Topic == ".." {
		faults = append(faults, config.Fault{Key: "topic", Value: c.Topic})
	}
	if len(c.Brokers) == 0 && (c.TLS.Enabled || c.SASL.Mechanism != "") {
		faults = append(faults,
			config.Fault{Key: "brokers", Value: "", Want: "the brokers that tls and sasl are of"})
	}
	return faults
}
