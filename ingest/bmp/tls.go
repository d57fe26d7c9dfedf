package bmp

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// CheckFiles reports configured files that cannot be read.
func (c *Config) CheckFiles() error {
	_, err := c.TLS.config()
	return err
}

// config builds the station's TLS configuration. It is nil if TLS is off.
func (t TLS) config() (*tls.Config, error) {
	if t.CertFile == "" {
		return nil, nil //nolint:nilnil // no TLS is not an error
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading ingest.bmp.tls.cert_file and key_file: %w", err)
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if t.ClientCAFile != "" {
		pem, err := os.ReadFile(t.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("reading ingest.bmp.tls.client_ca_file: %w", err)
		}
		out.ClientCAs, out.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !out.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading ingest.bmp.tls.client_ca_file: no certificate in %s", t.ClientCAFile)
		}
	}
	return out, nil
}
