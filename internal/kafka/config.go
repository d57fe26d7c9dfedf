package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/darkmap/darkmap/internal/config"
)

// LiveDataset is the dataset of the live feeds; its topics have no dataset in their names.
const LiveDataset = "live"

// Config says where Kafka is and how darkmap's topics stand in it. It is the section kafka of the configuration.
type Config struct {
	// Brokers are seed addresses, host:port. Empty (default) is the embedded broker.
	Brokers []string `yaml:"brokers"`
	// TopicPrefix goes before every topic, group and transactional id, so that installations share a cluster. Default empty.
	TopicPrefix string `yaml:"topic_prefix"`
	// Partitions of the topics that are keyed by collector. Default 4; they cannot change once the topics exist.
	Partitions int32 `yaml:"partitions"`
	// ReplicationFactor of topics that are created. Default 0: 1 on the embedded broker, else the cluster's own default.
	ReplicationFactor int16 `yaml:"replication_factor"`
	// TLS to the brokers. Default off.
	TLS TLS `yaml:"tls"`
	// SASL authentication. Default none.
	SASL SASL `yaml:"sasl"`

	dataset     string
	embedded    bool
	credentials Credentials // of the embedded broker; they go before SASL
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
}

// TLS is how connections to the brokers are encrypted.
type TLS struct {
	// Enabled turns TLS on. Default false.
	Enabled bool `yaml:"enabled"`
	// CAFile holds the certificates that sign the brokers', PEM. Default empty: the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are the client's certificate, PEM. Default empty: none.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ServerName that the brokers' certificates must have. Default empty: the address dialled.
	ServerName string `yaml:"server_name"`
}

// SASL is how the client says who it is.
type SASL struct {
	// Mechanism is plain, scram-sha-256 or scram-sha-512. Default empty: no authentication.
	Mechanism string `yaml:"mechanism"`
	// User is the name.
	User string `yaml:"user"`
	// Password is where the password is.
	Password config.Secret `yaml:"password"`
}

// DefaultConfig is the embedded broker with four partitions.
func DefaultConfig() Config { return Config{Partitions: 4} }

// maxPartitions bounds what a slip of the keyboard can create.
const maxPartitions = 1024

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	var faults []error
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			faults = append(faults, fmt.Errorf("kafka.brokers: %q is not host:port", b))
		}
	}
	if !validName(c.TopicPrefix) || len(c.TopicPrefix) > 100 {
		faults = append(faults, fmt.Errorf("kafka.topic_prefix: %q: want at most 100 of A-Z a-z 0-9 . _ -", c.TopicPrefix))
	}
	if c.Partitions < 1 || c.Partitions > maxPartitions {
		faults = append(faults, fmt.Errorf("kafka.partitions: %d: want 1 to %d", c.Partitions, maxPartitions))
	}
	if c.ReplicationFactor < 0 {
		faults = append(faults, fmt.Errorf("kafka.replication_factor: %d: want 0 or more", c.ReplicationFactor))
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		faults = append(faults, errors.New("kafka.tls: cert_file and key_file go together"))
	}
	switch c.SASL.Mechanism {
	case "":
	case mechanismPlain, mechanismSCRAM256, mechanismSCRAM512:
		if c.SASL.User == "" || c.SASL.Password == (config.Secret{}) {
			faults = append(faults, errors.New("kafka.sasl: needs user and password"))
		}
	default:
		faults = append(faults, fmt.Errorf("kafka.sasl.mechanism: %q: want plain, scram-sha-256 or scram-sha-512", c.SASL.Mechanism))
	}
	return errors.Join(faults...)
}

// validName reports whether s has only characters that Kafka allows in names; empty is allowed.
func validName(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// WithDataset returns the configuration of a dataset: topics, groups and transactional ids of its own. The live dataset
// has the plain names; so has the empty one.
func (c Config) WithDataset(name string) Config {
	if name == LiveDataset {
		name = ""
	}
	c.dataset = name
	return c
}

// Embedded reports whether the brokers are the embedded one.
func (c Config) Embedded() bool { return c.embedded }

// prefix goes before all names.
func (c Config) prefix() string {
	if c.dataset == "" {
		return c.TopicPrefix
	}
	return c.TopicPrefix + c.dataset + "."
}

// Topic is the full name of a topic of the registry.
func (c Config) Topic(name string) string { return c.prefix() + name }

// Group is the full name of a stage's consumer group.
func (c Config) Group(stage string) string { return c.prefix() + groupInfix + stage }

const groupInfix = "darkmap."

// tlsConfig builds the client's side; nil where TLS is off.
func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil //nolint:nilnil // no TLS is not an error
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading kafka.tls.ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading kafka.tls.ca_file: no certificate in %s", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading kafka.tls.cert_file: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
