package clickhouse

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const dialTimeout = 5 * time.Second

// Open connects over the native protocol and pings. The database need not exist yet for queries that name it.
func Open(ctx context.Context, s Server) (driver.Conn, error) {
	opt := &clickhouse.Options{
		Addr: s.Addresses, Auth: clickhouse.Auth{Username: s.User, Password: s.Password},
		DialTimeout: dialTimeout, MaxOpenConns: 8, MaxIdleConns: 4, ConnMaxLifetime: time.Hour,
		Settings: clickhouse.Settings{"async_insert": 0},
	}
	if s.TLS {
		opt.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if s.Embedded { // on loopback compression costs more than it saves
		opt.DialContext = func(ctx context.Context, addr string) (net.Conn, error) {
			return politeDialer{}.DialContext(ctx, "tcp", addr)
		}
	} else {
		opt.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		return nil, fmt.Errorf("connecting to ClickHouse: %w", err)
	}
	if err := conn.Ping(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("connecting to ClickHouse at %s: %w", strings.Join(s.Addresses, ", "), err)
	}
	return conn, nil
}

// Dial opens one native connection for inserting columns; it is not safe for concurrent use. The addresses are tried in
// order.
func Dial(ctx context.Context, s Server) (*ch.Client, error) {
	var faults []error
	for _, addr := range s.Addresses {
		opt := ch.Options{
			Address: addr, Database: s.Database, User: s.User, Password: s.Password, DialTimeout: dialTimeout,
			ClientName: "darkmap", Compression: ch.CompressionLZ4, ReadTimeout: time.Minute,
		}
		if s.Embedded {
			opt.Compression, opt.Dialer = ch.CompressionDisabled, politeDialer{}
		}
		if s.TLS {
			opt.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		c, err := ch.Dial(ctx, opt)
		if err == nil {
			return c, nil
		}
		faults = append(faults, fmt.Errorf("connecting to ClickHouse at %s: %w", addr, err))
	}
	return nil, errors.Join(faults...)
}

// politeDialer makes connections that end without a reset. The library's native server does not survive one while it waits for
// a query (an exception that nothing catches), and a socket that is closed with something unread, as after a cancelled
// query, sends one.
type politeDialer struct{}

// DialContext dials.
func (politeDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return politeConn{conn}, nil
}

type politeConn struct{ net.Conn }

// goodbye bounds how long a connection waits for the server's end.
const goodbye = time.Second

// Close says that nothing more comes, reads what the server still has to say, and closes.
func (c politeConn) Close() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil && tcp.SetReadDeadline(time.Now().Add(goodbye)) == nil {
		_, _ = io.Copy(io.Discard, tcp)
	}
	return c.Conn.Close()
}

// Query is a statement for the HTTP interface.
type Query struct {
	SQL string
	// Format is a ClickHouse output format for statements that name none; empty is TSV.
	Format string
	// Database is where tables without a database are looked for; empty is the user's own.
	Database string
	// ID names the query, so that it can be killed.
	ID string
	// Settings are ClickHouse settings.
	Settings map[string]string
}

// QueryError is what the server says to a statement that failed, in one line.
type QueryError struct{ Message string }

// Error returns the server's message.
func (e *QueryError) Error() string { return e.Message }

// HTTP runs one statement over the HTTP interface and returns its output as it comes; the caller closes it. A statement that
// fails gives a *QueryError. Ending ctx does not end the statement: kill it by its ID.
func (s Server) HTTP(ctx context.Context, q Query) (io.ReadCloser, error) {
	v := url.Values{}
	for name, value := range map[string]string{"default_format": q.Format, "database": q.Database, "query_id": q.ID} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for k, val := range q.Settings {
		v.Set(k, val)
	}
	scheme := "http"
	if s.TLS {
		scheme = "https"
	}
	u := url.URL{Scheme: scheme, Host: s.HTTPAddress, Path: "/", RawQuery: v.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(q.SQL))
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse: %w", err)
	}
	req.Header.Set("X-ClickHouse-User", s.User)
	req.Header.Set("X-ClickHouse-Key", s.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse: %w", err)
	}
	return nil, &QueryError{Message: string(bytes.TrimSpace(b))}
}
