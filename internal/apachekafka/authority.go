package apachekafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// authorityLife is the time for which an authority is valid, and by default a certificate.
const authorityLife = 365 * 24 * time.Hour

// NewAuthority creates an authority with a new key.
func NewAuthority(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	t := template(name, time.Now().Add(authorityLife))
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return &Authority{cert, key}, nil
}

// readAuthority reads the files of write.
func readAuthority(certFile, keyFile string) (*Authority, error) {
	certPEM, err := os.ReadFile(certFile) //nolint:gosec // our own file
	if err != nil {
		return nil, fmt.Errorf("reading an authority: %w", err)
	}
	keyPEM, err := os.ReadFile(keyFile) //nolint:gosec // our own file
	if err != nil {
		return nil, fmt.Errorf("reading an authority: %w", err)
	}
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("reading an authority: %s or %s holds no PEM", certFile, keyFile)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", certFile, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", keyFile, err)
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("reading %s: not a key of an elliptic curve", keyFile)
	}
	return &Authority{cert, private}, nil
}

// Certificate returns the authority's own certificate, as PEM. Clients must trust it.
func (a *Authority) Certificate() []byte { return encode("CERTIFICATE", a.cert.Raw) }

// write stores the authority.
func (a *Authority) write(certFile, keyFile string) error {
	key, err := keyPEM(a.key)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(certFile, a.Certificate(), 0o600), os.WriteFile(keyFile, key, 0o600))
}

// Issue creates a certificate and its key, as PEM, for clients and for servers on loopback. name is
// its common name, by which Kafka identifies the user. A time until in the past gives an expired
// one.
func (a *Authority) Issue(name string, until time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	t := template(name, until)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	t.DNSNames = []string{"localhost"}
	t.IPAddresses = []net.IP{{127, 0, 0, 1}} //nolint:forbidigo // x509 has no netip
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &private.PublicKey, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("making a certificate: %w", err)
	}
	key, err = keyPEM(private)
	return encode("CERTIFICATE", der), key, err
}

// IssueFiles is like Issue, into NAME.crt and NAME.key of a folder.
func (a *Authority) IssueFiles(dir, name string, until time.Time) (certFile, keyFile string, err error) {
	cert, key, err := a.Issue(name, until)
	if err != nil {
		return "", "", err
	}
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	return certFile, keyFile, errors.Join(os.WriteFile(certFile, cert, 0o600), os.WriteFile(keyFile, key, 0o600))
}

func template(name string, until time.Time) *x509.Certificate {
	from := time.Now().Add(-time.Hour)
	if until.Before(from) {
		from = until.Add(-time.Hour)
	}
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: from, NotAfter: until,
	}
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return encode("PRIVATE KEY", der), nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
