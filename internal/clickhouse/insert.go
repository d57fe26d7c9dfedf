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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
)

// Insert is one block of rows for one table.
type Insert struct {
	// Table is a table of the server's database.
	Table string
	// ID is the query id. It must be unique.
	ID string
	// Settings are ClickHouse settings.
	Settings map[string]string
	// Columns holds the rows; all columns have the same number of rows. Insert only reads them, and
	// only until it returns.
	Columns proto.Input
}

// Inserter inserts blocks over the native protocol, or over HTTP into the embedded engine. It
// connects when necessary, and again after a failure. It is not safe for concurrent use.
type Inserter struct {
	server Server
	native *ch.Client      // nil while not connected
	http   *http.Transport // nil until the first insert
	block  proto.Buffer    // buffer of the last block, for reuse
}

// NewInserter returns an Inserter without a connection.
func NewInserter(s Server) *Inserter { return &Inserter{server: s} }

// Insert sends the block and waits for the answer. If the server rejects the block, the error is a
// *ch.Exception. After any other error the table contains the whole block or none of it.
func (i *Inserter) Insert(ctx context.Context, in Insert) error {
	if i.server.Embedded {
		return i.post(ctx, in)
	}
	return i.send(ctx, in)
}

// Close ends the connections.
func (i *Inserter) Close() error {
	if i.http != nil {
		i.http.CloseIdleConnections()
	}
	if i.native == nil || i.native.IsClosed() {
		return nil
	}
	return i.native.Close()
}

// send inserts over the native protocol.
func (i *Inserter) send(ctx context.Context, in Insert) error {
	if i.native == nil || i.native.IsClosed() {
		client, err := dialNative(ctx, i.server)
		if err != nil {
			return err
		}
		i.native = client
	}
	settings := make([]ch.Setting, 0, len(in.Settings))
	for name, value := range in.Settings {
		settings = append(settings, ch.Setting{Key: name, Value: value, Important: true})
	}
	err := i.native.Do(ctx, ch.Query{
		Body: in.Columns.Into(in.Table), QueryID: in.ID, Input: in.Columns, Settings: settings,
	})
	if err != nil {
		_ = i.native.Close()
		i.native = nil
	}
	return err
}

// dialNative opens a native connection. It tries the addresses in order.
func dialNative(ctx context.Context, s Server) (*ch.Client, error) {
	var faults []error
	for _, addr := range s.Addresses {
		opt := ch.Options{
			Address: addr, Database: s.Database, User: s.User, Password: s.Password, DialTimeout: dialTimeout,
			ClientName: "darkmap", Compression: ch.CompressionLZ4, ReadTimeout: time.Minute,
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

// insertLimit caps the time of the embedded engine for a block. The engine sends nothing before it
// has processed the block.
const insertLimit = 2 * time.Minute

// maxBlockKept caps the memory that is retained for the next block.
const maxBlockKept = 64 << 20

// post inserts one block in the format Native over HTTP. The request states its length first, so
// the server accepts no block from a truncated body.
func (i *Inserter) post(ctx context.Context, in Insert) error {
	if i.http == nil {
		i.http = i.server.Transport()
		i.http.ResponseHeaderTimeout = insertLimit
	}
	if i.block.Buf = i.block.Buf[:0]; cap(i.block.Buf) > maxBlockKept {
		i.block.Buf = nil
	}
	block, size, err := encodeBlock(&i.block, in.Columns)
	if err != nil {
		return err
	}
	v := url.Values{}
	for name, value := range in.Settings {
		v.Set(name, value)
	}
	v.Set("query", strings.TrimSuffix(in.Columns.Into(in.Table), " VALUES")+" FORMAT Native")
	v.Set("database", i.server.Database)
	v.Set("query_id", in.ID)
	u := i.server.BaseURL()
	u.RawQuery = v.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return fmt.Errorf("asking ClickHouse: %w", err)
	}
	req.ContentLength = size
	req.GetBody = func() (io.ReadCloser, error) {
		unread := slices.Clone(block)
		return io.NopCloser(&unread), nil
	}
	if req.Body, err = req.GetBody(); err != nil {
		return fmt.Errorf("asking ClickHouse: %w", err)
	}
	i.server.Authorize(req.Header)
	resp, err := i.http.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("asking ClickHouse: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxMessage))
	if code := resp.Header.Get("X-ClickHouse-Exception-Code"); code != "" || resp.StatusCode != http.StatusOK {
		return exception(code, resp.Status, b)
	}
	if err != nil {
		return fmt.Errorf("asking ClickHouse: %w", err)
	}
	return nil
}

// encodeBlock encodes the columns as one block of the format Native. It does not copy data that the
// columns hold as octets already. The pieces are valid until buf or a column changes.
func encodeBlock(buf *proto.Buffer, columns proto.Input) (block net.Buffers, size int64, err error) {
	rows := 0
	if len(columns) > 0 {
		rows = columns[0].Data.Rows()
	}
	var p pieces
	w := proto.NewWriter(&p, buf)
	const version = 0 // of the protocol: Native has only columns and rows before the data
	if err := (proto.Block{Rows: rows, Columns: len(columns)}).WriteBlock(w, version, columns); err != nil {
		return nil, 0, fmt.Errorf("encoding a block: %w", err)
	}
	size, err = w.Flush()
	return net.Buffers(p), size, err
}

// pieces collects the slices that a proto.Writer writes, without copying them. encodeBlock keeps
// their memory valid.
type pieces net.Buffers

// Write appends b. It never fails.
func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, b)
	return len(b), nil
}

// maxMessage caps the octets that are read of an error message.
const maxMessage = 64 << 10

// exception returns a rejection in the form of the native protocol. Without a code it is an error
// of the HTTP server.
func exception(code, status string, body []byte) error {
	message := string(bytes.TrimSpace(body))
	n, err := strconv.Atoi(code)
	if err != nil {
		return fmt.Errorf("asking ClickHouse: %s: %s", status, message)
	}
	_, rest, ok := strings.Cut(message, "DB::Exception: ")
	if ok {
		message = rest
	}
	return &ch.Exception{Code: proto.Error(n), Name: "DB::Exception", Message: message}
}
