package clickhouse

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const dialTimeout = 5 * time.Second

// Open connects and pings. It uses the native protocol, or HTTP for the embedded engine. The
// database need not exist yet for queries that name it. The connection is safe for concurrent use.
func Open(ctx context.Context, s Server) (driver.Conn, error) {
	opt := &clickhouse.Options{
		Addr: s.Addresses, Auth: clickhouse.Auth{Username: s.User, Password: s.Password},
		DialTimeout: dialTimeout, MaxOpenConns: 8, MaxIdleConns: 4, ConnMaxLifetime: time.Hour,
		Settings: clickhouse.Settings{"async_insert": 0},
	}
	if s.ReadOnly {
		opt.Settings["readonly"] = 2
	}
	if s.TLS {
		opt.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if s.Embedded { // on one machine compression costs more than it saves
		opt.Protocol, opt.Addr = clickhouse.HTTP, []string{s.BaseURL().Host}
		opt.TransportFunc = func(*http.Transport) (http.RoundTripper, error) {
			t := s.Transport()
			t.ResponseHeaderTimeout = answerLimit
			return authorized{t, s}, nil
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
		return nil, fmt.Errorf("connecting to ClickHouse (%s): %w", s, err)
	}
	return conn, nil
}

// answerLimit caps the time from a statement to the beginning of its answer.
const answerLimit = 10 * time.Minute

// authorized is a transport that sets the server's login and key in each request. They replace any
// other login.
type authorized struct {
	*http.Transport
	server Server
}

// RoundTrip authorizes a copy of the request and sends it.
func (a authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	a.server.Authorize(req.Header)
	return a.Transport.RoundTrip(req)
}

// Query is a statement for the HTTP interface.
type Query struct {
	SQL string
	// Format is a ClickHouse output format for statements that name none; empty is TSV.
	Format string
	// Database is the default database for tables without one. If empty, it is that of the user.
	Database string
	// ID names the query, so that it can be killed.
	ID string
	// Settings are ClickHouse settings.
	Settings map[string]string
	// External holds rows that the request carries; nil is none. With External the SQL text is part
	// of the URL, so it has at most some hundred thousand octets.
	External *External
	// Body is the data of an INSERT that ends with FORMAT; nil is none. It cannot be combined with
	// External.
	Body io.Reader
}

// QueryError is the server's error for a failed statement, in one line.
type QueryError struct {
	Message string
	// Code is the server's code of the exception. It is 0 if the server gave none.
	Code int
}

// Error returns the server's message.
func (e *QueryError) Error() string { return e.Message }

// HTTP runs one statement over the HTTP interface and returns its output as a stream; the caller
// closes it. If the statement fails, the *QueryError comes from HTTP or from reading the output.
// The end of ctx does not end the statement: kill it by its ID.
func (s Server) HTTP(ctx context.Context, q Query) (*Answer, error) {
	v := url.Values{}
	for name, value := range map[string]string{
		"default_format": q.Format, "database": q.Database, "query_id": q.ID,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for k, val := range q.Settings {
		v.Set(k, val)
	}
	if s.ReadOnly {
		v.Set("readonly", "2")
	}
	req, err := s.request(ctx, q, v)
	if err != nil {
		return nil, err
	}
	client := http.DefaultClient
	if s.Embedded {
		t := s.Transport()
		t.DisableKeepAlives = true // the connection closes with the body
		client = &http.Client{Transport: t}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return newAnswer(resp), nil
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxMessage))
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse: %w", err)
	}
	code, _ := strconv.Atoi(resp.Header.Get("X-ClickHouse-Exception-Code")) // 0 without one
	return nil, &QueryError{Message: string(bytes.TrimSpace(b)), Code: code}
}

// Ask runs a statement over the HTTP interface and discards its output. Its errors are those of
// HTTP.
func (s Server) Ask(ctx context.Context, sql string) error { return s.ask(ctx, Query{SQL: sql}) }

// ask does the work of Ask for a statement with settings.
func (s Server) ask(ctx context.Context, q Query) error {
	body, err := s.HTTP(ctx, q)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body)
	return errors.Join(err, body.Close())
}
