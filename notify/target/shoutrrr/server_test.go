package shoutrrr_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The names of services to which the library always connects by TLS. Requests to them reach the
// test through the proxy of the environment.
var names = []string{"discord.com", "api.telegram.org", "api.pushover.net", "chat.example.net"}

// outside receives the requests through the proxy. It is set once, before any test.
var outside struct {
	ca string // file

	mu     sync.Mutex
	server map[string]*server // by a key in the path or body
}

// server stores requests and answers them. mu guards the other fields.
type server struct {
	mu       sync.Mutex
	requests []request
	next     []reply
}

type request struct {
	method, host, path, query string
	header                    http.Header
	body                      string
}

type reply struct {
	status     int
	retryAfter string
	body       string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request{r.Method, r.Host, r.URL.Path, r.URL.RawQuery, r.Header, string(body)})
	next := reply{http.StatusOK, "", `{"ok":true,"id":1,"status":1}`}
	if len(s.next) > 0 {
		next, s.next = s.next[0], s.next[1:]
	}
	if next.retryAfter != "" {
		w.Header().Set("Retry-After", next.retryAfter)
	}
	if next.status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(next.status)
	_, _ = io.WriteString(w, next.body)
}

func (s *server) say(all ...reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, all...)
}

func (s *server) got() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

// TestMain starts a proxy that leads the services' names to servers of the tests.
func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "shoutrrr")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	outside.ca, outside.server = filepath.Join(dir, "ca.pem"), map[string]*server{}
	settings, err := certificate(outside.ca)
	if err != nil {
		return 0, err
	}
	behind := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outside.mu.Lock()
		s := outside.server[r.Host]
		outside.mu.Unlock()
		if s == nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		s.ServeHTTP(w, r)
	}))
	behind.TLS = settings
	behind.StartTLS()
	defer behind.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		tunnel(w, behind.Listener.Addr().String())
	}))
	defer proxy.Close()
	if err := os.Setenv("HTTPS_PROXY", proxy.URL); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// tunnel connects a client with an address.
func tunnel(w http.ResponseWriter, address string) {
	var d net.Dialer
	out, err := d.DialContext(context.Background(), "tcp", address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = out.Close()
		return
	}
	_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { // ends when either side closes
		_, _ = io.Copy(out, buffered)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
	_ = in.Close()
}

// certificate makes a certificate for the names.
func certificate(path string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	plan := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), DNSNames: names, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, plan, plan, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	return settings, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

// named returns the server of a name. Tests that use one do not run in parallel with each other.
func named(t *testing.T, host string) *server {
	t.Helper()
	s := &server{}
	outside.mu.Lock()
	defer outside.mu.Unlock()
	outside.server[host] = s
	return s
}

// local returns a server on loopback.
func local(t *testing.T) (s *server, address string) {
	t.Helper()
	s = &server{}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, srv.Listener.Addr().String()
}
