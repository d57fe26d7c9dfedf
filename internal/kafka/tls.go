package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/telemetry"
)

const (
	// dialTimeout caps the start of a connection, including the TLS handshake. It equals franz-go's
	// own bound.
	dialTimeout = 10 * time.Second
	// unreadEvery is the interval at which the log repeats that changed files are unreadable.
	unreadEvery = 10 * time.Minute
)

// config reads the files and builds the client's side of TLS. It returns nil if TLS is off.
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
		// Always send the certificate. With Certificates, Go sends none that does not fit the
		// broker's list of authorities. The broker then asks for a certificate instead of naming
		// the fault of this one.
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &pair, nil
		}
	}
	return out, nil
}

// tlsDialer connects with TLS. It reads the files again for each connection, so that certificates
// can be replaced while clients run. If the files are unreadable, such as in the middle of a
// replacement, it uses its last configuration.
type tlsDialer struct {
	t      TLS
	unread *telemetry.Limited

	mu   sync.Mutex
	last *tls.Config
}

// newTLSDialer reads the files once, so that a missing one is detected at the start. It returns nil
// if TLS is off.
func newTLSDialer(t TLS, log *slog.Logger) (*tlsDialer, error) {
	c, err := t.config()
	if err != nil || c == nil {
		return nil, err
	}
	return &tlsDialer{t: t, last: c, unread: telemetry.NewLimited(log, unreadEvery, 1)}, nil
}

// current returns the newest readable configuration.
func (d *tlsDialer) current() *tls.Config {
	c, err := d.t.config()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.unread.Warn(
			"the files of kafka.tls cannot be read; new connections use the certificates that were read before",
			"err", err)
		return d.last
	}
	d.last = c
	return c
}

// dial is a kgo.Dialer.
func (d *tlsDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout}, Config: d.current()}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return dialer.DialContext(ctx, network, address)
}

// leaf returns the client's certificate in the files. It returns nil if there is none, or it is
// unreadable.
func (t TLS) leaf() *x509.Certificate {
	if !t.Enabled || t.CertFile == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil
	}
	return pair.Leaf
}

// probeTime is the time that a broker has to reject a certificate. In TLS 1.3 the broker does so
// after the client has ended the handshake, and the client sees no other sign of it.
const probeTime = 2 * time.Second

// probe connects to a broker and returns the error with which it rejects the client's certificate.
// It returns nil if the broker does not reject it. Only the first read of a connection without any
// write reliably shows the rejection, because the broker may answer a write with a reset.
func (d *tlsDialer) probe(ctx context.Context, address string) error {
	conn, err := d.dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing was written
	if err := conn.SetReadDeadline(time.Now().Add(probeTime)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
