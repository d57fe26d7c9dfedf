package apachekafka

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
)

const (
	// AdminUser may perform every operation: it creates topics, users and access rules.
	AdminUser = "admin"
	// brokerUser is the common name of the brokers' certificate.
	brokerUser = "broker"
)

// prepareSecrets creates the authority and the administrator's password if the folder does not hold
// them, and a new certificate of the brokers.
func (c *Cluster) prepareSecrets() error {
	if err := os.MkdirAll(c.secret(""), 0o700); err != nil {
		return fmt.Errorf("preparing Kafka's secrets: %w", err)
	}
	certFile, keyFile := c.secret("ca.crt"), c.secret("ca.key")
	var err error
	if c.Authority, err = readAuthority(certFile, keyFile); errors.Is(err, fs.ErrNotExist) {
		if c.Authority, err = NewAuthority("darkmap test authority"); err == nil {
			err = c.Authority.write(certFile, keyFile)
		}
	}
	if err != nil {
		return fmt.Errorf("preparing Kafka's secrets: %w", err)
	}
	cert, key, err := c.Authority.Issue(brokerUser, time.Now().Add(authorityLife))
	if err == nil {
		err = os.WriteFile(c.secret("broker.pem"), bytes.Join([][]byte{key, cert}, nil), 0o600)
	}
	if err == nil {
		_, err = c.Password(AdminUser)
	}
	if err != nil {
		return fmt.Errorf("preparing Kafka's secrets: %w", err)
	}
	return nil
}

// Password returns the file with a user's password. It creates one if there is none.
func (c *Cluster) Password(user string) (file string, err error) {
	file = c.secret(user + ".password")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	return file, os.WriteFile(file, []byte(rand.Text()), 0o600)
}

// As returns the configuration of a client that logs in as user, with the password of Password.
func (c *Cluster) As(user string) kafka.Config {
	cfg := c.config()
	cfg.TLS = kafka.TLS{Enabled: true, CAFile: c.secret("ca.crt")}
	cfg.SASL = kafka.SASL{
		Mechanism: "scram-sha-512", User: user,
		Password: config.Secret{File: c.secret(user + ".password")},
	}
	return cfg
}

// With returns the configuration of a client that authenticates with a certificate.
func (c *Cluster) With(certFile, keyFile string) kafka.Config {
	cfg := c.config()
	cfg.Brokers = make([]string, len(c.ports))
	for i, p := range c.ports {
		cfg.Brokers[i] = p.certificate
	}
	cfg.TLS = kafka.TLS{Enabled: true, CAFile: c.secret("ca.crt"), CertFile: certFile, KeyFile: keyFile}
	return cfg
}

// config returns a configuration without a login.
func (c *Cluster) config() kafka.Config {
	cfg := kafka.DefaultConfig()
	for _, p := range c.ports {
		cfg.Brokers = append(cfg.Brokers, p.client)
	}
	cfg.ReplicationFactor = config.CountOrAuto(min(3, len(c.ports)))
	return cfg
}

// Config returns the configuration of a client that may perform every operation.
func (c *Cluster) Config() kafka.Config {
	if c.options.Secure {
		return c.As(AdminUser)
	}
	return c.config()
}

// readFile returns a file's text without surrounding blanks; empty if there is no file.
func readFile(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // our own file
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}
