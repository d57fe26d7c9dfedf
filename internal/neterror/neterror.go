package neterror

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
)

// Why describes err, an error of package net, net/http or a client above them, in one phrase: the
// host and its failure. For an error that is no failure to reach a host it returns the text of the
// innermost error. For nil it returns "".
func Why(err error) string {
	if err == nil {
		return ""
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		why := dns.Err
		if dns.IsTimeout {
			why = "the name server does not answer"
		}
		return fmt.Sprintf("%s cannot be looked up (%s)", dns.Name, why)
	}
	if verify, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("%s has a certificate that is not accepted (%v)", host(err), verify.Err)
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return host(err) + " refuses the connection"
	case timedOut(err):
		return host(err) + " does not answer in time"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Sprintf("%s cannot be reached (%v)", host(err), innermost(err))
	case Closed(err):
		return host(err) + " closed the connection"
	}
	return innermost(err).Error()
}

// Closed reports whether err means that the other side closed the connection.
func Closed(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Explain wraps err with the text of Why; nil stays nil.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	return &explainedError{err}
}

type explainedError struct{ err error }

func (e *explainedError) Error() string { return Why(e.err) }

func (e *explainedError) Unwrap() error { return e.err }

// timedOut reports whether err is a timeout.
func timedOut(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.ETIMEDOUT) {
		return true
	}
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// host returns the host that err names: a proxy, the URL's host, or an address.
func host(err error) string {
	op, isOp := errors.AsType[*net.OpError](err)
	if isOp && op.Op == "proxyconnect" {
		return "the proxy " + host(op.Err)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		if at, err := url.Parse(u.URL); err == nil && at.Host != "" {
			return at.Host
		}
	}
	if isOp && op.Addr != nil {
		return op.Addr.String()
	}
	return "the server"
}

// innermost returns the last error of a chain, or the one that joins several.
func innermost(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
