package neterror_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/darkmap/darkmap/internal/neterror"
)

// TestWhy checks that each failure is described once, with the host and without its chain of
// errors.
func TestWhy(t *testing.T) {
	t.Parallel()
	get := func(err error) error {
		return fmt.Errorf("looking for files: %w", &url.Error{Op: "Get", URL: "https://api.example.net/v3/search?page=1", Err: err})
	}
	addr := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9092}
	dial := func(err error) error {
		return fmt.Errorf("unable to dial: %w", &net.OpError{Op: "dial", Net: "tcp", Addr: addr, Err: err})
	}
	call := func(errno syscall.Errno) error { return dial(os.NewSyscallError("connect", errno)) }
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"nothing", nil, ""},
		{"no such host", get(dial(&net.DNSError{Err: "no such host", Name: "api.example.net", IsNotFound: true})), "api.example.net cannot be looked up (no such host)"},
		{"no name server", get(dial(&net.DNSError{Err: "i/o timeout", Name: "api.example.net", IsTimeout: true})), "api.example.net cannot be looked up (the name server does not answer)"},
		{"refused", call(syscall.ECONNREFUSED), "192.0.2.1:9092 refuses the connection"},
		{"refused, by name", get(call(syscall.ECONNREFUSED)), "api.example.net refuses the connection"},
		{"one of several", errors.Join(call(syscall.ECONNREFUSED), io.EOF), "192.0.2.1:9092 refuses the connection"},
		{"no route", call(syscall.EHOSTUNREACH), "192.0.2.1:9092 cannot be reached (no route to host)"},
		{"no network", get(call(syscall.ENETUNREACH)), "api.example.net cannot be reached (network is unreachable)"},
		{"dial timeout", dial(os.ErrDeadlineExceeded), "192.0.2.1:9092 does not answer in time"},
		{"TCP gave up", call(syscall.ETIMEDOUT), "192.0.2.1:9092 does not answer in time"},
		{"no answer", get(context.DeadlineExceeded), "api.example.net does not answer in time"},
		{"closed", get(io.EOF), "api.example.net closed the connection"},
		{"reset", io.ErrUnexpectedEOF, "the server closed the connection"},
		{"proxy", get(&net.OpError{Op: "proxyconnect", Net: "tcp", Err: call(syscall.ECONNREFUSED)}), "the proxy 192.0.2.1:9092 refuses the connection"},
		{
			"certificate", get(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
			"api.example.net has a certificate that is not accepted (x509: certificate signed by unknown authority)",
		},
		{"something else", get(fmt.Errorf("reading: %w", errors.New("malformed HTTP response"))), "malformed HTTP response"},
	} {
		if got := neterror.Why(tt.err); got != tt.want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", tt.name, tt.err, got, tt.want)
		}
	}
}

// TestWhyReal checks that the real errors of clients are recognised.
func TestWhyReal(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close() // no server listens there now
	for _, tt := range []struct{ url, want string }{
		{"http://" + addr, addr + " refuses the connection"},
		{"http://[::1", "missing ']' in host"},
	} {
		resp, err := http.Get(tt.url)
		if err == nil {
			_ = resp.Body.Close()
		}
		if got := neterror.Why(err); got != tt.want {
			t.Errorf("%v: got %q, want %q", err, got, tt.want)
		}
	}
}
