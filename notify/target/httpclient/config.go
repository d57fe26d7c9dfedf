package httpclient

import (
	"errors"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section http of a target that speaks HTTP.
type Config struct {
	// How long one attempt may last. 0 is 15s.
	Timeout time.Duration `yaml:"timeout" min:"0s" max:"2m"`
	// The value of the header Authorization, such as "Bearer 123". Empty: the header is sent only
	// where the URL has a user and a password.
	Authorization config.Secret `yaml:"authorization"`
	// The certificates, PEM, of the authorities that sign the server's. Empty: the system's.
	CAFile string `yaml:"ca_file"`
	// The client's certificate, PEM. Empty: none.
	CertFile string `yaml:"cert_file"`
	// The key of cert_file, PEM.
	KeyFile string `yaml:"key_file"`
}

// usualTimeout is the default timeout of an attempt.
const usualTimeout = 15 * time.Second

// DefaultConfig returns a configuration with a timeout of 15 s and the system's certificate
// authorities. The zero value is equivalent.
func DefaultConfig() Config { return Config{Timeout: usualTimeout} }

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	if (c.CertFile == "") != (c.KeyFile == "") {
		return []config.Fault{{Key: "key_file", Value: c.KeyFile, Want: "it together with cert_file"}}
	}
	return nil
}

// ReadToken reads the token that a target sends in a header. Its error does not contain the token.
func ReadToken(s config.Secret) (string, error) {
	token, err := s.Read()
	if err != nil {
		return "", err
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the secret token is empty, or holds characters that no token has")
	}
	return token, nil
}
