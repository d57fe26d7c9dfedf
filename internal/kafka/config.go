package kafka

import (
	"context"
	"net"
	"strings"

	"github.com/darkmap/darkmap/internal/config"
)

// LiveDataset is the dataset of the live feeds. The names of its topics contain no dataset.
const LiveDataset = "live"

// Config is the section kafka of the configuration: the brokers, and the names and settings of
// darkmap's topics.
type Config struct {
	// Seed addresses. Empty is the embedded broker.
	Brokers []string `yaml:"brokers" form:"host:port"`
	// The prefix of every topic, group and transactional id, so that installations can share a
	// cluster.
	TopicPrefix string `yaml:"topic_prefix" max:"100" want:"of A-Z a-z 0-9 . _ -"`
	// The partitions of the topics that are keyed by collector. They cannot change once the topics
	// exist.
	Partitions int32 `yaml:"partitions" min:"1" max:"1024"`
	// The replicas of topics that are created. `auto` is 1 on the embedded broker, else what the
	// cluster has as its default.
	ReplicationFactor config.CountOrAuto `yaml:"replication_factor" min:"1" max:"32767"`
	// Encryption of connections to the brokers.
	TLS TLS `yaml:"tls"`
	// Authentication at the brokers.
	SASL SASL `yaml:"sasl"`

	dataset     string
	embedded    bool
	credentials Credentials // of the embedded broker; they take precedence over SASL
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
}

// TLS is the encryption of connections to the brokers.
type TLS struct {
	// Whether connections are encrypted.
	Enabled bool `yaml:"enabled"`
	// The certificates, PEM, of the authorities that sign the brokers'. Empty: the system's.
	CAFile string `yaml:"ca_file"`
	// The client's certificate, PEM. Empty: none.
	CertFile string `yaml:"cert_file"`
	// The key of cert_file, PEM.
	KeyFile string `yaml:"key_file"`
	// The name that the brokers' certificates must have. Empty: the address that is dialled.
	ServerName string `yaml:"server_name"`
}

// SASL is the client's authentication.
type SASL struct {
	// Empty is no authentication.
	Mechanism string `yaml:"mechanism" oneof:"plain scram-sha-256 scram-sha-512"`
	// The user's name.
	User string `yaml:"user"`
	// The user's password.
	Password config.Secret `yaml:"password"`
}

// DefaultConfig returns the configuration of the embedded broker with four partitions.
func DefaultConfig() Config { return Config{Partitions: 4} }

// Faults returns the faults that tags of the fields cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	if !validName(c.TopicPrefix) {
		faults = append(faults, config.Fault{Key: "topic_prefix", Value: c.TopicPrefix})
	}
	if len(c.Brokers) > 0 {
		return faults
	}
	const embedded = "it only beside kafka.brokers: the embedded broker has no use for it"
	if c.TLS.Enabled {
		faults = append(faults, config.Fault{Key: "tls.enabled", Value: true, Want: embedded})
	}
	if c.SASL.Mechanism != "" {
		faults = append(faults, config.Fault{Key: "sasl.mechanism", Value: c.SASL.Mechanism, Want: embedded})
	}
	return faults
}

// Faults returns the faults that tags of the fields cannot express.
func (t TLS) Faults() []config.Fault {
	var faults []config.Fault
	if t.CertFile == "" && t.KeyFile != "" {
		faults = append(faults, config.Fault{Key: "cert_file", Value: t.CertFile, Want: "a file beside key_file"})
	}
	if t.CertFile != "" && t.KeyFile == "" {
		faults = append(faults, config.Fault{Key: "key_file", Value: t.KeyFile, Want: "a file beside cert_file"})
	}
	if !t.Enabled && t != (TLS{}) {
		faults = append(faults, config.Fault{
			Key: "enabled", Value: t.Enabled, Want: "true beside the other keys of TLS",
		})
	}
	return faults
}

// Faults returns the faults that tags of the fields cannot express.
func (s SASL) Faults() []config.Fault {
	var faults []config.Fault
	if s.Mechanism == "" {
		if s != (SASL{}) {
			faults = append(faults, config.Fault{
				Key: "mechanism", Value: s.Mechanism,
				Want: "plain, scram-sha-256 or scram-sha-512 beside user and password",
			})
		}
		return faults
	}
	if s.User == "" {
		faults = append(faults, config.Fault{Key: "user", Value: s.User, Want: "a name beside mechanism"})
	}
	if s.Password == (config.Secret{}) {
		faults = append(faults, config.Fault{Key: "password", Value: "", Want: "file or env beside mechanism"})
	}
	return faults
}

// validName reports whether s has only characters that Kafka permits in names. An empty s is valid.
func validName(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}
