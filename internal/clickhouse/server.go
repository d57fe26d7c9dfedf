package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Server is a ClickHouse that can be connected to; run.json holds one. It prints and logs without
// its secrets.
type Server struct {
	// Addresses of the native protocol, and HTTPAddress; both are empty for the embedded engine.
	Addresses   []string `json:"addresses,omitempty"`
	HTTPAddress string   `json:"http_address,omitempty"`
	// Socket is the Unix socket at which the embedded engine answers HTTP, and Key the secret that
	// each request carries.
	Socket string `json:"socket,omitempty"`
	Key    string `json:"key,omitempty"`

	Database string `json:"database"`
	// User may write; Reader may only read, and is nil where none is known.
	User     string `json:"user"`
	Password string `json:"password"`
	Reader   *Login `json:"reader,omitempty"`
	TLS      bool   `json:"tls,omitempty"`
	Cluster  string `json:"cluster,omitempty"`
	// Embedded is set for the embedded engine.
	Embedded bool `json:"embedded,omitempty"`
	// Confined is set where the kernel keeps the embedded engine from files outside its folder.
	// Where it is not set, a reader can read every file of the user who runs the engine, so the
	// reader must not be offered to anyone else.
	Confined bool `json:"confined,omitempty"`
	// Door is the fixed address for other programs; nil where there is none.
	Door *DoorAddress `json:"door,omitempty"`
	// ReadOnly makes HTTP and Open ask for readonly = 2; AsReader sets it where it knows no reader.
	ReadOnly bool `json:"-"`
}

// Login is a user and a password. It prints and logs without the password.
type Login struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// String leaves the password out.
func (l Login) String() string { return l.User }

// GoString leaves the password out.
func (l Login) GoString() string { return l.String() }

// LogValue leaves the password out.
func (l Login) LogValue() slog.Value { return slog.StringValue(l.User) }

// AsReader returns s for one who only reads: with the reader's login, or, where s has none, with
// ReadOnly set.
func (s Server) AsReader() Server {
	if s.Reader == nil {
		s.ReadOnly = true
		return s
	}
	s.User, s.Password, s.Reader = s.Reader.User, s.Reader.Password, nil
	return s
}

// keyHeader carries Server.Key.
const keyHeader = "X-Darkmap-Key"

// Authorize sets the headers that a request over HTTP needs: user, password, and the embedded
// engine's key. It replaces what h had of them.
func (s Server) Authorize(h http.Header) {
	h.Del("Authorization")
	h.Set("X-ClickHouse-User", s.User)
	h.Set("X-ClickHouse-Key", s.Password)
	h.Del(keyHeader)
	if s.Key != "" {
		h.Set(keyHeader, s.Key)
	}
}

// BaseURL is the address of the HTTP interface for requests that go through Transport.
func (s Server) BaseURL() *url.URL {
	u := &url.URL{Scheme: "http", Host: s.HTTPAddress, Path: "/"}
	if s.Embedded {
		u.Host = "embedded" // the transport connects to the socket
	}
	if s.TLS {
		u.Scheme = "https"
	}
	return u
}

// idleLimit is shorter than keep_alive_timeout of engineXML, so that a connection is never used
// while the server closes it.
const idleLimit = 30 * time.Second

// Transport returns a new transport to the HTTP interface; it does not authorize. The caller keeps
// it and ends its idle connections with CloseIdleConnections. It has no time limits but that of
// connecting.
func (s Server) Transport() *http.Transport {
	t := &http.Transport{
		DialContext:     (&net.Dialer{Timeout: dialTimeout}).DialContext,
		MaxIdleConns:    4,
		IdleConnTimeout: idleLimit,
		WriteBufferSize: 64 << 10,
		ReadBufferSize:  64 << 10,
		// Compression delays what a statement returns, and costs more than it saves on one machine.
		DisableCompression: true,
	}
	if s.Embedded {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dialSocket(ctx, s.Socket)
			if err != nil {
				return nil, downError(s.Socket, err)
			}
			return conn, nil
		}
	}
	if s.TLS {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return t
}

// Server resolves the configured addresses and the secret. It fails for the embedded engine, whose
// Engine has its own.
func (c Config) Server() (Server, error) {
	if c.Embedded() {
		return Server{}, errors.New("no clickhouse.addresses are configured")
	}
	password, err := c.Password.Read()
	if err != nil {
		return Server{}, fmt.Errorf("clickhouse.password: %w", err)
	}
	reader, err := c.Reader.Password.Read()
	if err != nil {
		return Server{}, fmt.Errorf("clickhouse.reader.password: %w", err)
	}
	s := Server{Addresses: c.Addresses, HTTPAddress: c.HTTPAddress, Database: c.Database, User: c.User, Password: password, TLS: c.TLS, Cluster: c.Cluster}
	if c.Reader.User != "" {
		s.Reader = &Login{User: c.Reader.User, Password: reader}
	}
	if s.User == "" {
		s.User = "default"
	}
	if s.HTTPAddress == "" {
		host, _, err := net.SplitHostPort(c.Addresses[0])
		if err != nil {
			return Server{}, fmt.Errorf("clickhouse.addresses: %w", err)
		}
		port := "8123"
		if c.TLS {
			port = "8443"
		}
		s.HTTPAddress = net.JoinHostPort(host, port)
	}
	return s, nil
}

// String leaves the secrets out.
func (s Server) String() string {
	if s.Embedded {
		return fmt.Sprintf("%s@embedded/%s", s.User, s.Database)
	}
	return fmt.Sprintf("%s@%v/%s", s.User, s.Addresses, s.Database)
}

// GoString leaves the secrets out.
func (s Server) GoString() string { return s.String() }

// LogValue leaves the secrets out.
func (s Server) LogValue() slog.Value { return slog.StringValue(s.String()) }
