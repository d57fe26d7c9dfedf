package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
)

// ErrAuthentication means that the brokers close the connection while this client says who it is, as they do where the password is wrong.
var ErrAuthentication = errors.New("the brokers ended the authentication: wrong user or password?")

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

// maxUnanswered is how many authentications in a row may end without an answer: a broker that ends, ends one too.
const maxUnanswered = 2

// authenticator is a mechanism that gives up where the brokers do not answer it: they only close the connection, which the client takes for
// a broker that went away, and tries again for ever. It is safe for concurrent use.
type authenticator struct {
	sasl.Mechanism
	user       string
	unanswered atomic.Int64 // in a row
}

// Authenticate is sasl.Mechanism's.
func (a *authenticator) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	if a.unanswered.Load() >= maxUnanswered {
		a.unanswered.Store(0) // the next one tries again
		return nil, nil, fmt.Errorf("authenticating as %q at %s: %w", a.user, host, ErrAuthentication)
	}
	s, first, err := a.Mechanism.Authenticate(ctx, host)
	return &authentication{s, a}, first, err
}

// OnBrokerRead is kgo.HookBrokerRead's.
func (a *authenticator) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == int16(kmsg.SASLAuthenticate) && err != nil {
		a.unanswered.Add(1)
	}
}

// authentication is one connection's.
type authentication struct {
	sasl.Session
	of *authenticator
}

// Challenge is sasl.Session's.
func (a *authentication) Challenge(b []byte) (bool, []byte, error) {
	done, answer, err := a.Session.Challenge(b)
	if done && err == nil {
		a.of.unanswered.Store(0)
	}
	return done, answer, err
}

var _ kgo.HookBrokerRead = (*authenticator)(nil)
