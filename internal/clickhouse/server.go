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

// Server holds the connection data of a ClickHouse; run.json holds one. Its printed and logged
// forms omit the secrets.
type Server struct {
	// Addresses lists addresses of the native protocol. It and HTTPAddress are empty for the
	// embedded engine.
	Addresses   []string `json:"addresses,omitempty"`
	HTTPAddress string   `json:"http_address,omitempty"`
	// Socket is the Unix socket at which the embedded engine serves HTTP. Key is the secret that
	// each request carries.
	Socket string `json:"socket,omitempty"`
	Key    string `json:"key,omitempty"`

	Database string `json:"database"`
	// User has write access. Reader has read access only; it is nil if unknown.
	User     string `json:"user"`
	Password string `json:"password"`
	Reader   *Login `json:"reader,omitempty"`
	TLS      bool   `json:"tls,omitempty"`
	Cluster  string `json:"cluster,omitempty"`
	// Embedded marks the embedded engine.
	Embedded bool `json:"embedded,omitempty"`
	// Confined reports that the kernel denies the embedded engine access to files outside its
	// folder. Without it a reader can read every file of the user who runs the engine, so do not
	// offer the reader to anyone else.
	Confined bool `json:"confined,omitempty"`
	// Door is the fixed address for other programs, or nil.
	Door *DoorAddress `json:"door,omitempty"`
	// ReadOnly makes HTTP and Open set readonly = 2. AsReader sets it if s has no reader.
	ReadOnly bool `json:"-"`
}

// Login is a user and a password. Its printed and logged forms omit the password.
type Login struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// String returns the user without the password.
func (l Login) String() string { return l.User }

// GoString returns the user without the password.
func (l Login) GoString() string { return l.String() }

// LogValue returns the user without the password.
func (l Login) LogValue() slog.Value { return slog.StringValue(l.User) }

// AsReader returns s with read access only: with the reader's login, or with ReadOnly set if s has
// no reader.
func (s Server) AsReader() Server {
	if s.Reader == nil {
		s.ReadOnly = true
		return s
	}
	s.User, s.Password, s.Reader = s.Reader.User, s.Reader.Password, nil
	return s
}

// keyHeader is the HTTP header that carries Server.Key.
const keyHeader = "X-Darkmap-Key"

// Authorize sets the headers that an HTTP request needs: user, password, and the key of the
// embedded engine. It replaces their previous values in h.
func (s Server) Authorize(h http.Header) {
	h.Del("Authorization")
	h.Set("X-ClickHouse-User", s.User)
	h.Set("X-ClickHouse-Key", s.Password)
	h.Del(keyHeader)
	if s.Key != "" {
		h.Set(keyHeader, s.Key)
	}
}

// BaseURL returns the URL of the HTTP interface for requests through Transport.
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

// idleLimit is shorter than keep_alive_timeout of engineXML, so that the client never uses a
// connection while the server closes it.
const idleLimit = 30 * time.Second

// Transport returns a new transport to the HTTP interface. It does not authorize requests. The
// caller keeps it and closes its idle connections with CloseIdleConnections. Its only time limit is
// that of connecting.
func (s Server) Transport() *http.Transport {
	t := &http.Transport{
		DialContext:     (&net.Dialer{Timeout: dialTimeout}).DialContext,
		MaxIdleConns:    4,
		IdleConnTimeout: idleLimit,
		WriteBufferSize: 64 << 10,
		ReadBufferSize:  64 << 10,
		// Compression delays the output of a statement. On one machine it costs more than it saves.
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
// Engine has its own Server.
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
	s := Server{
		Addresses: c.Addresses, HTTPAddress: c.HTTPAddress, Database: c.Database,
		User: c.User, Password: password, TLS: c.TLS, Cluster: c.Cluster,
	}
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

// String returns a description without the secrets.
func (s Server) String() string {
	if s.Embedded {
		return fmt.Sprintf("%s@embedded/%s", s.User, s.Database)
	}
	return fmt.Sprintf("%s@%v/%s", s.User, s.Addresses, s.Database)
}

// GoString returns a description without the secrets.
func (s Server) GoString() string { return s.String() }

// LogValue returns a description without the secrets.
func (s Server) LogValue() slog.Value { return slog.StringValue(s.String()) }
