package kafka

import (
	"fmt"
	"log/slog"
)

// Credentials identify clients of the embedded broker. The zero value means no user. Logs do not
// contain the password, but JSON does.
type Credentials struct {
	// Mechanism has the values of SASL.Mechanism.
	Mechanism string `json:"mechanism"`
	User      string `json:"user"`
	Password  string `json:"password"`
}

// String returns a text without the password.
func (c Credentials) String() string { return fmt.Sprintf("%s %s <redacted>", c.Mechanism, c.User) }

// GoString returns the text of String.
func (c Credentials) GoString() string { return c.String() }

// LogValue implements slog.LogValuer.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Through returns cfg for the embedded broker at brokers, which may run in another process.
func (c Config) Through(brokers []string, cr Credentials) Config {
	c.Brokers, c.credentials = brokers, cr
	return c
}

// Credentials returns the credentials of the embedded broker. They are zero if the brokers are
// configured.
func (c Config) Credentials() Credentials { return c.credentials }
