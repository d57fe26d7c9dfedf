package clickhouse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// External holds rows that a query carries, as a table that only this query sees. The server holds
// them in memory.
type External struct {
	// Name is the name of the table.
	Name string
	// Structure lists the columns as CREATE TABLE does: a UInt8, b String. The server converts the
	// rows to these types.
	Structure string
	// Columns holds the rows. The call that takes them only reads them, and only until it returns.
	Columns proto.Input
}

// request returns the HTTP request of a query. Its text is the body, or its rows are the body and
// its text is in the URL.
func (s Server) request(ctx context.Context, q Query, v url.Values) (*http.Request, error) {
	body, size, contentType := io.Reader(strings.NewReader(q.SQL)), int64(len(q.SQL)), ""
	switch {
	case q.External != nil:
		v.Set("query", q.SQL)
		var err error
		if body, size, contentType, err = q.External.form(v); err != nil {
			return nil, err
		}
	case q.Body != nil:
		v.Set("query", q.SQL)
		body, size = q.Body, -1
	}
	u := s.BaseURL()
	u.RawQuery = v.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse: %w", err)
	}
	req.ContentLength = size
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	s.Authorize(req.Header)
	return req, nil
}

// form returns the body with the rows. It adds the parameters that describe the form of the rows to
// v.
func (e *External) form(v url.Values) (body io.Reader, size int64, contentType string, err error) {
	v.Set(e.Name+"_structure", e.Structure)
	v.Set(e.Name+"_format", "Native")
	block, n, err := encodeBlock(&proto.Buffer{}, e.Columns)
	if err != nil {
		return nil, 0, "", err
	}
	var frame bytes.Buffer
	w := multipart.NewWriter(&frame)
	if _, err = w.CreateFormFile(e.Name, e.Name); err != nil {
		return nil, 0, "", fmt.Errorf("asking ClickHouse: %w", err)
	}
	head := frame.Len()
	if err = w.Close(); err != nil {
		return nil, 0, "", fmt.Errorf("asking ClickHouse: %w", err)
	}
	pieces := append(net.Buffers{frame.Bytes()[:head]}, block...)
	pieces = append(pieces, frame.Bytes()[head:])
	return &pieces, n + int64(frame.Len()), w.FormDataContentType(), nil
}
