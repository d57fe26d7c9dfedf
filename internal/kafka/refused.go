package kafka

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// RefusedError means that brokers reject a client or its request. It names the broker, user,
// operation and resource, and the remedy for an administrator. A retry is useless before the
// administrator acts.
type RefusedError struct {
	// Brokers lists the addresses of the brokers that were asked.
	Brokers []string
	// Client is the rejected user or certificate.
	Client string
	// Operation and Resource are the rejected request, such as WRITE, topic bgp.routes.v1. Both are
	// empty if the brokers rejected the client itself.
	Operation, Resource string
	// Advice is the remedy.
	Advice string
	// Err is the error of the broker or the TLS library.
	Err error
}

// Error returns one sentence for the rejection and one for the remedy.
func (e *RefusedError) Error() string {
	what := "the login of " + e.Client
	if e.Resource != "" {
		what = e.Client + " the operation " + e.Operation + " on " + e.Resource
	}
	return fmt.Sprintf("Kafka at %s refuses %s: %s. %s",
		strings.Join(e.Brokers, ", "), what, strings.TrimRight(e.Err.Error(), "."), e.Advice)
}

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// client returns the identity of this client at the brokers, in words.
func (c Config) client() string {
	if cr := c.credentials; cr != (Credentials{}) {
		return "user " + cr.User
	}
	if c.SASL.Mechanism != "" {
		return "user " + c.SASL.User
	}
	if leaf := c.TLS.leaf(); leaf != nil {
		return "the certificate " + leaf.Subject.String()
	}
	return "a client without a login (kafka.sasl and kafka.tls.cert_file are not set)"
}

// unauthorized lists the errors for a known client without the right to its request.
var unauthorized = []error{
	kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed,
	kerr.TransactionalIDAuthorizationFailed, kerr.ClusterAuthorizationFailed,
}

// Refused turns err into a RefusedError if a broker rejected the operation on the resource (such as
// WRITE, topic bgp.routes.v1), or the client itself. It returns any other error unchanged.
func (c Config) Refused(err error, operation, resource string) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*RefusedError](err); known {
		return err
	}
	for _, u := range unauthorized {
		if errors.Is(err, u) {
			advice := "An administrator allows it with kafka-acls.sh; " +
				"`darkmap topics acls` prints the commands for a stage."
			return &RefusedError{
				Brokers: c.Brokers, Client: c.client(), Operation: operation, Resource: resource,
				Advice: advice, Err: u,
			}
		}
	}
	return c.refusedLogin(err, c.Brokers)
}

// refusedLogin turns err into a RefusedError if brokers do not accept the client's identity, or the
// client does not accept the brokers' identity.
func (c Config) refusedLogin(err error, brokers []string) error {
	r := &RefusedError{Brokers: brokers, Client: c.client(), Err: err}
	_, plaintext := errors.AsType[tls.RecordHeaderError](err)
	verification, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case unverified:
		r.Client, r.Err = "darkmap's connection, whose broker has a certificate that darkmap does not trust",
			verification.Err
		r.Advice = "Set kafka.tls.ca_file to the authority that signed the brokers' certificates, " +
			"or kafka.tls.server_name to a name in them."
		return &untrustedError{r}
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		r.Advice = "Compare kafka.sasl.user and the secret of kafka.sasl.password with the user on the brokers " +
			"(kafka-configs.sh --describe --entity-type users)."
	case plaintext:
		r.Advice = "The port does not speak TLS: set kafka.tls.enabled to false, " +
			"or use another port in kafka.brokers."
	case errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		r.Advice = "Set kafka.sasl.mechanism to one that the brokers have on this port " +
			"(sasl.enabled.mechanisms), or use another port in kafka.brokers."
	case isAlert(err):
		r.Advice = c.certificateAdvice()
	default:
		return err
	}
	return r
}

// untrustedError is a RefusedError in which the client rejects the broker.
type untrustedError struct{ *RefusedError }

// Error returns a sentence of its own.
func (e *untrustedError) Error() string {
	return fmt.Sprintf("the certificate of Kafka at %s is not trusted: %v. %s",
		strings.Join(e.Brokers, ", "), e.Err, e.Advice)
}

// Unwrap returns the RefusedError.
func (e *untrustedError) Unwrap() error { return e.RefusedError }

// isAlert reports whether a broker ended a TLS connection with an alert.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// certificateAdvice returns the remedy for the client's certificate, as far as the client can find
// the fault.
func (c Config) certificateAdvice() string {
	leaf := c.TLS.leaf()
	switch now := time.Now(); {
	case leaf == nil:
		return "The brokers want a certificate: set kafka.tls.cert_file and kafka.tls.key_file."
	case now.After(leaf.NotAfter):
		return fmt.Sprintf("The certificate in %s expired at %s UTC: replace it.",
			c.TLS.CertFile, leaf.NotAfter.UTC().Format(time.DateTime))
	case now.Before(leaf.NotBefore):
		return fmt.Sprintf("The certificate in %s is valid from %s UTC on: look at the clock.",
			c.TLS.CertFile, leaf.NotBefore.UTC().Format(time.DateTime))
	}
	return fmt.Sprintf(
		"The certificate in %s was signed by %q: use one whose authority the brokers trust (ssl.truststore), "+
			"or add that authority there.",
		c.TLS.CertFile, cmp.Or(leaf.Issuer.String(), "nobody"))
}
