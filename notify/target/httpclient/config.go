package httpclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section http of a target that speaks HTTP.
type Config struct {
	// How long one attempt may last. 0 is 15s.
	Timeout time.Duration `yaml:"timeout" min:"0s" max:"2m"`
	// The value of the header Authorization, such as "Bearer 123". Empty: the header is sent only where the URL has a user and a password.
	Authorization config.Secret `yaml:"authorization"`
	// The certificates, PEM, of the authorities that sign the server's. Empty: the system's.
	CAFile string `yaml:"ca_file"`
	// The client's certificate, PEM. Empty: none.
	CertFile string `yaml:"cert_file"`
	// The key of cert_file, PEM.
	KeyFile string `yaml:"key_file"`
}

// usualTimeout is how long an attempt may last unless the configuration says.
const usualTimeout = 15 * time.Second

// DefaultConfig waits 15 s and trusts what the system trusts. The zero value is the same.
func DefaultConfig() Config { return Config{Timeout: usualTimeout} }

// Faults are those that tags cannot say.
func (c Config) Faults() []config.Fault {
	if (c.CertFile == "") != (c.KeyFile == "") {
		return []config.Fault{{Key: "key_file", Value: c.KeyFile, Want: "it together with cert_file"}}
	}
	return nil
}

// tls reads the files.
func (c Config) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading ca_file: %s holds no certificate in PEM", c.CAFile)
		}
	}
	if c.CertFile != "" || c.KeyFile != "" {
		if c.CertFile == "" || c.KeyFile == "" {
			return nil, errors.New("cert_file and key_file are set together or not at all")
		}
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading cert_file and key_file: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}
