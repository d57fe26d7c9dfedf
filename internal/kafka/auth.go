package kafka

import (
	"fmt"
	"log/slog"
)

// Credentials are how clients of the embedded broker say who they are. The zero value is nobody. The password does not show in logs, but
// in JSON.
type Credentials struct {
	// Mechanism is as SASL.Mechanism.
	Mechanism string `json:"mechanism"`
	User      string `json:"user"`
	Password  string `json:"password"`
}

// String leaves the password out.
func (c Credentials) String() string { return fmt.Sprintf("%s %s <redacted>", c.Mechanism, c.User) }

// GoString is String.
func (c Credentials) GoString() string { return c.String() }

// LogValue is slog's.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Through returns cfg for the embedded broker at brokers, of another process too.
func (c Config) Through(brokers []string, cr Credentials) Config {
	c.Brokers, c.credentials = brokers, cr
	return c
}

// Credentials are those of the embedded broker; the zero value where the brokers are configured.
func (c Config) Credentials() Credentials { return c.credentials }
