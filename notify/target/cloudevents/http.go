package cloudevents

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// maxAge is the age at which an event is given up.
const maxAge = 76 * time.Hour

// Server is a server that takes events by HTTP.
type Server struct {
	client       *httpclient.Client
	url          *url.URL
	source, mode string
}

// New makes a target. It does not connect.
func New(cfg Config, d target.Deps) (*Server, error) {
	u, err := cfg.Read()
	if err != nil {
		return nil, err
	}
	s := &Server{url: u, source: cfg.source(d), mode: cfg.mode()}
	if s.client, err = httpclient.New(cfg.HTTP, d); err != nil {
		return nil, err
	}
	s.client.LogProxy(d, u)
	return s, nil
}

// Traits returns the traits of a target of records. Receivers recognise a double by source and id.
func (s *Server) Traits() target.Traits {
	return target.Traits{Style: target.Records, Keyed: true, MaxAge: maxAge}
}

// Close ends idle connections.
func (s *Server) Close() error {
	s.client.Close()
	return nil
}

// Send posts one event. It returns no handle.
func (s *Server) Send(ctx context.Context, m *target.Message, _ target.Handle) (target.Handle, error) {
	e, err := makeEvent(m, s.source)
	if err != nil {
		return nil, &target.Fault{Err: err, Refused: true}
	}
	header, body := e.headers(), e.data
	if s.mode == structured {
		header = http.Header{"Content-Type": {typeEvent}}
		if body, err = e.document(); err != nil {
			return nil, &target.Fault{Err: err, Refused: true}
		}
	}
	_, err = s.client.Do(ctx, httpclient.Request{URL: s.url, Header: header, Body: body})
	return nil, err
}

// headers returns the headers of binary mode (HTTP protocol binding §3.1.3).
func (e *event) headers() http.Header {
	h := http.Header{"Content-Type": {typeJSON}}
	for _, a := range e.attributes {
		h.Set("ce-"+a.name, percent(a.value))
	}
	return h
}

// percent encodes a value for a header. It encodes characters that are not visible ASCII, spaces, "
// and % (HTTP protocol binding §3.1.3.2).
func percent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c <= '~' && c != '"' && c != '%' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
