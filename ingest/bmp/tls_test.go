package bmp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
)

// authority signs certificates and writes them into a folder.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// sign returns the files of a certificate and its key.
func (a *authority) sign(name string) (cert, key string) {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	k := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, k.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "PRIVATE KEY", secret)
}

// TestTLS checks that a router with a certificate of the right authority is accepted. One without a
// certificate, with another authority's, or without TLS is refused, and the log has the reason.
func TestTLS(t *testing.T) {
	t.Parallel()
	good, other := newAuthority(t, "good"), newAuthority(t, "other")
	cfg := settings()
	cfg.InitiationTimeout = 2 * time.Second
	cfg.TLS.CertFile, cfg.TLS.KeyFile = good.sign("station")
	cfg.TLS.ClientCAFile = filepath.Join(good.dir, "ca.pem")
	f := start(t, cfg)
	roots := x509.NewCertPool()
	roots.AddCert(good.cert)
	connect := func(certificates ...tls.Certificate) net.Conn {
		t.Helper()
		raw := f.dial("127.0.0.1").Conn
		cfg := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
		if len(certificates) > 0 { // sent whichever authorities the station names
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificates[0], nil }
		}
		return tls.Client(raw, cfg)
	}
	pair := func(a *authority) tls.Certificate {
		t.Helper()
		c, err := tls.LoadX509KeyPair(a.sign("router"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, err := connect(pair(good)).Write(bmptest.Initiation("x")); err != nil {
		t.Fatal(err)
	}
	f.wait("bmp/edge1", 3)
	for _, tt := range []struct {
		name, why string
		conn      func() net.Conn
	}{
		{"no certificate", "client didn't provide a certificate", func() net.Conn { return connect() }},
		{"another's certificate", "unknown authority", func() net.Conn { return connect(pair(other)) }},
		{"no TLS", "looks like cleartext: turn TLS on at the router, or leave ingest.bmp.tls out: tls: first record does not look like a TLS handshake", func() net.Conn { return f.dial("127.0.0.1").Conn }},
	} {
		conn := tt.conn()
		_, _ = conn.Write(bmptest.Initiation("y")) // some routers notice it only when they read
		_, _ = conn.Read(make([]byte, 1))
		waittest.Until(t, 20*time.Second, "the reason in the log", func() bool { return strings.Contains(f.log.String(), tt.why) })
		_ = conn.Close()
	}
	if got := f.log.count("reason=tls"); got != 3 {
		t.Errorf("%d refusals in the log, want 3:\n%s", got, f.log)
	}
	if got := f.wait("bmp/edge1", 3); len(got) != 3 {
		t.Errorf("records %v: those who were refused have changed them", got)
	}
}

// TestTLSFiles checks that a missing file is found when the station is created.
func TestTLSFiles(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "good")
	cert, key := a.sign("station")
	set := streamtest.New(t, stream.DefaultConfig(), nil)
	for _, tt := range []struct {
		tls  bmp.TLS
		want string
	}{
		{bmp.TLS{CertFile: "none.pem", KeyFile: key}, "none.pem"},
		{bmp.TLS{CertFile: cert, KeyFile: key, ClientCAFile: "none.pem"}, "client_ca_file"},
		{bmp.TLS{CertFile: cert, KeyFile: key, ClientCAFile: key}, "no certificate in"},
	} {
		cfg := settings()
		cfg.TLS = tt.tls
		if _, err := bmp.New(cfg, bmp.Deps{Log: kafkatest.Log(), Streams: set.Set, Drain: 5 * time.Second}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.tls, err, tt.want)
		}
	}
}
